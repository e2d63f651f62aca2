//! Its sections 3, 4 and 6: the preface, the format of frames, and each type of frame.

use super::*;

#[test]
fn the_preface() {
    for (name, sent, expected) in [
        ("a preface", [PREFACE, &settings(&[(4, 65_535)])].concat(), "SETTINGS/0:18 SETTINGS/1:0"),
        (
            "no preface",
            b"INVALID CONNECTION PREFACE\r\n\r\n".to_vec(),
            "SETTINGS/0:18 GOAWAY/0=0x1",
        ),
        // What differs already is not waited for to its end.
        ("half of none", b"PRI * HTTP/1".to_vec(), "SETTINGS/0:18 GOAWAY/0=0x1"),
        ("half of one", b"PRI * HTTP/2".to_vec(), "SETTINGS/0:18"),
    ] {
        let mut test = Test(Connection::new(Client::default(), Pages), None);
        assert_eq!(test.exchange(&sent), expected, "3.5: {name}");
    }
}

#[test]
fn the_format_of_frames() {
    let unknown = || frame(0x16, 0, 0, &[0; 8]);
    let large = |kind| frame(kind, END_STREAM | END_HEADERS, 1, &vec![0; 16_385]);
    let open = || frame(kind::HEADERS, 0, 1, &fields("/"));
    check_rows(
        "4",
        &[
            ("4.1: an unknown type", vec![unknown(), ping()], "PING/1:8"),
            ("4.1: an undefined flag", vec![frame(kind::PING, 0x16, 0, &[0; 8])], "PING/1:8"),
            (
                "4.1: the reserved bit",
                vec![b"\0\0\x08\x06\x16\x80\0\0\0\0\0\0\0\0\0\0\0".to_vec()],
                "PING/1:8",
            ),
            ("4.2: DATA of 2^14 bytes", vec![post(), data(END_STREAM, &[0; 16_384])], ANSWER),
            (
                "4.2: DATA of more",
                vec![post(), large(kind::DATA)],
                &[ANSWER, " GOAWAY/0=0x6"].concat(),
            ),
            ("4.2: HEADERS of more", vec![large(kind::HEADERS)], "GOAWAY/0=0x6"),
            ("4.3: half a block", vec![headers(END_STREAM, b"\x40")], "GOAWAY/0=0x9"),
            (
                "4.3: PRIORITY within a block",
                vec![open(), priority(1, 0, 255), continuation(END_HEADERS, 1, &dummy())],
                "GOAWAY/0=0x1",
            ),
            (
                "4.3: HEADERS within a block",
                vec![open(), get(3, "/"), continuation(END_HEADERS, 1, &dummy())],
                "GOAWAY/0=0x1",
            ),
        ],
    );
}

#[test]
fn data_and_headers() {
    let with_length = [fields_of_post(), literal("content-length", "4")].concat();
    let padded = [&[u8::try_from(fields("/").len() + 2).unwrap()][..], &fields("/")].concat();
    let open = || frame(kind::HEADERS, 0, 1, &fields_of_post());
    let behind = |error: &str| [ANSWER, " ", error].concat();
    check_rows(
        "6",
        &[
            ("6.1: DATA of no stream", vec![frame(kind::DATA, 1, 0, b"test")], "GOAWAY/0=0x1"),
            (
                "6.1: DATA on a closed stream",
                vec![get(1, "/"), data(1, b"test")],
                &behind("RESET/0=0x5@1"),
            ),
            (
                "6.1: more padding than DATA",
                vec![headers(0, &with_length), data(END_STREAM | PADDED, b"\x06Test")],
                &behind("GOAWAY/0=0x1"),
            ),
            (
                "6.2: PRIORITY behind open HEADERS",
                vec![open(), priority(1, 0, 255), continuation(END_HEADERS, 1, &dummy())],
                "GOAWAY/0=0x1",
            ),
            (
                "6.2: HEADERS behind open HEADERS",
                vec![open(), get(3, "/"), continuation(END_HEADERS, 1, &dummy())],
                "GOAWAY/0=0x1",
            ),
            ("6.2: HEADERS of no stream", vec![get(0, "/")], "GOAWAY/0=0x1"),
            (
                "6.2: more padding than HEADERS",
                vec![headers(END_STREAM | PADDED, &padded)],
                "GOAWAY/0=0x1",
            ),
        ],
    );
}

#[test]
fn continuation_frames() {
    let whole = || frame(kind::HEADERS, END_STREAM, 1, &fields("/"));
    let open = || frame(kind::HEADERS, 0, 1, &fields_of_post());
    let behind = |error: &str| [ANSWER, " ", error].concat();
    check_rows(
        "6",
        &[
            (
                "6.10: several CONTINUATION",
                vec![whole(), continuation(0, 1, &dummy()), continuation(END_HEADERS, 1, &dummy())],
                ANSWER,
            ),
            (
                "6.10: DATA behind open CONTINUATION",
                vec![open(), continuation(0, 1, &dummy()), data(END_STREAM, b"test")],
                "GOAWAY/0=0x1",
            ),
            (
                "6.10: CONTINUATION of no stream",
                vec![whole(), continuation(END_HEADERS, 0, &dummy())],
                "GOAWAY/0=0x1",
            ),
            (
                "6.10: CONTINUATION behind whole HEADERS",
                vec![get(1, "/"), continuation(END_HEADERS, 1, &dummy())],
                &behind("GOAWAY/0=0x1"),
            ),
            (
                "6.10: CONTINUATION behind the last",
                vec![
                    whole(),
                    continuation(END_HEADERS, 1, &dummy()),
                    continuation(END_HEADERS, 1, &dummy()),
                ],
                &behind("GOAWAY/0=0x1"),
            ),
            (
                "6.10: CONTINUATION behind DATA",
                vec![open(), data(END_STREAM, b"test"), continuation(0, 1, &dummy())],
                "GOAWAY/0=0x1",
            ),
        ],
    );
}

#[test]
fn priority_resets_and_settings() {
    let setting = |name, value| vec![settings(&[(name, value)])];
    check_rows(
        "6",
        &[
            ("6.3: PRIORITY of no stream", vec![priority(0, 0, 255)], "GOAWAY/0=0x1"),
            (
                "6.3: PRIORITY of 4 bytes",
                vec![get(1, "/"), frame(kind::PRIORITY, 0, 1, b"\x80\0\0\x01")],
                "HEADERS/4=88@1 DATA/1:2@1 GOAWAY/0=0x6",
            ),
            (
                "6.4: RST_STREAM of no stream",
                vec![frame(kind::RST_STREAM, 0, 0, &[0; 4])],
                "GOAWAY/0=0x1",
            ),
            ("6.4: RST_STREAM on an idle stream", vec![reset(8)], "GOAWAY/0=0x1"),
            (
                "6.4: RST_STREAM of 3 bytes",
                vec![get(1, "/"), frame(kind::RST_STREAM, 0, 1, &[0; 3])],
                "HEADERS/4=88@1 DATA/1:2@1 GOAWAY/0=0x6",
            ),
            (
                "6.5: an answer with content",
                vec![frame(kind::SETTINGS, 1, 0, &[0])],
                "GOAWAY/0=0x6",
            ),
            (
                "6.5: SETTINGS on a stream",
                vec![frame(kind::SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 0x64])],
                "GOAWAY/0=0x1",
            ),
            (
                "6.5: SETTINGS of 3 bytes",
                vec![frame(kind::SETTINGS, 0, 0, &[0, 3, 0])],
                "GOAWAY/0=0x6",
            ),
            ("6.5.2: ENABLE_PUSH of 2", setting(2, 2), "GOAWAY/0=0x1"),
            ("6.5.2: a window beyond all bounds", setting(4, 1 << 31), "GOAWAY/0=0x3"),
            ("6.5.2: frames too small", setting(5, 16_383), "GOAWAY/0=0x1"),
            ("6.5.2: frames too large", setting(5, 1 << 24), "GOAWAY/0=0x1"),
            (
                "6.5.2: an unknown setting",
                vec![settings(&[(0xff, 1)]), ping()],
                "SETTINGS/1:0 PING/1:8",
            ),
            (
                "6.5.3: a window twice",
                vec![settings(&[(4, 100), (4, 1)]), get(1, "/")],
                "SETTINGS/1:0 HEADERS/4=88@1 DATA/0:1@1",
            ),
            ("6.5.3: SETTINGS are acknowledged", setting(2, 0), "SETTINGS/1:0"),
        ],
    );
}

#[test]
fn ping_goaway_and_windows() {
    const MOST: u32 = (1 << 31) - 1;
    let answered = |error: &str| [ANSWER, " ", error].concat();
    let raw = |bytes: &[u8]| vec![bytes.to_vec()];
    check_rows(
        "6",
        &[
            ("6.7: PING", vec![ping()], "PING/1:8"),
            (
                "6.7: PING that answers",
                vec![frame(kind::PING, 1, 0, b"invalid\0"), ping()],
                "PING/1:8",
            ),
            ("6.7: PING on a stream", vec![frame(kind::PING, 0, 1, &[0; 8])], "GOAWAY/0=0x1"),
            ("6.7: PING of 6 bytes", vec![frame(kind::PING, 0, 0, &[0; 6])], "GOAWAY/0=0x6"),
            ("6.8: GOAWAY on a stream", vec![frame(kind::GOAWAY, 0, 1, &[0; 8])], "GOAWAY/0=0x1"),
            ("6.9: a window opened by 0", vec![window_update(0, 0)], "GOAWAY/0=0x1"),
            (
                "6.9: the window of a stream opened by 0",
                vec![post(), window_update(1, 0)],
                &answered("RESET/0=0x1@1"),
            ),
            (
                "6.9: WINDOW_UPDATE of 3 bytes",
                raw(b"\0\0\x03\x08\0\0\0\0\0\0\0\x01"),
                "GOAWAY/0=0x6",
            ),
            (
                "6.9.1: a window of 1",
                vec![settings(&[(4, 1)]), get(1, "/")],
                "SETTINGS/1:0 HEADERS/4=88@1 DATA/0:1@1",
            ),
            (
                "6.9.1: a window beyond all bounds",
                vec![window_update(0, MOST), window_update(0, MOST)],
                "GOAWAY/0=0x3",
            ),
            (
                "6.9.1: the window of a stream beyond all bounds",
                vec![post(), window_update(1, MOST), window_update(1, MOST)],
                &answered("RESET/0=0x3@1"),
            ),
            (
                "6.9.2: windows changed behind HEADERS",
                vec![settings(&[(4, 0)]), get(1, "/"), settings(&[(4, 1)])],
                "SETTINGS/1:0 HEADERS/4=88@1 SETTINGS/1:0 DATA/0:1@1",
            ),
            (
                "6.9.2: a window beyond all bounds",
                raw(b"\0\0\x06\x04\0\0\0\0\0\0\x04\x80\0\0\0"),
                "GOAWAY/0=0x3",
            ),
            (
                "7: GOAWAY of an unknown error",
                vec![frame(kind::GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\xff"), ping()],
                "PING/1:8",
            ),
            (
                "7: RST_STREAM of an unknown error",
                vec![post(), reset(0xff), ping()],
                &answered("PING/1:8"),
            ),
        ],
    );
    // 6.9.2: a window that falls below nothing.
    let mut test = Test::new();
    let begun = test.exchange(&[settings(&[(4, 3)]), get(1, "/b")].concat());
    assert_eq!(begun, "SETTINGS/1:0 HEADERS/4=88@1 DATA/0:3@1");
    assert_eq!(test.exchange(&settings(&[(4, 2)])), "SETTINGS/1:0");
    assert_eq!(test.exchange(&window_update(1, 2)), "DATA/0:1@1");
}
