//! HPACK (RFC 7541): how lists of fields are compressed.
//!
//! What the client sends is decoded in full, dynamic table, Huffman code and all. What we send
//! refers to nothing but the static table: a block then depends on nothing that was sent before
//! and can be prepared once for a file, and there is no table to be held for each connection.

mod decode;
mod encode;
mod table;

pub use decode::Decoder;
pub use encode::{TableSize, field, status};
