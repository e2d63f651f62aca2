//! Field blocks, encoded without state (RFC 7541 §6.2.2): literals whose names are taken from the
//! static table. A block can be prepared once and sent on any connection.

use http::StatusCode;
use http::header::HeaderName;

use super::table::TABLE_BYTES;
use crate::protocol::integer;

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
            string(out, status.as_str().as_bytes());
        }
    }
}

/// Appends a field to a block.
pub fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    let name = name.as_str();
    if let Some(index) = index(name) {
        integer::put(out, LITERAL, 4, index);
    } else {
        out.push(LITERAL);
        string(out, name.as_bytes());
    }
    string(out, value);
}

/// The size of the client's dynamic table, which our blocks leave empty.
///
/// A client that makes the table smaller is to be told of the new size at the beginning of the next
/// block (RFC 7541 §4.2), and a strict one waits for it. It is told once that the size is 0, which
/// no later change can be below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableSize {
    /// The size that every connection begins with.
    #[default]
    Initial,
    /// The client has to be told.
    Untold,
    /// The client has been told that it is 0.
    Zero,
}

impl TableSize {
    /// The client keeps no more than `most` bytes (`SETTINGS_HEADER_TABLE_SIZE`).
    pub fn limit(&mut self, most: u32) {
        if *self == Self::Initial && (most as usize) < TABLE_BYTES {
            *self = Self::Untold;
        }
    }

    /// Begins a block with the update of the size that is due (RFC 7541 §6.3).
    pub fn begin(&mut self, block: &mut Vec<u8>) {
        if *self == Self::Untold {
            integer::put(block, SIZE_UPDATE, 5, 0);
            *self = Self::Zero;
        }
    }
}

/// An update of the dynamic table's size.
const SIZE_UPDATE: u8 = 0x20;

/// A literal field that gets no index.
const LITERAL: u8 = 0;

fn string(out: &mut Vec<u8>, text: &[u8]) {
    integer::put(out, 0, 7, text.len());
    out.extend_from_slice(text);
}

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
    use crate::protocol::field::Name;

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
            }
        }
    }

    /// Checks the beginning of the blocks after each of these limits.
    #[track_caller]
    fn check(limits: &[u32], begun: &[u8]) {
        let (mut size, mut block) = (TableSize::default(), Vec::new());
        for limit in limits {
            size.limit(*limit);
        }
        size.begin(&mut block);
        size.begin(&mut block);
        assert_eq!(block, begun, "{limits:?}");
    }

    #[test]
    fn a_smaller_table_is_told_once() {
        check(&[], b"");
        check(&[4096], b"");
        check(&[65_536, u32::MAX], b"");
        check(&[4095], b"\x20");
        check(&[100], b"\x20");
        check(&[0], b"\x20");
        // Only for a moment, but the client may have dropped what it held.
        check(&[0, 4096], b"\x20");
        check(&[100, 0, 50], b"\x20");
        let (mut size, mut block) = (TableSize::Zero, Vec::new());
        size.limit(0);
        size.begin(&mut block);
        assert_eq!(block, b"");
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
