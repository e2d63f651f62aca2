//! Dictionaries, row by row (docs/behaviour.md, "Dictionaries").

use std::io::Read;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::support::await_background;
use crate::support::client::{Connection, Request, Response};
use crate::support::decoded::{decode, prose};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};

/// Bytes of the frame in front of the content: eight, and a SHA-256.
const HEAD: usize = 40;
/// The codings that a browser with a dictionary takes.
const CODINGS: &str = "gzip, deflate, br, zstd, dcb, dcz";
/// Bytes of a template that all pages share.
const TEMPLATE: usize = 8_000;

/// A page of the site's template.
fn page(article: &str) -> Vec<u8> {
    [&prose(TEMPLATE), "<article>".as_bytes(), article.as_bytes(), b"</article>\n"].concat()
}

fn site(site: &Site) -> &Site {
    site.file("index.html", page("the first page"))
        .file("blog/index.html", page("all posts"))
        .file("blog/a.html", page("the post a"))
        .file("blog/b.html", page("the post b"))
        .file("shop/c.html", page("the thing c"))
        .file("404.html", page("nothing"))
        .file("data/x.json", prose(TEMPLATE))
        .file("data/y.json", prose(TEMPLATE))
        .file("style.css", prose(TEMPLATE))
        .file("small.html", "<p>small</p>".repeat(50))
        .file("large.html", prose(1024 * 1024 + 1))
        .file("noise.html", pattern(TEMPLATE))
        .file("strange.html", &prose(4 * TEMPLATE)[2 * TEMPLATE..])
        .file("odd (1)/a.html", page("an odd folder"))
}

fn start() -> (Server, Connection) {
    let server = Setup::new().site("a.test", site).certificate("a.test").start();
    let connection = server.connect_tls("a.test");
    (server, connection)
}

/// A request of a client that has `dictionary`, which the server offered as the file `name`.
fn with(target: &str, name: &str, dictionary: &[u8]) -> Request {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, dictionary));
    Request::get(target)
        .field("Accept-Encoding", CODINGS)
        .field("Available-Dictionary", &format!(":{hash}:"))
        .field("Dictionary-ID", &format!("\"/{name}\""))
}

fn is_by_dictionary(answer: &Response) -> bool {
    answer.field("content-encoding") == Some("dcz")
}

/// The content of an answer to a client that has `dictionary`.
#[track_caller]
fn content(answer: &Response, dictionary: &[u8]) -> Vec<u8> {
    if !is_by_dictionary(answer) {
        return decode(answer);
    }
    assert_eq!(answer.body[..8], [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0]);
    assert_eq!(&answer.body[8..HEAD], digest(&SHA256, dictionary).as_ref());
    let mut decoder = zstd::Decoder::with_ref_prefix(&answer.body[HEAD..], dictionary)
        .expect("there is a decoder");
    let mut content = Vec::new();
    decoder.read_to_end(&mut content).expect("it is coded with this dictionary");
    content
}

/// Asks until the answer is `file`, coded with the dictionary.
#[track_caller]
fn await_form(
    connection: &mut Connection,
    request: &Request,
    dictionary: &[u8],
    file: &[u8],
) -> Response {
    let mut by_dictionary = None;
    await_background(&format!("{request:?}"), || {
        let answer = connection.send(request);
        let is_it = content(&answer, dictionary) == file && is_by_dictionary(&answer);
        by_dictionary = is_it.then_some(answer);
        by_dictionary.is_some()
    });
    by_dictionary.expect("it was waited for")
}

#[test]
fn pages_and_data_are_offered_over_https() {
    let (server, mut connection) = start();
    let folder = |folder, name| {
        format!("match=\"/{folder}*\", match-dest=(\"document\"), id=\"/{name}\", ttl=604800")
    };
    let itself = "match=\"/data/x.json\", id=\"/data/x.json\", ttl=604800".to_owned();
    let rows = [
        ("/", Some(folder("", "index.html"))),
        ("/blog/", Some(folder("blog/", "blog/index.html"))),
        ("/blog/a", Some(folder("blog/", "blog/a.html"))),
        ("/blog/a.html", Some(folder("blog/", "blog/a.html"))),
        ("/data/x.json", Some(itself)),
        ("/style.css", None),
        ("/small", None),
        ("/large", None),
        ("/odd%20(1)/a", None),
        ("/missing", None),
        ("/blog", None),
    ];
    for (target, expected) in &rows {
        for method in ["GET", "HEAD"] {
            let answer = connection.send(&Request::new(method, target));
            let expected = expected.as_deref();
            assert_eq!(answer.field("use-as-dictionary"), expected, "{method} {target}");
        }
    }
    let part = connection.send(&Request::get("/blog/a").field("Range", "bytes=0-9"));
    assert_eq!((part.status, part.field("use-as-dictionary")), (206, None));
    let tag = connection.send(&Request::get("/blog/a")).must("etag").to_owned();
    let unchanged = connection.send(&Request::get("/blog/a").field("If-None-Match", &tag));
    assert_eq!((unchanged.status, unchanged.field("use-as-dictionary")), (304, None));
    drop(server);

    let plain = Setup::new().site("a.test", site).start();
    let off = Setup::new().site("a.test", site).certificate("a.test").args(["--no-dictionaries"]);
    let off = off.start();
    for mut connection in [plain.connect(), off.connect_tls("a.test")] {
        let request = with("/blog/b", "blog/a.html", &page("the post a"));
        await_background("zstd", || connection.send(&request).field("content-encoding").is_some());
        for request in [Request::get("/blog/a"), request] {
            let answer = connection.send(&request);
            assert_eq!(answer.field("use-as-dictionary"), None);
            assert!(!is_by_dictionary(&answer));
            assert_eq!(answer.must("vary"), "Accept-Encoding");
        }
    }
}

#[test]
fn a_page_is_coded_with_another_of_its_template() {
    let (_server, mut connection) = start();
    let (dictionary, file) = (page("the post a"), page("the post b"));
    connection.send(&Request::get("/blog/a"));
    let request = with("/blog/b", "blog/a.html", &dictionary);
    let answer = await_form(&mut connection, &request, &dictionary, &file);

    assert_eq!(answer.must("vary"), "Accept-Encoding, Available-Dictionary");
    assert!(answer.must("use-as-dictionary").contains("id=\"/blog/b.html\""));
    assert_eq!(answer.must("content-type"), "text/html; charset=utf-8");
    let tag = answer.must("etag").to_owned();
    let plain = connection.send(&Request::get("/blog/b")).must("etag").to_owned();
    let [first, second, third, fourth, ..] = digest(&SHA256, &dictionary).as_ref().to_owned()[..]
    else {
        unreachable!("a SHA-256 is longer")
    };
    let ending = format!("-dcz-{first:02x}{second:02x}{third:02x}{fourth:02x}\"");
    assert_eq!(tag, plain[..plain.len() - 1].to_owned() + &ending);

    let zstd = Request::get("/blog/b").field("Accept-Encoding", "zstd");
    await_background("zstd", || connection.send(&zstd).field("content-encoding").is_some());
    let zstd = connection.send(&zstd);
    assert_eq!(zstd.must("vary"), "Accept-Encoding");
    assert!(3 * answer.body.len() <= 2 * zstd.body.len(), "it saves a third");

    let mut head = request.clone();
    head.method = "HEAD".into();
    let fields = |answer: &Response| {
        let kept = |(name, _): &&(String, String)| name != "date" && name != "content-length";
        answer.fields.iter().filter(kept).cloned().collect::<Vec<_>>()
    };
    assert_eq!(fields(&connection.send(&head)), fields(&answer));

    for known in [tag.clone(), format!("W/{tag}"), format!("{plain}, {tag}")] {
        for request in [request.clone(), Request::get("/blog/b")] {
            let unchanged = connection.send(&request.clone().field("If-None-Match", &known));
            assert_eq!(unchanged.status, 304, "{known}");
            if unchanged.must("etag") != plain {
                assert_eq!(unchanged.must("etag"), tag, "{known}");
                assert_eq!(unchanged.must("vary"), answer.must("vary"), "{known}");
            }
        }
    }
    let other = tag.replace("-dcz-", "-dcb-");
    assert_eq!(connection.send(&request.field("If-None-Match", &other)).status, 200);
}

#[test]
fn nothing_is_coded_with_a_dictionary_that_does_not_fit() {
    let (_server, mut connection) = start();
    let (a, b) = (page("the post a"), page("the post b"));
    for target in ["/", "/blog/a", "/shop/c", "/data/x.json", "/noise"] {
        connection.send(&Request::get(target));
    }
    let fits = with("/blog/b", "blog/a.html", &a);
    let unfit = [
        ("/blog/b", "shop/c.html", page("the thing c")),
        ("/", "blog/a.html", a.clone()),
        ("/blog/b", "data/x.json", prose(TEMPLATE)),
        ("/data/y.json", "data/x.json", prose(TEMPLATE)),
        ("/data/y.json", "index.html", page("a page that never was")),
        ("/style.css", "index.html", page("the first page")),
        ("/small", "index.html", page("the first page")),
        ("/large", "index.html", page("the first page")),
        ("/noise", "index.html", page("the first page")),
        ("/strange", "index.html", page("the first page")),
        ("/blog/", "blog/b.html", a.clone()),
        ("/blog/", "blog/missing.html", a.clone()),
    ];
    for round in 0..2 {
        for (target, name, dictionary) in &unfit {
            let answer = connection.send(&with(target, name, dictionary));
            assert_eq!(answer.status, 200);
            assert!(!is_by_dictionary(&answer), "{target} with {name}, round {round}");
        }
        // The forms are made in the order in which they were asked for: behind this one all are done.
        await_form(&mut connection, &fits, &a, &b);
    }
    let unasked = [
        fits.clone().without("Dictionary-ID"),
        fits.clone().without("Available-Dictionary"),
        fits.clone().without("Accept-Encoding"),
        fits.clone().without("Accept-Encoding").field("Accept-Encoding", "gzip, br, zstd, dcb"),
        fits.clone().without("Accept-Encoding").field("Accept-Encoding", "zstd, dcz;q=0.5"),
        fits.clone().without("Accept-Encoding").field("Accept-Encoding", "*"),
        fits.clone().field("Available-Dictionary", ":AAAA:"),
        fits.clone().field("Range", "bytes=0-99"),
        fits.clone().fields(&[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors")]),
        fits.clone().fields(&[("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors")]),
    ];
    for request in unasked {
        let answer = connection.send(&request);
        assert!(!is_by_dictionary(&answer), "{request:?}");
    }
    let asked = [
        fits.clone().fields(&[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]),
        fits.fields(&[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")]),
    ];
    for request in asked {
        assert!(is_by_dictionary(&connection.send(&request)), "{request:?}");
    }
}

#[test]
fn the_version_before_is_a_dictionary_and_the_one_before_that_is_none() {
    let (server, mut connection) = start();
    for (target, name) in [("/blog/a", "blog/a.html"), ("/data/x.json", "data/x.json")] {
        let versions: Vec<_> = (1..=3).map(|number| page(&format!("version {number}"))).collect();
        for (number, version) in versions.iter().enumerate() {
            server.site("a.test").replace(name, version);
            await_background("the new version", || {
                decode(&connection.send(&Request::get(target))) == *version
            });
            if number > 0 {
                let before = &versions[number - 1];
                let request = with(target, name, before);
                await_form(&mut connection, &request, before, version);
            }
        }
        let request = with(target, name, &versions[0]);
        let answer = connection.send(&request);
        assert!(!is_by_dictionary(&answer) && decode(&answer) == versions[2], "{target}");
    }
}

#[test]
fn a_version_that_nobody_was_offered_is_not_kept() {
    let (server, mut connection) = start();
    let (before, after) = (page("the post a"), page("the same post, changed"));
    // A part of it is in memory then, and not offered.
    connection.send(&Request::get("/blog/a").field("Range", "bytes=0-"));
    server.site("a.test").replace("blog/a.html", &after);
    await_background("the new version", || {
        let request = Request::get("/blog/a").field("Range", "bytes=0-");
        connection.send(&request).body == after
    });
    connection.send(&with("/blog/a", "blog/a.html", &before));
    let fits = with("/blog/a", "blog/a.html", &after);
    await_form(&mut connection, &fits, &after, &after);
    let answer = connection.send(&with("/blog/a", "blog/a.html", &before));
    assert!(!is_by_dictionary(&answer) && decode(&answer) == after);
}

#[test]
fn without_a_cache_there_are_no_dictionaries() {
    let server = Setup::new().site("a.test", site).certificate("a.test");
    let server = server.args(["--cache-size", "0"]).start();
    let mut connection = server.connect_tls("a.test");
    connection.send(&Request::get("/blog/a"));
    for _ in 0..20 {
        let answer = connection.send(&with("/blog/b", "blog/a.html", &page("the post a")));
        assert!(!is_by_dictionary(&answer) && decode(&answer) == page("the post b"));
    }
}

#[test]
fn the_rules_of_a_site_decide() {
    let rules = "/own\n  Use-As-Dictionary: match=\"/*\"\n/none\n  ! Use-As-Dictionary\n\
                 /secret\n  Cache-Control: private, no-store\n/kept\n  Cache-Control: max-age=600\n\
                 /both\n  Cache-Control: No-Store\n  Use-As-Dictionary: match=\"/b\"\n\
                 /vary\n  Vary: Cookie\n";
    let write_pages = |site: &Site| {
        for name in ["own", "none", "secret", "kept", "both", "vary"] {
            site.file(&format!("{name}.html"), page(name));
        }
    };
    let server = Setup::new().site("a.test", |site| {
        write_pages(site);
        site.file("_headers", rules)
    });
    let server = server.certificate("a.test").start();
    let mut connection = server.connect_tls("a.test");
    let default = "match=\"/*\", match-dest=(\"document\"), id=\"/kept.html\", ttl=604800";
    let rows = [
        ("/own", Some("match=\"/*\"")),
        ("/none", None),
        ("/secret", None),
        ("/kept", Some(default)),
        ("/both", Some("match=\"/b\"")),
    ];
    for (target, expected) in rows {
        let answer = connection.send(&Request::get(target));
        assert_eq!(answer.field("use-as-dictionary"), expected, "{target}");
    }
    let (dictionary, file) = (page("kept"), page("vary"));
    let request = with("/vary", "kept.html", &dictionary);
    let answer = await_form(&mut connection, &request, &dictionary, &file);
    assert_eq!(answer.must("vary"), "Accept-Encoding, Available-Dictionary, Cookie");
}
