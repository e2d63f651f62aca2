//! What an answer's content is once its content coding is taken off (RFC 9110 §8.4).

use std::io::Read;

use super::client::Response;

/// The codings that a file may be sent with besides the identity: the token in the fields, what
/// the entity tag ends in, and what a sibling file ends in.
pub(crate) const CODINGS: [(&str, &str, &str); 3] =
    [("zstd", "-zst", ".zst"), ("br", "-br", ".br"), ("gzip", "-gz", ".gz")];

/// Bytes that the brotli reader takes at a time.
const BUFFER: usize = 16 * 1024;

/// The content of an answer as the file has it; panics if it is not of the stated coding.
#[track_caller]
pub(crate) fn decode(answer: &Response) -> Vec<u8> {
    let coded = answer.body.as_slice();
    let mut content = Vec::new();
    let done = match answer.field("content-encoding") {
        None => return coded.to_vec(),
        Some("zstd") => zstd::decode_all(coded).map(|all| content = all),
        Some("br") => brotli::Decompressor::new(coded, BUFFER).read_to_end(&mut content).map(drop),
        Some("gzip") => flate2::read::GzDecoder::new(coded).read_to_end(&mut content).map(drop),
        Some(other) => panic!("a coding that nobody asked for: {other}"),
    };
    match done {
        Ok(()) => content,
        Err(error) => panic!("not what its coding says: {error}"),
    }
}

/// Prose of this many bytes that every coding makes smaller, and no line of which is another.
pub(crate) fn prose(length: usize) -> Vec<u8> {
    let lines = (0u64..).flat_map(|line| {
        let word = line.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("<p>Line {line} of a page that a coding makes smaller: {word:x}.</p>\n")
            .into_bytes()
    });
    lines.take(length).collect()
}
