//! Frames: those that input stands for, and a reader of those that come back, which must all be
//! accounted for.

use std::collections::HashMap;

use http::header::CONTENT_LENGTH;
use shost::protocol::http2::hpack::{Decoder, Name};

/// RFC 9113 §3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// A client's bytes: the preface and settings, then the frames that `input` stands for.
pub(super) fn frames(mut input: &[u8]) -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    bytes.extend_from_slice(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]);
    while let Some((&[kind, flags, stream, length], rest)) = input.split_first_chunk() {
        // Lengths are squared, so that some are as large as a frame can be.
        let length = match usize::from(length) {
            length if kind & 0x80 == 0 => length,
            length => length * length / 4,
        };
        let kind = kind & 0x7f;
        let payload = &rest[..length.min(rest.len())];
        input = &rest[payload.len()..];
        let padding = length - payload.len();
        bytes.extend_from_slice(&u32::try_from(length).expect("short").to_be_bytes()[1..]);
        bytes.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
        bytes.extend_from_slice(payload);
        bytes.resize(bytes.len() + padding, 0);
    }
    bytes
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

fn next<'a>(bytes: &mut &'a [u8]) -> Option<Frame<'a>> {
    let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes.first_chunk()?;
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
    let payload = bytes.get(9..9 + length)?;
    *bytes = &bytes[9 + length..];
    Some(Frame { kind, flags, stream, payload })
}

/// An answer as far as it has come.
#[derive(Default)]
struct Answer {
    promised: usize,
    received: usize,
    ended: bool,
    reset: bool,
}

/// Judges what was sent back.
pub(super) fn check(sent: &[u8], mut output: &[u8]) {
    let room = room(&sent[PREFACE.len()..]);
    let mut answers: HashMap<u32, Answer> = HashMap::new();
    let mut total = 0;
    let mut ended = false;
    let mut first = true;
    while !output.is_empty() {
        let frame = next(&mut output).expect("a whole frame");
        assert!(frame.payload.len() <= 16 * 1024, "{} bytes", frame.payload.len());
        assert!(!ended, "something behind the last word");
        assert_eq!(first, frame.kind == SETTINGS && frame.flags == 0, "settings come first");
        first = false;
        match frame.kind {
            HEADERS => {
                assert!(frame.stream % 2 == 1 && frame.flags & 4 != 0);
                let answer = Answer {
                    promised: promised(frame.payload),
                    ended: frame.flags & 1 != 0,
                    ..Answer::default()
                };
                assert!(answers.insert(frame.stream, answer).is_none(), "two answers");
            }
            DATA => {
                let answer = answers.get_mut(&frame.stream).expect("a head comes first");
                assert!(!answer.ended && !answer.reset, "content behind the end");
                answer.received += frame.payload.len();
                answer.ended = frame.flags & 1 != 0;
                total += frame.payload.len();
                assert!(total <= room, "more than there is room for");
            }
            RST_STREAM => {
                assert_eq!(frame.payload.len(), 4);
                answers.entry(frame.stream).or_default().reset = true;
            }
            GOAWAY => ended = frame.payload[4..8] != [0; 4],
            SETTINGS => assert!(frame.stream == 0 && frame.payload.len().is_multiple_of(6)),
            PING => assert!(frame.stream == 0 && frame.payload.len() == 8),
            WINDOW_UPDATE => assert!(frame.stream == 0 && frame.payload != [0; 4]),
            CONTINUATION => panic!("no head is so large"),
            other => panic!("a frame of type {other}"),
        }
    }
    for (id, answer) in answers {
        assert!(answer.received <= answer.promised, "stream {id}");
        assert!(!answer.ended || answer.received == answer.promised, "stream {id} is cut short");
    }
}

/// How much content the client has room for in all.
fn room(mut sent: &[u8]) -> usize {
    let mut room = 65_535;
    while let Some(frame) = next(&mut sent) {
        if let (WINDOW_UPDATE, 0, Ok(bytes)) = (frame.kind, frame.stream, frame.payload.try_into())
        {
            room += (u32::from_be_bytes(bytes) & 0x7fff_ffff) as usize;
        }
    }
    room
}

/// The length that a head promises.
fn promised(block: &[u8]) -> usize {
    let mut length = None;
    let mut count = 0;
    let decoded = Decoder::default().decode(block, |field| {
        count += 1;
        if field.name == Name::Regular(CONTENT_LENGTH) {
            let value = field.value.as_ref().and_then(|value| value.to_str().ok());
            length = value.and_then(|value| value.parse().ok());
        }
    });
    decoded.expect("a field block without state");
    assert!(count >= 3, "status, length and date");
    length.expect("every length is known")
}
