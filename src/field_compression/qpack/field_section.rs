//! Field sections, decoded (RFC 9204 §4.5).

use super::static_table::STATIC;
use crate::field_compression::field::{Field, Name, StaticName};
use crate::field_compression::{Incomprehensible, integer, string_literal};

/// Hands each field of a section to `take`.
///
/// # Errors
/// When the section is not one, or refers to a table that has no room for anything: the connection
/// is lost (`QPACK_DECOMPRESSION_FAILED`, RFC 9204 §2.2.3).
pub fn decode(mut section: &[u8], mut take: impl FnMut(Field)) -> Result<(), Incomprehensible> {
    prefix(&mut section)?;
    let mut text = Vec::new();
    while let Some(first) = section.first() {
        take(match *first {
            // 11xxxxxx: a field of the static table.
            0xc0.. => {
                let (name, value) = entry(integer::take(&mut section, 6)?)?;
                name.field(value)
            }
            // 01N1xxxx: the name is in the static table.
            0x50..=0x5f | 0x70..=0x7f => {
                let (name, length) = entry(integer::take(&mut section, 4)?)?.0.name();
                Field::new(name, length, string_literal::take(&mut section, 7, &mut text)?)
            }
            // 001NHxxx: both are literals.
            0x20..=0x3f => {
                let bytes = string_literal::take(&mut section, 3, &mut text)?;
                let (name, length) = (Name::new(bytes), bytes.len());
                Field::new(name, length, string_literal::take(&mut section, 7, &mut text)?)
            }
            // 10xxxxxx, 01N0xxxx, 0001xxxx, 0000Nxxx: in the dynamic table.
            _ => return Err(Incomprehensible),
        });
    }
    Ok(())
}

/// Takes the prefix of a section that needs nothing of the dynamic table (RFC 9204 §4.5.1).
fn prefix(section: &mut &[u8]) -> Result<(), Incomprehensible> {
    if integer::take(section, 8)? != 0 {
        return Err(Incomprehensible);
    }
    // With a sign the base would be below nothing; without, it says nothing.
    let has_sign = section.first().is_some_and(|first| first & 0x80 != 0);
    integer::take(section, 7)?;
    if has_sign { Err(Incomprehensible) } else { Ok(()) }
}

fn entry(index: usize) -> Result<&'static (StaticName, &'static str), Incomprehensible> {
    STATIC.get(index).ok_or(Incomprehensible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_compression::field::samples::{self, bytes};

    fn shown(field: &Field) -> String {
        format!("{} ({})", samples::shown(field), field.size)
    }

    #[track_caller]
    fn check(hex: &str, expected: Result<&[&str], Incomprehensible>) {
        let mut fields = Vec::new();
        let decoded = decode(&bytes(hex), |field| fields.push(shown(&field)));
        let expected = expected.map(|fields| fields.iter().map(ToString::to_string).collect());
        assert_eq!(decoded.map(|()| fields), expected, "{hex}");
    }

    #[test]
    fn sections_as_in_the_rfc() {
        // RFC 9204 Appendix B.1.
        check("0000 510b 2f69 6e64 6578 2e68 746d 6c", Ok(&[":path: /index.html (48)"]));
    }

    #[test]
    fn every_representation_is_read() {
        check("0000", Ok(&[]));
        check("0000 d1 d7", Ok(&[":method: GET (42)", ":scheme: https (44)"]));
        // The first and the last of the static table.
        check("0000 c0", Ok(&[":authority:  (42)"]));
        check("0000 ff23", Ok(&["x-frame-options: sameorigin (57)"]));
        check("0000 50 06 612e74657374", Ok(&[":authority: a.test (48)"]));
        // Never to be indexed.
        check("0000 70 01 61", Ok(&[":authority: a (43)"]));
        check("0000 5f50 01 61", Ok(&["user-agent: a (43)"]));
        check("0000 21 61 01 62", Ok(&["a: b (34)"]));
        check("0000 31 61 00", Ok(&["a:  (33)"]));
        // A name of more than six bytes.
        check("0000 2700 61626364656667 01 62", Ok(&["abcdefg: b (40)"]));
        // Both in the Huffman code.
        check(
            "0000 2f01 25a849e95ba97d7f 89 25a849e95bb8e8b4bf",
            Ok(&["custom-key: custom-value (54)"]),
        );
        // A base says nothing where nothing is referred to, however large it is.
        check("0005 d1", Ok(&[":method: GET (42)"]));
        check("007f 80ffffffffffffff3f d1", Ok(&[":method: GET (42)"]));
    }

    #[test]
    fn malformed_fields_are_the_affair_of_the_request() {
        check("0000 21 41 01 31", Ok(&["?: 1 (34)"]));
        check("0000 21 61 01 00", Ok(&["a: ? (34)"]));
        check("0000 d9", Ok(&["?: 200 (42)"]));
    }

    #[test]
    fn nonsense_is_an_error() {
        for hex in [
            "",
            "00",
            // Something of the dynamic table is needed.
            "0100",
            "0200 80",
            "ff00 00",
            // A base below nothing.
            "0080",
            "0081 d1",
            // A prefix that is cut off.
            "00 7f",
            "00 7f ff",
            // Beyond the static table.
            "0000 ff24",
            "0000 5f54 00",
            // In the dynamic table, by each representation.
            "0000 80",
            "0000 bf00",
            "0000 40 00",
            "0000 60 00",
            "0000 10",
            "0000 00 00",
            "0000 08 00",
            // Cut off.
            "0000 ff",
            "0000 50",
            "0000 50 02 61",
            "0000 21",
            "0000 21 61",
            "0000 21 61 02 62",
            // A length without end, and one beyond all memory.
            "0000 27 ffffffffffffffffffff",
            "0000 50 7f 80ffffffffffffff3f",
            // Padding of a whole byte, and the end of a string.
            "0000 50 81 ff",
            "0000 50 84 ffffffff",
        ] {
            check(hex, Err(Incomprehensible));
        }
    }
}
