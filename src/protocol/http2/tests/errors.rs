//! Errors of the connection and of a stream (RFC 9113 §5.4).

use super::*;

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let big = frame(kind::DATA, 0, 1, &vec![0; 16 * 1024 + 1]);
    let rows: [(&str, Vec<u8>, u32); 39] = [
        ("a frame too large", big, 6),
        ("a second preface", PREFACE.to_vec(), 6),
        ("DATA on the connection", frame(kind::DATA, 0, 0, b"x"), 1),
        ("DATA on an idle stream", frame(kind::DATA, 0, 1, b"x"), 1),
        ("HEADERS on the connection", get(0, "/"), 1),
        ("HEADERS on an even stream", get(2, "/"), 1),
        ("HEADERS of nonsense", frame(kind::HEADERS, 0x5, 1, b"\x80"), 9),
        ("HEADERS of padding", frame(kind::HEADERS, 0xd, 1, b"\x05\x82"), 1),
        ("HEADERS cut off", frame(kind::HEADERS, 0x8, 1, b""), 6),
        ("HEADERS without priority", frame(kind::HEADERS, 0x25, 1, b"\0\0\0"), 6),
        ("an older stream", [get(5, "/"), get(3, "/")].concat(), 1),
        ("a closed stream", [get(5, "/"), get(5, "/")].concat(), 5),
        ("CONTINUATION of nothing", frame(kind::CONTINUATION, 0x4, 1, b""), 1),
        (
            "a block interrupted",
            [frame(kind::HEADERS, 0, 1, b""), frame(kind::PING, 0, 0, &[0; 8])].concat(),
            1,
        ),
        (
            "a block on another stream",
            [frame(kind::HEADERS, 0, 1, b""), frame(kind::CONTINUATION, 0, 3, b"")].concat(),
            1,
        ),
        ("PRIORITY of the connection", frame(kind::PRIORITY, 0, 0, &[0; 5]), 1),
        ("PRIORITY cut off", frame(kind::PRIORITY, 0, 1, &[0; 4]), 6),
        ("RST_STREAM on an idle stream", frame(kind::RST_STREAM, 0, 1, &[0; 4]), 1),
        ("RST_STREAM cut off", frame(kind::RST_STREAM, 0, 1, &[0; 3]), 6),
        ("SETTINGS on a stream", frame(kind::SETTINGS, 0, 1, b""), 1),
        ("SETTINGS cut off", frame(kind::SETTINGS, 0, 0, &[0; 5]), 6),
        ("SETTINGS that answer", frame(kind::SETTINGS, 1, 0, &[0; 6]), 6),
        ("push neither on nor off", frame(kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]), 1),
        ("a window too large", frame(kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]), 3),
        ("frames too small", frame(kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff]), 1),
        ("PUSH_PROMISE", frame(kind::PUSH_PROMISE, 0x4, 1, &[0, 0, 0, 2]), 1),
        ("PING cut off", frame(kind::PING, 0, 0, &[0; 7]), 6),
        ("PING on a stream", frame(kind::PING, 0, 1, &[0; 8]), 1),
        ("GOAWAY of four bytes", frame(kind::GOAWAY, 0, 0, &[0; 4]), 6),
        ("GOAWAY of nothing", frame(kind::GOAWAY, 0, 0, b""), 6),
        ("WINDOW_UPDATE cut off", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3]), 6),
        ("WINDOW_UPDATE too long", frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1, 0]), 6),
        ("PRIORITY_UPDATE cut off", frame(0x10, 0, 0, &[0; 3]), 6),
        ("PRIORITY_UPDATE of no stream", frame(0x10, 0, 0, &[0; 4]), 1),
        ("PRIORITY_UPDATE of a pushed stream", frame(0x10, 0, 0, &[0, 0, 0, 2]), 1),
        ("PRIORITY_UPDATE on a stream", frame(0x10, 0, 1, &[0, 0, 0, 1]), 1),
        ("CONNECT neither on nor off", frame(kind::SETTINGS, 0, 0, &[0, 8, 0, 0, 0, 2]), 1),
        ("GOAWAY on a stream", frame(kind::GOAWAY, 0, 1, &[0; 8]), 1),
        ("a window opened by nothing", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), 1),
    ];
    for (what, sent, code) in rows {
        let mut test = Test::new();
        let got = test.exchange(&sent);
        assert!(got.ends_with(&format!("GOAWAY/0={code:#x}")), "{what}: {got}");
        assert!(matches!(test.1, Some(Err(Error::Client(..)))), "{what}: {:?}", test.1);
    }
}

#[test]
fn the_preface_comes_first() {
    for sent in [&b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..], &[PREFACE, &get(1, "/")].concat()]
    {
        let mut test = Test(Connection::new(Client::default(), Pages), None);
        assert_eq!(test.exchange(sent), "SETTINGS/0:18 GOAWAY/0=0x1");
    }
}

#[test]
fn an_error_of_a_stream_ends_that_alone() {
    let malformed = frame(kind::HEADERS, 0x5, 1, b"\x82");
    let waits = || get(1, "/w");
    let rows: [(&str, Vec<u8>, u32); 6] = [
        ("no request", malformed, 1),
        ("content behind the end", [waits(), frame(kind::DATA, 0, 1, &[0; 600])].concat(), 5),
        ("fields behind the end", [waits(), waits()].concat(), 5),
        (
            "a window opened by nothing",
            [waits(), frame(kind::WINDOW_UPDATE, 0, 1, &[0; 4])].concat(),
            1,
        ),
        (
            "a window beyond all bounds",
            [waits(), frame(kind::WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff])].concat(),
            3,
        ),
        (
            "trailers that are a request",
            [frame(kind::HEADERS, 0x4, 1, &fields("/w")), get(1, "/")].concat(),
            1,
        ),
    ];
    for (what, sent, code) in rows {
        let got = Test::new().exchange(&[sent, get(3, "/")].concat());
        let expected = format!("RESET/0={code:#x}@1 HEADERS/4=88@3 DATA/1:2@3");
        assert_eq!(got, expected, "{what}");
    }
}
