//! Its section 8: what fields a request may have, and how its content has to keep their promise.

use super::*;

/// HEADERS of these fields are an error of stream 1, which is reset and not answered.
#[track_caller]
fn check_malformed(name: &str, block: &[u8]) {
    let sent = [headers(END_STREAM, block), get(3, "/")];
    let expected = "RESET/0=0x1@1 HEADERS/4=88@3 DATA/1:2@3";
    check_rows("8.1.2", &[(name, sent.to_vec(), expected)]);
}

#[test]
fn malformed_fields() {
    let block = fields("/");
    let with = |name: &str, value: &str| [block.clone(), literal(name, value)].concat();
    check_malformed("a name in upper case", &with("X-TEST", "ok"));
    check_malformed("8.1.2.1: an unknown pseudo-field", &with(":test", "ok"));
    check_malformed("8.1.2.1: a pseudo-field of responses", &with(":status", "200"));
    let late = [literal("x-test", "ok"), block.clone()].concat();
    check_malformed("8.1.2.1: a pseudo-field behind a field", &late);
    check_malformed("8.1.2.2: a field of the connection", &with("connection", "keep-alive"));
    let te = [with("trailers", "test"), literal("te", "trailers, deflate")].concat();
    check_malformed("8.1.2.2: TE of more than trailers", &te);
    let path = |value| [&block[..10], &literal(":path", value)].concat();
    check_malformed("8.1.2.3: an empty path", &path(""));
    check_malformed("8.1.2.3: no method", &block[1..]);
    check_malformed("8.1.2.3: no scheme", &[&block[..1], &block[2..]].concat());
    check_malformed("8.1.2.3: no path", &block[..10]);
    check_malformed("8.1.2.3: two methods", &with(":method", "GET"));
    check_malformed("8.1.2.3: two schemes", &with(":scheme", "http"));
    check_malformed("8.1.2.3: two paths", &with(":path", "/"));
}

#[test]
fn requests_that_break_their_promise() {
    let promising =
        |length| headers(0, &[fields_of_post(), literal("content-length", length)].concat());
    let refused = [ANSWER, " RESET/0=0x1@1"].concat();
    check_rows(
        "8",
        &[
            (
                "8.1: HEADERS that do not end the stream",
                vec![post(), data(0, b"test"), headers(0, &literal("x-test", "ok"))],
                &refused,
            ),
            (
                "8.1.2.1: trailers with a pseudo-field",
                vec![post(), data(0, b"test"), headers(0, b"\x83")],
                &refused,
            ),
            (
                "8.1.2.1: the last trailers with a pseudo-field",
                vec![post(), data(0, b"test"), headers(END_STREAM, b"\x83")],
                &refused,
            ),
            (
                "8.1.2.6: more content than promised",
                vec![promising("1"), data(END_STREAM, b"test")],
                &refused,
            ),
            (
                "8.1.2.6: more content than promised, in two frames",
                vec![promising("1"), data(0, b"test"), data(END_STREAM, b"test")],
                &refused,
            ),
            (
                "less content than promised",
                vec![promising("5"), data(END_STREAM, b"test")],
                &refused,
            ),
            (
                "less content than promised, before trailers",
                vec![
                    promising("5"),
                    data(0, b"test"),
                    headers(END_STREAM, &literal("x-test", "ok")),
                ],
                &refused,
            ),
            ("as much as promised", vec![promising("4"), data(END_STREAM, b"test")], ANSWER),
            (
                "as much as promised beside padding",
                vec![promising("4"), data(END_STREAM | PADDED, b"\x03test\0\0\0")],
                ANSWER,
            ),
            (
                "8.2: PUSH_PROMISE",
                vec![frame(
                    kind::PUSH_PROMISE,
                    END_HEADERS,
                    1,
                    &[&[0, 0, 0, 3][..], &fields("/")].concat(),
                )],
                "GOAWAY/0=0x1",
            ),
        ],
    );
}
