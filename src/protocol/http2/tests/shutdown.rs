//! The graceful end of a connection (RFC 9113 §6.8).

use super::*;

#[test]
fn a_polite_end_answers_what_was_on_its_way() {
    let mut test = Test::new();
    test.0.graceful_shutdown();
    assert_eq!(test.exchange(&get(1, "/")), "GOAWAY/0=0x0 PING/0:8 HEADERS/4=88@1 DATA/1:2@1");
    let opened = [get(3, "/b"), frame(kind::PING, 1, 0, b"farewell"), get(5, "/")].concat();
    let got = test.exchange(&opened);
    assert!(got.starts_with("HEADERS/4=88@3") && got.contains(" GOAWAY/0=0x0 "), "{got}");
    assert!(!got.contains("@5") && test.1.is_none(), "{got}");
    let room = [0, 1].map(|stream| frame(kind::WINDOW_UPDATE, 0, 3 * stream, &[0, 1, 0, 0]));
    assert!(test.exchange(&room.concat()).ends_with("@3"));
    assert!(matches!(test.1, Some(Ok(()))), "{:?}", test.1);
}

#[test]
fn only_its_own_ping_ends_a_drain() {
    let mut test = Test::new();
    test.0.graceful_shutdown();
    assert_eq!(test.exchange(b""), "GOAWAY/0=0x0 PING/0:8");
    for other in [&b"farewelL"[..], &[0; 8]] {
        assert_eq!(test.exchange(&frame(kind::PING, 1, 0, other)), "");
    }
    // A ping of the client's with the same content is answered like any other.
    assert_eq!(test.exchange(&frame(kind::PING, 0, 0, b"farewell")), "PING/1:8");
    assert_eq!(test.exchange(&get(1, "/")), "HEADERS/4=88@1 DATA/1:2@1");
    assert!(test.1.is_none());
    assert_eq!(test.exchange(&frame(kind::PING, 1, 0, b"farewell")), "GOAWAY/0=0x0");
    assert!(matches!(test.1, Some(Ok(()))));
}

#[test]
fn what_is_opened_behind_the_last_stream_is_ignored() {
    let mut test = Test::new();
    test.exchange(&get(1, "/w"));
    test.0.graceful_shutdown();
    test.exchange(&frame(kind::PING, 1, 0, b"farewell"));
    let sent = [
        frame(kind::HEADERS, 0x4, 3, &fields("/")),
        frame(kind::DATA, 0, 3, &[0; 600]),
        frame(kind::WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1]),
        frame(kind::DATA, 1, 3, &[0; 600]),
        frame(kind::RST_STREAM, 0, 3, &[0; 4]),
        frame(kind::PING, 0, 0, &[0; 8]),
    ];
    assert_eq!(test.exchange(&sent.concat()), "PING/1:8");
    // It costs as much as frames that ask for nothing.
    let got = test.exchange(&vec![frame(kind::DATA, 0, 3, &[0; 600]); 1200].concat());
    assert!(got.ends_with("GOAWAY/0=0xb"), "{got}");
}

#[test]
fn nothing_is_said_behind_the_last_word() {
    let mut test = Test::new();
    assert_eq!(test.exchange(&get(2, "/")), "GOAWAY/0=0x1");
    test.0.graceful_shutdown();
    assert_eq!(test.exchange(&get(1, "/")), "");
}
