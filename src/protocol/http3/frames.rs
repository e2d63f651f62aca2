//! Frames (RFC 9114 §7): their types, how they are laid out, and how they are read.
//!
//! ```text
//! +-------------+---------------+-------------------+
//! |  Type (i)   |  Length (i)   |  Payload (*) ...  |
//! +-------------+---------------+-------------------+
//! ```

use std::borrow::Cow;

use super::error_code::Fault;
use super::varint::{self, PartialInteger};

/// The types of frames (RFC 9114 §7.2).
pub(super) mod kind {
    pub(in super::super) const DATA: u64 = 0x0;
    pub(in super::super) const HEADERS: u64 = 0x1;
    pub(in super::super) const CANCEL_PUSH: u64 = 0x3;
    pub(in super::super) const SETTINGS: u64 = 0x4;
    pub(in super::super) const PUSH_PROMISE: u64 = 0x5;
    pub(in super::super) const GOAWAY: u64 = 0x7;
    pub(in super::super) const MAX_PUSH_ID: u64 = 0xd;
    /// A new priority for a request (RFC 9218 §7.2).
    pub(in super::super) const PRIORITY_UPDATE: u64 = 0xf_0700;
    /// A new priority for a push (RFC 9218 §7.2).
    pub(in super::super) const PRIORITY_UPDATE_OF_PUSH: u64 = 0xf_0701;
    /// PRIORITY, PING, `WINDOW_UPDATE` and CONTINUATION, which only HTTP/2 has (RFC 9114 §7.2.8).
    pub(in super::super) const OF_HTTP2: [u64; 4] = [0x2, 0x6, 0x8, 0x9];
}

/// The type of a frame and the length of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) kind: u64,
    pub(super) length: u64,
}

/// The treatment of a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It is looked at when it has come whole; its length, which is bearable.
    Gather(usize),
    /// It is dropped as it comes.
    Drop,
}

impl FrameHead {
    /// The treatment of a payload that may not have more than `most` bytes.
    pub(super) fn gathered(self, most: usize) -> Result<Treatment, Fault> {
        let length = usize::try_from(self.length).ok().filter(|length| *length <= most);
        length.map(Treatment::Gather).ok_or(Fault::flood("a frame that is too long"))
    }
}

/// The type and the payload of a frame that has come whole.
pub(super) type Frame<'a> = (u64, Cow<'a, [u8]>);

/// Reads the frames of a stream, in whichever pieces they come.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    integer: PartialInteger,
    state: ReaderState,
}

#[derive(Debug, Default)]
enum ReaderState {
    #[default]
    Type,
    Length {
        kind: u64,
    },
    Dropping {
        remaining: u64,
    },
    Gathering {
        kind: u64,
        length: usize,
        payload: Vec<u8>,
    },
}

impl FrameReader {
    /// The next frame of `input` that has come whole. Each frame that begins is handed to `judge`,
    /// which says how it is treated.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
        mut judge: impl FnMut(FrameHead) -> Result<Treatment, Fault>,
    ) -> Result<Option<Frame<'a>>, Fault> {
        loop {
            match &mut self.state {
                ReaderState::Type => {
                    let Some(kind) = self.integer.take(input) else { return Ok(None) };
                    self.state = ReaderState::Length { kind };
                }
                ReaderState::Length { kind } => {
                    let kind = *kind;
                    let Some(length) = self.integer.take(input) else { return Ok(None) };
                    self.state = match judge(FrameHead { kind, length })? {
                        Treatment::Drop => ReaderState::Dropping { remaining: length },
                        Treatment::Gather(length) => {
                            ReaderState::Gathering { kind, length, payload: Vec::new() }
                        }
                    };
                }
                ReaderState::Dropping { remaining: 0 } => self.state = ReaderState::Type,
                ReaderState::Dropping { remaining } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let count = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
                    *remaining -= count as u64;
                    *input = &input[count..];
                }
                ReaderState::Gathering { kind, length, payload } => {
                    let (part, rest) = input.split_at(input.len().min(*length - payload.len()));
                    *input = rest;
                    let kind = *kind;
                    let whole = if part.len() == *length {
                        Cow::Borrowed(part)
                    } else {
                        payload.extend_from_slice(part);
                        if payload.len() < *length {
                            return Ok(None);
                        }
                        Cow::Owned(std::mem::take(payload))
                    };
                    self.state = ReaderState::Type;
                    return Ok(Some((kind, whole)));
                }
            }
        }
    }

    /// True if the stream may end here: not within a frame (RFC 9114 §7.1).
    pub(super) fn is_between_frames(&self) -> bool {
        matches!(self.state, ReaderState::Type) && self.integer.is_empty()
    }

    /// Bytes that it keeps of a frame that has not come whole.
    pub(super) fn kept(&self) -> usize {
        match &self.state {
            ReaderState::Gathering { payload, .. } => payload.capacity(),
            _ => 0,
        }
    }
}

/// Appends a frame whose payload is there as a whole (RFC 9114 §7.1).
pub(super) fn put(out: &mut Vec<u8>, kind: u64, payload: &[u8]) {
    begin(out, kind, payload.len() as u64);
    out.extend_from_slice(payload);
}

/// Appends the beginning of a frame whose payload of so many bytes comes behind it.
pub(super) fn begin(out: &mut Vec<u8>, kind: u64, length: u64) {
    varint::put(out, kind);
    varint::put(out, length);
}

/// The integer that a payload consists of (RFC 9114 §7.1).
pub(super) fn integer(payload: &[u8]) -> Result<u64, Fault> {
    match varint::split(payload) {
        Some((value, [])) => Ok(value),
        _ => Err(Fault::frame("a payload that is not one integer")),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// The frames that come of these bytes in pieces of `size`: types that are even are gathered,
    /// and more than 100 bytes are too long.
    fn read(bytes: &[u8], size: usize) -> String {
        let (mut reader, mut shown) = (FrameReader::default(), String::new());
        for mut piece in bytes.chunks(size) {
            loop {
                let judged = |head: FrameHead| {
                    let treatment = if head.kind.is_multiple_of(2) {
                        head.gathered(100)?
                    } else {
                        Treatment::Drop
                    };
                    write!(shown, "{:x}:{} ", head.kind, head.length).unwrap();
                    Ok(treatment)
                };
                match reader.next(&mut piece, judged) {
                    Ok(Some((kind, payload))) => {
                        write!(shown, "{kind:x}={} ", payload.escape_ascii()).unwrap();
                    }
                    Ok(None) => break,
                    Err(fault) => return format!("{shown}{fault:?}"),
                }
            }
            assert!(piece.is_empty());
        }
        shown + if reader.is_between_frames() { "." } else { "…" }
    }

    #[test]
    fn frames_come_in_any_pieces() {
        let flood = format!("{:?}", Fault::flood("a frame that is too long"));
        let table: [(&[u8], &str); 13] = [
            (b"", "."),
            (b"\x04\x00", "4:0 4= ."),
            (b"\x04\x02ab\x01\x03xyz\x04\x01c", "4:2 4=ab 1:3 4:1 4=c ."),
            (b"\x01\x00\x01\x00", "1:0 1:0 ."),
            // Integers may be longer than they need to be.
            (b"\x40\x04\x80\x00\x00\x02ab", "4:2 4=ab ."),
            (b"\x80\x0f\x07\x00\x02ab", "f0700:2 f0700=ab ."),
            // Cut off, wherever.
            (b"\x40", "…"),
            (b"\x04", "…"),
            (b"\x04\x40", "…"),
            (b"\x04\x02a", "4:2 …"),
            (b"\x01\x02a", "1:2 …"),
            (b"\x01\xff\xff\xff\xff\xff\xff\xff\xffab", "1:4611686018427387903 …"),
            (b"\x04\x40\x65a", &flood),
        ];
        for (bytes, expected) in table {
            check(bytes, expected);
        }
        check(b"\x01\x01a\x04\xff\xff\xff\xff\xff\xff\xff\xff", &format!("1:1 {flood}"));
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        for size in [1, 2, 3, 7, usize::MAX] {
            assert_eq!(read(bytes, size), expected, "{bytes:x?} in pieces of {size}");
        }
    }

    #[test]
    fn a_payload_of_an_integer_is_that_alone() {
        let wrong = Err(Fault::frame("a payload that is not one integer"));
        for (payload, expected) in [
            (&b"\x05"[..], Ok(5)),
            (b"\x40\x05", Ok(5)),
            (b"", wrong),
            (b"\x40", wrong),
            (b"\x05\x05", wrong),
        ] {
            assert_eq!(integer(payload), expected, "{payload:x?}");
        }
    }
}
