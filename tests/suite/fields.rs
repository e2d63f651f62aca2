//! The fields of a file (docs/behaviour.md, "Fields of a file").

use std::time::{Duration, Instant, SystemTime};

use crate::support::client::{Request, Response};
use crate::support::server::Setup;
use crate::support::site::{Site, pattern};
use crate::support::{DEADLINE, await_background};

const NO_CACHE: &str = "no-cache";
const DAY: &str = "public, max-age=86400";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Name of the file, its type, how long it may be kept, and whether it varies by coding.
const FILES: [(&str, &str, &str, bool); 87] = [
    ("index.html", "text/html; charset=utf-8", NO_CACHE, true),
    ("page.HTM", "text/html; charset=utf-8", NO_CACHE, true),
    ("style.css", "text/css; charset=utf-8", NO_CACHE, true),
    ("script.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("script.mjs", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("data.json", "application/json; charset=utf-8", NO_CACHE, true),
    ("site.webmanifest", "application/manifest+json; charset=utf-8", NO_CACHE, true),
    ("feed.xml", "xml; charset=utf-8", NO_CACHE, true),
    ("feed.rss", "application/rss+xml; charset=utf-8", NO_CACHE, true),
    ("feed.atom", "application/atom+xml; charset=utf-8", NO_CACHE, true),
    ("robots.txt", "text/plain; charset=utf-8", NO_CACHE, true),
    ("notes.md", "text/markdown; charset=utf-8", NO_CACHE, true),
    ("table.csv", "text/csv; charset=utf-8", NO_CACHE, true),
    ("code.wasm", "application/wasm", NO_CACHE, true),
    ("events.ndjson", "application/x-ndjson; charset=utf-8", NO_CACHE, true),
    ("notebook.ipynb", "application/x-ipynb+json; charset=utf-8", NO_CACHE, true),
    ("fix.patch", "text/plain; charset=utf-8", NO_CACHE, true),
    ("LICENSE", "text/plain; charset=utf-8", NO_CACHE, true),
    ("model.usdz", "model/vnd.usdz+zip", NO_CACHE, false),
    ("part.stl", "model/stl", NO_CACHE, true),
    ("profile.mobileconfig", "application/x-apple-aspen-config", NO_CACHE, true),
    ("id_ed25519.pub", "text/plain; charset=utf-8", NO_CACHE, true),
    ("book.m4b", "audio/mp4", DAY, false),
    (".well-known/matrix/server", "application/json; charset=utf-8", NO_CACHE, true),
    (".well-known/webfinger", "application/jrd+json; charset=utf-8", NO_CACHE, true),
    (".well-known/security.txt", "text/plain; charset=utf-8", NO_CACHE, true),
    ("apple-app-site-association", "application/json; charset=utf-8", NO_CACHE, true),
    ("unknown", "application/octet-stream", NO_CACHE, false),
    ("unknown.zzz", "application/octet-stream", NO_CACHE, false),
    ("paper.pdf", "application/pdf", NO_CACHE, false),
    ("drawing.svg", "image/svg+xml; charset=utf-8", DAY, true),
    ("icon.ico", "image/", DAY, true),
    ("picture.png", "image/png", DAY, false),
    ("picture.JPG", "image/jpeg", DAY, false),
    ("picture.jpeg", "image/jpeg", DAY, false),
    ("picture.gif", "image/gif", DAY, false),
    ("picture.webp", "image/webp", DAY, false),
    ("picture.avif", "image/avif", DAY, false),
    ("font.woff2", "font/woff2", DAY, false),
    ("font.woff", "font/woff", DAY, false),
    ("font.ttf", "font/ttf", DAY, true),
    ("sound.mp3", "audio/mpeg", DAY, false),
    ("sound.ogg", "audio/ogg", DAY, false),
    ("film.mp4", "video/mp4", DAY, false),
    ("film.webm", "video/webm", DAY, false),
    ("archive.zip", "application/zip", NO_CACHE, false),
    ("archive.tar.gz", "application/gzip", NO_CACHE, false),
    ("Packages.gz", "application/gzip", NO_CACHE, false),
    ("live.m3u8", "application/vnd.apple.mpegurl", NO_CACHE, true),
    ("radio.pls", "audio/x-scpls", NO_CACHE, true),
    ("radio.m3u", "audio/x-mpegurl", NO_CACHE, true),
    ("APKINDEX.tar.gz", "application/gzip", NO_CACHE, false),
    ("Contents-amd64.xz", "application/x-xz", NO_CACHE, false),
    ("repodata-3f2a.sqlite", "application/vnd.sqlite3", NO_CACHE, true),
    ("segment-0001.ts", "video/mp2t", NO_CACHE, false),
    ("film.mpd", "application/dash+xml; charset=utf-8", NO_CACHE, true),
    ("list.xspf", "application/xspf+xml; charset=utf-8", NO_CACHE, true),
    ("stream.asx", "video/x-ms-asf", NO_CACHE, false),
    ("webcam.jpg", "image/jpeg", NO_CACHE, false),
    ("app.3f2a9c1d.js", "text/javascript; charset=utf-8", IMMUTABLE, true),
    ("app-3F2A9C1D0B.css", "text/css; charset=utf-8", IMMUTABLE, true),
    ("picture-0123456789abcdef.png", "image/png", IMMUTABLE, false),
    ("chunk-QX7K2MZA.js", "text/javascript; charset=utf-8", IMMUTABLE, true),
    ("app.deadbeef.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("app-1234567.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("jquery-3.7.1.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("app.3f2a9c1g.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("report-20240101.png", "image/png", DAY, false),
    ("report-20240101.pdf", "application/pdf", NO_CACHE, false),
    ("data-12345678.json", "application/json; charset=utf-8", NO_CACHE, true),
    ("data-3f2a9c1d.json", "application/json; charset=utf-8", IMMUTABLE, true),
    ("Manual-VERSION2.pdf", "application/pdf", NO_CACHE, false),
    ("menu-cafe2024.pdf", "application/pdf", NO_CACHE, false),
    ("index-BsXz9aCk.js", "text/javascript; charset=utf-8", IMMUTABLE, true),
    ("index-4sK3E3Hk.css", "text/css; charset=utf-8", IMMUTABLE, true),
    ("inter-latin-Dx4kXJAl.woff2", "font/woff2", IMMUTABLE, false),
    ("logo-D5x-_k2P.svg", "image/svg+xml; charset=utf-8", IMMUTABLE, true),
    ("data-BsXz9aCk.json", "application/json; charset=utf-8", NO_CACHE, true),
    ("talk-BsXz9aCk.mp4", "video/mp4", DAY, false),
    ("invoice-99990001.pdf", "application/pdf", NO_CACHE, false),
    ("backup-1718000000.json", "application/json; charset=utf-8", NO_CACHE, true),
    ("Catalog-EDITION3.pdf", "application/pdf", NO_CACHE, false),
    ("photo-20240101-123456.jpg", "image/jpeg", DAY, false),
    ("main-ABSTRACT.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("lib-windows1.js", "text/javascript; charset=utf-8", NO_CACHE, true),
    ("holiday-Summer24.jpg", "image/jpeg", DAY, false),
    ("application.js", "text/javascript; charset=utf-8", NO_CACHE, true),
];

fn fill(site: &Site) -> &Site {
    FILES.iter().fold(site, |site, (name, ..)| site.file(name, "some text, UTF-8: é\n"))
}

/// The address of a file: the index is its folder.
fn target(name: &str) -> String {
    format!("/{}", name.trim_end_matches("index.html"))
}

#[test]
fn every_type_has_its_fields() {
    let server = Setup::new().site("a.test", fill).start();
    let mut connection = server.connect();
    for (name, media_type, cache_control, compressible) in FILES {
        for request in [Request::get(&target(name)), Request::head(&target(name))] {
            let answer = connection.send(&request);
            assert_eq!(answer.status, 200, "{name}");
            let actual = answer.must("content-type");
            // `.xml` is text/xml or application/xml, `.ico` one of two names of one type.
            let same = match media_type {
                "xml; charset=utf-8" => actual.ends_with("/xml; charset=utf-8"),
                "image/" => matches!(actual, "image/x-icon" | "image/vnd.microsoft.icon"),
                _ => actual == media_type,
            };
            assert!(same, "{name}: {actual} instead of {media_type}");
            assert_eq!(answer.must("cache-control"), cache_control, "{name}");
            let vary = answer.field("vary").is_some_and(|vary| vary == "Accept-Encoding");
            assert_eq!(vary, compressible, "{name}: {:?}", answer.field("vary"));
            check_the_rest(name, &answer);
        }
    }
}

/// The fields that are the same for every file.
#[track_caller]
fn check_the_rest(name: &str, answer: &Response) {
    let rows = [
        ("accept-ranges", "bytes"),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("content-length", "21"),
    ];
    for (field, value) in rows {
        assert_eq!(answer.must(field), value, "{name}: {field}");
    }
    assert_eq!(answer.field("strict-transport-security"), None, "{name}: in the clear");
    assert_eq!(answer.field("content-encoding"), None, "{name}");
    let tag = answer.must("etag");
    let strong = tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"');
    assert!(strong, "{name}: {tag} is no strong tag");
    let date = httpdate::parse_http_date(answer.must("date")).expect("Date is a date");
    let age = SystemTime::now().duration_since(date).expect("Date is not in the future");
    assert!(age < Duration::from_secs(3), "{name}: Date is {age:?} old");
    let modified = httpdate::parse_http_date(answer.must("last-modified")).expect("a date");
    assert!(modified <= date, "{name}: modified in the future");
}

#[test]
fn the_charset_is_said_only_where_the_file_was_seen_to_be_utf_8() {
    let latin = b"<meta charset=iso-8859-1><p>caf\xe9";
    let server = Setup::new()
        .site("a.test", |site| {
            site.file("latin.html", latin)
                .file("latin.css", b"/* \xe9 */")
                .file("ascii.html", "<p>cafe")
                .file("utf8.html", "<p>café")
                .file("empty.html", "")
                .file("mostly.html", [&vec![b'a'; 700_000][..], b"\xff"].concat())
                .file("bytes.png", "text")
        })
        .start();
    let rows = [
        ("/latin.html", "text/html"),
        ("/latin.css", "text/css"),
        ("/ascii.html", "text/html; charset=utf-8"),
        ("/utf8.html", "text/html; charset=utf-8"),
        ("/mostly.html", "text/html"),
        ("/bytes.png", "image/png"),
    ];
    for (target, media_type) in rows {
        assert_eq!(server.send(&Request::get(target)).must("content-type"), media_type, "{target}");
    }
    let empty = server.send(&Request::get("/empty.html"));
    assert_eq!((empty.status, empty.must("content-length")), (200, "0"));
}

#[test]
fn the_tag_is_the_content_and_nothing_else() {
    let content = "the same bytes";
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let setup = || {
        Setup::new()
            .site("a.test", |site| {
                site.file("one.txt", content).file_of("two.txt", content, long_ago)
            })
            .site("b.test", |site| site.file("one.html", content))
    };
    let (server, other) = (setup().start(), setup().start());
    let one = server.send(&Request::get("/one.txt"));
    for (server, host, target) in [
        (&server, "a.test", "/two.txt"),
        (&server, "b.test", "/one.html"),
        (&other, "a.test", "/one.txt"),
    ] {
        let answer = server.send(&Request::get(target).host(host));
        assert_eq!(answer.must("etag"), one.must("etag"), "{host}{target}");
    }
    let site = server.site("a.test");
    site.replace("two.txt", "the same bytez");
    site.file_of("two.txt", "the same bytez", long_ago);
    let changed = Instant::now();
    while server.send(&Request::get("/two.txt")).must("etag") == one.must("etag") {
        assert!(changed.elapsed() < DEADLINE, "a changed byte needs another tag");
    }
}

#[test]
fn the_last_change_is_never_in_the_future() {
    let far = SystemTime::now() + Duration::from_hours(400 * 24);
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let server = Setup::new()
        .site("a.test", |site| site.file_of("far.txt", "x", far).file_of("past.txt", "x", past))
        .start();
    let answer = server.send(&Request::get("/far.txt"));
    let date = |name: &str| httpdate::parse_http_date(answer.must(name)).unwrap();
    assert!(date("last-modified") <= date("date"), "{answer:?}");
    let answer = server.send(&Request::get("/past.txt"));
    assert_eq!(answer.must("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
}

#[test]
fn a_file_too_big_to_cache_gets_its_tag_later() {
    let content = pattern(3 * 1024 * 1024 + 1);
    let server = Setup::new().site("a.test", |site| site.file("big.bin", &content)).start();
    let mut connection = server.connect();
    let mut tag = None;
    await_background("the tag of a large file", || {
        let answer = connection.send(&Request::head("/big.bin"));
        assert_eq!((answer.status, answer.must("content-length")), (200, "3145729"));
        answer.must("last-modified");
        tag = answer.field("etag").map(str::to_owned);
        tag.is_some()
    });
    let tag = tag.expect("it was waited for");
    let again = connection.send(&Request::get("/big.bin").field("If-None-Match", &tag));
    assert_eq!(again.status, 304);
}

#[test]
fn over_tls_the_browser_is_told_to_stay_there() {
    let server = Setup::new()
        .site("a.test", |site| site.file("index.html", "a").file("404.html", "not here"))
        .certificate("a.test")
        .start();
    let answer = server.send_tls("a.test", Request::get("/"));
    assert_eq!(answer.must("strict-transport-security"), "max-age=31536000");
}

#[test]
fn a_compressible_type_varies_whatever_the_answer() {
    let server = Setup::new().site("a.test", |site| site.file("style.css", "p{}")).start();
    let tag = server.send(&Request::get("/style.css")).must("etag").to_owned();
    let rows: [(u16, &[(&str, &str)]); 4] = [
        (200, &[("Accept-Encoding", "gzip")]),
        (200, &[("Accept-Encoding", "identity")]),
        (206, &[("Range", "bytes=0-0")]),
        (304, &[("If-None-Match", &tag)]),
    ];
    for (status, fields) in rows {
        let answer = server.send(&Request::get("/style.css").fields(fields));
        assert_eq!((answer.status, answer.must("vary")), (status, "Accept-Encoding"), "{fields:?}");
    }
}

/// Text too large to hold: its first 64 KiB decide, at once and for good.
#[test]
fn the_charset_of_large_text_is_told_by_its_beginning() {
    const LARGE: usize = 3 << 20;
    let text = |end: &[u8]| {
        let mut text = "größer als ein Stück, ".repeat(LARGE / 24).into_bytes();
        text.extend_from_slice(end);
        text
    };
    // A character that the end of the beginning cuts.
    let cut = [&b"x"[..], "é".repeat(LARGE / 2).as_bytes()].concat();
    let latin = [&b"gr\xfc\xdfe "[..], &text(b"")].concat();
    let sixty_mebibytes = text(b"").repeat(20);
    let rows: [(&str, Vec<u8>, &str); 11] = [
        ("a.txt", text(b""), "text/plain; charset=utf-8"),
        ("sixty.txt", sixty_mebibytes, "text/plain; charset=utf-8"),
        ("access.log", text(b""), "text/plain; charset=utf-8"),
        ("table.csv", text(b"\0"), "text/csv; charset=utf-8"),
        ("data.ndjson", text(b"\n"), "application/x-ndjson; charset=utf-8"),
        ("latin.csv", latin.clone(), "text/csv"),
        ("cut.css", cut, "text/css; charset=utf-8"),
        ("late.txt", text(b"\xff\xfe"), "text/plain; charset=utf-8"),
        ("latin.txt", latin.clone(), "text/plain"),
        ("a.bin", text(b""), "application/octet-stream"),
        ("latin.html", latin, "text/html"),
    ];
    let server = Setup::new()
        .site("a.test", |site| {
            for (name, content, _) in &rows {
                site.file(name, content);
            }
            site
        })
        .start();
    for (name, _, expected) in &rows {
        let target = format!("/{name}");
        let ranged = Request::get(&target).field("Range", "bytes=0-9");
        for request in [Request::head(&target), ranged, Request::get(&target)] {
            assert_eq!(server.send(&request).must("content-type"), *expected, "{name}");
        }
    }
}

/// A log whose writer leaves it at any byte: also where a character is cut, and where it becomes too
/// large to hold.
#[test]
fn a_log_that_grows_keeps_its_charset() {
    let line = "2026-11-27 größer als 1 € 😀, ";
    let lengths = (0..line.len()).map(|more| 5 * line.len() + more);
    let larger = [65_536, 65_537, 1_048_576, 1_048_577, 3_000_000, 3_000_001];
    let log = line.repeat(3_000_002 / line.len() + 1).into_bytes();
    let server = Setup::new().site("a.test", |site| site.file("a.log", "")).start();
    let site = server.site("a.test");
    let mut connection = server.connect();
    for length in lengths.chain(larger) {
        site.replace("a.log", &log[..length]);
        let until = Instant::now() + DEADLINE;
        loop {
            let answer = connection.send(&Request::head("/a.log"));
            let current = answer.must("content-length") == length.to_string();
            let expected = "text/plain; charset=utf-8";
            assert!(!current || answer.must("content-type") == expected, "{length} bytes");
            if current {
                break;
            }
            assert!(Instant::now() < until, "{length} bytes are never seen");
        }
    }
}

#[test]
fn nobody_is_told_to_stay_on_https_at_an_address_or_at_home() {
    const HOSTS: [(&str, bool); 11] = [
        ("a.test", true),
        ("a1.test", true),
        ("localhost", false),
        ("a.localhost", false),
        ("a.b.localhost", false),
        ("localhost.test", true),
        ("127.0.0.1", false),
        ("192.168.1.2", false),
        ("8.8.8.8", false),
        ("[::1]", false),
        ("[2001:db8::1]", false),
    ];
    let setup = HOSTS.iter().fold(Setup::new(), |setup, (host, _)| {
        setup.site(host, |site| site.file("index.html", "index"))
    });
    let server = setup.certificate("a.test").start();
    for (host, told) in HOSTS {
        for target in ["/", "/missing", "//"] {
            let mut connection = server.connect_tls("a.test");
            let answer = connection.send(&Request::get(target).host(host));
            let field = answer.field("strict-transport-security");
            assert_eq!(field.is_some(), told, "{host} {target}: {answer:?}");
        }
    }
}

#[test]
fn a_page_of_another_site_may_read_every_answer() {
    const LONG_AGO: &str = "Sat, 01 Jan 2000 00:00:00 GMT";
    const FAR_AHEAD: &str = "Fri, 01 Jan 2100 00:00:00 GMT";
    let fill: fn(&Site) -> &Site = |site| {
        site.file("sub/index.html", "")
            .file("a.txt", "text")
            .file("_redirects", "/old /a.txt 302\n/gone /sub/ 410\n/any/* /sub/ 200\n")
    };
    let server = Setup::new().site("a.test", fill).start();
    let ask = |request: Request| server.send(&request.field("Origin", "https://b.test"));
    let tag = ask(Request::get("/a.txt")).must("etag").to_owned();
    for (request, status) in [
        (Request::get("/a.txt"), 200),
        (Request::head("/a.txt"), 200),
        (Request::new("OPTIONS", "/a.txt"), 204),
        (Request::new("OPTIONS", "*"), 204),
        (Request::get("/a.txt").field("Range", "bytes=0-0"), 206),
        (Request::get("/a.txt").field("Range", "bytes=0-0,2-2"), 206),
        (Request::get("/a.txt").host("www.a.test"), 301),
        (Request::get("/a.txt").field("If-None-Match", &tag), 304),
        (Request::get("/sub"), 308),
        (Request::get("//a.txt"), 308),
        (Request::get("/%zz"), 400),
        (Request::get("/x.php"), 403),
        (Request::get("/missing"), 404),
        (Request::new("DELETE", "/a.txt"), 405),
        (Request::get("/a.txt").field("If-Match", "\"x\""), 412),
        (Request::get("/a.txt").field("Range", "bytes=9-"), 416),
        (Request::get("/a.txt").field("Range", "bytes=9-").field("If-Match", "\"x\""), 412),
        (Request::get("/a.txt").field("If-Unmodified-Since", LONG_AGO), 412),
        (Request::get("/a.txt").field("If-Modified-Since", FAR_AHEAD), 304),
        (Request::get("/sub/index.html"), 308),
        (Request::get("/.git/config"), 404),
        (Request::get("/old"), 302),
        (Request::get("/gone"), 410),
        (Request::get("/any/page"), 200),
        (Request::get("/").without("user-agent"), 403),
        (Request::new("POST", "/missing"), 405),
    ] {
        let what = format!("{} {} {:?}", request.method, request.target, request.fields);
        let answer = ask(request);
        assert_eq!(
            (answer.status, answer.field("access-control-allow-origin")),
            (status, Some("*")),
            "{what}"
        );
        let exposed = answer.must("access-control-expose-headers").to_lowercase();
        for name in ["etag", "content-range", "content-length", "accept-ranges"] {
            assert!(exposed.split(", ").any(|one| one == name), "{what}: {exposed}");
        }
        assert_eq!(answer.field("access-control-allow-methods"), None, "{what}: no preflight");
    }
    let other = ask(Request::get("/").host("nobody.test"));
    assert_eq!((other.status, other.field("access-control-allow-origin")), (421, None));
}

#[test]
fn a_preflight_is_allowed_what_it_asks() {
    let server = Setup::new().site("a.test", |site| site.file("a.txt", "text")).start();
    let with_tls = Setup::new().site("a.test", |site| site.file("a.txt", "text"));
    let with_tls = with_tls.certificate("a.test").args(["--http-port", "0"]).start();
    for (asked, allowed) in [
        ("range", "*, range"),
        ("range, if-range", "*, range, if-range"),
        ("Authorization", "*, Authorization"),
        ("if-none-match,x-requested-with", "*, if-none-match, x-requested-with"),
        ("content-type, traceparent", "*, content-type, traceparent"),
        ("x y", "*"),
    ] {
        let preflight = Request::new("OPTIONS", "/a.txt")
            .field("Origin", "https://b.test")
            .field("Access-Control-Request-Method", "GET")
            .field("Access-Control-Request-Headers", asked);
        // Nothing else may be said of a preflight: a redirect fails it.
        for answer in [server.send(&preflight), with_tls.send(&preflight)] {
            assert_eq!((answer.status, answer.must("access-control-allow-origin")), (204, "*"));
            assert_eq!(answer.must("access-control-allow-headers"), allowed);
            assert_eq!(answer.must("access-control-allow-methods"), "GET, HEAD, OPTIONS");
            assert_eq!(answer.must("access-control-max-age"), "86400");
        }
    }
}
