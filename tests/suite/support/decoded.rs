//! The content of an answer once its content coding is taken off (RFC 9110 §8.4).

use std::io::Read;

use shost::coding::Coding;

use super::client::Response;

/// The codings that a file may be sent with besides the identity: the token in the fields, what
/// the entity tag ends in, and what a sibling file ends in.
pub(crate) const CODINGS: [(&str, &str, &str); Coding::CODED.len()] = {
    let mut rows = [("", "", ""); Coding::CODED.len()];
    let mut at = 0;
    while at < rows.len() {
        let coding = Coding::CODED[at];
        rows[at] = (coding.token(), coding.tag_suffix(), coding.file_suffix());
        at += 1;
    }
    rows
};

/// Bytes that the brotli reader takes at a time.
const BUFFER: usize = 16 * 1024;

/// The content of an answer as the file has it; panics if it is not of the stated coding.
#[track_caller]
pub(crate) fn decode(answer: &Response) -> Vec<u8> {
    let coded = answer.body.as_slice();
    let mut content = Vec::new();
    let Some(token) = answer.field("content-encoding") else { return coded.to_vec() };
    let coding = Coding::CODED.into_iter().find(|coding| coding.token() == token);
    let coding = coding.unwrap_or_else(|| panic!("a coding that nobody asked for: {token}"));
    let done = match coding {
        Coding::Zstd => zstd::decode_all(coded).map(|all| content = all),
        Coding::Brotli => {
            brotli::Decompressor::new(coded, BUFFER).read_to_end(&mut content).map(drop)
        }
        Coding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut content).map(drop),
        Coding::Identity => panic!("the identity is never named in the field"),
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
