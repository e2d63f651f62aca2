//! Field sections, encoded without state (RFC 9204 §4.5): fields that are in the static table, and
//! literals whose names are. A section can be prepared once and sent on any connection.

use http::StatusCode;
use http::header::HeaderName;

use super::static_table::STATIC;
use crate::field_compression::{integer, string_literal};

/// Begins a section that needs nothing of the dynamic table (RFC 9204 §4.5.1).
pub fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0]);
}

/// Appends `:status`, which comes before all other fields.
pub fn status(out: &mut Vec<u8>, status: StatusCode) {
    const NAME: usize = 24;
    let index = match status.as_u16() {
        200 => 25,
        304 => 26,
        404 => 27,
        503 => 28,
        204 => 64,
        206 => 65,
        302 => 66,
        400 => 67,
        403 => 68,
        421 => 69,
        425 => 70,
        500 => 71,
        _ => {
            integer::put(out, NAMED, 4, NAME);
            return string_literal::put(out, 0, 7, status.as_str().as_bytes());
        }
    };
    integer::put(out, INDEXED, 6, index);
}

/// Appends a field to a section.
pub fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    let indices = indices(name.as_str());
    if let Some(index) = indices.clone().find(|index| STATIC[*index].1.as_bytes() == value) {
        return integer::put(out, INDEXED, 6, index);
    }
    if let Some(index) = indices.clone().next() {
        integer::put(out, NAMED, 4, index);
    } else {
        string_literal::put(out, LITERAL, 3, name.as_str().as_bytes());
    }
    string_literal::put(out, 0, 7, value);
}

/// A field of the static table: 11xxxxxx.
const INDEXED: u8 = 0xc0;

/// A literal whose name is in the static table: 0101xxxx.
const NAMED: u8 = 0x50;

/// A literal with a name of its own, without the Huffman code: 00100xxx.
const LITERAL: u8 = 0x20;

/// The indices of a name in the static table (RFC 9204 Appendix A), for names that answers have and
/// whose entries stand together.
fn indices(name: &str) -> std::ops::Range<usize> {
    match name {
        "accept-ranges" => 32..33,
        "access-control-allow-headers" => 33..35,
        "access-control-allow-methods" => 76..79,
        "access-control-allow-origin" => 35..36,
        "access-control-expose-headers" => 79..80,
        "age" => 2..3,
        "alt-svc" => 83..84,
        "cache-control" => 36..42,
        "content-disposition" => 3..4,
        "content-encoding" => 42..44,
        "content-length" => 4..5,
        "content-security-policy" => 85..86,
        "content-type" => 44..55,
        "date" => 6..7,
        "etag" => 7..8,
        "last-modified" => 10..11,
        "link" => 11..12,
        "location" => 12..13,
        "server" => 92..93,
        "set-cookie" => 14..15,
        "strict-transport-security" => 56..59,
        "timing-allow-origin" => 93..94,
        "vary" => 59..61,
        "x-content-type-options" => 61..62,
        "x-frame-options" => 97..99,
        _ => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use crate::field_compression::field::Name;

    /// Names that answers have: those of the static table, and others.
    fn names() -> Vec<HeaderName> {
        let known = STATIC.iter().filter_map(|(name, _)| match name.name().0 {
            Name::Regular(name) => Some(name),
            _ => None,
        });
        let others = ["content-range", "retry-after", "allow", "access-control-max-age", "x"];
        known.chain(others.map(HeaderName::from_static)).collect()
    }

    #[track_caller]
    fn check(name: &HeaderName, value: &[u8]) {
        let mut section = Vec::new();
        begin(&mut section);
        field(&mut section, name, value);
        let mut fields = Vec::new();
        decode(&section, |field| fields.push(field)).unwrap();
        assert_eq!(fields.len(), 1, "{name}");
        assert_eq!(fields[0].name, Name::Regular(name.clone()));
        assert_eq!(fields[0].value.as_ref().unwrap().as_bytes(), value, "{name}");
    }

    #[test]
    fn a_field_survives_the_wire() {
        let long = "x".repeat(300);
        for name in names() {
            for value in ["", "a value", &long, "bytes"] {
                check(&name, value.as_bytes());
            }
        }
        // No value is taken for that of another name.
        for name in names() {
            for (_, value) in &STATIC {
                check(&name, value.as_bytes());
            }
        }
    }

    #[test]
    fn a_field_of_the_static_table_is_short() {
        for (name, value, expected) in [
            ("vary", "accept-encoding", &b"\xfb"[..]),
            ("content-type", "text/html; charset=utf-8", b"\xf4"),
            ("x-content-type-options", "nosniff", b"\xfd"),
            ("x-frame-options", "sameorigin", b"\xff\x23"),
            ("cache-control", "no-store", b"\xe8"),
            ("etag", "\"a\"", b"\x57\x03\"a\""),
            ("content-type", "a/b", b"\x5f\x1d\x03a/b"),
            ("x", "y", b"\x21x\x01y"),
            ("retry-after", "1", b"\x27\x04retry-after\x011"),
        ] {
            let mut section = Vec::new();
            field(&mut section, &HeaderName::from_static(name), value.as_bytes());
            assert_eq!(section, expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_status_is_read_as_it_was_written() {
        for code in [200, 204, 206, 302, 304, 400, 403, 404, 421, 425, 500, 503] {
            let mut section = vec![0, 0];
            status(&mut section, StatusCode::from_u16(code).unwrap());
            assert!(section.len() <= 4, "{code}");
            let mut values = Vec::new();
            decode(&section, |field| values.push(field.value.unwrap())).unwrap();
            assert_eq!(values, [code.to_string()]);
        }
        let mut section = Vec::new();
        status(&mut section, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(section, b"\x5f\x09\x03416");
    }
}
