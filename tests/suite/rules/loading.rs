//! How the files of rules are loaded: in time, whole or not at all, and told once.

use std::time::{Duration, Instant};

use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::site::Site;
use crate::support::{DEADLINE, await_background};

use super::{check, serve};

#[test]
fn a_change_is_seen_in_time_and_the_last_good_rules_stay() {
    let server = serve(|site| site.file("index.html", "a"));
    let site = server.site("a.test");
    let wait = |expected: (u16, Option<&str>)| {
        let changed = Instant::now();
        loop {
            let began = changed.elapsed();
            let answer = server.send(&Request::get("/x"));
            if (answer.status, answer.field("location")) == expected {
                return;
            }
            assert!(began < Duration::from_millis(100), "{began:?}: {answer:?}");
        }
    };
    wait((404, None));
    site.file("_redirects", "/x /one");
    wait((302, Some("/one")));
    site.replace("_redirects", "/x /two");
    wait((302, Some("/two")));
    site.file("_redirects", "x".repeat(1024 * 1024 + 1));
    // Long enough for the server to have looked again, several times.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        wait((302, Some("/two")));
    }
    site.remove("_redirects");
    wait((404, None));
}

#[test]
fn a_reload_keeps_the_last_good_rules() {
    let server = serve(|site| {
        site.file("_redirects", "/x /one").file("_headers", "/*\n  X-A: 1").file("y", "y")
    });
    check(&server, &Request::get("/x"), 302, "/one");
    server.site("a.test").file("_redirects", "x".repeat(1024 * 1024 + 1)).remove("_headers");
    for _ in 0..2 {
        assert!(server.order("reload").status.success());
        check(&server, &Request::get("/x"), 302, "/one");
    }
    let changed = Instant::now();
    while server.send(&Request::get("/y")).field("x-a").is_some() {
        assert!(changed.elapsed() < Duration::from_secs(1), "a file that has gone is kept");
    }
    server.site("a.test").file("_redirects", "/x /two");
    assert!(server.order("reload").status.success());
    check(&server, &Request::get("/x"), 302, "/two");
}

/// Holds that what `make` makes at `.new` leaves the last good rules in force where it takes the
/// place of the file, with an error in the log.
#[track_caller]
fn keeps(server: &Server, what: &str, make: impl Fn(&Site)) {
    let site = server.site("a.test");
    let before = format!("/before/{what}");
    site.replace("_redirects", format!("/x {before}"));
    await_answer(server, &before);
    let is_told = |line: &str| line.contains("ERROR") && line.contains("rules not read");
    let told = server.stderr.count(is_told);
    make(&site);
    std::fs::rename(site.path(".new"), site.path("_redirects")).expect("it takes the place");
    await_background(what, || {
        check(server, &Request::get("/x"), 302, &before);
        server.stderr.count(is_told) > told
    });
    check(server, &Request::get("/x"), 302, &before);
    assert_eq!(server.stderr.count(is_told), told + 1, "{what} is told once");
}

/// Asks until the rules lead `/x` to this place.
#[track_caller]
fn await_answer(server: &Server, location: &str) {
    let asked = Instant::now();
    while server.send(&Request::get("/x")).field("location") != Some(location) {
        assert!(asked.elapsed() < DEADLINE, "never at {location}");
    }
}

#[test]
fn what_cannot_be_read_leaves_the_last_good_rules_and_is_told_once() {
    let setup = Setup::new().site("a.test", |site| site.file("index.html", "a"));
    let server = setup.args(["--bots", "off"]).unprivileged().start();
    keeps(&server, "too-large", |site| {
        site.file(".new", "#".repeat(1024 * 1024 + 1));
    });
    keeps(&server, "folder", |site| {
        site.folder("sub").link(".new", "sub");
    });
    keeps(&server, "link-out-of-the-site", |site| {
        site.link(".new", "/etc/passwd");
    });
    keeps(&server, "link-to-nothing", |site| {
        site.link(".new", "nothing");
    });
    keeps(&server, "no-right", |site| {
        site.file(".new", "/x /secret").mode(".new", 0);
    });
    keeps(&server, "pipe", |site| {
        site.fifo(".new");
    });
}

/// Needs root, to give files away.
#[test]
fn the_files_of_rules_count_whoever_owns_them() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = serve(|site| site.file("index.html", "a"));
    let site = server.site("a.test");
    for (owner, mode) in [(0, 0o644), (65534, 0o644), (1000, 0o666), (65534, 0o444)] {
        let target = format!("/{owner}/{mode:o}");
        site.file(".new", format!("/x {target}")).mode(".new", mode);
        std::os::unix::fs::chown(site.path(".new"), Some(owner), None).expect("root may");
        std::fs::rename(site.path(".new"), site.path("_redirects")).expect("it takes the place");
        await_answer(&server, &target);
    }
}

#[test]
fn a_skipped_line_is_told_once_for_each_version() {
    let server = serve(|site| site.file("_redirects", "/x /one\n/a\n"));
    let site = server.site("a.test");
    let told =
        || server.stderr.count(|line| line.contains("line 2 skipped: the line has no target"));
    await_answer(&server, "/one");
    assert_eq!(told(), 1);
    // Touched, and with the same content from another file: it is the same version.
    site.file("_redirects", "/x /one\n/a\n").replace("_redirects", "/x /one\n/a\n");
    let touched = Instant::now();
    while touched.elapsed() < Duration::from_millis(300) {
        check(&server, &Request::get("/x"), 302, "/one");
    }
    assert_eq!(told(), 1);
    site.replace("_redirects", "/x /two\n/a\n");
    await_answer(&server, "/two");
    server.stderr.nth(1, |line| line.contains("line 2 skipped: the line has no target"));
    assert_eq!(told(), 2);
}

#[test]
fn of_many_skipped_lines_the_rest_is_a_number() {
    let server = serve(|site| site.file("_redirects", "/a\n".repeat(150) + "/x /one"));
    await_answer(&server, "/one");
    let rest = server.stderr.containing("more lines were skipped");
    assert!(rest.contains("more=50") && rest.contains("shost check"), "{rest}");
    assert_eq!(server.stderr.count(|line| line.contains(" skipped: the line")), 100);
}

#[test]
fn the_only_site_has_rules_too() {
    let rules = "/x /one\nhttps://a.test/y /a\nhttps://b.test/y /b\n";
    let setup = Setup::directory(|site| {
        site.file("_redirects", rules).file("_headers", "https://b.test/*\n  X-B: 1")
    });
    let server = setup.args(["--bots", "off"]).start();
    await_answer(&server, "/one");
    for (host, expected, field) in [("a.test", "/a", None), ("b.test", "/b", Some("1"))] {
        let answer = check(&server, &Request::get("/y").host(host), 302, expected);
        assert_eq!(answer.field("x-b"), field, "{host}");
    }
}

#[test]
fn a_site_that_is_replaced_as_a_whole_brings_its_rules() {
    let server = serve(|site| site.file("_redirects", "/x /one"));
    await_answer(&server, "/one");
    let next = server.folder_beside("next");
    Site::at(&next).file("_redirects", "/x /two");
    std::fs::rename(server.sites().join("a.test"), server.folder_beside("before"))
        .expect("a folder");
    std::fs::rename(next, server.sites().join("a.test")).expect("a folder");
    await_answer(&server, "/two");
}
