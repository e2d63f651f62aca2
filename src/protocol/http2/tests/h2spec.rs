//! The cases of h2spec, section by section, as rows of our own: what it sends, and what comes back.
//!
//! Where h2spec is content with a closed connection, the exact frames are expected here. An answer
//! that is ready at once is sent before the client breaks the protocol, and so comes before the
//! error.

mod frames;
mod generic;
mod hpack;
mod messages;
mod streams;

use super::*;

/// A case: its name, what is sent after both sides have exchanged settings, what comes back.
type Row<'a> = (&'a str, Vec<Vec<u8>>, &'a str);

#[track_caller]
fn check_rows(section: &str, rows: &[Row<'_>]) {
    for (name, sent, expected) in rows {
        assert_eq!(Test::new().exchange(&sent.concat()), *expected, "{section}: {name}");
    }
}

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The answer to a request for `/` on stream 1.
const ANSWER: &str = "HEADERS/4=88@1 DATA/1:2@1";

/// The field block of a request with content.
fn fields_of_post() -> Vec<u8> {
    let mut block = fields("/");
    block[0] = 0x83;
    block
}

/// A field that is not indexed.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend_from_slice(text.as_bytes());
    }
    block
}

/// HEADERS on stream 1 that ends its field block.
fn headers(flags: u8, block: &[u8]) -> Vec<u8> {
    frame(kind::HEADERS, flags | END_HEADERS, 1, block)
}

/// A request on stream 1 whose content is to follow.
fn post() -> Vec<u8> {
    headers(0, &fields_of_post())
}

/// DATA on stream 1.
fn data(flags: u8, content: &[u8]) -> Vec<u8> {
    frame(kind::DATA, flags, 1, content)
}

fn continuation(flags: u8, stream: u32, block: &[u8]) -> Vec<u8> {
    frame(kind::CONTINUATION, flags, stream, block)
}

fn reset(code: u8) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, code])
}

fn settings(parameters: &[(u16, u32)]) -> Vec<u8> {
    let bytes = parameters.iter().flat_map(|(name, value)| {
        name.to_be_bytes().into_iter().chain(value.to_be_bytes()).collect::<Vec<_>>()
    });
    frame(kind::SETTINGS, 0, 0, &bytes.collect::<Vec<_>>())
}

fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

/// PRIORITY that depends on a stream, with a weight.
fn priority(stream: u32, dependency: u32, weight: u8) -> Vec<u8> {
    let [d0, d1, d2, d3] = dependency.to_be_bytes();
    frame(kind::PRIORITY, 0, stream, &[d0, d1, d2, d3, weight])
}

fn ping() -> Vec<u8> {
    frame(kind::PING, 0, 0, b"h2spec\0\0")
}

/// A field whose value is 127 bytes long.
fn dummy() -> Vec<u8> {
    literal("x-dummy0", &"x".repeat(126))
}
