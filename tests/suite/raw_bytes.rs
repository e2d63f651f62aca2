//! Targets with bytes as they are, and names of files that are not UTF-8 (docs/behaviour.md, "From
//! request to file").

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::DEADLINE;
use crate::support::client::{Request, Response};
use crate::support::frames::{self, Came, Raw};
use crate::support::server::{Server, Setup};

/// The answer to a target in bytes, over HTTP/1 as they are.
#[track_caller]
fn by_http1(server: &Server, target: &[u8]) -> Response {
    let request = Request::get("/").bytes();
    let mut connection = server.connect();
    connection.write(&[b"GET ", target, &request[b"GET /".len()..]].concat());
    connection.read("GET")
}

/// The target that an answer redirects to.
fn redirected(answer: &Response) -> (u16, &str) {
    let location = answer.must("location");
    (answer.status, location.strip_prefix("http://a.test").unwrap_or(location))
}

#[track_caller]
fn check(server: &Server, target: &[u8], text: &str) {
    let (answer, expected) = (by_http1(server, target), (200, text.to_owned()));
    assert_eq!((answer.status, answer.text()), expected, "{}", target.escape_ascii());
    assert_eq!(by_http2(server, target), expected, "{} over HTTP/2", target.escape_ascii());
}

/// The status and text of a target in bytes, over HTTP/2 as they are.
#[track_caller]
fn by_http2(server: &Server, target: &[u8]) -> (u16, String) {
    const OK: u8 = 0x88;
    let mut connection = Raw::open(server.http(), &[]);
    connection.write(&frames::get(1, target), DEADLINE);
    let (mut status, mut content) = (0, Vec::new());
    while let Came::This(frame) = connection.read(DEADLINE) {
        match (frame.stream, frame.kind) {
            (1, frames::HEADERS) => status = if frame.payload[0] == OK { 200 } else { 0 },
            (1, frames::DATA) => content.extend(frame.payload),
            (1, _) => break,
            _ => continue,
        }
        if frame.flags & frames::END_STREAM != 0 {
            break;
        }
    }
    (status, String::from_utf8(content).expect("text"))
}

#[test]
fn a_name_that_is_not_utf_8_is_served_by_its_bytes() {
    let names: [&[u8]; 6] = [
        b"caf\xE9.html",
        b"\xFF",
        b"\xC0\xAE\xC0\xAE",
        b"\xF4\x8F\xBF\xA9",
        b"\xE9\xC3\xA9.txt",
        b"\xE9/index.html",
    ];
    let setup = Setup::new().site("a.test", |site| {
        site.file("index.html", "index").file("_redirects", "/alt%E4/:x /n%FCu/:x\n")
    });
    let site = setup.sites().join("a.test");
    fs::create_dir(site.join(OsStr::from_bytes(b"\xE9"))).unwrap();
    for name in names {
        fs::write(site.join(OsStr::from_bytes(name)), name.escape_ascii().to_string()).unwrap();
    }
    let server = setup.start();
    let rows: [(&[u8], &str); 9] = [
        (b"/caf%E9.html", r"caf\xe9.html"),
        (b"/caf%e9", r"caf\xe9.html"),
        (b"/caf\xE9.html", r"caf\xe9.html"),
        (b"/%FF", r"\xff"),
        (b"/%C0%AE%C0%AE", r"\xc0\xae\xc0\xae"),
        (b"/%F4%8F%BF%A9", r"\xf4\x8f\xbf\xa9"),
        (b"/%E9%C3%A9.txt?\xE9", r"\xe9\xc3\xa9.txt"),
        (b"/%E9/", r"\xe9/index.html"),
        (b"/\xE9/?x=\xFF", r"\xe9/index.html"),
    ];
    for (target, text) in rows {
        check(&server, target, text);
    }
    for target in ["/%FE", "/caf%C3%A9.html", "/%C0%AF", "/%ED%A0%80", "/%C3.html", "/%E9%E9/"] {
        assert_eq!(server.send(&Request::get(target)).status, 404, "{target}");
    }
    let redirects = [
        ("/%e9?x=%E9", 308, "/%E9/?x=%E9"),
        ("/%E9/index.html", 308, "/%E9/"),
        ("/caf%E9/", 308, "/caf%E9"),
        ("/%FF//%FE", 308, "/%FF/%FE"),
        ("/alt%E4/%F6", 302, "/n%FCu/%F6"),
    ];
    for (target, status, to) in redirects {
        let answer = server.send(&Request::get(target));
        assert_eq!(redirected(&answer), (status, to), "{target}");
    }
}

#[test]
fn raw_bytes_in_a_query_are_taken() {
    let server = Setup::new()
        .site("a.test", |site| site.file("index.html", "index").file("f/index.html", "f"))
        .start();
    let queries: [(&[u8], &str); 10] = [
        (b"q=caf\xE9", "q=caf%E9"),
        (b"\xFF\xFE", "%FF%FE"),
        (b"q=caf\xC3\xA9", "q=caf%C3%A9"),
        (b"q=\xC3", "q=%C3"),
        (b"q=\x80\xA0", "q=%80%A0"),
        (b"q=\"x\"", "q=%22x%22"),
        (b"q=<b>", "q=%3Cb%3E"),
        (b"{\"a\":[1]}", "{%22a%22:[1]}"),
        (b"a|b^c`d\\e", "a|b^c%60d\\e"),
        (b"q=\xE9&<\xE8>", "q=%E9&%3C%E8%3E"),
    ];
    for (query, encoded) in queries {
        check(&server, &[b"/?", query].concat(), "index");
        let moved = by_http1(&server, &[b"/f?", query].concat());
        assert_eq!(redirected(&moved), (308, &*format!("/f/?{encoded}")));
        server
            .stdout
            .nth(1, |line| line.contains(&format!("/?{}", encoded.replace('\\', r"\x5C"))));
    }
}
