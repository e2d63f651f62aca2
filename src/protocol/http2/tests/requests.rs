//! Requests, their content, and what is held for them.

use super::*;

#[test]
fn requests_are_answered() {
    check(&[get(1, "/")], "HEADERS/4=88@1 DATA/1:2@1");
    check(
        &[get(1, "/"), get(3, "/"), get(9, "/")],
        "HEADERS/4=88@1 DATA/1:2@1 HEADERS/4=88@3 DATA/1:2@3 HEADERS/4=88@9 DATA/1:2@9",
    );
    // Padding and a priority are taken off.
    let padded = [&[3, 0, 0, 0, 0, 9][..], &fields("/"), &[0; 3]].concat();
    check(&[frame(kind::HEADERS, 0x2d, 1, &padded)], "HEADERS/4=88@1 DATA/1:2@1");
    // A field block may be cut anywhere.
    let block = fields("/");
    let (first, second) = block.split_at(5);
    let parts = [
        frame(kind::HEADERS, 0x1, 1, first),
        frame(kind::CONTINUATION, 0, 1, b""),
        frame(kind::CONTINUATION, 0x4, 1, second),
    ];
    check(&parts, "HEADERS/4=88@1 DATA/1:2@1");
}

/// A request on stream 1 for `path`, whose content is to follow.
fn post(path: &str) -> Vec<u8> {
    frame(kind::HEADERS, 0x4, 1, &fields(path))
}

fn data(flags: u8, length: usize) -> Vec<u8> {
    frame(kind::DATA, flags, 1, &vec![0; length])
}

const ANSWER: &str = "HEADERS/4=88@1 DATA/1:2@1";

#[test]
fn content_of_a_request_is_not_waited_for() {
    const K16: usize = 16 * 1024;
    let trailers = || frame(kind::HEADERS, 0x5, 1, b"\x00\x01a\x01b");
    let rows = [
        (vec![], ""),
        // What comes behind the answer is dropped, trailers too.
        (vec![data(0, 600), trailers()], ""),
        (vec![data(0, 600), data(1, 600)], ""),
        (vec![data(1, 0)], ""),
        // The connection gets its room back, and the client is asked to stop once.
        (vec![data(0, K16), data(0, K16)], " WINDOW/0:4"),
        (vec![data(0, K16), data(0, K16), data(0, 600)], " WINDOW/0:4 RESET/0=0x0@1"),
        (vec![data(0, K16), data(0, K16), data(1, 600)], " WINDOW/0:4"),
        // What was on its way is dropped, as far as there was a window for it.
        (
            vec![data(0, K16), data(0, K16), data(0, K16), data(0, K16 - 1)],
            " WINDOW/0:4 RESET/0=0x0@1",
        ),
        (vec![data(0, K16), data(0, K16), data(0, K16), trailers()], " WINDOW/0:4 RESET/0=0x0@1"),
        (
            vec![data(0, K16), data(0, K16), data(0, K16), data(0, K16)],
            " WINDOW/0:4 RESET/0=0x0@1 WINDOW/0:4 GOAWAY/0=0x3",
        ),
    ];
    for (sent, expected) in rows {
        check(&[vec![post("/")], sent].concat(), &(ANSWER.to_owned() + expected));
    }
    // Who has used up the window before the answer is asked to stop behind it.
    let mut test = Test::new();
    let none = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let some = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 2]);
    test.exchange(&[none, post("/"), data(0, K16), data(0, K16), data(0, K16)].concat());
    assert_eq!(test.exchange(&some), "SETTINGS/1:0 DATA/1:2@1 RESET/0=0x0@1");
    // A stream that is still worked on has its window, too, and gets nothing back.
    let flood = [vec![post("/w")], vec![data(0, K16); 4]].concat();
    check(&flood, "WINDOW/0:4 WINDOW/0:4 RESET/0=0x3@1");
}

#[test]
fn nothing_comes_behind_the_end_of_a_request() {
    let trailers = || frame(kind::HEADERS, 0x5, 1, b"\x00\x01a\x01b");
    let rows = [
        (vec![data(1, 4), data(1, 4)], " RESET/0=0x5@1"),
        (vec![data(1, 4), trailers()], " GOAWAY/0=0x5"),
        (vec![trailers(), data(1, 4)], " RESET/0=0x5@1"),
        (vec![trailers(), trailers()], " GOAWAY/0=0x5"),
        // Another stream has been opened since.
        (vec![data(1, 4), get(3, "/w"), trailers()], " GOAWAY/0=0x1"),
        (vec![frame(kind::RST_STREAM, 0, 1, &[0; 4]), get(3, "/w"), trailers()], " RESET/0=0x5@1"),
    ];
    for (sent, expected) in rows {
        check(&[vec![post("/")], sent].concat(), &(ANSWER.to_owned() + expected));
    }
}

#[test]
fn requests_that_are_never_ended_are_bounded() {
    let mut test = Test::new();
    let begun = |at: u32| frame(kind::HEADERS, 0x4, 2 * at + 1, &fields("/"));
    for at in 0..100 {
        assert!(!test.exchange(&begun(at)).contains("RESET"), "{at}");
    }
    let oldest = "HEADERS/4=88@201 DATA/1:2@201 RESET/0=0x0@1";
    assert_eq!(test.exchange(&begun(100)), oldest);
    // What was on its way is an error, as nothing is known of it any more.
    assert_eq!(test.exchange(&data(0, 600)), "RESET/0=0x5@1 RESET/0=0x0@3");
}

#[test]
fn a_client_with_a_smaller_table_is_told_so_first() {
    let limit =
        |size: u32| frame(kind::SETTINGS, 0, 0, &[&[0, 1][..], &size.to_be_bytes()].concat());
    for size in [4095, 100, 0] {
        let sent = [get(1, "/"), limit(size), limit(4096), get(3, "/"), get(5, "/")];
        // The representation of the status, or an update of the size to 0 before it.
        let expected = "HEADERS/4=88@1 DATA/1:2@1 SETTINGS/1:0 SETTINGS/1:0 \
                        HEADERS/4=20@3 DATA/1:2@3 HEADERS/4=88@5 DATA/1:2@5";
        check(&sent, expected);
    }
    check(
        &[limit(4096), limit(8192), get(1, "/")],
        "SETTINGS/1:0 SETTINGS/1:0 HEADERS/4=88@1 DATA/1:2@1",
    );
    // Heads that are refused are blocks like others.
    let large = [&fields("/")[..], &b"\x00\x01a\x01b".repeat(101)].concat();
    check(
        &[limit(0), frame(kind::HEADERS, 0x5, 1, &large), get(3, "/")],
        "SETTINGS/1:0 HEADERS/4=20@1 DATA/1:78@1 HEADERS/4=88@3 DATA/1:2@3",
    );
}

#[test]
fn a_head_too_large_is_an_answer() {
    let mut block = fields("/");
    for _ in 0..100 {
        block.extend_from_slice(b"\x00\x01a\x01b");
    }
    // 431, and the table is still in step.
    block.extend_from_slice(b"\x40\x01c\x01d");
    let next = b"\x82\x84\x86\xbf\xbe";
    let sent = [frame(kind::HEADERS, 0x5, 1, &block), frame(kind::HEADERS, 0x5, 3, next)].concat();
    assert_eq!(Test::new().exchange(&sent), "HEADERS/4=08@1 DATA/1:78@1 HEADERS/4=88@3 DATA/1:2@3");
}

#[test]
fn streams_are_bounded() {
    let mut test = Test::new();
    let waiting: Vec<_> = (0..100).map(|index| get(2 * index + 1, "/w")).collect();
    assert_eq!(test.exchange(&waiting.concat()), "");
    assert_eq!(test.exchange(&get(201, "/")), "RESET/0=0x7@201");
    test.exchange(&frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]));
    assert_eq!(test.exchange(&get(203, "/")), "HEADERS/4=88@203 DATA/1:2@203");
}

#[test]
fn an_idle_connection_holds_nothing() {
    let mut test = Test::new();
    test.exchange(&[get(1, "/"), get(3, "/b")].concat());
    test.exchange(&frame(kind::RST_STREAM, 0, 3, &[0; 4]));
    let held = format!("{:?} {:?}", test.0.input, test.0.output);
    assert_eq!(
        held,
        "Input { partial: [] } \
         Output { small: [], taken: 0, segments: [], queued: 0, \
         table: FieldTable { size: Initial, bytes: 0, entries: [], last: None }, \
         unflushed: false }"
    );
    assert!(size_of::<Connection<Client, Pages>>() < 1024);
}
