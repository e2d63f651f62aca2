//! HTTP/3 (RFC 9114): the same answers over QUIC, and what a client may cost and hear.

use quinn_proto::Dir;

use crate::support::client::Request;
use crate::support::http3::{Http3, config, frame, request};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};

/// Above the cacheable limit, so that it is streamed.
const BIG: usize = 2 * 1024 * 1024 + 3;

fn fill(site: &Site) -> &Site {
    site.file("index.html", "index").file("data.bin", pattern(1000)).file("big.bin", pattern(BIG))
}

fn serve() -> Server {
    Setup::new().site("a.test", fill).certificate("a.test").start()
}

#[test]
fn answers_are_those_of_http1() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    for path in ["/", "/data.bin", "/nothing", "/%zz", "/index.html"] {
        let answer = client.get(path);
        let expected = server.send_tls("a.test", Request::get(path).host("a.test"));
        assert_eq!(answer.status, expected.status.to_string(), "{path}");
        assert_eq!(answer.content, expected.body, "{path}");
        for (name, value) in &expected.fields {
            if !["date", "connection", "keep-alive", "alt-svc"].contains(&name.as_str()) {
                assert_eq!(answer.fields.get(name), Some(value), "{path}: {name}");
            }
        }
    }
}

#[test]
fn large_files_and_many_streams_come_whole() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    assert!(client.get("/big.bin").content == pattern(BIG));
    let asked: Vec<_> = (0..90).map(|_| client.ask("GET", "a.test", "/data.bin")).collect();
    for id in asked {
        assert!(client.answer(id).content == pattern(1000), "{id}");
    }
    let head = client.ask("HEAD", "a.test", "/data.bin");
    let head = client.answer(head);
    assert_eq!((head.fields["content-length"].as_str(), head.content.len()), ("1000", 0));
}

#[test]
fn a_line_of_the_log_names_the_protocol() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    client.get("/");
    let line = server.stdout.nth(0, |line| line.contains("GET"));
    assert!(line.contains("HTTP/3") && line.contains("TLSv1.3"), "{line}");
}

#[test]
fn early_requests_are_answered_if_they_may_be_repeated() {
    let server = serve();
    let mut second = Http3::come_back(&server, "a.test");
    second.control(b"");
    let (get, post) = (second.ask("GET", "a.test", "/"), second.ask("POST", "a.test", "/"));
    assert_eq!(second.answer(get).content, b"index");
    assert_eq!(second.answer(post).status, "425");
    assert!(second.early_data_was_taken());
    let post = second.ask("POST", "a.test", "/");
    assert_eq!(second.answer(post).status, "405", "after the handshake");
}

/// A client that sends this hears that the connection ends with this code.
#[track_caller]
fn check_closed(server: &Server, direction: Dir, bytes: &[u8], code: u64) {
    let mut client = Http3::connect(server, "a.test");
    client.open(direction, bytes, false);
    client.until("the connection is closed", |client| client.lost.is_some());
    assert_eq!(client.closed(), Some(code), "{:?}", client.lost);
}

#[test]
fn whoever_breaks_the_protocol_hears_why() {
    let server = serve();
    check_closed(&server, Dir::Uni, b"\x00\x04\x00", 0x103);
    check_closed(&server, Dir::Uni, b"\x01", 0x103);
    check_closed(&server, Dir::Uni, b"\x02\x3f\xe1\x1f", 0x201);
    check_closed(&server, Dir::Uni, b"\x03\x80", 0x202);
    check_closed(&server, Dir::Bi, &frame(0, b"x"), 0x105);
    check_closed(&server, Dir::Bi, &frame(6, b"x"), 0x105);
    check_closed(&server, Dir::Bi, &frame(1, b"\x02\x00\x80"), 0x200);
    check_closed(&server, Dir::Bi, &frame(0x21, b"").repeat(1500), 0x107);
}

#[test]
fn a_malformed_request_costs_its_stream() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    let id = client.open(Dir::Bi, &request("GET", "a.test", "no path"), true);
    client.until("the stream is given up", |client| {
        client.heard.get(&id).is_some_and(|heard| heard.reset == Some(0x10e))
    });
    assert_eq!(client.get("/").content, b"index");
}

#[test]
fn streams_reset_as_fast_as_opened_end_the_connection() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    let get = request("GET", "a.test", "/big.bin");
    let mut count = 0;
    while let Some(id) = client.try_open(Dir::Bi, &get, true) {
        assert!(count < 2000, "a flood without end");
        client.step();
        client.reset(id);
        count += 1;
    }
    assert_eq!(client.closed(), Some(0x107), "{:?}", client.lost);
}

#[test]
fn at_the_order_to_stop_clients_are_told() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    client.get("/");
    let asked = client.ask("GET", "a.test", "/big.bin");
    client.until("the answer begins", |client| client.heard.contains_key(&asked));
    server.signal(rustix::process::Signal::TERM);
    assert!(client.answer(asked).content == pattern(BIG), "what is in flight is finished");
    client.until("the connection is closed", |client| client.lost.is_some());
    assert_eq!(client.closed(), Some(0x100), "{:?}", client.lost);
    // GOAWAY came on the control stream, behind the settings.
    assert!(client.heard[&3].bytes.len() > 8, "{:x?}", client.heard[&3]);
}

#[test]
fn at_a_second_order_to_stop_all_clients_are_told_that_it_is_over() {
    const CLIENTS: usize = 50;
    let mut server = serve();
    let clients = (0..CLIENTS).map(|_| {
        let mut client = Http3::connect(&server, "a.test");
        client.get("/");
        client.is_deaf = true;
        client.ask("GET", "a.test", "/big.bin");
        let mut half_way = 0;
        client.until("the answer does not go on", |client| {
            let before = std::mem::replace(&mut half_way, client.traffic.1);
            before == client.traffic.1 && half_way > BIG / 4
        });
        client
    });
    let mut clients: Vec<_> = clients.collect();
    server.signal(rustix::process::Signal::TERM);
    server.stderr.containing("stopping");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    for client in &mut clients {
        client.until("the connection is closed", |client| client.lost.is_some());
        assert_eq!(client.closed(), Some(0x100), "{:?}", client.lost);
    }
}

#[test]
fn a_client_that_may_be_elsewhere_is_sent_little() {
    let server = Setup::new().site("a.test", fill).large_certificate("a.test").start();
    let mut client = Http3::begin(&server, &config(&server), "a.test");
    client.step();
    // It hears, and says nothing more.
    let bytes = client.overhear();
    let (sent, received) = client.traffic;
    assert!(received + bytes <= 3 * sent, "{} for {sent}", received + bytes);
    assert!(received + bytes > 2 * sent, "{} for {sent}", received + bytes);
    // One that goes on is served all the same.
    assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
}

#[test]
fn many_that_may_be_elsewhere_have_to_show_where_they_are() {
    let server = serve();
    let mut waiting = Vec::new();
    loop {
        let mut client = Http3::begin(&server, &config(&server), "a.test");
        client.step();
        let is_retried = client.was_sent_a_retry();
        assert!(waiting.len() >= 64 || !is_retried, "after {}", waiting.len());
        waiting.push(client);
        if is_retried {
            break;
        }
        // On a slow machine the first ones are given up meanwhile.
        assert!(waiting.len() < 1000, "nobody has to show anything");
    }
    let mut client = Http3::begin(&server, &config(&server), "a.test");
    client.until("the handshake ends", |client| client.connected);
    assert!(client.was_sent_a_retry());
    client.control(b"");
    assert_eq!(client.get("/").content, b"index");
}
