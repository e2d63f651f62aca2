//! Strings of a field block (RFC 7541 §5.2, RFC 9204 §4.1.2).

use super::{Incomprehensible, huffman, integer};

/// Takes a string off `input`, whose length has a prefix of `prefix` bits behind the bit that says
/// that it is coded. One that is coded is decoded into `text`.
pub(super) fn take<'a, 'b: 'a>(
    input: &mut &'b [u8],
    prefix: u32,
    text: &'a mut Vec<u8>,
) -> Result<&'a [u8], Incomprehensible> {
    let is_coded = input.first().is_some_and(|first| first & (1 << prefix) != 0);
    let length = integer::take(input, prefix)?;
    let (string, rest) = input.split_at_checked(length).ok_or(Incomprehensible)?;
    *input = rest;
    if !is_coded {
        return Ok(string);
    }
    text.clear();
    huffman::decode(string, text)?;
    Ok(text)
}

/// Appends a string as it is, whose length has a prefix of `prefix` bits behind `pattern`.
pub(crate) fn put(out: &mut Vec<u8>, pattern: u8, prefix: u32, string: &[u8]) {
    integer::put(out, pattern, prefix, string.len());
    out.extend_from_slice(string);
}
