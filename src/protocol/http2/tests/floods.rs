//! Floods of frames that cost more to answer than to send.

use super::*;

#[test]
fn floods_end() {
    let many = |frame: Vec<u8>, count| vec![frame; count].concat();
    let resets: Vec<_> = (0..500)
        .flat_map(|index| {
            [get(2 * index + 1, "/w"), frame(kind::RST_STREAM, 0, 2 * index + 1, &[0; 4])]
        })
        .collect();
    let answered: Vec<_> = (0..500)
        .flat_map(|index| {
            [get(2 * index + 1, "/"), frame(kind::RST_STREAM, 0, 2 * index + 1, &[0; 4])]
        })
        .collect();
    let ours: Vec<_> = (0..100)
        .flat_map(|index| {
            [get(2 * index + 1, "/w"), frame(kind::WINDOW_UPDATE, 0, 2 * index + 1, &[0; 4])]
        })
        .collect();
    let refused: Vec<_> = (0..1200).map(|index| get(2 * index + 1, "/w")).collect();
    let packed = [&fields("/"), &b"\x88".repeat(1000)[..]].concat();
    let large: Vec<_> =
        (0..100).map(|index| frame(kind::HEADERS, 0x5, 2 * index + 1, &packed)).collect();
    let rows: [(&str, Vec<u8>); 15] = [
        ("refused streams", refused.concat()),
        ("heads too large", large.concat()),
        ("PING", many(frame(kind::PING, 0, 0, &[0; 8]), 1200)),
        ("PING answers", many(frame(kind::PING, 1, 0, &[0; 8]), 1200)),
        ("SETTINGS", many(frame(kind::SETTINGS, 0, 0, b""), 1200)),
        ("SETTINGS answers", many(frame(kind::SETTINGS, 1, 0, b""), 1200)),
        ("PRIORITY", many(frame(kind::PRIORITY, 0, 7, &[0; 5]), 1200)),
        ("unknown frames", many(frame(0x77, 0, 0, b"x"), 1200)),
        ("windows", many(frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), 1200)),
        (
            "empty DATA",
            [frame(kind::HEADERS, 0x4, 1, &fields("/w")), many(frame(kind::DATA, 0, 1, b""), 1200)]
                .concat(),
        ),
        ("resets", resets.concat()),
        ("resets of what was answered", answered.concat()),
        ("our resets", ours.concat()),
        (
            "small CONTINUATION",
            [frame(kind::HEADERS, 0, 1, b""), many(frame(kind::CONTINUATION, 0, 1, b""), 17)]
                .concat(),
        ),
        (
            "large CONTINUATION",
            [
                frame(kind::HEADERS, 0, 1, b""),
                many(frame(kind::CONTINUATION, 0, 1, &[0x82; 16 * 1024]), 5),
            ]
            .concat(),
        ),
    ];
    for (what, sent) in rows {
        let mut test = Test::new();
        let got = test.exchange(&sent);
        assert!(got.ends_with("GOAWAY/0=0xb"), "{what}");
        assert!(matches!(test.1, Some(Err(Error::Client(..)))), "{what}");
    }
    // Work makes up for it.
    let mut test = Test::new();
    for index in 0..1000 {
        let update = frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
        test.exchange(&[get(2 * index + 1, "/"), many(update, 4)].concat());
    }
    assert!(test.1.is_none(), "{:?}", test.1);
}

#[test]
fn floods_on_answered_streams_end() {
    let many = |frame: Vec<u8>, count| vec![frame; count].concat();
    let post = || frame(kind::HEADERS, 0x4, 1, &fields("/"));
    let data = |flags, length| frame(kind::DATA, flags, 1, &vec![b'x'; length]);
    // A field of 200 bytes, and a thousand references to it.
    let long = [&b"\x40\x01a\x7f\x49"[..], &[b'x'; 200], &[0xbe; 1000]].concat();
    let reset_by_us = || frame(kind::WINDOW_UPDATE, 0, 1, &[0; 4]);
    let rows = [
        ("DATA that ends the stream", many(data(1, 0), 200), "0xb"),
        ("DATA of 512 bytes", many(data(0, 512), 200), "0x3"),
        ("empty DATA", many(data(0, 0), 1200), "0xb"),
        ("trailers", many(frame(kind::HEADERS, 5, 1, b"\x90"), 200), "0x5"),
        ("trailers too large", many(frame(kind::HEADERS, 5, 1, &long), 200), "0xb"),
        ("HEADERS that do not end it", many(frame(kind::HEADERS, 4, 1, b"\x90"), 200), "0xb"),
        ("DATA behind a reset", [reset_by_us(), many(data(0, 512), 200)].concat(), "0x3"),
        (
            "HEADERS behind a reset",
            [reset_by_us(), many(frame(kind::HEADERS, 4, 1, b"\x90"), 200)].concat(),
            "0xb",
        ),
        ("resets", many(frame(kind::RST_STREAM, 0, 1, &[0; 4]), 500), "0xb"),
        ("windows", many(frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), 1200), "0xb"),
    ];
    for (what, sent, code) in rows {
        let mut test = Test::new();
        let got = test.exchange(&[post(), sent].concat());
        assert!(got.ends_with(&format!("GOAWAY/0={code}")), "{what}: {got}");
        assert!(matches!(test.1, Some(Err(Error::Client(..)))), "{what}");
    }
}
