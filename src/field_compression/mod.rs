//! The compression of fields: HPACK (RFC 7541) for HTTP/2, QPACK (RFC 9204) for HTTP/3, and what they
//! share.

pub mod field;
pub mod hpack;
mod huffman;
mod integer;
pub mod qpack;
pub(crate) mod string_literal;

/// A block of fields makes no sense, and what the two sides know of each other's tables has parted:
/// the connection cannot go on (`COMPRESSION_ERROR`, RFC 9113 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomprehensible;
