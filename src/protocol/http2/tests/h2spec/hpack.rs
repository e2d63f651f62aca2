//! Its cases of HPACK (RFC 7541): each of these field blocks is an error of the connection.

use super::*;

#[test]
fn what_cannot_be_decoded_ends_the_connection() {
    let rows: [(&str, &[u8]); 8] = [
        ("2.3.3: an index beyond the table", b"\xc6"),
        ("2.3.3: a name beyond the table", b"\x7f\x07\x00"),
        ("4.2: a new size behind a field", b"\x21"),
        ("5.2: more than 7 bits of padding", b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
        ("5.2: padding of zeros", b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"),
        (
            "5.2: the end of a string within it",
            b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f",
        ),
        ("6.1: index 0", b"\x80"),
        ("6.3: a table larger than the settings", b"\x3f\xe2\x1f"),
    ];
    for (name, representation) in rows {
        let block = if name.starts_with("6.3") {
            [representation, &fields("/")].concat()
        } else {
            [&fields("/"), representation].concat()
        };
        check_rows("hpack", &[(name, vec![headers(END_STREAM, &block)], "GOAWAY/0=0x9")]);
    }
}
