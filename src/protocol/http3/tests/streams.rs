//! Section 6: which streams there may be, what each begins with, and which may not end; and those of
//! QPACK (RFC 9204 §4.2).

use super::*;

fn unidirectional(id: u64, kind: u64, bytes: &[u8]) -> Sent {
    (id, opened(kind, &[bytes.to_vec()]), false)
}

fn ended((id, bytes, _): Sent) -> Sent {
    (id, bytes, true)
}

#[test]
fn each_type_of_stream_has_its_rules() {
    let creation = |what: &str| format!("H3_STREAM_CREATION_ERROR, {what}");
    let second = creation("a second stream of its type");
    let push = creation("a client pushes nothing");
    let encoder = |id| unidirectional(id, 2, b"");
    let decoder = |id| unidirectional(id, 3, b"");
    check_rows(&[
        ("6.2.1: a control stream", vec![control(&[])], ""),
        ("6.2.1: two", vec![control(&[]), unidirectional(6, 0, b"\x04\x00")], &second),
        ("6.2.2: a push stream", vec![unidirectional(2, 1, b"")], &push),
        ("4.2 of QPACK: one of each", vec![control(&[]), encoder(6), decoder(10)], ""),
        ("4.2 of QPACK: two encoders", vec![encoder(2), encoder(6)], &second),
        ("4.2 of QPACK: two decoders", vec![decoder(2), decoder(6)], &second),
        (
            "6.2.3: reserved types are stopped",
            vec![unidirectional(2, 0x21, b"any"), control_on(6)],
            "2: stop H3_STREAM_CREATION_ERROR",
        ),
        (
            "6.2: and so are unknown ones, in the longest form",
            vec![unidirectional(2, varint::LARGEST, b"any")],
            "2: stop H3_STREAM_CREATION_ERROR",
        ),
        ("6.2: a type in a longer form", vec![(2, b"\x40\x00\x04\x00".to_vec(), false)], ""),
        ("6.2: no type yet", vec![(2, b"\x40".to_vec(), false)], ""),
    ]);
}

/// The control stream, on another stream than the first.
fn control_on(id: u64) -> Sent {
    let (_, bytes, ends) = control(&[]);
    (id, bytes, ends)
}

#[test]
fn critical_streams_do_not_end() {
    let closed = "H3_CLOSED_CRITICAL_STREAM, the end of a stream that there must be";
    check_rows(&[
        ("6.2.1: the control stream", vec![ended(control(&[]))], closed),
        ("6.2.1: later", vec![control(&[]), (2, vec![], true)], closed),
        ("4.2 of QPACK: the encoder", vec![ended(unidirectional(2, 2, b""))], closed),
        ("4.2 of QPACK: the decoder", vec![ended(unidirectional(2, 3, b"\x44"))], closed),
        ("6.2: before its type", vec![(2, vec![], true)], ""),
        ("6.2: within its type", vec![(2, b"\x40".to_vec(), true)], ""),
    ]);
    let mut streams = UnidirectionalStreams::default();
    assert_eq!(streams.end(2), Ok(()), "reset before anything came");
}

#[test]
fn a_reset_within_a_frame_is_no_error_of_framing() {
    // RFC 9114 §7.1: such a stream ends abruptly, which a critical one may not either.
    let (mut streams, mut budgets) = (UnidirectionalStreams::default(), Budgets::new(Tick::now()));
    streams.receive(2, b"\x00\x04", &mut budgets, |_, _| {}).unwrap();
    let fault = streams.end(2).unwrap_err();
    assert!(matches!(fault, Fault::Connection(ErrorCode::ClosedCriticalStream, _)), "{fault:?}");
}

#[test]
fn instructions_of_qpack_have_no_table() {
    let encoder = "QPACK_ENCODER_STREAM_ERROR, an insertion where there is no room";
    let decoder = "QPACK_DECODER_STREAM_ERROR, an acknowledgement of what was never sent";
    check_rows(&[
        ("4.3.1: a capacity of nothing", vec![unidirectional(2, 2, b"\x20")], ""),
        ("4.3.1: another", vec![unidirectional(2, 2, b"\x3f\xe1\x1f")], encoder),
        ("4.3.2: a name of the static table", vec![unidirectional(2, 2, b"\xc1\x01a")], encoder),
        ("4.3.3: a name of its own", vec![unidirectional(2, 2, b"\x41a\x01b")], encoder),
        ("4.3.4: a duplicate", vec![unidirectional(2, 2, b"\x00")], encoder),
        ("4.4.1: an acknowledgement", vec![unidirectional(2, 3, b"\x80")], decoder),
        ("4.4.2: a cancellation", vec![unidirectional(2, 3, b"\x44\x7f\x81\x01")], ""),
        ("4.4.3: an insertion of nothing", vec![unidirectional(2, 3, b"\x00")], decoder),
        ("4.4.3: an insertion of one", vec![unidirectional(2, 3, b"\x01")], decoder),
    ]);
    let failed = "QPACK_DECOMPRESSION_FAILED, invalid QPACK field section";
    let sections: [&[u8]; 5] =
        [b"", b"\x02\x00\x80", b"\x00\x80", b"\x00\x00\x80", b"\x00\x00\xff\x24"];
    for section in sections {
        let name = format!("2.2.3: {section:x?}");
        check(&name, &[request(&[frame(kind::HEADERS, section)])], failed);
        let trailers = [headers(&GET), frame(kind::HEADERS, section)];
        check(&name, &[request(&trailers)], failed);
    }
}

#[test]
fn our_control_stream_begins_with_settings() {
    let mut bytes = Vec::new();
    greet(&mut bytes);
    assert_eq!(bytes, b"\x00\x04\x05\x06\x80\x00\x80\x00");
    // It is one that we would take ourselves.
    check("6.2.1", &[(2, bytes, false)], "");
}
