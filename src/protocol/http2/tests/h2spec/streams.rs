//! Its section 5: the states of streams, their numbers and dependencies, and errors.

use super::*;

#[test]
fn states_of_streams() {
    let behind = |error: &str| [ANSWER, " ", error].concat();
    let again = || get(1, "/");
    check_rows(
        "5.1",
        &[
            ("idle: DATA", vec![data(END_STREAM, b"test")], "GOAWAY/0=0x1"),
            ("idle: RST_STREAM", vec![reset(8)], "GOAWAY/0=0x1"),
            ("idle: WINDOW_UPDATE", vec![window_update(1, 100)], "GOAWAY/0=0x1"),
            (
                "idle: CONTINUATION",
                vec![continuation(END_HEADERS, 1, &fields("/"))],
                "GOAWAY/0=0x1",
            ),
            ("half-closed: DATA", vec![get(1, "/w"), data(END_STREAM, b"test")], "RESET/0=0x5@1"),
            ("half-closed: HEADERS", vec![get(1, "/w"), again()], "RESET/0=0x5@1"),
            (
                "half-closed: CONTINUATION",
                vec![get(1, "/w"), continuation(END_HEADERS, 1, &fields("/"))],
                "GOAWAY/0=0x1",
            ),
            (
                "closed by RST_STREAM: DATA",
                vec![post(), reset(8), data(END_STREAM, b"test")],
                &behind("RESET/0=0x5@1"),
            ),
            (
                "closed by RST_STREAM: HEADERS",
                vec![post(), reset(8), again()],
                &behind("RESET/0=0x5@1"),
            ),
            (
                "closed by RST_STREAM: CONTINUATION",
                vec![post(), reset(8), continuation(END_HEADERS, 1, &dummy())],
                &behind("GOAWAY/0=0x1"),
            ),
            (
                "closed: DATA",
                vec![get(1, "/"), data(END_STREAM, b"test")],
                &behind("RESET/0=0x5@1"),
            ),
            ("closed: HEADERS", vec![get(1, "/"), again()], &behind("GOAWAY/0=0x5")),
            (
                "closed: CONTINUATION",
                vec![get(1, "/"), continuation(END_HEADERS, 1, &dummy())],
                &behind("GOAWAY/0=0x1"),
            ),
        ],
    );
}

#[test]
fn numbers_of_streams() {
    check_rows(
        "5.1.1",
        &[
            ("an even number", vec![get(2, "/")], "GOAWAY/0=0x1"),
            (
                "a lower number",
                vec![get(5, "/"), get(3, "/")],
                "HEADERS/4=88@5 DATA/1:2@5 GOAWAY/0=0x1",
            ),
        ],
    );
    // 5.1.2: one more than there may be at a time.
    let mut test = Test::new();
    test.exchange(&settings(&[(4, 0)]));
    let asked: Vec<_> = (0..101).map(|at| get(2 * at + 1, "/")).collect();
    let answered = test.exchange(&asked.concat());
    assert!(answered.ends_with("HEADERS/4=88@199 RESET/0=0x7@201"), "{answered}");
}

#[test]
fn dependencies() {
    let on_itself = [&[0, 0, 0, 1, 255][..], &fields("/")].concat();
    check_rows(
        "5.3.1",
        &[
            ("HEADERS", vec![headers(END_STREAM | PRIORITY, &on_itself)], "RESET/0=0x1@1"),
            // A stream that is idle cannot be reset.
            ("PRIORITY, idle", vec![priority(1, 1, 255)], "GOAWAY/0=0x1"),
            ("PRIORITY, open", vec![get(1, "/w"), priority(1, 1, 255)], "RESET/0=0x1@1"),
            (
                "PRIORITY, exclusive",
                vec![get(1, "/w"), priority(1, 1 << 31 | 1, 0)],
                "RESET/0=0x1@1",
            ),
            (
                "PRIORITY, answered",
                vec![post(), priority(1, 1, 255)],
                "HEADERS/4=88@1 DATA/1:2@1 RESET/0=0x1@1",
            ),
            (
                "trailers",
                vec![
                    frame(kind::HEADERS, END_HEADERS, 1, &fields("/w")),
                    headers(END_STREAM | PRIORITY, b"\0\0\0\x01\x10"),
                ],
                "RESET/0=0x1@1",
            ),
        ],
    );
}

#[test]
fn errors_and_extensions() {
    let invalid = || frame(kind::PING, 0, 3, &[0; 8]);
    let mut test = Test::new();
    assert_eq!(test.exchange(&invalid()), "GOAWAY/0=0x1", "5.4.1: the reason is told");
    assert!(matches!(test.1, Some(Err(Error::Client(..)))), "5.4.1: the connection is closed");
    let unknown = || frame(0x16, 0, 0, &[0; 8]);
    check_rows(
        "5.5",
        &[
            ("an unknown frame", vec![unknown(), ping()], "PING/1:8"),
            (
                "an unknown frame within a block",
                vec![frame(kind::HEADERS, END_STREAM, 1, &fields("/")), unknown()],
                "GOAWAY/0=0x1",
            ),
        ],
    );
}
