//! Content coding, row by row (docs/behaviour.md, "Content coding").

use std::time::{Duration, Instant, SystemTime};

use crate::support::await_background;
use crate::support::client::{Connection, Request, Response};
use crate::support::decoded::{CODINGS, decode, prose};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};

/// Bytes of a file from which on it is streamed: above this it is never coded on the fly.
const HELD_LIMIT: usize = 1024 * 1024;
/// Bytes below which coding saves nothing.
const CODED_MINIMUM: usize = 256;
/// The longest content that is coded, in bytes.
const CODED_LIMIT: usize = 16 * 1024 * 1024;
/// An ordinary page, in bytes.
const PAGE: usize = 20_000;

fn accepting(target: &str, codings: &str) -> Request {
    Request::get(target).field("Accept-Encoding", codings)
}

/// Asks until the answer comes in `coding`. Until then it comes as it is, at once, and whole.
#[track_caller]
fn await_coding(connection: &mut Connection, target: &str, coding: &str, file: &[u8]) -> Response {
    let mut coded = None;
    await_background(&format!("{target} in {coding}"), || {
        let answer = connection.send(&accepting(target, coding));
        assert!(decode(&answer) == file, "{target} in {coding}: not the file");
        let actual = answer.field("content-encoding");
        assert!(actual.is_none_or(|actual| actual == coding), "{target}: {actual:?}");
        coded = actual.is_some().then_some(answer);
        coded.is_some()
    });
    coded.expect("it was waited for")
}

/// A server whose `/page.html` is there in every coding.
fn warm(page: &[u8]) -> (Server, Connection) {
    let server = Setup::new().site("a.test", |site| site.file("page.html", page)).start();
    let mut connection = server.connect();
    for (coding, ..) in CODINGS {
        await_coding(&mut connection, "/page.html", coding, page);
    }
    (server, connection)
}

#[test]
fn the_client_chooses() {
    let page = prose(PAGE);
    let (_server, mut connection) = warm(&page);
    let rows = [
        (None, None),
        (Some(""), None),
        (Some("identity"), None),
        (Some("deflate, compress"), None),
        (Some("gzip"), Some("gzip")),
        (Some("x-gzip"), Some("gzip")),
        (Some("GZip"), Some("gzip")),
        (Some("gzip, deflate"), Some("gzip")),
        (Some("gzip, deflate, br"), Some("br")),
        (Some("gzip, deflate, br, zstd"), Some("zstd")),
        (Some("gzip;q=0.5, br;q=0.5, zstd;q=0.5"), Some("zstd")),
        (Some("gzip;q=0.5, br;q=0.5"), Some("br")),
        (Some("zstd;q=0.5, br;q=0.8, gzip"), Some("gzip")),
        (Some("zstd;q=0.001, br;q=0.002"), Some("br")),
        (Some("gzip;q=0.5, identity"), None),
        (Some("gzip;q=0.5, identity;q=0.5"), Some("gzip")),
        (Some("br;q=0, gzip"), Some("gzip")),
        (Some("*"), Some("zstd")),
        (Some("*, zstd;q=0"), Some("br")),
        (Some("gzip, *;q=0"), Some("gzip")),
        (Some("*;q=0"), None),
        (Some("identity;q=0"), None),
        (Some("gzip, identity;q=0"), Some("gzip")),
        (Some("identity;q=0, *"), Some("zstd")),
    ];
    for (accepted, expected) in rows {
        let fields = accepted.map(|codings| ("Accept-Encoding", codings));
        let fields: Vec<_> = fields.into_iter().collect();
        let answer = connection.send(&Request::get("/page.html").fields(&fields));
        assert_eq!(answer.status, 200, "{accepted:?}: never 406");
        assert_eq!(answer.field("content-encoding"), expected, "{accepted:?}");
        assert_eq!(answer.must("vary"), "Accept-Encoding", "{accepted:?}");
        assert!(decode(&answer) == page, "{accepted:?}: not the file");
        check_head(&mut connection, &fields, answer);
    }
    let lines = [("Accept-Encoding", "gzip"), ("Accept-Encoding", "br")];
    let answer = connection.send(&Request::get("/page.html").fields(&lines));
    assert_eq!(answer.field("content-encoding"), Some("br"), "two lines are one list");
}

/// Holds that HEAD tells what GET told. Only the date moves on, and the length with it when a
/// better form has come in the meantime.
#[track_caller]
fn check_head(connection: &mut Connection, fields: &[(&str, &str)], get: Response) {
    let head = connection.send(&Request::head("/page.html").fields(fields));
    let told = |answer: Response| {
        let mut fields = answer.fields;
        fields.retain(|(name, _)| name != "date" && name != "content-length");
        (answer.status, fields)
    };
    head.must("content-length");
    assert_eq!(told(head), told(get), "{fields:?}");
}

#[test]
fn each_coding_has_its_tag_and_each_tag_is_good() {
    let page = prose(PAGE);
    let (_server, mut connection) = warm(&page);
    let plain = connection.send(&Request::get("/page.html")).must("etag").to_owned();
    let hash = plain.trim_matches('"').to_owned();
    for (coding, suffix, _) in CODINGS {
        let answer = connection.send(&accepting("/page.html", coding));
        assert_eq!(answer.must("etag"), format!("\"{hash}{suffix}\""), "{coding}");
    }
    for suffix in CODINGS.map(|(_, suffix, _)| suffix).into_iter().chain([""]) {
        let tag = format!("\"{hash}{suffix}\"");
        for accepted in ["identity", "gzip", "gzip, deflate, br, zstd"] {
            for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
                let request = accepting("/page.html", accepted).field("If-None-Match", &known);
                for method in ["GET", "HEAD"] {
                    let mut request = request.clone();
                    request.method = method.into();
                    let answer = connection.send(&request);
                    assert_eq!(answer.status, 304, "{known} with {accepted}");
                    assert_eq!(answer.must("etag"), tag, "{known} with {accepted}");
                    assert_eq!(answer.must("vary"), "Accept-Encoding", "{known}");
                    assert_eq!(answer.field("content-encoding"), None, "{known}");
                }
            }
        }
    }
    let other = format!("\"{hash}-xz\"");
    let answer = connection.send(&Request::get("/page.html").field("If-None-Match", &other));
    assert_eq!(answer.status, 200, "a coding that is never sent");
}

#[test]
fn a_range_is_of_the_identity_whatever_is_accepted() {
    let page = prose(PAGE);
    let (_server, mut connection) = warm(&page);
    let plain = connection.send(&Request::get("/page.html")).must("etag").to_owned();
    let hash = plain.trim_matches('"');
    for accepted in ["zstd", "br", "gzip", "*", "gzip, identity;q=0", "identity"] {
        let range = accepting("/page.html", accepted).field("Range", "bytes=1000-2999");
        let rows = [
            (range.clone(), 206, &page[1000..3000]),
            (range.clone().field("If-Range", &plain), 206, &page[1000..3000]),
            (accepting("/page.html", accepted).field("Range", "bytes=-5"), 206, &page[PAGE - 5..]),
            (range.clone().field("If-Range", &format!("\"{hash}-gz\"")), 200, &page[..]),
            (range.clone().field("If-Range", &format!("\"{hash}-br\"")), 200, &page[..]),
            (range.clone().field("If-Range", &format!("\"{hash}-zst\"")), 200, &page[..]),
        ];
        for (request, status, expected) in rows {
            let answer = connection.send(&request);
            assert_eq!(answer.status, status, "{:?}", request.fields);
            assert!(decode(&answer) == expected, "{:?}: other bytes", request.fields);
            assert_eq!(answer.must("vary"), "Accept-Encoding", "{:?}", request.fields);
            if status == 206 {
                assert_eq!(answer.field("content-encoding"), None, "{:?}", request.fields);
                assert_eq!(answer.must("etag"), plain, "{:?}", request.fields);
            }
        }
    }
}

#[test]
fn what_gains_nothing_is_never_coded() {
    let noise = pattern(4_000);
    let never: [(&str, Vec<u8>); 6] = [
        ("short.html", prose(CODED_MINIMUM - 1)),
        ("empty.html", Vec::new()),
        ("picture.png", prose(PAGE)),
        ("font.woff2", prose(PAGE)),
        ("noise.txt", noise),
        ("large.txt", prose(CODED_LIMIT + 1)),
    ];
    let always = [("shortest.html", prose(CODED_MINIMUM)), ("largest.txt", prose(HELD_LIMIT))];
    let server = Setup::new()
        .site("a.test", |site| {
            let all = never.iter().chain(&always);
            all.fold(site, |site, (name, content)| site.file(name, content))
        })
        .start();
    let mut connection = server.connect();
    let check = |connection: &mut Connection| {
        for (name, content) in &never {
            let answer = connection.send(&accepting(&format!("/{name}"), "zstd, br, gzip"));
            assert_eq!(answer.field("content-encoding"), None, "{name}");
            assert!(answer.body == *content, "{name}: not the file");
        }
    };
    check(&mut connection);
    // What is asked for later is coded later, so by then the others would be.
    for (name, content) in &always {
        for (coding, ..) in CODINGS {
            await_coding(&mut connection, &format!("/{name}"), coding, content);
        }
    }
    check(&mut connection);
}

#[test]
fn a_form_in_demand_becomes_smaller_and_keeps_its_tag() {
    let page = prose(4 * PAGE);
    let server = Setup::new().site("a.test", |site| site.file("page.html", &page)).start();
    let mut connection = server.connect();
    let first = await_coding(&mut connection, "/page.html", "br", &page);
    await_background("the best form", || {
        let answer = await_coding(&mut connection, "/page.html", "br", &page);
        assert_eq!(answer.must("etag"), first.must("etag"));
        answer.body.len() < first.body.len()
    });
}

/// How the time of a sibling relates to its file's.
#[derive(Clone, Copy, Debug)]
enum Age {
    Older,
    Same,
    Newer,
}

impl Age {
    fn from(self, time: SystemTime) -> SystemTime {
        match self {
            Self::Older => time - Duration::from_secs(1),
            Self::Same => time,
            Self::Newer => time + Duration::from_secs(1),
        }
    }
}

/// Name, content, age and content of the sibling, whether that is used.
type Row<'a> = (&'a str, &'a [u8], Age, &'a [u8], bool);

#[test]
fn a_sibling_is_used_as_it_is_when_it_is_not_older_and_smaller() {
    let page = prose(PAGE);
    let large = prose(HELD_LIMIT + 1);
    // Any bytes will do: the server has no business with what they decode to.
    let smaller = pattern(PAGE / 2);
    let (same_size, larger) = (pattern(PAGE), pattern(PAGE + 1));
    let rows: [Row<'_>; 9] = [
        ("page.html", &page, Age::Same, &smaller, true),
        ("page.html", &page, Age::Newer, &smaller, true),
        ("page.html", &page, Age::Older, &smaller, false),
        ("page.html", &page, Age::Newer, &same_size, false),
        ("page.html", &page, Age::Newer, &larger, false),
        ("large.html", &large, Age::Newer, &smaller, true),
        ("large.html", &large, Age::Newer, &large[..HELD_LIMIT], true),
        ("large.html", &large, Age::Older, &smaller, false),
        ("scan.dat", &page, Age::Newer, &smaller, true),
    ];
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (name, content, age, sibling, used) in rows {
        let fill = |site: &Site| {
            site.file_of(name, content, past);
            for (.., suffix) in CODINGS {
                site.file_of(&format!("{name}{suffix}"), sibling, age.from(past));
            }
        };
        let server = Setup::new()
            .site("a.test", |site| {
                fill(site);
                site
            })
            .start();
        let mut connection = server.connect();
        for (coding, suffix, _) in CODINGS {
            let what = format!("{name}, {coding} {age:?}, {} bytes", sibling.len());
            let answer = connection.send(&accepting(&format!("/{name}"), coding));
            assert_eq!(answer.status, 200, "{what}");
            if used {
                assert_eq!(answer.field("content-encoding"), Some(coding), "{what}");
                assert!(answer.body == sibling, "{what}: not as it is");
                assert_eq!(answer.must("vary"), "Accept-Encoding", "{what}");
                let tag = answer.field("etag");
                assert!(tag.is_none_or(|tag| tag.ends_with(&format!("{suffix}\""))), "{what}");
            } else {
                assert!(decode(&answer) == content, "{what}: a sibling that is not the file's");
            }
        }
        let answer = connection.send(&Request::get(&format!("/{name}")));
        assert!(answer.body == content, "{name}: not the file");
    }
}

#[test]
fn the_page_for_what_is_missing_is_coded_like_any_other() {
    let page = prose(PAGE);
    let sibling = pattern(PAGE / 2);
    let server = Setup::new()
        .site("a.test", |site| site.file("404.html", &page))
        .site("b.test", |site| site.file("404.html", &page).file("404.html.gz", &sibling))
        .start();
    let mut connection = server.connect();
    for (coding, ..) in CODINGS {
        let answer = await_coding(&mut connection, "/nothing", coding, &page);
        check_missing(&answer);
    }
    let answer = connection.send(&accepting("/nothing", "gzip").host("b.test"));
    assert_eq!(answer.field("content-encoding"), Some("gzip"), "{:?}", answer.fields);
    assert!(answer.body == sibling, "the sibling, as it is");
    check_missing(&answer);
}

#[track_caller]
fn check_missing(answer: &Response) {
    assert_eq!(answer.status, 404);
    assert_eq!(answer.must("vary"), "Accept-Encoding");
    assert_eq!(answer.must("cache-control"), "no-store");
    assert_eq!(answer.field("etag"), None, "a 404 has no validators");
}

/// Siblings as tools and accidents leave them: the times of file and sibling in nanoseconds, the
/// content of the sibling, and whether it is used.
#[test]
fn siblings_are_used_as_tools_leave_them() {
    let page = prose(PAGE);
    let coded = pattern(PAGE / 2);
    let rows: [(u64, u64, &[u8], bool); 10] = [
        // `brotli -k` of Debian 12 leaves whole seconds.
        (5_700_000_001, 5_000_000_000, &coded, true),
        // Others leave milliseconds or microseconds.
        (5_123_456_789, 5_123_000_000, &coded, true),
        (5_123_456_789, 5_123_456_000, &coded, true),
        (5_123_456_789, 4_000_000_000, &coded, false),
        (5_123_456_789, 5_122_000_000, &coded, false),
        (5_123_456_789, 5_123_455_999, &coded, false),
        // A compressor that had no room.
        (5_000_000_000, 5_000_000_000, b"", false),
        (5_000_000_000, 9_000_000_000, b"", false),
        (5_700_000_001, 5_000_000_000, b"", false),
        (9_000_000_000, 5_000_000_000, b"", false),
    ];
    for (file_time, sibling_time, sibling, used) in rows {
        let at = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let server = Setup::new()
            .site("a.test", |site| {
                site.file_of("x.js", &page, at(1_000_000_000_000_000_000 + file_time));
                for (.., suffix) in CODINGS {
                    let time = at(1_000_000_000_000_000_000 + sibling_time);
                    site.file_of(&format!("x.js{suffix}"), sibling, time);
                }
                site
            })
            .start();
        for (coding, ..) in CODINGS {
            let answer = server.send(&accepting("/x.js", coding));
            let what = format!("{file_time} {sibling_time} {coding}");
            assert_eq!(answer.status, 200, "{what}");
            if used {
                assert!(answer.body == sibling, "{what}: not used");
            } else {
                assert!(decode(&answer) == page, "{what}: used");
            }
        }
        if sibling.is_empty() {
            server.stderr.nth(0, |line| line.contains("x.js.br") && line.contains("empty"));
        }
    }
}

#[test]
fn a_name_says_what_a_coded_file_is() {
    let server = Setup::new()
        .site("a.test", |site| {
            site.file("x.svgz", pattern(PAGE))
                .file("X.SVGZ", pattern(PAGE))
                .file("deep/logo.min.svgz", pattern(PAGE))
                .file("x.js.gz", pattern(PAGE))
                .file("x.svg.gz", pattern(PAGE))
                .file("x.css.br", pattern(PAGE))
                .file("data.json.zst", pattern(PAGE))
                .file("page.html.gz", pattern(PAGE))
                .file("svgz", pattern(PAGE))
        })
        .start();
    let rows = [
        ("/x.svgz", "image/svg+xml", Some("gzip")),
        ("/X.SVGZ", "image/svg+xml", Some("gzip")),
        ("/deep/logo.min.svgz", "image/svg+xml", Some("gzip")),
        ("/x.js.gz", "application/gzip", None),
        ("/x.svg.gz", "application/gzip", None),
        ("/x.css.br", "application/octet-stream", None),
        ("/data.json.zst", "application/zstd", None),
        ("/page.html.gz", "application/gzip", None),
        ("/svgz", "application/octet-stream", None),
    ];
    for (target, content_type, coding) in rows {
        for request in [Request::get(target), accepting(target, "gzip, br"), Request::head(target)]
        {
            let answer = server.send(&request);
            assert_eq!(answer.must("content-type"), content_type, "{target}");
            assert_eq!(answer.field("content-encoding"), coding, "{target}");
            assert_eq!(answer.must("content-length"), PAGE.to_string(), "{target}");
        }
    }
}

/// Files that are coded: text of every kind and size, by name or by its content.
#[test]
fn text_is_coded_by_name_or_by_its_content_up_to_16_mebibytes() {
    let text = prose(PAGE);
    let large = prose(7 << 19);
    let noise = pattern(PAGE);
    let rows: [(&str, &[u8], bool); 30] = [
        ("app.js", &large, true),
        ("data.json", &large, true),
        ("LICENSE", &large, true),
        ("a.ndjson", &text, true),
        ("a.ipynb", &text, true),
        ("a.patch", &text, true),
        ("a.rst", &text, true),
        ("a.wasm", &text, true),
        ("a.map", &text, true),
        ("a.svg", &text, true),
        ("a.csv", &text, true),
        ("a.geojson", &text, true),
        ("a.xlf", &text, true),
        ("Makefile", &text, true),
        ("a.diff", &text, true),
        ("a.jsonl", &text, true),
        ("a.toml", &text, true),
        ("a.gpx", &text, true),
        ("a.ttf", &text, true),
        ("a.po", &text, true),
        ("README", &text, true),
        ("a.woff2", &text, false),
        ("a.tar.zst", &text, false),
        ("COPYING", &text, true),
        ("a.unheardof", &text, true),
        ("b.unheardof", &noise, false),
        ("NOISE", &noise, false),
        ("a.png", &text, false),
        ("a.zip", &text, false),
        ("a.mp4", &text, false),
    ];
    let server = Setup::new()
        .site("a.test", |site| {
            for (name, content, _) in &rows {
                site.file(name, content);
            }
            site
        })
        .start();
    let mut connection = server.connect();
    for (name, content, coded) in rows {
        for (coding, ..) in CODINGS {
            let what = format!("{name} {coding}");
            let until = Instant::now() + Duration::from_mins(1);
            let answer = loop {
                let answer = connection.send(&accepting(&format!("/{name}"), coding));
                if !coded || answer.field("content-encoding") == Some(coding) {
                    break answer;
                }
                assert!(Instant::now() < until, "{what}: never coded");
                std::thread::yield_now();
            };
            assert_eq!(answer.field("content-encoding").is_some(), coded, "{what}");
            assert_eq!(answer.field("vary").is_some(), coded, "{what}");
            assert!(decode(&answer) == content, "{what}: other content");
        }
    }
}
