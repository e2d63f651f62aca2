//! Section 6, and 4.2 of QPACK: which streams there are, what each begins with, and which do not end.

use super::*;

/// The settings of a control stream, and its type before them.
const CONTROL: &[u8] = b"\x00\x04\x00";

#[test]
fn streams_say_of_which_type_they_are() {
    let uni = |bytes: &[u8]| Uni(bytes.to_vec());
    let twice = |bytes| [uni(bytes), uni(bytes)];
    let second = Closed(STREAM_CREATION_ERROR);
    let unwanted = Unwanted(STREAM_CREATION_ERROR);
    check(&[
        row("6.2: no type", &[uni(b"")], Fine),
        row("6.2: half a type", &[uni(b"\x40")], Fine),
        row("6.2: the end before a type", &[uni(b""), End], Fine),
        row("6.2: within it", &[uni(b"\x40"), End], Fine),
        row("6.2: reset before a type", &[uni(b""), Reset(0)], Fine),
        row("6.2: reset within it", &[uni(b"\x40"), Reset(0)], Fine),
        row(
            "6.2: a type in its longest form",
            &[uni(b"\xc0\0\0\0\0\0\0\0\x04\0"), More(vec![0x21, 0])],
            Fine,
        ),
        row("6.2.1: a control stream", &[uni(CONTROL)], Fine),
        row("6.2.1: its type alone", &[uni(b"\0")], Fine),
        row("6.2.1: two", &twice(CONTROL), second),
        row("6.2.1: two types alone", &twice(b"\0"), second),
        row("6.2.2: a push", &[uni(b"\x01\0")], Closed(STREAM_CREATION_ERROR)),
        row("6.2.3: a reserved type", &[uni(b"\x21any")], unwanted),
        row("6.2.3: the largest", &[uni(b"\xff\xff\xff\xff\xff\xff\xff\xfeany")], unwanted),
        row("6.2: a type that is not known", &[uni(b"\x40\x54any")], unwanted),
        row("6.2: which ends at once", &[uni(b"\x21"), End], Fine),
        row("6.2: which is reset", &[uni(b"\x21"), Reset(0)], Fine),
        row("4.2 of QPACK: an encoder", &[uni(b"\x02")], Fine),
        row("4.2 of QPACK: a decoder", &[uni(b"\x03")], Fine),
        row("4.2 of QPACK: two encoders", &twice(b"\x02"), second),
        row("4.2 of QPACK: two decoders", &twice(b"\x03"), second),
        row("4.2 of QPACK: all three", &[uni(b"\x03"), uni(b"\x02"), uni(CONTROL)], Fine),
    ]);
}

#[test]
fn critical_streams_do_not_end() {
    let closed = Closed(CLOSED_CRITICAL_STREAM);
    for (name, bytes) in [
        ("6.2.1: a control stream", CONTROL),
        ("6.2.1: one without settings", b"\0"),
        ("4.2 of QPACK: an encoder", b"\x02"),
        ("4.2 of QPACK: a decoder", b"\x03"),
    ] {
        let stream = || Uni(bytes.to_vec());
        check(&[
            row(&format!("{name} that ends at once"), &[stream(), End], closed),
            row(&format!("{name} that ends later"), &[stream(), LaterEnd], closed),
            row(&format!("{name} that is reset"), &[stream(), Reset(0)], closed),
        ]);
    }
    // Ours is the first stream of the server.
    check(&[row("6.2.1: our control stream", &[Stop(3, 0)], closed)]);
}
