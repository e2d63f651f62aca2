//! Several ranges in one answer (RFC 9110 §14.6).
//!
//! ```text
//! --BOUNDARY␍␊
//! Content-Type: text/plain␍␊
//! Content-Range: bytes 0-9/100␍␊
//! ␍␊
//! …ten bytes…␍␊
//! --BOUNDARY␍␊
//! …
//! --BOUNDARY--␍␊
//! ```

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;

use super::body::Pieces;
use crate::semantics::range;

/// Between the parts. Content that holds this very line would be cut there by a client that does
/// not count; every client that asks for ranges does.
const BOUNDARY: &str = "shost-7b1f6c02d9e84a35";

/// The media type of the whole.
pub(super) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("multipart/byteranges; boundary=shost-7b1f6c02d9e84a35");

/// The content of an answer with `ranges` of a representation that is `length` bytes long, and
/// how long that content is. `part` gives the bytes of one range.
pub(super) fn content(
    ranges: Vec<Range<u64>>,
    length: u64,
    content_type: &HeaderValue,
    mut part: impl FnMut(Range<u64>) -> Pieces,
) -> (Pieces, u64) {
    let mut total = 0;
    let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
    for (index, range) in ranges.into_iter().enumerate() {
        let line = if index == 0 { "" } else { "\r\n" };
        let opening = opening(line, content_type, &range::content_range(&range, length));
        total += opening.len() as u64 + (range.end - range.start);
        pieces.push(Pieces::Whole(opening));
        pieces.push(part(range));
    }
    let closing = Bytes::from(format!("\r\n--{BOUNDARY}--\r\n"));
    total += closing.len() as u64;
    pieces.push(Pieces::Whole(closing));
    (Pieces::Several(pieces.into()), total)
}

fn opening(line: &str, content_type: &HeaderValue, content_range: &HeaderValue) -> Bytes {
    let mut text = Vec::with_capacity(160);
    text.extend_from_slice(line.as_bytes());
    text.extend_from_slice(b"--");
    text.extend_from_slice(BOUNDARY.as_bytes());
    text.extend_from_slice(b"\r\nContent-Type: ");
    text.extend_from_slice(content_type.as_bytes());
    text.extend_from_slice(b"\r\nContent-Range: ");
    text.extend_from_slice(content_range.as_bytes());
    text.extend_from_slice(b"\r\n\r\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_length_is_the_length() {
        let whole = Bytes::from_static(b"0123456789");
        let slice = |range: Range<u64>| {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            Pieces::Whole(whole.slice(range))
        };
        let text = HeaderValue::from_static("text/plain");
        let (pieces, total) = content(vec![0..2, 9..10], 10, &text, slice);
        let Pieces::Several(pieces) = pieces else { panic!("one piece") };
        let bytes: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| match piece {
                Pieces::Whole(bytes) => bytes.to_vec(),
                _ => panic!("not whole"),
            })
            .collect();
        let expected = "--shost-7b1f6c02d9e84a35\r\nContent-Type: text/plain\r\n\
            Content-Range: bytes 0-1/10\r\n\r\n01\r\n\
            --shost-7b1f6c02d9e84a35\r\nContent-Type: text/plain\r\n\
            Content-Range: bytes 9-9/10\r\n\r\n9\r\n--shost-7b1f6c02d9e84a35--\r\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        assert_eq!(total, expected.len() as u64);
        assert!(CONTENT_TYPE.to_str().unwrap().ends_with(BOUNDARY));
    }
}
