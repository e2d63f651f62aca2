//! Fields as literals, whose names are taken from the static table (RFC 7541 §6.2). Those that get
//! no index can be prepared once and sent on any connection.

use http::StatusCode;
use http::header::HeaderName;

use crate::field_compression::{integer, string_literal};

/// Appends `:status`, which comes before all other fields.
pub fn status(out: &mut Vec<u8>, status: StatusCode) {
    const NAME: usize = 8;
    match status.as_u16() {
        200 => out.push(0x88),
        204 => out.push(0x89),
        206 => out.push(0x8a),
        304 => out.push(0x8b),
        400 => out.push(0x8c),
        404 => out.push(0x8d),
        500 => out.push(0x8e),
        _ => {
            integer::put(out, LITERAL, 4, NAME);
            string_literal::put(out, 0, 7, status.as_str().as_bytes());
        }
    }
}

/// Appends a field that leaves the dynamic table as it is.
pub fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    literal(out, (LITERAL, 4), name, value);
}

/// Appends a field that becomes the newest entry of the dynamic table.
pub(super) fn entry(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    literal(out, (ENTRY, 6), name, value);
}

/// Appends a reference to an entry of a table.
pub(super) fn indexed(out: &mut Vec<u8>, index: usize) {
    integer::put(out, INDEXED, 7, index);
}

/// Appends a field whose index has so many bits behind its pattern.
fn literal(out: &mut Vec<u8>, (pattern, prefix): (u8, u32), name: &HeaderName, value: &[u8]) {
    let name = name.as_str();
    if let Some(index) = index(name) {
        integer::put(out, pattern, prefix, index);
    } else {
        out.push(pattern);
        string_literal::put(out, 0, 7, name.as_bytes());
    }
    string_literal::put(out, 0, 7, value);
}

/// A field of a table (RFC 7541 §6.1).
const INDEXED: u8 = 0x80;

/// A literal field that gets an index (RFC 7541 §6.2.1).
const ENTRY: u8 = 0x40;

/// A literal field that gets none (RFC 7541 §6.2.2).
const LITERAL: u8 = 0;

/// The index of a name in the static table (RFC 7541 Appendix A), for names that answers have.
fn index(name: &str) -> Option<usize> {
    Some(match name {
        "accept-ranges" => 18,
        "access-control-allow-origin" => 20,
        "allow" => 22,
        "cache-control" => 24,
        "content-encoding" => 26,
        "content-length" => 28,
        "content-range" => 30,
        "content-type" => 31,
        "date" => 33,
        "etag" => 34,
        "last-modified" => 44,
        "location" => 46,
        "retry-after" => 53,
        "strict-transport-security" => 56,
        "vary" => 59,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::super::Decoder;
    use super::*;
    use crate::field_compression::field::Name;

    #[test]
    fn a_field_survives_the_wire() {
        let long = "x".repeat(300);
        let names = [
            header::ACCEPT_RANGES,
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::ALLOW,
            header::CACHE_CONTROL,
            header::CONTENT_ENCODING,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::CONTENT_TYPE,
            header::DATE,
            header::ETAG,
            header::LAST_MODIFIED,
            header::LOCATION,
            header::RETRY_AFTER,
            header::STRICT_TRANSPORT_SECURITY,
            header::VARY,
            header::X_CONTENT_TYPE_OPTIONS,
        ];
        for name in names {
            for value in ["", "a value", &long] {
                let mut block = Vec::new();
                field(&mut block, &name, value.as_bytes());
                let mut fields = Vec::new();
                Decoder::default().decode(&block, |field| fields.push(field)).unwrap();
                assert_eq!(fields.len(), 1);
                assert_eq!(fields[0].name, Name::Regular(name.clone()));
                assert_eq!(fields[0].value.as_ref().unwrap(), value);
                let mut indexed = Vec::new();
                entry(&mut indexed, &name, value.as_bytes());
                let mut fields_too = Vec::new();
                Decoder::default().decode(&indexed, |field| fields_too.push(field)).unwrap();
                assert_eq!(fields_too, fields);
            }
        }
    }

    #[test]
    fn a_status_is_one_byte_or_five() {
        for (code, expected) in [
            (200, &b"\x88"[..]),
            (204, b"\x89"),
            (206, b"\x8a"),
            (304, b"\x8b"),
            (400, b"\x8c"),
            (404, b"\x8d"),
            (500, b"\x8e"),
            (421, b"\x08\x03421"),
        ] {
            let mut block = Vec::new();
            status(&mut block, StatusCode::from_u16(code).unwrap());
            assert_eq!(block, expected, "{code}");
        }
    }
}
