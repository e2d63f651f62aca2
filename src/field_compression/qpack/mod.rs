//! QPACK (RFC 9204): how lists of fields are compressed.
//!
//! The dynamic table has no room in either direction. A field section then depends on nothing that
//! was sent before: no stream waits for another, an answer's fields can be prepared once for a file,
//! and there is no table to be held for each connection. The static table knows most of what a
//! browser sends, and the Huffman code shortens the rest.

mod encode;
mod field_section;
mod instructions;
mod static_table;

pub use encode::{begin, field, status};
pub use field_section::decode;
pub(crate) use instructions::{DecoderStream, check_encoder_stream};
