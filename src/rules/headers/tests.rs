use super::*;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

fn read(file: &str) -> (Headers, Vec<Problem>) {
    Headers::read(file.as_bytes(), &Names::of("example.com"))
}

/// The fields of an answer for a path: `name=value`, after two of the server's own.
fn fields(file: &str, path: &str) -> String {
    let own = [
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    let overlay = read(file).0.matching(&Asked::new("example.com", path)).overlay();
    let all = overlay.apply(own.into_iter());
    let say = |(name, value): (HeaderName, HeaderValue)| {
        format!("{name}={}", String::from_utf8_lossy(value.as_bytes()))
    };
    all.into_iter().map(say).collect::<Vec<_>>().join("|")
}

#[test]
fn blocks_change_the_fields_of_an_answer() {
    const OWN: &str = "cache-control=no-cache|vary=Accept-Encoding";
    let csp = format!("/*\n  Content-Security-Policy: {}", "a ".repeat(1500).trim());
    let table = [
        ("", "/", OWN.to_owned()),
        ("/*\n  X-A: 1", "/", format!("{OWN}|x-a=1")),
        ("/*\n\tX-A:1", "/a/b", format!("{OWN}|x-a=1")),
        ("/*\r\nX-A : 1\r\n", "/a", format!("{OWN}|x-a=1")),
        ("/*\n  X-A:https://b.test/", "/", format!("{OWN}|x-a=https://b.test/")),
        ("/a\n  X-A: 1", "/a/", OWN.to_owned()),
        ("/a\n  X-A: 1", "/A", OWN.to_owned()),
        ("/a b\n  X-A: 1", "/a b", format!("{OWN}|x-a=1")),
        ("/a # of it\n  X-A: 1", "/a", format!("{OWN}|x-a=1")),
        ("/*\n  # no\n\n  X-A: 1 # 2", "/", format!("{OWN}|x-a=1 # 2")),
        ("/*\n  X-A: 1\n  x-a: 2", "/", format!("{OWN}|x-a=1, 2")),
        ("/*\n  X-A: 1\n/a\n  X-A: 2", "/a", format!("{OWN}|x-a=1, 2")),
        ("/a\n  X-A: 2\n/*\n  X-A: 1", "/a", format!("{OWN}|x-a=2, 1")),
        (
            "/*\n  Set-Cookie: a=1\n  Set-Cookie: b",
            "/",
            format!("{OWN}|set-cookie=a=1|set-cookie=b"),
        ),
        ("/*\n  Cache-Control: public", "/", "vary=Accept-Encoding|cache-control=public".into()),
        ("/*\n  ! Cache-Control", "/", "vary=Accept-Encoding".into()),
        ("/*\n  X-A: 1\n/a\n  ! X-A", "/a", OWN.to_owned()),
        ("/*\n  X-A: 1\n/a\n  ! X-A\n  X-A: 2", "/a", format!("{OWN}|x-a=2")),
        ("/*\n  Vary: Origin", "/", "cache-control=no-cache|vary=Accept-Encoding, Origin".into()),
        ("/*\n  Vary: accept-encoding", "/", OWN.to_owned()),
        ("/a/:x/*\n  X-A: :x-:splat :y", "/a/1/2 \r\n", format!("{OWN}|x-a=1-2%20%0D%0A :y")),
        ("/*\n  Link: </a>; rel=x\n  Link: </b>", "/", format!("{OWN}|link=</a>; rel=x, </b>")),
        ("https://example.com/*\n  X-A: 1", "/", format!("{OWN}|x-a=1")),
        ("https://:p.com/*\n  X-A: :p", "/", format!("{OWN}|x-a=example")),
        ("https://other.test/*\n  X-A: 1\n/*\n  X-B: 2", "/", format!("{OWN}|x-b=2")),
        ("/*\n  X-A: a\tb", "/", format!("{OWN}|x-a=a b")),
        ("/*\n  X-A: é", "/", format!("{OWN}|x-a=é")),
        (&*csp, "/", format!("{OWN}|content-security-policy={}", "a ".repeat(1500).trim())),
    ];
    for (file, path, expected) in table {
        assert_eq!(fields(file, path), expected, "{file}");
    }
}

#[test]
fn a_line_that_is_no_field_here_is_told() {
    let long = format!("X-A: {}", "x".repeat(HEADER_LINE_LIMIT));
    let table = [
        ("X-A", "no colon"),
        (": value", "no name"),
        ("X-A:", "no value"),
        ("X A: 1", "not the name"),
        ("!", "no name"),
        ("! X A", "not the name"),
        ("! Vary", "cannot be removed"),
        ("! ETag", "shost alone"),
        ("Basic-Auth: a:b", "order of Netlify's"),
        ("X-A: a\u{1}b", "control character"),
        ("X-A: a\u{85}b", "control character"),
        (&*long, "longer than 4000 bytes"),
    ];
    let refused = [
        "Accept-Ranges",
        "Age",
        "Allow",
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Content-Range",
        "Date",
        "ETag",
        "Keep-Alive",
        "Last-Modified",
        "Location",
        "Proxy-Connection",
        "Server",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ];
    let refused = refused.map(|name| (format!("{name}: x"), "shost alone"));
    let table = table.iter().map(|(line, expected)| ((*line).to_owned(), *expected)).chain(refused);
    for (line, expected) in table {
        let (headers, problems) = read(&format!("/*\n  {line}\n  X-Good: 1\n"));
        assert_eq!(headers.blocks()[0].set().count(), 1, "{line}");
        let [problem] = &*problems else { panic!("{line}: {problems:?}") };
        assert_eq!(problem.line, 2, "{line}");
        assert!(problem.reason.contains(expected), "{line}: {problem}");
    }
}

#[test]
fn a_block_that_is_none_is_told_once() {
    let table = [
        ("X-A: 1\n/a\n  X-A: 1", 1, "for no path", 1),
        ("/a\n/b\n  X-A: 1", 1, "no fields", 1),
        ("/b\n  X-A: 1\n/a", 3, "no fields", 1),
        ("https://other.test/*\n  X-A: 1\n  X-B: 1", 1, "another host", 0),
        ("http://example.com/*\n  X-A: 1", 1, "begins with http://", 0),
        ("x-a+b.c://example.com/*\n  X-A: 1", 1, "begins with x-a+b.c://", 0),
        ("/*/*\n  X-A: 1", 1, "more than one", 0),
        ("https://*.com/*\n  X-A: 1", 1, "more than one", 0),
    ];
    for (file, line, expected, blocks) in table {
        let (headers, problems) = read(file);
        assert_eq!(headers.blocks().len(), blocks, "{file}");
        let [problem] = &*problems else { panic!("{file}: {problems:?}") };
        assert_eq!(problem.line, line, "{file}");
        assert!(problem.reason.contains(expected), "{file}: {problem}");
    }
}

#[test]
fn an_answer_gets_no_more_fields_than_a_client_takes() {
    let value = "x".repeat(3000);
    let file = (0..9).map(|n| format!("/*\n  X-{n}: {value}\n")).collect::<Vec<_>>().concat();
    let (headers, problems) = read(&file);
    assert!(problems.is_empty());
    let overlay = headers.matching(&Asked::new("example.com", "/")).overlay();
    assert!(overlay.is_cut());
    let sum = overlay.apply(std::iter::empty()).iter().map(|(_, value)| value.len()).sum::<usize>();
    assert!((12_000..=super::super::ADDED_LIMIT).contains(&sum), "{sum}");
}

#[test]
fn many_names_are_each_changed_as_few_are() {
    let lines = |lines: &[String]| format!("/*\n{}", lines.join("\n"));
    let set: Vec<_> = (0..100).map(|n| format!("X-{n}: {n}")).collect();
    let again: Vec<_> = (0..100).map(|n| format!("X-{n}: again")).collect();
    let removed: Vec<_> = (0..100).step_by(2).map(|n| format!("! X-{n}")).collect();
    let file = [lines(&set), lines(&again), lines(&removed)].join("\n");
    let (headers, problems) = read(&file);
    assert_eq!(problems, []);
    let mut overlay = headers.matching(&Asked::new("example.com", "/")).overlay();
    let own = |n: usize| HeaderName::try_from(format!("x-{n}")).unwrap();
    overlay.forget(&own(1));
    overlay.keep(&own(2));
    overlay.keep(&own(3));
    overlay.set(&own(99), "late");
    let fields = (0..100).map(|n| (own(n), HeaderValue::from_static("server")));
    let all = overlay.apply(fields);
    for n in 0..100 {
        let expected = match n {
            1 | 2 => vec!["server".to_owned()],
            99 => vec!["99, again, late".to_owned()],
            n if n % 2 == 0 => vec![],
            n => vec![format!("{n}, again")],
        };
        let values = all.iter().filter(|(name, _)| *name == own(n));
        let values: Vec<_> = values.map(|(_, value)| value.to_str().unwrap()).collect();
        assert_eq!(values, expected, "x-{n}");
    }
}
