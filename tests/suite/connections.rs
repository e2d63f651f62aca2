//! The number of connections (docs/behaviour.md, "Limits"): in all, of one client, and when the
//! process has run out of descriptors.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;
use crate::support::client::{Connection, Request};
use crate::support::server::{Server, Setup};

/// With so many descriptors there are places for 128 connections, 64 of them for one client.
const DESCRIPTORS: usize = 256;
const ALL: usize = 128;
const CLIENT: usize = 64;

/// The clients.
const ONE: [u8; 4] = [127, 0, 0, 1];
const TWO: [u8; 4] = [127, 0, 0, 2];
const THREE: [u8; 4] = [127, 0, 0, 3];

fn serve() -> Server {
    Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .launched_by(format!("ulimit -n {DESCRIPTORS}; exec \"$@\""))
        .start()
}

/// So many connections of `client`, each of which is served.
#[track_caller]
fn open(server: &Server, client: [u8; 4], count: usize) -> Vec<Connection> {
    let open = |_| {
        let mut connection = Connection::open_from(client, server.http());
        assert!(connection.is_served());
        connection
    };
    (0..count).map(open).collect()
}

#[track_caller]
fn is_refused(server: &Server, client: [u8; 4]) {
    let mut connection = Connection::open_from(client, server.http());
    assert!(!connection.is_served(), "{client:?} was served");
}

/// The server may take a moment to notice that a connection has ended.
#[track_caller]
fn is_served_soon(server: &Server, client: [u8; 4]) {
    let began = Instant::now();
    while !Connection::open_from(client, server.http()).is_served() {
        assert!(began.elapsed() < DEADLINE, "{client:?} is not served again");
    }
}

#[test]
fn one_client_leaves_room_for_the_others() {
    let server = serve();
    let mut held = open(&server, ONE, CLIENT);
    for _ in 0..20 {
        is_refused(&server, ONE);
    }
    let _other = open(&server, TWO, 1);
    let told = server.stderr.containing("WARN more connections than there may be");
    assert!(told.contains(&format!(" refused=20 all={ALL} client={CLIENT}")), "{told}");

    held.truncate(CLIENT / 2);
    is_served_soon(&server, ONE);
    assert!(server.counter("refused") >= 20);
}

/// Clients behind a proxy have a share each, by either version of the PROXY header.
#[test]
fn a_client_behind_a_proxy_is_counted_by_its_own_address() {
    let server = Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .launched_by(format!("ulimit -n {DESCRIPTORS}; exec \"$@\""))
        .args(["--trusted-proxy", "127.0.0.1"])
        .start();
    let open = |header: &[u8]| {
        let mut connection = Connection::open_from(ONE, server.http());
        connection.write(header);
        let is_served = connection.is_served();
        (connection, is_served)
    };
    let binary = |last: u8| {
        let begin = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71";
        [begin, &[last, 127, 0, 0, 1, 0, 80, 0, 80][..]].concat()
    };
    let mut held = Vec::new();
    for index in 0..CLIENT {
        let (connection, is_served) = open(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n");
        assert!(is_served, "connection {index}");
        held.push(connection);
    }
    let rows: [(&[u8], bool); 6] = [
        (b"PROXY TCP4 203.0.113.7 127.0.0.1 4712 80\r\n", false),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4712 80\r\n", false),
        (&binary(7), false),
        (b"PROXY TCP4 203.0.113.8 127.0.0.1 4711 80\r\n", true),
        (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n", true),
        (&binary(9), true),
    ];
    for (header, expected) in rows {
        let (_connection, is_served) = open(header);
        assert_eq!(is_served, expected, "{}", header.escape_ascii());
    }
}

#[test]
fn connections_are_bounded_in_all() {
    let server = serve();
    let mut held = open(&server, ONE, CLIENT);
    held.extend(open(&server, TWO, ALL - CLIENT));
    is_refused(&server, THREE);
    is_refused(&server, ONE);
    for connection in &mut held {
        assert!(connection.is_served(), "those that were there first stay");
    }
    held.clear();
    is_served_soon(&server, THREE);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "that time passes is the point")]
fn without_descriptors_it_waits_and_still_takes_orders() {
    /// How long the server is watched while it can accept nothing.
    const WATCHED: Duration = Duration::from_secs(2);
    /// Of that time, in ticks of 10 ms: backing off costs next to nothing, a loop all of it.
    const TICKS: u64 = 20;
    let server = serve();
    let mut before = server.connect();
    assert!(before.is_served());
    let descriptors = server.leave_no_descriptor();
    let mut waiting: Vec<_> = (0..10).map(|_| server.connect()).collect();
    let request = Request::get("/").bytes();
    for connection in &mut waiting {
        connection.write(&request);
    }
    server.stderr.containing("ERROR cannot accept connections");

    let used = server.processor_ticks();
    std::thread::sleep(WATCHED);
    let used = server.processor_ticks() - used;
    assert!(used <= TICKS, "{used} ticks of 10 ms in {WATCHED:?}");
    let events = server.stderr.count(|line| line.contains("cannot accept connections"));
    assert!(events <= 4, "{events} lines in about {WATCHED:?}");

    assert!(before.is_served(), "a connection that is there is served");
    server.site("b.test").file("index.html", "b");
    let order = server.order("reload");
    let told = String::from_utf8_lossy(&order.stdout);
    assert_eq!(told, "2 sites; changed: sites +b.test\n", "{order:?}");
    descriptors.await_lent();
    let unreadable = before.send(&Request::get("/").host("b.test"));
    assert_eq!(unreadable.status, 503, "the site is there, its file cannot be opened");

    drop(descriptors);
    assert_eq!(before.send(&Request::get("/").host("b.test")).text(), "b");
    for mut connection in waiting {
        assert_eq!(connection.read("GET").text(), "a", "who waited is served");
    }
    std::thread::sleep(Duration::from_millis(1100));
    assert!(server.connect().is_served());
    server.stderr.containing("INFO connections are accepted again");
}

/// Bytes that a client sends, one at a time, after it was told that the connection ends. A socket
/// that the server has closed takes one or two of them.
const LAST_WORDS: usize = 64;

/// Asks with `head` and a user agent, reads to the end, and says whether the server still takes what
/// comes.
fn waits_after(server: &Server, head: &str) -> bool {
    let mut stream = TcpStream::connect(server.http()).expect("the server listens");
    let head = head.replacen("\r\n", "\r\nHost: a.test\r\nUser-Agent: shost-tests/1\r\n", 1);
    stream.write_all(head.as_bytes()).expect("it takes the request");
    stream.read_to_end(&mut Vec::new()).expect("it answers, and ends");
    (0..LAST_WORDS).all(|_| stream.write_all(b"x").is_ok())
}

#[test]
fn a_last_word_is_awaited_only_where_one_may_come() {
    let server = serve();
    let table = [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET /wp-login.php HTTP/1.1\r\nConnection: close\r\n\r\n", false),
        // Another request may be on its way.
        ("GET /wp-login.php HTTP/1.1\r\n\r\n", true),
        // Content is.
        ("GET / HTTP/1.1\r\nConnection: close\r\nContent-Length: 100\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n", true),
    ];
    for (head, expected) in table {
        assert_eq!(waits_after(&server, head), expected, "{head:?}");
    }
}
