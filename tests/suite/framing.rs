//! Where a request ends (RFC 9112 §6, §11.2): what leaves a doubt about that is refused, and not a
//! byte behind it is taken for another request.

use crate::support::client::Connection;
use crate::support::server::{Server, Setup};

/// A request that an attacker would have answered for somebody else.
const SMUGGLED: &str =
    "GET /secret.html HTTP/1.1\r\nHost: a.test\r\nUser-Agent: shost-tests/1\r\n\r\n";

fn serve() -> Server {
    Setup::new()
        .site("a.test", |site| site.file("index.html", "index").file("secret.html", "secret"))
        .start()
}

/// The answer to `head`, which asks for `/`, with another request right behind it.
#[track_caller]
fn check(server: &Server, fields: &str, expected: u16) {
    check_head(server, &format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"), expected);
}

#[track_caller]
fn check_head(server: &Server, head: &str, expected: u16) {
    let head = head.replacen("\r\n", "\r\nUser-Agent: shost-tests/1\r\n", 1);
    let mut connection = Connection::open(server.http());
    connection.write(format!("{head}{SMUGGLED}").as_bytes());
    let answer = connection.read("GET");
    assert_eq!(answer.status, expected, "{head:?}");
    assert_eq!(answer.field("connection"), Some("close"), "{head:?}");
    assert_eq!(connection.read_to_close(), b"", "{head:?}: something else was answered");
}

#[test]
fn doubtful_framing_is_refused() {
    let server = serve();
    check(&server, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400);
    check(&server, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400);
    check(&server, "Content-Length: 5\r\nContent-Length: 5\r\n", 400);
    check(&server, "Content-Length: 5\r\nContent-Length: 6\r\n", 400);
    check(&server, "Content-Length: 5, 5\r\n", 400);
    check(&server, "Content-Length: -1\r\n", 400);
    check(&server, "Content-Length: 5 \x0b\r\n", 400);
    check(&server, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400);
    check(&server, "Transfer-Encoding: chunked, identity\r\n", 400);
    check(&server, "Transfer-Encoding: \x0bchunked\r\n", 400);
    check(&server, "Transfer-Encoding : chunked\r\n", 400);
    check(&server, "Transfer-Encoding\r\n : chunked\r\n", 400);
    check(&server, "X: y\r\n Transfer-Encoding: chunked\r\n", 400);
    check(&server, "X: y\nTransfer-Encoding: chunked\r\n", 400);
    check(&server, "X: y\rTransfer-Encoding: chunked\r\n", 400);
    check(&server, "Transfer-Encoding: x, chunked\r\n", 501);
}

#[test]
fn content_is_not_read_and_not_taken_for_a_request() {
    let server = serve();
    let length = SMUGGLED.len();
    check(&server, &format!("Content-Length: {length}\r\n"), 200);
    check(&server, &format!("Content-Length: {length}\r\nExpect: 100-continue\r\n"), 200);
    check(&server, "Transfer-Encoding: chunked\r\n", 200);
    let post = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n");
    check_head(&server, &post, 405);
}

#[test]
fn other_protocols_are_refused() {
    let server = serve();
    check_head(&server, "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n", 505);
    check_head(&server, "GET / HTTP/1.2\r\nHost: a.test\r\n\r\n", 505);
    check_head(&server, "GET /\r\n\r\n", 400);
    check_head(&server, "GET / HTTPS/1.1\r\nHost: a.test\r\n\r\n", 400);
    check_head(&server, "HTTP/1.1 200 OK\r\n\r\n", 400);
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = serve();
    let mut connection = Connection::open(server.http());
    let index = SMUGGLED.replace("secret.html", "");
    connection.write([&index, SMUGGLED, "\r\n", &index].concat().as_bytes());
    let answers = [(); 3].map(|()| connection.read("GET").text());
    assert_eq!(answers, ["index", "secret", "index"]);
}
