//! The limits of a request (docs/behaviour.md, "Limits"), each from both sides. Deadlines are
//! crossed in `tests/system/promises`.

use crate::support::client::{Connection, Request, Response};
use crate::support::frames::{
    CONTINUATION, Came, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM, Raw,
    fields_of_get, frame, literal,
};
use crate::support::server::{Server, Setup};
use crate::support::{DEADLINE, http2};

/// Bytes of a head, fields of a head, bytes of a target.
const HEAD: usize = 32 * 1024;
const FIELDS: usize = 100;
const TARGET: usize = 8 * 1024;

fn serve() -> Server {
    Setup::new().site("a.test", |site| site.file("index.html", "a")).certificate("a.test").start()
}

fn serve_plain() -> Server {
    Setup::new().site("a.test", |site| site.file("index.html", "a")).start()
}

/// A target of so many bytes that leads nowhere.
fn target(length: usize) -> String {
    let path = "/nowhere?";
    path.to_owned() + &"x".repeat(length - path.len())
}

/// A request of so many fields; those beside the usual ones have `name`, with a number if there
/// is room for it.
fn of_fields(count: usize, name: &str) -> Request {
    let mut request = Request::get("/");
    while request.fields.len() < count {
        let number = request.fields.len().to_string();
        request = request.field(&name.replace('#', &number), "x");
    }
    request
}

/// A request with a head of exactly so many bytes.
fn of_head(length: usize, fields: usize) -> Request {
    let mut request = Request::get("/");
    let empty = request.clone().fields(&vec![("X", ""); fields]).bytes().len();
    let (each, rest) = ((length - empty) / fields, (length - empty) % fields);
    for index in 0..fields {
        request = request.field("X", &"y".repeat(each + if index == 0 { rest } else { 0 }));
    }
    assert_eq!(request.bytes().len(), length);
    request
}

#[test]
fn a_request_over_http1_is_bounded() {
    let server = serve_plain();
    let rows: [(&str, Request, &[u16]); 11] = [
        ("the longest target", Request::get(&target(TARGET)), &[404]),
        ("a longer target", Request::get(&target(TARGET + 1)), &[414]),
        ("a far longer target", Request::get(&target(HEAD - 1024)), &[414]),
        // Whether it is the line or the head that is too long depends on where one stops reading.
        ("a target longer than a head", Request::get(&target(2 * HEAD)), &[414, 431]),
        ("the most fields", of_fields(FIELDS, "X-#"), &[200]),
        ("a field more", of_fields(FIELDS + 1, "X-#"), &[431]),
        ("the most fields of one name", of_fields(FIELDS, "X"), &[200]),
        ("a field more of one name", of_fields(FIELDS + 1, "X"), &[431]),
        ("the longest head", of_head(HEAD - 64, 20), &[200]),
        ("a longer head", of_head(HEAD + 64, 20), &[431]),
        ("one field that is too long", of_head(HEAD + 64, 1), &[431]),
    ];
    for (name, request, expected) in rows {
        let mut connection = server.connect();
        let answer = refused_or_answered(&mut connection, &request);
        assert!(expected.contains(&answer.status), "{name}: {}", answer.status);
        // What is too long has not been read to its end, so no other request can be told apart.
        if answer.status == 431 {
            connection.expect_close();
        }
        assert_eq!(server.send(&Request::get("/")).text(), "a", "{name}: others are served");
    }
}

/// The server may stop reading before all has been written.
#[track_caller]
fn refused_or_answered(connection: &mut Connection, request: &Request) -> Response {
    connection.write_as_far_as_possible(&request.bytes());
    connection.read(&request.method)
}

#[track_caller]
fn check_http2(rows: &[(&str, Request, u16)]) {
    let server = serve();
    http2::run(async {
        for (name, request, expected) in rows {
            let mut client = http2::Http2::open_tls(server.https(), "a.test", &server.trust).await;
            let answer = client.send("https", request).await;
            assert_eq!(answer.status, *expected, "{name}");
        }
    });
}

#[test]
fn a_request_over_http2_is_bounded() {
    check_http2(&[
        ("the longest target", Request::get(&target(TARGET)), 404),
        ("a longer target", Request::get(&target(TARGET + 1)), 414),
        // The host is a pseudo field there, which does not count.
        ("the most fields", of_fields(FIELDS + 1, "x-#"), 200),
        ("the most fields of one name", of_fields(FIELDS + 1, "x"), 200),
        ("a field more", of_fields(FIELDS + 2, "x-#"), 431),
        ("a field more of one name", of_fields(FIELDS + 2, "x"), 431),
    ]);
}

/// The outcome of a request whose fields are these, in frames of at most 16 KiB.
#[track_caller]
fn fate(server: &Server, fields: &[u8]) -> Came<Frame> {
    const PAYLOAD: usize = 16 * 1024;
    let mut client = Raw::open(server.http(), &[]);
    let mut parts = fields.chunks(PAYLOAD).peekable();
    let mut kind = HEADERS;
    while let Some(part) = parts.next() {
        let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
        let ends = if kind == HEADERS { END_STREAM } else { 0 };
        client.write(&frame(kind, last | ends, 1, part), DEADLINE);
        kind = CONTINUATION;
    }
    loop {
        match client.read(DEADLINE) {
            Came::This(frame) if !matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY) => {}
            fate => return fate,
        }
    }
}

#[test]
fn a_head_over_http2_is_bounded_as_a_list_of_fields() {
    let server = serve_plain();
    let with = |count: usize, length: usize| {
        let one = literal(&[0x00, 0x01, b'x'], "y".repeat(length));
        [fields_of_get("/"), one.repeat(count)].concat()
    };
    let short = fate(&server, &with(90, 100));
    // `:status: 200` is number 8 of the static table (RFC 7541 appendix A).
    let Came::This(answer) = short else { panic!("{short:?}") };
    assert_eq!((answer.kind, answer.payload.first()), (HEADERS, Some(&0x88)));
    // Each field counts 32 bytes beside its own (RFC 9113 §6.5.2); the status is number 14 of its
    // own kind or a literal, the stream may be reset, or the connection be closed.
    for fields in [with(99, 400), with(400, 100)] {
        match fate(&server, &fields) {
            Came::This(answer) if answer.kind == HEADERS => {
                assert_ne!(answer.payload.first(), Some(&0x88), "it was served");
            }
            Came::This(_) | Came::End => {}
            Came::Nothing => panic!("nothing came of it"),
        }
    }
}
