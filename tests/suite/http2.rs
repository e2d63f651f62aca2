//! HTTP/2 (RFC 9113): the same answers as over HTTP/1.1, by ALPN and by preface.

use crate::support::await_background;
use crate::support::client::{Request, Response};
use crate::support::http2::{self, Http2};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Version;

/// Above the cacheable limit, so that it is streamed.
const BIG: usize = 2 * 1024 * 1024 + 3;

fn fill(site: &Site) -> &Site {
    site.file("index.html", "index")
        .file("page.html", "hello")
        .file("404.html", "not here")
        .file("data.bin", pattern(1000))
        .file("big.bin", pattern(BIG))
}

fn serve() -> Server {
    Setup::new().site("a.test", fill).certificate("a.test").start()
}

fn serve_plain() -> Server {
    Setup::new().site("a.test", fill).site("b.test", |site| site.file("index.html", "b")).start()
}

/// The fields that both protocols send.
fn common(answer: &Response) -> Vec<(String, String)> {
    let own = ["date", "connection", "keep-alive"];
    let mut fields: Vec<_> =
        answer.fields.iter().filter(|(name, _)| !own.contains(&name.as_str())).cloned().collect();
    fields.sort();
    fields
}

#[test]
fn every_answer_is_the_one_of_http1() {
    let server = serve();
    let requests = [
        Request::get("/"),
        Request::get("/page.html?x"),
        Request::head("/page.html"),
        Request::get("/page"),
        Request::get("/nothing"),
        Request::head("/nothing"),
        Request::get("/index.html?x"),
        Request::get("/a//b"),
        Request::get("/%zz"),
        Request::get("/page.html").field("If-None-Match", "*"),
        Request::get("/page.html").field("If-Match", "\"x\""),
        Request::get("/data.bin").field("Range", "bytes=10-19"),
        Request::get("/data.bin").field("Range", "bytes=1000-"),
        Request::get("/big.bin").field("Range", "bytes=-5"),
        Request::new("OPTIONS", "/"),
        Request::new("DELETE", "/"),
        Request::get("/").host("unknown.test"),
    ];
    // The tag of a big file comes later; both answers are to have it.
    await_background("the tag of a large file", || {
        server.send_tls("a.test", Request::head("/big.bin")).field("etag").is_some()
    });
    http2::run(async {
        let mut client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        for request in requests {
            let shown = format!("{} {} {:?}", request.method, request.target, request.fields);
            let answer = client.send("https", &request).await;
            let old = server.connect_tls("a.test").send(&request);
            assert_eq!(answer.status, old.status, "{shown}");
            assert_eq!(common(&answer), common(&old), "{shown}");
            assert!(answer.body == old.body, "{shown}");
        }
    });
}

#[test]
fn in_the_clear_the_preface_is_enough() {
    let server = serve_plain();
    http2::run(async {
        let mut client = Http2::open(server.http()).await;
        let answer = client.send("http", &Request::get("/page.html")).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
        let answer = client.send("http", &Request::get("/").host("b.test")).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "b"));
        let answer = client.send("http", &Request::get("/x").host("www.b.test:81")).await;
        assert_eq!((answer.status, answer.must("location")), (301, "http://b.test:81/x"));
    });
    // The same port still speaks HTTP/1.1, whose requests may begin with the same letters.
    assert_eq!(server.send(&Request::new("PRI", "/")).status, 405);
    assert_eq!(server.send(&Request::get("/page.html")).status, 200);
}

#[test]
fn many_streams_are_answered_on_one_connection() {
    const STREAMS: usize = 300;
    let server = serve();
    http2::run(async {
        let client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..STREAMS {
            let mut client = client.share();
            tasks.spawn(async move {
                let target = ["/page.html", "/data.bin", "/nothing"][index % 3];
                let answer = client.send("https", &Request::get(target)).await;
                (index, answer)
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (index, answer) = done.expect("no task panics");
            match index % 3 {
                0 => assert_eq!(answer.text(), "hello"),
                1 => assert!(answer.body == pattern(1000)),
                _ => assert_eq!((answer.status, answer.text().as_str()), (404, "not here")),
            }
        }
    });
}

#[test]
fn streamed_files_share_one_connection() {
    const STREAMS: usize = 12;
    let server = serve();
    http2::run(async {
        let client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..STREAMS {
            let mut client = client.share();
            tasks.spawn(async move { client.send("https", &Request::get("/big.bin")).await });
        }
        while let Some(done) = tasks.join_next().await {
            assert!(done.expect("no task panics").body == pattern(BIG));
        }
    });
}

#[test]
fn a_stream_that_is_given_up_hurts_no_other() {
    let server = serve();
    http2::run(async {
        let mut client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        for _ in 0..20 {
            let opened = client.start("https", &Request::get("/big.bin")).await.expect("answered");
            drop(opened);
            assert_eq!(client.send("https", &Request::get("/page.html")).await.text(), "hello");
        }
    });
}

/// A request with this Host field and this authority, as no library would send it.
fn odd(authority: Option<&str>, hosts: &[&str]) -> http::Request<()> {
    let mut builder = http::Request::get(match authority {
        Some(authority) => format!("http://{authority}/"),
        None => "/".to_owned(),
    });
    // The client sends a target without authority only for a request that came over HTTP/1.1.
    builder = builder.version(if authority.is_some() { Version::HTTP_2 } else { Version::HTTP_11 });
    builder = builder.header("user-agent", crate::support::USER_AGENT);
    hosts
        .iter()
        .fold(builder, |builder, host| builder.header("host", *host))
        .body(())
        .expect("well formed")
}

async fn status(sender: &SendRequest<Bytes>, request: http::Request<()>) -> u16 {
    let mut sender = sender.clone().ready().await.expect("the connection is open");
    let (answer, _) = sender.send_request(request, true).expect("it can be sent");
    answer.await.expect("it is answered").status().as_u16()
}

#[test]
fn authority_and_host_have_to_agree() {
    // RFC 9113 §8.3.1.
    let server = serve_plain();
    let rows: [(Option<&str>, &[&str], u16); 9] = [
        (Some("a.test"), &[], 200),
        (Some("a.test"), &["a.test"], 200),
        (Some("A.test"), &["a.test"], 200),
        (None, &["a.test"], 200),
        (Some("a.test"), &["b.test"], 400),
        (Some("b.test"), &["a.test"], 400),
        (Some("a.test"), &["a.test", "a.test"], 400),
        (None, &[], 400),
        (None, &["a..test"], 400),
    ];
    http2::run(async {
        for (authority, hosts, expected) in rows {
            let client = Http2::open(server.http()).await;
            let actual = status(&client.sender, odd(authority, hosts)).await;
            assert_eq!(actual, expected, ":authority {authority:?}, Host {hosts:?}");
        }
    });
}

#[test]
fn a_refused_bot_is_told_and_the_connection_ends() {
    let server = serve_plain();
    http2::run(async {
        let mut client = Http2::open(server.http()).await;
        let answer = client.send("http", &Request::get("/").without("user-agent")).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("no-user-agent"), "{answer:?}");
        let Http2 { sender: _open, connection } = client;
        drop(connection.await.expect("no panic; GOAWAY or a plain end"));
    });
}

#[test]
fn a_request_with_content_is_refused_without_waiting_for_it() {
    let server = serve_plain();
    http2::run(async {
        let client = Http2::open(server.http()).await;
        let mut sender = client.sender.clone().ready().await.expect("the connection is open");
        let request = http::Request::post("http://a.test/").header("user-agent", "shost-test");
        let (answer, _content) = sender
            .send_request(request.body(()).expect("well formed"), false)
            .expect("it can be sent");
        assert_eq!(answer.await.expect("it is answered").status(), 405);
        assert_eq!(status(&client.sender, odd(Some("a.test"), &[])).await, 200);
    });
}

/// One frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A GET of `/` on a stream, its fields as indexes and plain literals (RFC 7541 §6).
fn get(stream: u8) -> Vec<u8> {
    const ENDS: u8 = 0x4 | 0x1;
    frame(0x1, ENDS, stream, b"\x82\x84\x86\x41\x06a.test\x7a\x01x")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "that time passes is the point")]
fn a_quiet_connection_is_kept_until_it_is_idle() {
    /// Longer than a head may take, far shorter than a connection may idle.
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(12);
    let server = serve_plain();
    let mut connection = server.connect();
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.write(&[frame(0x4, 0, 0, b""), get(1)].concat());
    assert!(connection.read_until("index").ends_with(b"index"));
    // A ping is no beginning of a request, which would be due soon.
    connection.write(&frame(0x6, 0, 0, b"12345678"));
    std::thread::sleep(PAUSE);
    connection.write(&get(3));
    assert!(connection.read_until("index").ends_with(b"index"), "closed while it was quiet");
}
