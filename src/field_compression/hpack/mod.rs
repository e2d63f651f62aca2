//! HPACK (RFC 7541): how lists of fields are compressed.
//!
//! What the client sends is decoded in full, dynamic table, Huffman code and all. The fields that
//! answers repeat are put into the client's table while there is room ([`FieldTable`]); what else we
//! send are literals, which depend on nothing that was sent before and are prepared once for a file.

mod decode;
mod encode;
mod field_table;
mod table;

pub use decode::Decoder;
pub use encode::{field, status};
pub use field_table::FieldTable;
