//! HTTP as the RFCs define it, with nothing around it: text and numbers in, decisions out.
//!
//! Nothing here opens a file, reads a clock, holds a socket or writes a log, so that every rule can
//! be tested with a table and fuzzed as a plain function. The section numbers are those of RFC 9110
//! unless another document is named.

pub mod cross_origin;
pub mod date;
pub mod dictionary;
pub mod entity_tag;
pub mod field_block;
pub mod freshness;
pub mod host;
pub mod media_type;
pub mod precondition;
pub mod range;
pub mod target;
