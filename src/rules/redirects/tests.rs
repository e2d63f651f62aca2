use super::*;
use crate::semantics::target::Resolved;

fn path(raw: &str) -> Path<'_> {
    let Ok(Resolved::Path(path)) = Path::resolve(raw) else { panic!("{raw}") };
    path
}

fn read(file: &str) -> (Redirects, Vec<Problem>) {
    Redirects::read(file.as_bytes(), &Names::of("example.com"))
}

/// The answer of a file of rules for a target: `301 /there`, `200 /page`, `404 -` or nothing.
fn answer(file: &str, target: &str) -> Option<String> {
    let (target, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    Some(match read(file).0.find("example.com", &path(target), query)? {
        Matched::Moved { status, location } => format!("{status} {location}"),
        Matched::Page { status, page, forced, documents } => {
            let page = page.as_ref().map_or("-", |page| page.as_str());
            let forced = if forced { "!" } else { "" };
            let documents = if documents == Documents::Any { "" } else { " for documents" };
            format!("{status}{forced} {page}{documents}")
        }
    })
}

#[test]
fn a_line_leads_where_it_says() {
    let table = [
        // Status and words.
        ("/a /b", "/a", Some("302 /b")),
        ("/a /b 301", "/a", Some("301 /b")),
        ("/a /b 303", "/a", Some("303 /b")),
        ("/a /b 307", "/a", Some("307 /b")),
        ("/a /b 308!", "/a", Some("308 /b")),
        ("/a\t\t/b   301 # moved", "/a", Some("301 /b")),
        ("/a /b # moved", "/a", Some("302 /b")),
        ("\u{feff}/a /b\r\n", "/a", Some("302 /b")),
        ("a /b", "/a", Some("302 /b")),
        // Paths are compared decoded, with their case and their last slash.
        ("/a /b", "/a/", None),
        ("/a/ /b", "/a", None),
        ("/a /b", "/A", None),
        ("/a%20b /c", "/a%20b", Some("302 /c")),
        ("/é /c", "/%C3%A9", Some("302 /c")),
        ("/a /a/ 301", "/a", Some("301 /a/")),
        ("/a?x=1 /b", "/a", Some("302 /b")),
        ("/a#x /b", "/a", Some("302 /b")),
        // Targets.
        ("/a http://other.test/b", "/a", Some("302 http://other.test/b")),
        ("/a https://other.test", "/a", Some("302 https://other.test/")),
        ("/a HTTPS://Other.Test:8443/B", "/a", Some("302 https://other.test:8443/B")),
        ("/a /é", "/a", Some("302 /%C3%A9")),
        ("/a /100%", "/a", Some("302 /100%25")),
        ("/a /b%20c", "/a", Some("302 /b%20c")),
        ("/a /b//c", "/a", Some("302 /b/c")),
        ("/a /\\evil.test", "/a", Some("302 /%5Cevil.test")),
        // The query of the request.
        ("/a /b", "/a?x=1", Some("302 /b?x=1")),
        ("/a /b?y=2", "/a?x=1", Some("302 /b?y=2")),
        ("/a /b#c", "/a?x=1", Some("302 /b?x=1#c")),
        ("/a https://other.test/b#c", "/a?x=1", Some("302 https://other.test/b?x=1#c")),
        (
            "/a https://BÜCHER.example:81/ü",
            "/a",
            Some("302 https://xn--bcher-kva.example:81/%C3%BC"),
        ),
        ("/a https://日本.test", "/a", Some("302 https://xn--wgv71a.test/")),
        // What was matched.
        ("/a/* /b/:splat", "/a/x/y", Some("302 /b/x/y")),
        ("/a/* /b/:splat", "/a/x%20%C3%A9%3F", Some("302 /b/x%20%C3%A9%3F")),
        ("/a/* /b?q=:splat", "/a/x&y=1+2", Some("302 /b?q=x%26y%3D1%2B2")),
        ("/a/* /b#:splat", "/a/x", Some("302 /b#x")),
        ("/:y/:m /n/:m/:y.html", "/1/2", Some("302 /n/2/1.html")),
        ("/:id/:id_2 /n/:id_2/:id", "/1/2", Some("302 /n/2/1")),
        ("/a/* /b/:other", "/a/x", Some("302 /b/:other")),
        ("/a/* https://other.test/:splat", "/a/x", Some("302 https://other.test/x")),
        ("/a* /:splat", "/a/evil.test", Some("302 /evil.test")),
        ("/a/* /b:splat", "/a/%0D%0Ax:%20y", Some("302 /b%0D%0Ax:%20y")),
        ("/in/:l/* https://:l.other.test/:splat", "/in/de/x", Some("302 https://de.other.test/x")),
        ("/in/:l/* https://:l.other.test/:splat", "/in/a@b/x", None),
        ("/:a/:b/:c https://:c.other.test/", "/1/2/3", Some("302 https://3.other.test/")),
        // Own hosts.
        ("https://example.com/a /b", "/a", Some("302 /b")),
        ("https://example.com/a/* /b/:splat", "/a/x", Some("302 /b/x")),
        ("https://www.example.com/* https://example.com/:splat 301!", "/x", None),
        ("https://:sub.com/a /:sub", "/a", Some("302 /example")),
        // Pages.
        ("/a /b 200", "/a", Some("200 /b")),
        ("/a/* /b/:splat 200", "/a/x", Some("200 /b/x")),
        ("/a /b/index.html 200!", "/a", Some("200! /b/")),
        ("/* /index.html 200", "/a", Some("200 / for documents")),
        ("/* / 200", "/a.js", Some("200 / for documents")),
        ("/app/* /app.html 200", "/app/x", Some("200 /app.html for documents")),
        ("/* /index.html 200!", "/a.js", Some("200! /")),
        ("/:l/* /:l/index.html 200", "/de/a.js", Some("200 /de/ for documents")),
        ("/:l/* /:l/:splat/ 200", "/de/a.js", Some("200 /de/a.js/")),
        ("/a/* 200\n/* / 200", "/a/b%20:c", Some("200 /a/b :c")),
        ("/:x/a%3Ab/* 200", "/x/a:b/c", Some("200 /x/a:b/c")),
        ("/a /404.html 404", "/a", Some("404 /404.html")),
        ("/a/* 410", "/a/x", Some("410 -")),
        ("/a 404!", "/a", Some("404! -")),
        // Order.
        ("/a/* /1\n/a/b /2", "/a/b", Some("302 /1")),
        ("/a/b /1\n/a/* /2", "/a/b", Some("302 /1")),
        ("/x/* /0\n/a/b /1\n/a/* /2", "/a/b", Some("302 /1")),
        ("/x/* /0\n/a/* /1\n/a/b /2", "/a/b", Some("302 /1")),
        ("/*.x /1\n/a/*.x /2\n", "/a/b.x", Some("302 /1")),
        ("https://example.com/a /1\n/a /2", "/a", Some("302 /1")),
        ("/a /1\nhttps://example.com/a /2", "/a", Some("302 /1")),
        // A name ends where an escape begins.
        ("/:x%62 /1/:x\n/:xb /2/:xb", "/ab", Some("302 /1/a")),
        ("/:x%62 /1/:x\n/:xb /2/:xb", "/a", Some("302 /2/a")),
        // One that would change nothing is passed over.
        ("/:x-* /a-:splat\n/a-:y /2", "/a-y", Some("302 /2")),
    ];
    for (file, target, expected) in table {
        assert_eq!(answer(file, target).as_deref(), expected, "{file} for {target}");
    }
}

#[test]
fn a_line_that_is_no_rule_here_is_told() {
    let long = format!("/{} /b", "x".repeat(REDIRECT_LINE_LIMIT));
    let table = [
        ("/a", "no target"),
        ("/a 301", "no target"),
        ("/a /b 418", "the status 418"),
        ("/a /b 30x", "the status 30x"),
        ("/a /b +301", "the status +301"),
        ("/a /b 0301", "the status 0301"),
        ("/a 200", "no target"),
        ("/a* 200", "no target"),
        ("/a /b 301 302", "more words"),
        ("Redirect 301 /a /b", "more words"),
        ("/a x=:x /b", "query condition x=:x"),
        ("/a h=:x /b", "query condition h=:x"),
        ("/a /b 302 Country=de", "condition Country=de"),
        ("/a /b Language=de", "condition Language=de"),
        ("/api/* https://api.test/:splat 200", "does not proxy"),
        ("/api/* http://api.test/:splat 200!", "does not proxy"),
        ("/a https://other.test/ 404", "does not proxy"),
        ("https://other.test/* /b", "other.test is another host"),
        ("https://:p.pages.dev/* /b", ":p.pages.dev is another host"),
        ("http://example.com/* https://example.com/:splat", "begins with http://"),
        ("https://example.com:80/a /b", "port"),
        ("https://u@example.com/a /b", "user's name"),
        ("/*/* /b", "more than one"),
        ("/:a/:a /b", "named twice"),
        ("/a //other.test/", "two slashes"),
        ("/a other.test/b", "neither a path nor"),
        ("/a ftp://other.test/", "neither a path nor"),
        ("/a javascript:alert(1)", "neither a path nor"),
        ("/a https://", "no valid host"),
        ("/a https://u@other.test/", "no valid host"),
        ("/a https://u@bücher.example/", "no valid host"),
        ("/in/:l/* https://:l.bücher.example/", "no valid host"),
        ("/* https://other.test:splat", "choose the host"),
        ("/a/* https://:splat/", "choose the host"),
        ("/a/:h https://:h/", "choose the host"),
        ("/a/:h https://:h.test/", "choose the host"),
        ("/a/:h https://x:h.other.test/", "choose the host"),
        ("/a /a", "leads to itself"),
        ("/a /a?x", "leads to itself"),
        ("/a https://example.com/a 301", "leads to itself"),
        ("/* https://example.com/:splat 301!", "leads to itself"),
        ("/* https://www.example.com/:splat 301!", "leads to itself"),
        ("/* /index.html", "leads to itself"),
        ("/* /index.html 302", "leads to itself"),
        ("/ /index.html", "leads to itself"),
        ("/* /en/:splat", "leads to itself"),
        ("/docs/* /docs/latest/:splat", "leads to itself"),
        ("/100% /b", "percent sign"),
        ("/a%2Fb /c", "no request"),
        ("/a /b%2Fc 200", "no file"),
        (&*long, "longer than 2000 bytes"),
        ("/a /b\0", "control character"),
    ];
    for (line, expected) in table {
        let (rules, problems) = read(&format!("# first\n{line}\n/good /there\n"));
        assert_eq!(rules.rules().len(), 1, "{line}");
        let [problem] = &*problems else { panic!("{line}: {problems:?}") };
        assert_eq!(problem.line, 2, "{line}");
        assert!(problem.reason.contains(expected), "{line}: {problem}");
        assert!(!problem.mend.is_empty(), "{line}");
    }
}

#[test]
fn the_first_of_two_counts_and_the_limits_hold() {
    let (rules, problems) = read("/a /b\n/%61 /c\n/:x/y /1\n/:y/y /2\nhttps://example.com/a /d\n");
    assert_eq!(rules.rules().len(), 4);
    assert_eq!(
        problems[0].to_string(),
        "line 2 skipped: the source is that of line 1, which comes \
        first: remove one of the two"
    );
    let many = (0..=DYNAMIC_LIMIT).map(|n| format!("/{n}/* /x\n")).collect::<Vec<_>>().concat();
    let (rules, problems) = read(&many);
    assert_eq!((rules.rules().len(), problems.len()), (DYNAMIC_LIMIT, 1));
    let many = (0..=STATIC_LIMIT).map(|n| format!("/{n} /x\n")).collect::<Vec<_>>().concat();
    let (rules, problems) = read(&many);
    assert_eq!((rules.rules().len(), problems.len()), (STATIC_LIMIT, 1));
}

#[test]
fn the_only_site_knows_a_host_by_the_request() {
    let (rules, problems) = Redirects::read(
        b"https://a.test/x /1\nhttps://b.test/x /2\n/y https://a.test/y",
        &Names::Any,
    );
    assert!(problems.is_empty());
    let found = |host, target| {
        rules.find(host, &path(target), None).map(|found| match found {
            Matched::Moved { location, .. } => location,
            other @ Matched::Page { .. } => format!("{other:?}"),
        })
    };
    assert_eq!(found("a.test", "/x").as_deref(), Some("/1"));
    assert_eq!(found("b.test", "/x").as_deref(), Some("/2"));
    assert_eq!(found("c.test", "/x"), None);
    assert_eq!(found("b.test", "/y").as_deref(), Some("https://a.test/y"));
    assert_eq!(found("a.test", "/y"), None, "it is there already");
}
