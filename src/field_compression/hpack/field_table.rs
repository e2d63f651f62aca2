//! The dynamic table of a client, filled with the fields that answers repeat (RFC 7541 §2.3.2).
//!
//! An answer with fields that the client has seen is a few bytes, whatever their length. Nothing is
//! ever evicted: a field that finds no room is sent as a literal each time. An entry then keeps its
//! place from the oldest on, and all that is to be known of it is the number of its line.

use super::encode;
use super::table::{STATIC_ENTRIES, TABLE_BYTES};
use crate::field_compression::{field, integer};
use crate::semantics::field_block::FieldBlock;
use crate::semantics::field_block::http2::{Http2Block, LineNumber};

/// An update of the dynamic table's size (RFC 7541 §6.3).
const SIZE_UPDATE: u8 = 0x20;

/// The dynamic table of a client, as the blocks that were sent have left it.
#[derive(Debug, Default)]
pub struct FieldTable {
    size: TableSize,
    /// Bytes that the entries count for (RFC 7541 §4.1).
    bytes: usize,
    /// The entries, the oldest first.
    entries: Vec<LineNumber>,
    last: Option<Box<LastBlock>>,
}

/// The size of the table.
///
/// A client that makes it smaller is to be told of the new size at the beginning of the next block
/// (RFC 7541 §4.2), and a strict one waits for it. It is told once that the size is 0, which no
/// later change can be below, and gets no entries any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TableSize {
    /// The size that every connection begins with.
    #[default]
    Initial,
    /// The client has to be told.
    Untold,
    /// The client has been told that it is 0.
    Zero,
}

/// A block that only refers to entries there were, and so can be sent again as it is.
#[derive(Debug, Default)]
struct LastBlock {
    number: u64,
    text: Vec<u8>,
}

impl FieldTable {
    /// The client keeps no more than `most` bytes (`SETTINGS_HEADER_TABLE_SIZE`).
    pub fn limit(&mut self, most: u32) {
        if self.size == TableSize::Initial && (most as usize) < TABLE_BYTES {
            *self = Self { size: TableSize::Untold, ..Self::default() };
        }
    }

    /// Begins a block with the update of the size that is due (RFC 7541 §6.3).
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if self.size == TableSize::Untold {
            integer::put(out, SIZE_UPDATE, 5, 0);
            self.size = TableSize::Zero;
        }
    }

    /// Appends the fields of a block, those that the client holds by their indices.
    pub fn fields(&mut self, out: &mut Vec<u8>, fields: &FieldBlock) {
        let block = fields.http2(encode::field);
        if self.size != TableSize::Initial {
            out.extend_from_slice(block.text());
            return;
        }
        match &self.last {
            Some(last) if last.number == block.number() => out.extend_from_slice(&last.text),
            _ => self.refer(out, fields, block),
        }
    }

    fn refer(&mut self, out: &mut Vec<u8>, fields: &FieldBlock, block: &Http2Block) {
        let (start, before) = (out.len(), self.entries.len());
        // Lines of one block mostly lie as they stand in it.
        let mut next = 0;
        let (mut pairs, mut passed) = (fields.iter(), 0);
        for (at, (literal, line)) in block.lines().enumerate() {
            let Some(line) = line else {
                out.extend_from_slice(literal);
                continue;
            };
            if let Some(place) = self.place(line, next) {
                next = place + 1;
                // The newest entry has the first index (RFC 7541 §2.3.3).
                encode::indexed(out, STATIC_ENTRIES + self.entries.len() - place);
                continue;
            }
            let pair = pairs.nth(at - passed);
            passed = at + 1;
            let (name, value) = pair.expect("a block has the fields of its lines");
            let size = field::size(name.as_str().len(), value.len());
            if self.bytes + size > TABLE_BYTES {
                out.extend_from_slice(literal);
                continue;
            }
            encode::entry(out, &name, value.as_bytes());
            self.bytes += size;
            self.entries.push(line);
        }
        if self.entries.len() > before {
            // The indices of all that was sent before have changed.
            self.last = None;
            return;
        }
        let last = self.last.get_or_insert_default();
        last.number = block.number();
        last.text.clear();
        last.text.extend_from_slice(&out[start..]);
    }

    /// The place of a line among the entries; `likely` is looked at first.
    fn place(&self, line: LineNumber, likely: usize) -> Option<usize> {
        match self.entries.get(likely) {
            Some(entry) if *entry == line => Some(likely),
            _ => self.entries.iter().position(|entry| *entry == line),
        }
    }

    /// Bytes of memory that it keeps beside the entries.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.last.as_ref().map_or(0, |last| last.text.capacity())
    }

    /// Gives back the memory that can be done without.
    pub fn shrink(&mut self) {
        self.last = None;
        self.entries.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use http::header::{
        CACHE_CONTROL, ETAG, HeaderName, HeaderValue, SERVER, VARY, X_CONTENT_TYPE_OPTIONS,
    };

    use super::super::Decoder;
    use super::*;
    use crate::field_compression::field::Name;

    type Pairs = Vec<(HeaderName, String)>;

    /// A server's table, and the client whose table it is.
    #[derive(Default)]
    struct Both {
        table: FieldTable,
        decoder: Decoder,
    }

    impl Both {
        /// Sends a block; gives the length of it, once what came was what was sent.
        #[track_caller]
        fn send(&mut self, fields: &FieldBlock) -> usize {
            let mut out = Vec::new();
            self.table.begin(&mut out);
            self.table.fields(&mut out, fields);
            let mut came = Vec::new();
            self.decoder.decode(&out, |field| came.push(field)).unwrap();
            let came: Vec<_> = came.into_iter().map(|f| (f.name, f.value.unwrap())).collect();
            let sent: Vec<_> =
                fields.iter().map(|(name, value)| (Name::Regular(name), value)).collect();
            assert_eq!(came, sent);
            out.len()
        }
    }

    fn block(fields: &Pairs) -> FieldBlock {
        let value = |value: &String| HeaderValue::try_from(value.as_str()).unwrap();
        fields.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    fn page(tag: &str, cache: &str) -> FieldBlock {
        block(&vec![
            (VARY, "accept-encoding".to_owned()),
            (ETAG, format!("\"{tag}\"")),
            (CACHE_CONTROL, cache.to_owned()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ])
    }

    #[test]
    fn fields_that_the_client_has_are_a_byte_each() {
        let mut both = Both::default();
        let (one, two) = (page("1", "no-cache"), page("2", "max-age=1"));
        let tag = 2 + 1 + 3; // an index of two bytes, a length, and the value
        assert!(both.send(&one) > 50);
        assert_eq!(both.send(&one), 3 + tag);
        // Again from what was kept.
        assert_eq!(both.send(&one), 3 + tag);
        let entry = 1 + 1 + "max-age=1".len();
        assert_eq!(both.send(&two), 2 + entry + tag);
        assert_eq!(both.send(&one), 3 + tag);
        assert_eq!(both.send(&two), 3 + tag);
        both.table.shrink();
        assert_eq!(both.table.kept(), 0);
        assert_eq!(both.send(&two), 3 + tag);
        assert!(both.table.kept() > 0);
    }

    #[test]
    fn what_finds_no_room_is_sent_in_full() {
        let mut both = Both::default();
        // Each counts 32 + 6 + 90 bytes: 32 of them fill the table.
        let blocks: Vec<_> =
            (0..40).map(|n| block(&vec![(SERVER, format!("{n:02}{}", "x".repeat(88)))])).collect();
        for (n, fields) in blocks.iter().enumerate() {
            let first = both.send(fields);
            let again = both.send(fields);
            assert!(first > 90, "{n}");
            assert_eq!(again < 3, n < 32, "{n}");
        }
        assert_eq!(both.table.bytes, TABLE_BYTES);
        for (n, fields) in blocks.iter().enumerate() {
            assert_eq!(both.send(fields) < 3, n < 32, "{n}");
        }
    }

    #[test]
    fn many_entries_keep_their_places() {
        let mut both = Both::default();
        let blocks: Vec<_> =
            (0..100).map(|n| block(&vec![(VARY, n.to_string()), (SERVER, "s".into())])).collect();
        for fields in blocks.iter().chain(blocks.iter().rev()) {
            both.send(fields);
        }
        assert!(both.table.entries.len() > 66, "indices of two bytes were sent");
    }

    /// Checks the beginning of the blocks after each of these limits.
    #[track_caller]
    fn check(limits: &[u32], begun: &[u8]) {
        let (mut table, mut out) = (FieldTable::default(), Vec::new());
        for limit in limits {
            table.limit(*limit);
        }
        table.begin(&mut out);
        table.begin(&mut out);
        assert_eq!(out, begun, "{limits:?}");
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
        let mut table = FieldTable { size: TableSize::Zero, ..FieldTable::default() };
        let mut out = Vec::new();
        table.limit(0);
        table.begin(&mut out);
        assert_eq!(out, b"");
    }

    #[test]
    fn a_smaller_table_gets_no_entries() {
        let mut both = Both::default();
        let fields = page("1", "no-cache");
        let (first, again) = (both.send(&fields), both.send(&fields));
        both.table.limit(4095);
        let update = 1;
        assert_eq!(both.send(&fields), update + fields.http2(encode::field).text().len());
        assert_eq!(both.send(&fields), fields.http2(encode::field).text().len());
        both.table.limit(65_536);
        assert!(again < first && both.send(&fields) > again);
    }
}
