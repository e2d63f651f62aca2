//! Streams of clients and what comes of them: the rows of RFC 9114, section by section.

mod floods;
mod frames;
mod messages;
mod streams;

use std::collections::{BTreeMap, BTreeSet};

use super::frames::{kind, put};
use super::unidirectional::stream_type;
use super::*;
use crate::field_compression::string_literal;
use crate::process::clock::Tick;
use crate::protocol::budget::Budgets;

/// Bytes on a stream, and whether they are its last.
type Sent = (u64, Vec<u8>, bool);

/// A connection as it looks from this side.
struct Test {
    streams: UnidirectionalStreams,
    requests: BTreeMap<u64, RequestStream>,
    /// Streams that are not read any further.
    over: BTreeSet<u64>,
    budgets: Budgets,
    /// By stream.
    outcomes: BTreeMap<u64, String>,
}

impl Test {
    fn new() -> Self {
        Self {
            streams: UnidirectionalStreams::default(),
            requests: BTreeMap::new(),
            over: BTreeSet::new(),
            budgets: Budgets::new(Tick::now()),
            outcomes: BTreeMap::new(),
        }
    }

    /// Takes bytes of a stream, as a driver does.
    fn take(&mut self, id: u64, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        if self.over.contains(&id) {
            return Ok(());
        }
        let is_request = id.is_multiple_of(4);
        let taken = if is_request {
            self.request(id, bytes, ends)
        } else {
            self.unidirectional(id, bytes, ends)
        };
        if let Err(Fault::Stream(code)) = taken {
            self.over.insert(id);
            self.outcomes.insert(id, code.name().to_owned());
            return Ok(());
        }
        taken
    }

    fn request(&mut self, id: u64, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        let stream = self.requests.entry(id).or_default();
        if let Some(RequestHead { head, .. }) = stream.receive(bytes, ends, &mut self.budgets)? {
            let outcome = match head {
                Ok(head) => format!("{} {}", head.method, head.uri),
                Err(refusal) => refusal.status().as_u16().to_string(),
            };
            self.outcomes.insert(id, outcome);
        }
        Ok(())
    }

    fn unidirectional(&mut self, id: u64, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        let outcomes = &mut self.outcomes;
        let read = self.streams.receive(id, bytes, &mut self.budgets, |request, priority| {
            let share = if priority.incremental { ", i" } else { "" };
            outcomes.insert(id, format!("{request} has u={}{share}", priority.urgency));
        })?;
        if let Continuation::Stop(code) = read {
            self.over.insert(id);
            self.outcomes.insert(id, format!("stop {}", code.name()));
        } else if ends {
            self.streams.end(id)?;
        }
        Ok(())
    }

    /// Sends all of it in pieces of `size` bytes; gives the outcome of each stream that has one, or
    /// that of the connection.
    fn exchange(&mut self, sent: &[Sent], size: usize) -> String {
        for (id, bytes, ends) in sent {
            let mut pieces = bytes.chunks(size).peekable();
            while let Some(piece) = pieces.next() {
                let is_last = *ends && pieces.peek().is_none();
                if let Err(fault) = self.take(*id, piece, is_last) {
                    return told(fault);
                }
            }
            if *ends
                && bytes.is_empty()
                && let Err(fault) = self.take(*id, b"", true)
            {
                return told(fault);
            }
        }
        let outcomes = self.outcomes.iter().map(|(id, outcome)| format!("{id}: {outcome}"));
        outcomes.collect::<Vec<_>>().join("; ")
    }
}

fn told(fault: Fault) -> String {
    match fault {
        Fault::Connection(code, what) => format!("{}, {what}", code.name()),
        Fault::Stream(code) => panic!("an error of a stream alone: {}", code.name()),
    }
}

/// Sends the same in all kinds of pieces.
#[track_caller]
fn check(name: &str, sent: &[Sent], expected: &str) {
    for size in [usize::MAX, 1, 2, 3, 7] {
        let outcome = Test::new().exchange(sent, size);
        assert_eq!(outcome, expected, "{name}, in pieces of {size}");
    }
}

/// A case: its name, what is sent, what comes of it.
type Row<'a> = (&'a str, Vec<Sent>, &'a str);

#[track_caller]
fn check_rows(rows: &[Row<'_>]) {
    for (name, sent, expected) in rows {
        check(name, sent, expected);
    }
}

fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put(&mut frame, kind, payload);
    frame
}

/// A stream of this type that goes on with these frames.
fn opened(kind: u64, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::put(&mut bytes, kind);
    [bytes, frames.concat()].concat()
}

/// The control stream, with settings and these frames.
fn control(frames: &[Vec<u8>]) -> Sent {
    let settings = frame(kind::SETTINGS, b"");
    (2, opened(stream_type::CONTROL, &[&[settings], frames].concat()), false)
}

/// A field section of literals, as any client could send it.
fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in fields {
        string_literal::put(&mut section, 0x20, 3, name.as_bytes());
        string_literal::put(&mut section, 0, 7, value.as_bytes());
    }
    section
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/")];

fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, &section(fields))
}

fn data(length: usize) -> Vec<u8> {
    frame(kind::DATA, &vec![b'.'; length])
}

/// The request stream 0, which ends with these frames.
fn request(frames: &[Vec<u8>]) -> Sent {
    (0, frames.concat(), true)
}

/// The outcome of a good request on stream 0.
const ANSWERED: &str = "0: GET https://a.test/";
