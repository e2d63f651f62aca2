//! Its generic cases: what every server has to take.

use super::*;

#[test]
fn streams_and_multiplexing() {
    let closed = || settings(&[(4, 0)]);
    check_rows(
        "generic/2",
        &[
            ("PRIORITY on an idle stream", vec![priority(1, 0, 255), ping()], "PING/1:8"),
            (
                "WINDOW_UPDATE on a half-closed stream",
                vec![closed(), get(1, "/"), window_update(1, 1)],
                "SETTINGS/1:0 HEADERS/4=88@1 DATA/0:1@1",
            ),
            (
                "PRIORITY on a half-closed stream",
                vec![closed(), get(1, "/"), priority(1, 0, 255), window_update(1, 1)],
                "SETTINGS/1:0 HEADERS/4=88@1 DATA/0:1@1",
            ),
            (
                "RST_STREAM on a half-closed stream",
                vec![get(1, "/w"), reset(8), ping()],
                "PING/1:8",
            ),
            (
                "PRIORITY on a closed stream",
                vec![get(1, "/"), priority(1, 0, 255), ping()],
                "HEADERS/4=88@1 DATA/1:2@1 PING/1:8",
            ),
        ],
    );
}

#[test]
fn frames_of_every_type() {
    let block = fields("/");
    let padded = [&[8][..], &block, &[0; 8]].concat();
    let with_priority = [&[0, 0, 0, 0, 255][..], &block].concat();
    let begun = |to| frame(kind::HEADERS, END_STREAM, 1, &block[..to]);
    check_rows(
        "generic/3",
        &[
            ("DATA", vec![post(), data(END_STREAM, b"test")], ANSWER),
            ("several DATA", vec![post(), data(0, b"test"), data(END_STREAM, b"test")], ANSWER),
            (
                "DATA with padding",
                vec![post(), data(END_STREAM | PADDED, b"\x05test\0\0\0\0\0")],
                ANSWER,
            ),
            ("HEADERS", vec![get(1, "/")], ANSWER),
            ("HEADERS with padding", vec![headers(END_STREAM | PADDED, &padded)], ANSWER),
            ("HEADERS with priority", vec![headers(END_STREAM | PRIORITY, &with_priority)], ANSWER),
            ("PRIORITY of weight 1", vec![priority(1, 0, 0), get(1, "/")], ANSWER),
            ("PRIORITY of weight 256", vec![priority(1, 0, 255), get(1, "/")], ANSWER),
            ("PRIORITY with a dependency", vec![priority(3, 1, 0), get(1, "/")], ANSWER),
            ("PRIORITY, exclusive", vec![priority(1, 1 << 31, 0), get(1, "/")], ANSWER),
            ("PRIORITY of a higher stream", vec![priority(3, 0, 255), get(1, "/")], ANSWER),
            ("RST_STREAM", vec![post(), reset(8), ping()], &[ANSWER, " PING/1:8"].concat()),
            (
                "SETTINGS",
                vec![settings(&[(1, 4096), (2, 1), (3, 100), (4, 65_535), (5, 16_384), (6, 100)])],
                "SETTINGS/1:0",
            ),
            ("PING", vec![ping()], "PING/1:8"),
            (
                "GOAWAY",
                vec![frame(kind::GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0h2spec"), ping()],
                "PING/1:8",
            ),
            ("WINDOW_UPDATE of the connection", vec![window_update(0, 1), ping()], "PING/1:8"),
            ("WINDOW_UPDATE of a stream", vec![get(1, "/"), window_update(1, 1)], ANSWER),
            ("CONTINUATION", vec![begun(5), continuation(END_HEADERS, 1, &block[5..])], ANSWER),
            (
                "several CONTINUATION",
                vec![
                    begun(5),
                    continuation(0, 1, &block[5..10]),
                    continuation(END_HEADERS, 1, &block[10..]),
                ],
                ANSWER,
            ),
        ],
    );
}

#[test]
fn message_exchanges() {
    let mut head = vec![2, 4];
    head.extend_from_slice(b"HEAD");
    head.extend_from_slice(&fields("/")[1..]);
    let with_trailers = [fields_of_post(), literal("trailer", "x-test")].concat();
    check_rows(
        "generic/4",
        &[
            ("GET", vec![get(1, "/")], ANSWER),
            ("HEAD", vec![headers(END_STREAM, &head)], ANSWER),
            ("POST", vec![post(), data(END_STREAM, b"test")], ANSWER),
            (
                "POST with trailers",
                vec![
                    headers(0, &with_trailers),
                    data(0, b"test"),
                    headers(END_STREAM, &literal("x-test", "ok")),
                ],
                ANSWER,
            ),
        ],
    );
}

#[test]
fn representations_of_fields() {
    let rows: [(&str, &[u8]); 13] = [
        ("indexed", b"\xba"),
        ("indexed literal, Huffman", b"\x40\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4"),
        ("indexed literal", b"\x40\x0auser-agent\x06h2spec"),
        ("indexed literal, new name", b"\x40\x06x-test\x06h2spec"),
        ("indexed literal, new name, Huffman", b"\x40\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4"),
        ("literal", b"\x00\x0auser-agent\x06h2spec"),
        ("literal, Huffman", b"\x00\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4"),
        ("literal, new name", b"\x00\x06x-test\x06h2spec"),
        ("literal, new name, Huffman", b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4"),
        ("never indexed", b"\x10\x0auser-agent\x06h2spec"),
        ("never indexed, Huffman", b"\x10\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4"),
        ("never indexed, new name", b"\x10\x06x-test\x06h2spec"),
        ("never indexed, new name, Huffman", b"\x10\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4"),
    ];
    for (name, representation) in rows {
        let sent = headers(END_STREAM, &[&fields("/"), representation].concat());
        check_rows("generic/5", &[(name, vec![sent], ANSWER)]);
    }
    let one = [&b"\x3f\x61"[..], &fields("/")].concat();
    let several = [&b"\x3f\x61\x3f\xe1\x1f"[..], &fields("/")].concat();
    check_rows(
        "generic/5",
        &[
            ("a new size of the table", vec![headers(END_STREAM, &one)], ANSWER),
            ("two new sizes of the table", vec![headers(END_STREAM, &several)], ANSWER),
        ],
    );
}
