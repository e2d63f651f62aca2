//! A request as one HTTP/2 stream, and the answer that comes back on it.

use http::Method;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use shost::field_compression::field::Name;
use shost::field_compression::hpack::Decoder;

use super::Answer;
use super::engines::Served;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// Bytes of a frame's payload, at the most.
const PAYLOAD: usize = 16 * 1024;

/// The connection of a client that opens every window and sends this request, as an intermediary
/// would (RFC 9113 §8.3.1), without the fields that are the connection's affair.
pub(super) fn request(served: &Served) -> Vec<u8> {
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let settings = [0, 4, 0x7f, 0xff, 0xff, 0xff];
    frame(&mut sent, 4, 0, 0, &settings);
    frame(&mut sent, 8, 0, 0, &[0x7f, 0, 0, 0]);
    let block = block(served);
    let mut parts = block.chunks(PAYLOAD).peekable();
    let mut kind = HEADERS;
    while let Some(part) = parts.next() {
        let ends_stream = u8::from(kind == HEADERS);
        let ends_head = if parts.peek().is_none() { 4 } else { 0 };
        frame(&mut sent, kind, ends_stream | ends_head, 1, part);
        kind = CONTINUATION;
    }
    sent
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("at most 16 KiB").to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
    out.extend_from_slice(payload);
}

fn block(served: &Served) -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, ":method", served.method.as_str().as_bytes());
    let named = served.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = served.fields.get(HOST).map(HeaderValue::as_bytes);
    if let Some(authority) = named.or(host) {
        literal(&mut block, ":authority", authority);
    }
    if served.method != Method::CONNECT {
        literal(&mut block, ":scheme", b"http");
        let path = served.uri.path_and_query().map_or("", |path| path.as_str());
        // RFC 9113 §8.3.1: an empty path is sent as a slash.
        let slash = if path.is_empty() || path.starts_with('?') { "/" } else { "" };
        literal(&mut block, ":path", format!("{slash}{path}").as_bytes());
    }
    for (name, value) in &served.fields {
        if !is_of_the_connection(name) {
            literal(&mut block, name.as_str(), value.as_bytes());
        }
    }
    block
}

/// Fields that an intermediary does not hand on (RFC 9113 §8.2.2), and those of content that is not
/// sent here.
fn is_of_the_connection(name: &HeaderName) -> bool {
    let others = ["keep-alive", "proxy-connection"];
    [CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, HOST, CONTENT_LENGTH].contains(name)
        || others.contains(&name.as_str())
}

/// A field that is not to be kept, without the Huffman code (RFC 7541 §6.2.2).
fn literal(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.push(0);
    for text in [name.as_bytes(), value] {
        length(block, text.len());
        block.extend_from_slice(text);
    }
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.push(u8::try_from(length).expect("below 127"));
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).expect("below 128") | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).expect("below 128"));
}

/// The answer, if the stream was not reset.
pub(super) fn answer(mut output: &[u8]) -> Option<Answer> {
    let mut answer = None;
    let mut block = Vec::new();
    while let Some((&[l0, l1, l2, kind, flags, _, _, _, stream], rest)) = output.split_first_chunk()
    {
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let (payload, rest) = rest.split_at_checked(length).expect("a whole frame");
        output = rest;
        match (stream, kind) {
            (1, HEADERS | CONTINUATION) => {
                block.extend_from_slice(payload);
                if flags & 4 != 0 {
                    answer = Some(head(&block));
                }
            }
            (1, DATA) => {
                let answer = answer.as_mut().expect("a head comes first");
                answer.content.extend_from_slice(payload);
            }
            _ => {}
        }
    }
    answer
}

fn head(block: &[u8]) -> Answer {
    let mut answer = Answer { status: 0, fields: HeaderMap::new(), content: Vec::new() };
    // `:status` is one of the names that no request has, so it is read by hand: the first field,
    // from the static table or with its value as it is (RFC 7541 appendix A).
    answer.status = match *block {
        [0x88, ..] => 200,
        [0x89, ..] => 204,
        [0x8a, ..] => 206,
        [0x8b, ..] => 304,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        [_, 3, a, b, c, ..] => {
            let digits = [a, b, c].map(|digit| u16::from(digit.wrapping_sub(b'0')));
            digits[0] * 100 + digits[1] * 10 + digits[2]
        }
        _ => panic!("no status in {block:?}"),
    };
    let decoded = Decoder::default().decode(block, |field| {
        if let (Name::Regular(name), Some(value)) = (field.name, field.value) {
            answer.fields.append(name, value);
        }
    });
    decoded.expect("a field block without state");
    answer
}
