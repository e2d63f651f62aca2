//! Field blocks, decoded (RFC 7541 §3.2, §6).

use super::table::{TABLE_BYTES, Table};
use crate::field_compression::field::{Field, Name};
use crate::field_compression::{Incomprehensible, integer, string_literal};

/// Decodes the field blocks of one connection, in their order.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: Table::new() }
    }
}

impl Decoder {
    /// Hands each field of a block to `take`.
    ///
    /// # Errors
    /// When the block is not one: the connection is lost.
    pub fn decode(
        &mut self,
        mut block: &[u8],
        mut take: impl FnMut(Field),
    ) -> Result<(), Incomprehensible> {
        let mut text = Vec::new();
        let mut begun = false;
        while let Some(first) = block.first() {
            match *first {
                // 1xxxxxxx: a field from the tables.
                0x80.. => {
                    let index = integer::take(&mut block, 7)?;
                    take(self.table.field(index).ok_or(Incomprehensible)?);
                }
                // 01xxxxxx: a literal that gets an index.
                0x40.. => {
                    let (field, name_length) = self.literal(&mut block, 6, &mut text)?;
                    self.table.add(field.clone(), name_length);
                    take(field);
                }
                // 001xxxxx: a new size of the table, at the beginning of a block alone.
                0x20.. => {
                    let size = integer::take(&mut block, 5)?;
                    if begun || size > TABLE_BYTES {
                        return Err(Incomprehensible);
                    }
                    self.table.resize(size);
                    continue;
                }
                // 000Nxxxx: a literal that gets none.
                _ => take(self.literal(&mut block, 4, &mut text)?.0),
            }
            begun = true;
        }
        Ok(())
    }

    /// A literal field, and the length of its name.
    fn literal(
        &self,
        block: &mut &[u8],
        prefix: u32,
        text: &mut Vec<u8>,
    ) -> Result<(Field, usize), Incomprehensible> {
        let (name, length) = match integer::take(block, prefix)? {
            0 => {
                let bytes = string_literal::take(block, 7, text)?;
                (Name::new(bytes), bytes.len())
            }
            index => self.table.name(index).ok_or(Incomprehensible)?,
        };
        Ok((Field::new(name, length, string_literal::take(block, 7, text)?), length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_compression::field::samples::{bytes, shown};

    /// Decodes a block, and looks at the number of entries and the size of the table behind it.
    #[track_caller]
    fn check(decoder: &mut Decoder, hex: &str, expected: &[&str], table: (usize, usize)) {
        let mut fields = Vec::new();
        decoder.decode(&bytes(hex), |field| fields.push(shown(&field))).unwrap();
        assert_eq!(fields, expected);
        assert_eq!(decoder.table.sizes(), table);
    }

    #[test]
    fn literals_as_in_the_rfc() {
        // RFC 7541 Appendix C.2.
        let hex = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
        check(&mut Decoder::default(), hex, &["custom-key: custom-header"], (1, 55));
        let hex = "040c 2f73 616d 706c 652f 7061 7468";
        check(&mut Decoder::default(), hex, &[":path: /sample/path"], (0, 0));
        let hex = "1008 7061 7373 776f 7264 0673 6563 7265 74";
        check(&mut Decoder::default(), hex, &["password: secret"], (0, 0));
        check(&mut Decoder::default(), "82", &[":method: GET"], (0, 0));
    }

    const FIRST: &[&str] =
        &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
    const SECOND: &[&str] = &[
        ":method: GET",
        ":scheme: http",
        ":path: /",
        ":authority: www.example.com",
        "cache-control: no-cache",
    ];
    const THIRD: &[&str] = &[
        ":method: GET",
        ":scheme: https",
        ":path: /index.html",
        ":authority: www.example.com",
        "custom-key: custom-value",
    ];

    #[test]
    fn requests_as_in_the_rfc() {
        // RFC 7541 Appendix C.3, without Huffman coding, and C.4, with it.
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        for [first, second, third] in [plain, coded] {
            let mut decoder = Decoder::default();
            check(&mut decoder, first, FIRST, (1, 57));
            check(&mut decoder, second, SECOND, (2, 110));
            check(&mut decoder, third, THIRD, (3, 164));
        }
    }

    #[test]
    fn responses_as_in_the_rfc() {
        // RFC 7541 Appendix C.5, without Huffman coding, and C.6, with it. The table is 256 bytes.
        let plain = [
            "3fe1 01 48 03 333032 58 07 70726976617465 61 1d 4d6f6e2c203231204f637420323031332032303a\
             31333a323120474d54 6e 17 68747470733a2f2f7777772e6578616d706c652e636f6d",
            "48 03 333037 c1 c0 bf",
            "88 c1 61 1d 4d6f6e2c203231204f637420323031332032303a31333a323220474d54 c0 5a 04 677a6970 \
             77 38 666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d\
             333630303b2076657273696f6e3d31",
        ];
        let coded = [
            "3fe1 01 48 82 6402 58 85 aec3771a4b 61 96 d07abe941054d444a8200595040b8166e082a62d1bff \
             6e 91 9d29ad171863c78f0b97c8e9ae82ae43d3",
            "48 83 640eff c1 c0 bf",
            "88 c1 61 96 d07abe941054d444a8200595040b8166e084a62d1bff c0 5a 83 9bd9ab 77 ad \
             94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ];
        let (url, twice) = ("location: https://www.example.com", "cache-control: private");
        let [date, later] = [21, 22].map(|at| format!("date: Mon, 21 Oct 2013 20:13:{at} GMT"));
        let cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
        for [first, second, third] in [plain, coded] {
            let mut decoder = Decoder::default();
            check(&mut decoder, first, &["?: 302", twice, &date, url], (4, 222));
            check(&mut decoder, second, &["?: 307", twice, &date, url], (4, 222));
            let gzip = "content-encoding: gzip";
            check(&mut decoder, third, &["?: 200", twice, &later, url, gzip, cookie], (3, 215));
        }
    }

    #[test]
    fn a_field_may_fill_the_table_and_not_exceed_it() {
        // A name of one byte, 32 bytes of overhead, and a value of so many.
        for (value, table) in [(4062, (1, 4095)), (4063, (1, 4096)), (4064, (0, 0))] {
            let mut block = b"\x40\x01a".to_vec();
            integer::put(&mut block, 0, 7, value);
            block.resize(block.len() + value, b'v');
            let mut decoder = Decoder::default();
            decoder.decode(b"\x40\x01b\x01b", drop).unwrap();
            decoder.decode(&block, drop).unwrap();
            assert_eq!(decoder.table.sizes(), table, "{value}");
        }
        // The same in a table that the client has made smaller: 34 bytes, then 33.
        check(&mut Decoder::default(), "3f03 4001 6101 31", &["a: 1"], (1, 34));
        check(&mut Decoder::default(), "3f02 4001 6101 31", &["a: 1"], (0, 0));
    }

    #[test]
    fn the_oldest_make_room() {
        // The table is made small: a change of size, then three fields of 37 bytes each.
        let mut decoder = Decoder::default();
        let three = "3f3b 4001 6103 3131 31 4001 6203 3232 32 4001 6303 3333 33";
        check(&mut decoder, three, &["a: 111", "b: 222", "c: 333"], (2, 72));
        // The newest is 62, and a name from the table may be the one that has to go.
        check(&mut decoder, "be bf", &["c: 333", "b: 222"], (2, 72));
        check(&mut decoder, "7f00 0134", &["b: 4"], (2, 70));
        check(&mut decoder, "20", &[], (0, 0));
    }

    #[test]
    fn what_is_malformed_keeps_the_table_in_step() {
        let mut decoder = Decoder::default();
        check(&mut decoder, "4001 4101 31", &["?: 1"], (1, 34));
        check(&mut decoder, "4001 6101 00 be", &["a: ?", "a: ?"], (2, 68));
        check(&mut decoder, "7e 0131", &["a: 1"], (3, 102));
        check(&mut decoder, "88", &["?: 200"], (3, 102));
    }

    #[test]
    fn nonsense_is_an_error() {
        for hex in [
            "80",
            "be",
            "c0",
            "40",
            "4001",
            "400161",
            "40016102",
            "7e0131",
            "3fe2 1f",
            "82 20",
            "00 81 00 01 61",
            "ffff ffff ffff",
        ] {
            let decoded = Decoder::default().decode(&bytes(hex), drop);
            assert_eq!(decoded, Err(Incomprehensible), "{hex}");
        }
    }
}
