//! QPACK without a dynamic table (RFC 9204): field sections, and what the client's encoder and decoder
//! may say.

use super::*;

#[test]
fn field_sections_need_no_table() {
    let failed = Closed(DECOMPRESSION_FAILED);
    let mut rows = Vec::new();
    for (name, payload) in [
        ("4.5.1 of QPACK: no prefix", &b""[..]),
        ("4.5.1 of QPACK: half a prefix", b"\0"),
        ("4.5.1.1 of QPACK: insertions that were not made", b"\x01\0\x80"),
        ("4.5.1.1 of QPACK: and not referred to", b"\x02\0\xd1"),
        ("4.5.1.2 of QPACK: a base below nothing", b"\0\x80\xd1"),
        ("4.5.2 of QPACK: an index of the dynamic table", b"\0\0\x80"),
        ("4.5.3 of QPACK: one behind the base", b"\0\0\x10"),
        ("4.5.4 of QPACK: a name of the dynamic table", b"\0\0\x40\x01x"),
        ("4.5.5 of QPACK: a name behind the base", b"\0\0\0\x01x"),
        ("3.1 of QPACK: beyond the static table", b"\0\0\xff\x24"),
        ("3.1 of QPACK: a name beyond it", b"\0\0\x5f\x54\x01x"),
        (
            "4.1.1 of QPACK: an index without end",
            b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ),
        ("4.1.2 of QPACK: a name that is cut off", b"\0\0\x27\x01abc"),
        ("4.1.2 of QPACK: a value that is cut off", b"\0\0\x21x\x05abc"),
        ("4.1.2 of QPACK: no value", b"\0\0\x21x"),
        ("4.1.2 of QPACK: padding of a byte", b"\0\0\x21x\x81\xff"),
        ("4.1.2 of QPACK: padding of zeros", b"\0\0\x21x\x81\x00"),
        ("4.1.2 of QPACK: the end of a string within it", b"\0\0\x21x\x84\xff\xff\xff\xff"),
    ] {
        let section = frame(HEADERS, payload);
        rows.push(request(&format!("{name}, of a head"), std::slice::from_ref(&section), failed));
        rows.push(request(&format!("{name}, of trailers"), &[get(), section], failed));
    }
    let fields = section(&GET[2..])[2..].to_vec();
    let behind = |prefix: &[u8]| vec![frame(HEADERS, &[prefix, &fields].concat())];
    // GET and https are 17 and 23 of the static table.
    rows.extend([
        request(
            "4.5.2 of QPACK: fields of the static table",
            &behind(b"\0\0\xd1\xd7"),
            Answered(200),
        ),
        request(
            "4.5.1.2 of QPACK: a base that nobody needs",
            &behind(b"\0\x05\xd1\xd7"),
            Answered(200),
        ),
        request(
            "4.5.4 of QPACK: a name of the static table",
            &behind(b"\0\0\x5f\x02\x03GET\xd7"),
            Answered(200),
        ),
        request(
            "4.5.4 of QPACK: never to be kept",
            &behind(b"\0\0\x7f\x02\x03GET\xd7"),
            Answered(200),
        ),
        // The Huffman code of "GET" is 1100010 1100000 1101111 1.. (RFC 7541 Appendix B).
        request(
            "4.1.2 of QPACK: in the Huffman code",
            &behind(b"\0\0\x5f\x02\x83\xc5\x83\x7f\xd7"),
            Answered(200),
        ),
    ]);
    check(&rows);
}

#[test]
fn encoders_and_decoders_have_nothing_to_say() {
    let encoder = |name: &str, bytes: &[u8], outcome| {
        row(name, &[Uni(vec![2]), More(bytes.to_vec())], outcome)
    };
    let decoder = |name: &str, bytes: &[u8], outcome| {
        row(name, &[Uni(vec![3]), More(bytes.to_vec())], outcome)
    };
    let (inserted, acknowledged) = (Closed(ENCODER_STREAM_ERROR), Closed(DECODER_STREAM_ERROR));
    check(&[
        encoder("4.3.1 of QPACK: a capacity of nothing", b"\x20", Fine),
        encoder("4.3.1 of QPACK: more than was allowed", b"\x3f\xe1\x1f", inserted),
        encoder("3.2.3 of QPACK: a byte more", b"\x21", inserted),
        encoder("4.3.2 of QPACK: a name of the static table", b"\xc1\x01a", inserted),
        encoder("4.3.2 of QPACK: one of the dynamic table", b"\x80\x01a", inserted),
        encoder("3.1 of QPACK: a name beyond the static table", b"\xff\x24\x01a", inserted),
        encoder("4.3.3 of QPACK: a name of its own", b"\x41a\x01b", inserted),
        encoder("4.3.4 of QPACK: a duplicate", b"\0", inserted),
        decoder("4.4.1 of QPACK: an acknowledgement", b"\x80", acknowledged),
        decoder("4.4.2 of QPACK: a stream that is not there", b"\x44", Fine),
        decoder(
            "4.4.2 of QPACK: its largest number",
            b"\x7f\x81\xff\xff\xff\xff\xff\xff\xff\x3f",
            Fine,
        ),
        decoder(
            "4.1.1 of QPACK: a number without end",
            b"\x7f\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
            acknowledged,
        ),
        decoder("4.4.3 of QPACK: an increment of nothing", b"\0", acknowledged),
        decoder("4.4.3 of QPACK: of one", b"\x01", acknowledged),
    ]);
}
