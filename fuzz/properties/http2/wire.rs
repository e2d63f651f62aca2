//! Frames: those that input stands for, and a reader of those that come back, which must all be
//! accounted for.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{CONTENT_LENGTH, SERVER};
use shost::field_compression::field::Name;
use shost::field_compression::hpack::Decoder;

use super::answers::repeated;

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

/// RFC 9113 §7.
const STREAM_CLOSED: u32 = 5;

/// RFC 9113 §6.5.2.
const INITIAL_WINDOW_SIZE: u8 = 4;

/// An answer as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) promised: usize,
    pub(super) received: usize,
    pub(super) ended: bool,
    /// The reason for which the server reset the stream.
    pub(super) reset: Option<u32>,
}

/// All that was sent back.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) answers: BTreeMap<u32, Answer>,
    /// The last stream and the reason of the last GOAWAY.
    pub(super) gone_away: Option<(u32, u32)>,
}

impl Wire {
    /// True if the client has been told that it sent frames behind the end of a request.
    pub(super) fn has_frames_behind_an_end(&self) -> bool {
        let resets = self.answers.values().filter_map(|answer| answer.reset);
        let last = self.gone_away.map(|(_, reason)| reason);
        resets.chain(last).any(|reason| reason == STREAM_CLOSED)
    }
}

/// Judges what was sent back.
pub(super) fn check(sent: &[u8], mut output: &[u8]) -> Wire {
    let room = Client::of(sent).room;
    let mut decoder = Decoder::default();
    let mut wire = Wire::default();
    let answers = &mut wire.answers;
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
                    promised: promised(&mut decoder, frame.payload),
                    ended: frame.flags & 1 != 0,
                    ..Answer::default()
                };
                assert!(answers.insert(frame.stream, answer).is_none(), "two answers");
            }
            DATA => {
                let answer = answers.get_mut(&frame.stream).expect("a head comes first");
                assert!(!answer.ended && answer.reset.is_none(), "content behind the end");
                answer.received += frame.payload.len();
                answer.ended = frame.flags & 1 != 0;
                total += frame.payload.len();
                assert!(total <= room, "more than there is room for");
            }
            RST_STREAM => {
                let [reason] = numbers(frame.payload);
                answers.entry(frame.stream).or_default().reset = Some(reason);
            }
            GOAWAY => {
                let [last, reason] = numbers(&frame.payload[..8]);
                ended = reason != 0;
                wire.gone_away = Some((last, reason));
            }
            SETTINGS => assert!(frame.stream == 0 && frame.payload.len().is_multiple_of(6)),
            PING => assert!(frame.stream == 0 && frame.payload.len() == 8),
            WINDOW_UPDATE => assert!(frame.stream == 0 && frame.payload != [0; 4]),
            CONTINUATION => panic!("no head is so large"),
            other => panic!("a frame of type {other}"),
        }
    }
    for (id, answer) in &wire.answers {
        assert!(answer.received <= answer.promised, "stream {id}");
        assert!(!answer.ended || answer.received == answer.promised, "stream {id} is cut short");
    }
    wire
}

/// The numbers that a payload consists of.
fn numbers<const COUNT: usize>(payload: &[u8]) -> [u32; COUNT] {
    let (numbers, rest) = payload.as_chunks();
    assert!(numbers.len() == COUNT && rest.is_empty(), "{payload:?}");
    std::array::from_fn(|index| u32::from_be_bytes(numbers[index]))
}

/// The part of what a client sends that decides how much of its answers can be sent.
pub(super) struct Client {
    /// Content that it has room for in all.
    pub(super) room: usize,
    /// It makes the windows of its streams smaller than they were.
    pub(super) takes_room_back: bool,
    /// The streams that it resets.
    pub(super) resets: BTreeSet<u32>,
}

impl Client {
    pub(super) fn of(sent: &[u8]) -> Self {
        let mut client = Self { room: 65_535, takes_room_back: false, resets: BTreeSet::new() };
        let mut window = 65_535;
        let mut sent = &sent[PREFACE.len()..];
        while let Some(frame) = next(&mut sent) {
            match frame.kind {
                WINDOW_UPDATE if frame.stream == 0 && frame.payload.len() == 4 => {
                    let [more] = numbers(frame.payload);
                    client.room += (more & 0x7fff_ffff) as usize;
                }
                RST_STREAM => {
                    client.resets.insert(frame.stream);
                }
                SETTINGS => {
                    for setting in frame.payload.as_chunks::<6>().0 {
                        if let [0, INITIAL_WINDOW_SIZE, size @ ..] = *setting {
                            let size = u32::from_be_bytes(size);
                            client.takes_room_back |= size < window;
                            window = size;
                        }
                    }
                }
                _ => {}
            }
        }
        client
    }
}

/// The length that a head promises, whose other field is the one of that length.
fn promised(decoder: &mut Decoder, block: &[u8]) -> usize {
    let (mut length, mut other) = (None, None);
    let mut count = 0;
    let outcome = decoder.decode(block, |field| {
        count += 1;
        if field.name == Name::Regular(CONTENT_LENGTH) {
            let value = field.value.as_ref().and_then(|value| value.to_str().ok());
            length = value.and_then(|value| value.parse().ok());
        } else if field.name == Name::Regular(SERVER) {
            other = field.value;
        }
    });
    outcome.expect("a block that is in step with the table");
    assert!(count >= 3, "status, length and date");
    let length = length.expect("every length is known");
    // A head that is refused has no other.
    assert!(other.is_none_or(|other| other == repeated(length)), "another field than was sent");
    length
}
