//! `--trusted-proxy`: on whose behalf a proxy asks, and nobody else may say (docs/behaviour.md,
//! "Behind a proxy").

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};

use quinn_proto::{ClientConfig, Dir};

use crate::support::USER_AGENT;
use crate::support::client::{self, Connection, Request};
use crate::support::http2::{self, Http2};
use crate::support::http3::{Answer, Http3, config, frame, narrow_config, section};
use crate::support::server::{Server, Setup};
use crate::support::site::pattern;
use crate::support::tls;

/// The address that a request's line in the log is from.
#[track_caller]
fn logged(server: &Server, target: &str) -> String {
    let line = server.stdout.containing(&format!("{target}\""));
    let line: serde_json::Value = serde_json::from_str(&line).expect("the log is JSON");
    line["peer"].as_str().expect("it is a string").to_owned()
}

/// A server that trusts 127.0.0.1 and 10.0.0.0/8; connections from 127.0.0.2 are a stranger's.
fn setup() -> Setup {
    Setup::new().site("a.test", |site| site.file("index.html", "a").file("x.txt", "x")).args([
        "--log",
        "json",
        "--trusted-proxy",
        "127.0.0.1",
        "--trusted-proxy",
        "10.0.0.0/8",
    ])
}

const STRANGER: [u8; 4] = [127, 0, 0, 2];

/// The header of version 2 with these addresses.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("it is short").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family], &length, rest].concat()
}

/// The headers of the tests and the address that each names; 127.0.0.1 is the proxy's own.
fn headers() -> Vec<(Vec<u8>, &'static str)> {
    let four = [203, 0, 113, 7, 127, 0, 0, 1, 0, 80, 0, 80];
    let with_tlvs = [four.as_slice(), &[4, 0, 2, 9, 9, 0xea, 0, 3, 1, 2, 3]].concat();
    let mut six = [0; 36];
    (six[0], six[1], six[2], six[3], six[15]) = (0x20, 0x01, 0x0d, 0xb8, 5);
    vec![
        (b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n".to_vec(), "203.0.113.7"),
        (b"PROXY TCP6 2001:db8::5 ::1 4711 80\r\n".to_vec(), "2001:db8::5"),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4711 80\r\n".to_vec(), "203.0.113.7"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (b"PROXY UNKNOWN some thing else\r\n".to_vec(), "127.0.0.1"),
        (binary(0x21, 0x11, &four), "203.0.113.7"),
        (binary(0x21, 0x21, &six), "2001:db8::5"),
        (binary(0x21, 0x11, &with_tlvs), "203.0.113.7"),
        (binary(0x20, 0x00, &[]), "127.0.0.1"),
        (binary(0x20, 0x11, &four), "127.0.0.1"),
        (binary(0x21, 0x00, &[]), "127.0.0.1"),
        (Vec::new(), "127.0.0.1"),
    ]
}

#[test]
fn a_proxy_header_names_the_client_in_the_clear() {
    let server = setup().start();
    for (number, (header, address)) in headers().into_iter().enumerate() {
        for pieces in [usize::MAX, 1, 5, 13] {
            let target = format!("/x.txt?{number}-{pieces}");
            let request = Request::get(&target).bytes();
            let mut connection = server.connect();
            let bytes = [header.as_slice(), &request].concat();
            for piece in bytes.chunks(pieces.min(bytes.len())) {
                connection.write(piece);
            }
            assert_eq!(connection.read("GET").text(), "x", "{target}");
            assert_eq!(logged(&server, &target), address, "{target}");
            // What follows is of the same client.
            let again = format!("{target}-again");
            assert_eq!(connection.send(&Request::get(&again)).text(), "x");
            assert_eq!(logged(&server, &again), address, "{again}");
        }
    }
}

#[test]
fn a_proxy_header_comes_before_the_handshake() {
    let server = setup().certificate("a.test").start();
    for (number, (header, address)) in headers().into_iter().enumerate() {
        let mut socket = client::connect(server.https());
        let (first, rest) = header.split_at(header.len() / 2);
        for piece in [first, rest] {
            socket.write_all(piece).unwrap();
        }
        let config = server.trust.config(&["http/1.1"], true);
        let session = rustls::ClientConnection::new(config, tls::server_name("a.test")).unwrap();
        let mut connection = Connection::over(rustls::StreamOwned::new(session, socket));
        let target = format!("/x.txt?tls-{number}");
        assert_eq!(connection.send(&Request::get(&target)).text(), "x", "{target}");
        assert_eq!(logged(&server, &target), address, "{target}");
    }
}

#[test]
fn http_2_follows_a_header_too() {
    let server = setup().start();
    http2::run(async {
        for (number, (header, address)) in headers().into_iter().enumerate() {
            let mut http2 = Http2::open_behind(server.http(), &header).await;
            let target = format!("/x.txt?h2-{number}");
            assert_eq!(http2.send("http", &Request::get(&target)).await.text(), "x", "{target}");
            assert_eq!(logged(&server, &target), address, "{target}");
            let behind = format!("/x.txt?h2-{number}-forwarded");
            let request = Request::get(&behind).field("X-Forwarded-For", "198.51.100.9");
            assert_eq!(http2.send("http", &request).await.status, 200);
            let expected = if address == "127.0.0.1" { "198.51.100.9" } else { address };
            assert_eq!(logged(&server, &behind), expected, "{behind}");
        }
    });
}

#[test]
fn a_header_that_means_nothing_ends_the_connection() {
    let server = setup().start();
    let four = [203, 0, 113, 7, 127, 0, 0, 1, 0, 80, 0, 80];
    let rows = [
        b"PROXY TCP4 203.0.113.7 127.0.0.1 4711\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.777 127.0.0.1 4711 80\r\n".to_vec(),
        format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).into_bytes(),
        binary(0x21, 0x11, &four[..8]),
        binary(0x11, 0x11, &four),
        binary(0x21, 0x11, &[0; 5000]),
    ];
    for bytes in rows {
        let mut connection = server.connect();
        connection
            .write_as_far_as_possible(&[&bytes, Request::get("/").bytes().as_slice()].concat());
        connection.expect_close();
    }
}

#[test]
fn a_stranger_is_nobodys_proxy() {
    let server = setup().start();
    let mut connection = Connection::open_from(STRANGER, server.http());
    connection.write(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n");
    connection.write(&Request::get("/").bytes());
    assert_eq!(connection.read("GET").status, 400);
    let fields = [
        ("X-Forwarded-For", "203.0.113.5"),
        ("Forwarded", "for=203.0.113.5;proto=https"),
        ("X-Forwarded-Proto", "https"),
    ];
    let mut connection = Connection::open_from(STRANGER, server.http());
    let answer = connection.send(&Request::get("/x.txt?stranger").fields(&fields));
    assert_eq!((answer.status, answer.field("strict-transport-security")), (200, None));
    assert_eq!(logged(&server, "/x.txt?stranger"), "127.0.0.2");
    // Whom a trusted proxy hands on is no proxy either.
    let mut connection = server.connect();
    connection.write(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n");
    let answer = connection.send(&Request::get("/x.txt?handed").fields(&fields));
    assert_eq!((answer.status, answer.field("strict-transport-security")), (200, None));
    assert_eq!(logged(&server, "/x.txt?handed"), "203.0.113.7");
    // Unless it is trusted itself.
    let mut connection = server.connect();
    connection.write(b"PROXY TCP4 10.9.9.9 127.0.0.1 4711 80\r\n");
    connection.send(&Request::get("/x.txt?chain").fields(&fields));
    assert_eq!(logged(&server, "/x.txt?chain"), "203.0.113.5");
}

#[test]
fn nobody_is_trusted_unless_it_is_said() {
    let server =
        Setup::new().site("a.test", |site| site.file("x.txt", "x")).args(["--log", "json"]).start();
    let request = Request::get("/x.txt?untold").field("X-Forwarded-For", "203.0.113.5");
    assert_eq!(server.send(&request).status, 200);
    assert_eq!(logged(&server, "/x.txt?untold"), "127.0.0.1");
    let mut connection = server.connect();
    connection.write(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n");
    assert_eq!(connection.read("GET").status, 400);
}

#[test]
fn fields_name_the_client_of_each_request() {
    let server = setup().start();
    let rows: [(&[(&str, &str)], &str); 9] = [
        (&[("X-Forwarded-For", "203.0.113.5")], "203.0.113.5"),
        (&[("X-Forwarded-For", "1.1.1.1, 203.0.113.5, 10.1.2.3")], "203.0.113.5"),
        (&[("X-Forwarded-For", "2001:db8::9")], "2001:db8::9"),
        (&[("X-Forwarded-For", "unknown")], "127.0.0.1"),
        (&[("Forwarded", "for=\"[2001:db8::9]:4711\";proto=http")], "2001:db8::9"),
        (&[("Forwarded", "for=203.0.113.6, for=10.1.1.1")], "203.0.113.6"),
        (&[("Forwarded", "for=_secret")], "127.0.0.1"),
        (&[("Forwarded", "for=203.0.113.6;")], "203.0.113.6"),
        (&[], "127.0.0.1"),
    ];
    let mut connection = server.connect();
    for (number, (fields, address)) in rows.into_iter().enumerate() {
        let target = format!("/x.txt?fields-{number}");
        assert_eq!(connection.send(&Request::get(&target).fields(fields)).status, 200);
        assert_eq!(logged(&server, &target), address, "{fields:?}");
    }
}

/// Sends a request with these fields over HTTP/3, and gives the stream that it is on.
fn ask(client: &mut Http3, target: &str, fields: &[(&str, &str)]) -> u64 {
    let request = [(":method", "GET"), (":scheme", "https"), (":authority", "a.test")];
    let more = [(":path", target), ("user-agent", USER_AGENT)];
    let head = section(&[&request[..], &more, fields].concat());
    client.open(Dir::Bi, &frame(1, &head), true)
}

fn get(client: &mut Http3, target: &str, fields: &[(&str, &str)]) -> Answer {
    let id = ask(client, target, fields);
    client.answer(id)
}

/// A client of HTTP/3 that comes from this address.
fn http3_from(address: [u8; 4], server: &Server, config: &ClientConfig) -> Http3 {
    Http3::begin_from(Ipv4Addr::from(address), server, config, "a.test").connected()
}

const FORWARDED_FOR: [(&str, &str); 1] = [("x-forwarded-for", "203.0.113.5")];

#[test]
fn fields_name_the_client_over_http_3_too() {
    let server = setup().certificate("a.test").start();
    let rows: [(&[(&str, &str)], &str); 5] = [
        (&FORWARDED_FOR, "203.0.113.5"),
        (&[("x-forwarded-for", "1.1.1.1, 203.0.113.6, 10.1.2.3")], "203.0.113.6"),
        (&[("forwarded", "for=\"[2001:db8::9]:4711\"")], "2001:db8::9"),
        (&[("x-forwarded-for", "unknown")], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ];
    let config = config(&server);
    let mut proxy = http3_from([127, 0, 0, 1], &server, &config);
    let mut stranger = http3_from(STRANGER, &server, &config);
    for (number, (fields, address)) in rows.into_iter().enumerate() {
        let target = format!("/x.txt?h3-{number}");
        assert_eq!(get(&mut proxy, &target, fields).content, b"x");
        assert_eq!(logged(&server, &target), address, "{fields:?}");
        let target = format!("{target}-stranger");
        assert_eq!(get(&mut stranger, &target, fields).content, b"x");
        assert_eq!(logged(&server, &target), "127.0.0.2", "{fields:?}");
    }
    let hsts = "strict-transport-security";
    let in_the_clear = [("x-forwarded-proto", "http")];
    assert!(!get(&mut proxy, "/", &in_the_clear).fields.contains_key(hsts));
    assert!(get(&mut stranger, "/", &in_the_clear).fields.contains_key(hsts));
}

#[test]
fn over_http_3_it_counts_where_the_handshake_was_made() {
    let server = setup().certificate("a.test").start();
    let config = config(&server);
    let rows = [([127, 0, 0, 1], STRANGER, "203.0.113.5"), (STRANGER, [127, 0, 0, 1], "127.0.0.2")];
    for (number, (first, then, address)) in rows.into_iter().enumerate() {
        let mut client = http3_from(first, &server, &config);
        for round in ["before", "at once", "behind"] {
            let target = format!("/x.txt?moves-{number}-{}", &round[..2]);
            assert_eq!(get(&mut client, &target, &FORWARDED_FOR).content, b"x");
            assert_eq!(logged(&server, &target), address, "{round}");
            if round == "before" {
                client.move_to(Ipv4Addr::from(then));
            }
        }
    }
}

#[test]
fn a_proxy_shows_where_it_is_before_it_is_believed() {
    let server = setup().certificate("a.test").start();
    let config = config(&server);
    for (address, is_proxy, expected) in
        [([127, 0, 0, 1], true, "203.0.113.5"), (STRANGER, false, "127.0.0.2")]
    {
        http3_from(address, &server, &config).get("/");
        let mut again = Http3::begin_from(Ipv4Addr::from(address), &server, &config, "a.test");
        assert!(again.may_ask_early());
        again.control(b"");
        let target = format!("/x.txt?early-{is_proxy}");
        assert_eq!(get(&mut again, &target, &FORWARDED_FOR).content, b"x");
        assert_eq!(again.was_sent_a_retry(), is_proxy, "{address:?}");
        assert!(again.early_data_was_taken(), "{address:?}");
        assert_eq!(logged(&server, &target), expected);
    }
}

/// Bytes of content that the answers of one client may hold: half of the most there may be.
const SHARE: u64 = 32 * 1024 * 1024;

/// Bytes that a proxy leaves room for which reads nothing.
const WINDOW: u32 = 200_000;

/// Bytes of content that are held while a proxy of HTTP/3 reads nothing, which has asked a hundred times
/// on each of eight connections, for these clients in turn.
fn held_for(clients: &[&str]) -> u64 {
    let setup = setup().site("a.test", |site| site.file("big.bin", pattern(2 * 1024 * 1024)));
    let server = setup.certificate("a.test").start();
    let config = narrow_config(&server, WINDOW);
    let connections = clients.iter().cycle().take(8).map(|client| {
        let mut proxy = Http3::connect_by(&server, &config, "a.test");
        proxy.is_deaf = true;
        for _ in 0..100 {
            ask(&mut proxy, "/big.bin", &[("x-forwarded-for", client)]);
        }
        proxy.until("all has come that there is room for", |proxy| {
            proxy.traffic.1 > WINDOW as usize
        });
        proxy
    });
    let _connections: Vec<_> = connections.collect();
    server.counter("content_bytes")
}

#[test]
fn over_http_3_each_client_of_a_proxy_has_its_own_account() {
    let one = held_for(&["203.0.113.5"]);
    assert!(one > SHARE / 2 && one <= SHARE, "{one}");
    let two = held_for(&["203.0.113.5", "203.0.113.6"]);
    assert!(two > SHARE + SHARE / 8, "{two}");
}

/// A browser that was asked by `https` sends what browsers send there; without it, it is a fake.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/120.0.0.0 Safari/537.36";

#[test]
fn the_scheme_is_the_clients() {
    let server = setup().site("www.b.test", |site| site.file("index.html", "b")).start();
    let hsts = "strict-transport-security";
    let secure = [
        ("X-Forwarded-Proto", "https"),
        ("x-forwarded-proto", "HTTPS, http"),
        ("Forwarded", "for=203.0.113.5;proto=https"),
    ];
    for (name, value) in secure {
        let with = |request: Request| request.field(name, value);
        assert!(server.send(&with(Request::get("/"))).field(hsts).is_some(), "{value}");
        let answer = server.send(&with(Request::get("/x?y").host("b.test")));
        assert_eq!(answer.must("location"), "https://www.b.test/x?y", "{value}");
        let fake = Request::get("/").without("user-agent").field("User-Agent", BROWSER);
        assert_eq!(server.send(&with(fake)).status, 403, "{value}");
    }
    for (name, value) in [("X-Forwarded-Proto", "http"), ("X-Forwarded-For", "203.0.113.5")] {
        let with = |request: Request| request.field(name, value);
        assert_eq!(server.send(&with(Request::get("/"))).field(hsts), None, "{value}");
        let answer = server.send(&with(Request::get("/x?y").host("b.test")));
        assert_eq!(answer.must("location"), "http://www.b.test/x?y", "{value}");
        let browser = Request::get("/").without("user-agent").field("User-Agent", BROWSER);
        assert_eq!(server.send(&with(browser)).status, 200, "{value}");
    }
}

#[test]
fn what_was_asked_by_https_is_not_redirected_to_it() {
    let server = setup().certificate("a.test").args(["--http-port", "0"]).start();
    let plain = server.send(&Request::get("/x.txt"));
    assert_eq!(plain.status, 301);
    let secure = server.send(&Request::get("/x.txt").field("X-Forwarded-Proto", "https"));
    assert_eq!((secure.status, secure.text().as_str()), (200, "x"));
    assert!(secure.field("strict-transport-security").is_some());
    let mut stranger = Connection::open_from(STRANGER, server.http());
    let answer = stranger.send(&Request::get("/x.txt").field("X-Forwarded-Proto", "https"));
    assert_eq!(answer.status, 301);
    // Over TLS from a proxy whose client asked in the clear.
    let request = Request::get("/x.txt").field("X-Forwarded-Proto", "http");
    assert_eq!(server.send_tls("a.test", request).field("strict-transport-security"), None);
}

#[test]
fn a_header_that_does_not_come_is_waited_for_by_nobody() {
    let server = setup().start();
    let mut half: Vec<TcpStream> = (0..20).map(|_| client::connect(server.http())).collect();
    for stream in &mut half {
        stream.write_all(b"PROXY TCP4 203.0").unwrap();
    }
    assert_eq!(server.send(&Request::get("/")).status, 200);
    for stream in &mut half {
        stream.write_all(b".113.7 127.0.0.1 1 2\r\n").unwrap();
        stream.write_all(&Request::get("/x.txt").field("Connection", "close").bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[test]
fn addresses_are_read_from_everywhere_options_are() {
    let site =
        || Setup::new().site("a.test", |site| site.file("x.txt", "x")).args(["--log", "json"]);
    let rows = [
        site().env("SHOST_TRUSTED_PROXY", "10.0.0.1,127.0.0.0/8"),
        site().args(["--trusted-proxy", "::ffff:127.0.0.1"]),
        site().args(["--trusted-proxy=::1", "--trusted-proxy=127.0.0.1/32"]),
    ];
    for setup in rows {
        let server = setup.start();
        let address: IpAddr = "203.0.113.5".parse().unwrap();
        let request = Request::get("/x.txt?o").field("X-Forwarded-For", &address.to_string());
        assert_eq!(server.send(&request).status, 200);
        assert_eq!(logged(&server, "/x.txt?o"), address.to_string());
    }
    for wrong in ["unix", "10.0.0.0/33", "localhost", "10.0.0.1:80", ""] {
        let ended = Setup::bare().args(["--trusted-proxy", wrong]).run();
        assert_eq!((ended.code, ended.stderr.len()), (Some(2), 1), "{wrong}: {:?}", ended.stderr);
        assert!(ended.stderr[0].contains("--trusted-proxy"), "{:?}", ended.stderr);
    }
}
