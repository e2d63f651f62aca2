//! A block of fields that many answers share, and what a protocol makes of it for the wire.
//!
//! The fields of a file are the same in every answer with it. They are made once per version of
//! the file, and so is the text that HTTP/1 and HTTP/2 send of them: to send the block again is to
//! copy it.

use std::sync::OnceLock;

use http::HeaderMap;

/// Fields, and their encoding in each protocol once there has been an answer in it.
#[derive(Debug, Default)]
pub struct FieldBlock {
    fields: HeaderMap,
    http1: OnceLock<Box<[u8]>>,
    http2: OnceLock<Box<[u8]>>,
}

/// What a block is encoded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Field lines (RFC 9112 §5).
    Http1,
    /// Field representations that leave the dynamic table as it is (RFC 7541 §6.2.2).
    Http2,
}

impl FieldBlock {
    /// A block of `fields`.
    #[must_use]
    pub fn new(fields: HeaderMap) -> Self {
        Self { fields, ..Self::default() }
    }

    /// The fields themselves.
    #[must_use]
    pub fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// The block as it is sent, which `encode` makes once. It must depend on the fields alone.
    pub fn encoded(
        &self,
        encoding: Encoding,
        encode: impl FnOnce(&HeaderMap, &mut Vec<u8>),
    ) -> &[u8] {
        let encoded = match encoding {
            Encoding::Http1 => &self.http1,
            Encoding::Http2 => &self.http2,
        };
        encoded.get_or_init(|| {
            let mut block = Vec::new();
            encode(&self.fields, &mut block);
            block.into_boxed_slice()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_encoded_once_for_each_protocol() {
        let block = FieldBlock::new(HeaderMap::new());
        assert_eq!(block.encoded(Encoding::Http1, |_, text| text.push(1)), [1]);
        assert_eq!(block.encoded(Encoding::Http2, |_, text| text.push(2)), [2]);
        assert_eq!(block.encoded(Encoding::Http1, |_, text| text.push(3)), [1]);
    }
}
