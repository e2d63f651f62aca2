//! Files of the shapes that sites bring with them, in `data/rules`: beside each line stands what
//! becomes of it.
//!
//! The outcome of a line is `nothing`, `block` for the path above some fields, or `skipped: REASON`,
//! which the log has to tell. Of a redirect it is `TARGET STATUS LOCATION`, or `TARGET STATUS page
//! TEXT` for a page that answers; of a field `TARGET NAME: VALUE` or `TARGET without NAME`.

use crate::support::client::Response;
use crate::support::server::{Server, Setup};
use crate::support::site::Site;

use super::over_each_protocol;

/// The files that the rules lead to.
fn fill(site: &Site) -> &Site {
    site.file("index.html", "index")
        .file("page.html", "page")
        .file("about.html", "about")
        .file("other.html", "other")
        .file("forced.html", "forced")
        .file("removed.html", "removed.html")
        .file("removed-page.html", "removed")
        .file("private/index.html", "private")
        .file("assets/yes.css", "css")
        .file("folder/index.html", "folder")
        .file("s.txt", "text")
        .file("404.html", "404")
}

fn serve(file: &str, content: &str) -> Server {
    Setup::new()
        .site("a.test", |site| fill(site).file(file, content))
        .site("b.test", |site| site.file("index.html", "b"))
        .args(["--bots", "off"])
        .start()
}

/// The lines of a shape, each with its outcome.
fn rows(shape: &str) -> Vec<(&str, &str)> {
    let row = |line| str::rsplit_once(line, " => ").expect("each line has its outcome");
    shape.lines().map(row).collect()
}

/// Holds that each line of a file has its outcome, and that the log tells of no other line.
#[track_caller]
fn check(file: &str, shape: &str, holds: impl Fn(&Response, &str) -> bool) {
    let rows = rows(shape);
    let content: String = rows.iter().flat_map(|(line, _)| [*line, "\n"]).collect();
    let server = serve(file, &content);
    let mut skipped = 0;
    for ((line, outcome), number) in rows.iter().zip(1..) {
        let told = format!("line {number} skipped: ");
        if let Some(reason) = outcome.strip_prefix("skipped: ") {
            let warning = server.stderr.containing(&told);
            assert!(warning.contains("WARN") && warning.contains(file), "{warning}");
            let mend = warning.split(reason).nth(1).unwrap_or_default();
            assert!(mend.contains(": "), "{line}: {warning} for {reason}");
            skipped += 1;
        }
    }
    assert_eq!(server.stderr.count(|line| line.contains(" skipped: ")), skipped, "{shape}");
    let asked: Vec<_> = rows
        .iter()
        .filter(|(_, outcome)| outcome.starts_with('/'))
        .map(|(line, outcome)| (*line, outcome.split_once(' ').expect("a target and an outcome")))
        .collect();
    let targets: Vec<_> = asked.iter().map(|(_, (target, _))| *target).collect();
    for ((line, (target, expected)), answer) in
        asked.iter().zip(over_each_protocol(&server, &targets))
    {
        assert!(holds(&answer, expected), "{line}: {target} {expected}: {answer:?}");
    }
}

#[track_caller]
fn check_redirects(shape: &str) {
    check("_redirects", shape, |answer, expected| {
        let told = match answer.field("location") {
            Some(location) => format!("{} {location}", answer.status),
            None => format!("{} page {}", answer.status, answer.text()),
        };
        told == expected
    });
}

#[track_caller]
fn check_headers(shape: &str) {
    check("_headers", shape, |answer, expected| {
        if let Some(name) = expected.strip_prefix("without ") {
            return answer.field(name).is_none();
        }
        let (name, value) = expected.split_once(": ").expect("a name and a value");
        answer.fields.contains(&(name.to_owned(), value.to_owned()))
    });
}

#[test]
fn redirects_of_each_shape_do_what_stands_beside_them() {
    check_redirects(include_str!("../data/rules/redirects.moved.txt"));
    check_redirects(include_str!("../data/rules/redirects.tabs.txt"));
    check_redirects(include_str!("../data/rules/redirects.placeholders.txt"));
    check_redirects(include_str!("../data/rules/redirects.hosts.txt"));
    check_redirects(include_str!("../data/rules/redirects.pages.txt"));
    check_redirects(include_str!("../data/rules/redirects.loops.txt"));
}

#[test]
fn fields_of_each_shape_do_what_stands_beside_them() {
    check_headers(include_str!("../data/rules/headers.policy.txt"));
    check_headers(include_str!("../data/rules/headers.links.txt"));
    check_headers(include_str!("../data/rules/headers.odd.txt"));
    check_headers(include_str!("../data/rules/headers.patterns.txt"));
    check_headers(include_str!("../data/rules/headers.names.txt"));
}

/// Lines of a file as long as the longest that is known.
const MANY: usize = 45_000;

#[test]
fn of_forty_five_thousand_lines_each_does_what_it_says() {
    // Every tenth line is one of another kind. The file has nearly the size that is the limit.
    let line = |n: usize| match n % 1000 {
        0 => format!("/m/{n}/* /t/{n}/:splat"),
        10 => "/twice /again".to_owned(),
        20 => format!("/m/{n} https://b.test/ 200"),
        other if other % 10 == 0 => format!("# {n}"),
        _ => format!("/m/{n} /t/{n} 301"),
    };
    let content: String = (1..=MANY).map(|n| line(n) + "\n").collect();
    let server = serve("_redirects", &content);
    let told = |text: &str| server.stderr.count(|line| line.contains(text));
    // The first of 45 counts.
    assert_eq!(told(" skipped: the source is that of line 10, "), 44);
    assert_eq!(told(" skipped: shost does not proxy"), 45);
    assert_eq!(told(" skipped: "), 89);
    let asked = [1, 999, 1000, 1010, 1020, 1030, 1031, 44_999, 45_000];
    let target =
        |n: &usize| if n.is_multiple_of(1000) { format!("/m/{n}/x") } else { format!("/m/{n}") };
    let targets: Vec<_> = asked.iter().map(target).collect();
    for (n, answer) in asked.iter().zip(over_each_protocol(&server, &targets)) {
        let expected = match n % 1000 {
            0 => Some(format!("/t/{n}/x")),
            other if other % 10 == 0 => None,
            _ => Some(format!("/t/{n}")),
        };
        assert_eq!(answer.field("location"), expected.as_deref(), "line {n}: {answer:?}");
    }
}
