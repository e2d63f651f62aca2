//! The rules of HTTP/3 that a client can break, each over a QUIC connection of its own: RFC 9114
//! section by section, QPACK's (RFC 9204) and those of priorities (RFC 9218). A row begins with its
//! section.

mod field_sections;
mod frames;
mod messages;
mod streams;

use quinn_proto::Dir;

use crate::support::USER_AGENT;
use crate::support::http3::{Heard, Http3, config, frame, section};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};

/// A step of a client.
#[derive(Clone, Debug)]
enum Step {
    /// It opens a stream in one direction or in both, with these bytes.
    Uni(Vec<u8>),
    Bidi(Vec<u8>),
    /// The last stream ends behind its bytes.
    End,
    /// Once the server has read what was sent: more on the last stream, the end of it, its reset with
    /// this code, and an order to send no more on a stream.
    More(Vec<u8>),
    LaterEnd,
    Reset(u64),
    Stop(u64, u64),
}

use Step::{Bidi, End, LaterEnd, More, Reset, Stop, Uni};

/// What a client hears at its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The connection is closed with this code.
    Closed(u64),
    /// The last stream is given up with this code, and the connection goes on.
    GivenUp(u64),
    /// Nothing more of the last stream is wanted, for this reason; the connection goes on.
    Unwanted(u64),
    /// The request on the last stream is answered with this status.
    Answered(u16),
    /// The connection goes on.
    Fine,
}

use Outcome::{Answered, Closed, Fine, GivenUp, Unwanted};

const NO_ERROR: u64 = 0x100;
const STREAM_CREATION_ERROR: u64 = 0x103;
const CLOSED_CRITICAL_STREAM: u64 = 0x104;
const FRAME_UNEXPECTED: u64 = 0x105;
const FRAME_ERROR: u64 = 0x106;
const EXCESSIVE_LOAD: u64 = 0x107;
const ID_ERROR: u64 = 0x108;
const SETTINGS_ERROR: u64 = 0x109;
const MISSING_SETTINGS: u64 = 0x10a;
const REQUEST_CANCELLED: u64 = 0x10c;
const REQUEST_INCOMPLETE: u64 = 0x10d;
const MESSAGE_ERROR: u64 = 0x10e;
const DECOMPRESSION_FAILED: u64 = 0x200;
const ENCODER_STREAM_ERROR: u64 = 0x201;
const DECODER_STREAM_ERROR: u64 = 0x202;

const DATA: u32 = 0x0;
const HEADERS: u32 = 0x1;
const CANCEL_PUSH: u32 = 0x3;
const SETTINGS: u32 = 0x4;
const PUSH_PROMISE: u32 = 0x5;
const GOAWAY: u32 = 0x7;
const MAX_PUSH_ID: u32 = 0xd;
const RESERVED: u32 = 0x21;
const PRIORITY_UPDATE: u32 = 0xf_0700;
const PRIORITY_UPDATE_OF_PUSH: u32 = 0xf_0701;

/// PRIORITY, PING, `WINDOW_UPDATE` and CONTINUATION.
const OF_HTTP2: [u32; 4] = [0x2, 0x6, 0x8, 0x9];

type Row = (String, Vec<Step>, Outcome);

fn row(name: &str, steps: &[Step], outcome: Outcome) -> Row {
    (name.to_owned(), steps.to_vec(), outcome)
}

/// The same on its own control stream, behind the settings.
fn control(name: &str, frames: &[Vec<u8>], outcome: Outcome) -> Row {
    row(name, &[Uni([&b"\x00\x04\x00"[..], &frames.concat()].concat())], outcome)
}

/// A request of these frames.
fn request(name: &str, frames: &[Vec<u8>], outcome: Outcome) -> Row {
    row(name, &[Bidi(frames.concat()), End], outcome)
}

const GET: [(&str, &str); 5] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "a.test"),
    (":path", "/"),
    ("user-agent", USER_AGENT),
];

fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, &section(fields))
}

fn get() -> Vec<u8> {
    headers(&GET)
}

fn fill(site: &Site) -> &Site {
    site.file("index.html", "index").file("big.bin", pattern(2 * 1024 * 1024))
}

/// Every row by a client of its own.
#[track_caller]
fn check(rows: &[Row]) {
    let server = Setup::new().site("a.test", fill).certificate("a.test").start();
    let mut wrong = Vec::new();
    for (name, steps, outcome) in rows {
        let heard = exchange(&server, name, steps, *outcome);
        if heard != *outcome {
            wrong.push(format!("{name}: {heard:x?}, not {outcome:x?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Takes the steps on a connection of its own, and waits for an outcome of this kind.
fn exchange(server: &Server, name: &str, steps: &[Step], kind: Outcome) -> Outcome {
    let mut client = Http3::begin(server, &config(server), "a.test");
    client.until("the handshake ends", |client| client.connected);
    let mut last = 0;
    for step in steps {
        let is_later = matches!(step, More(_) | LaterEnd | Reset(_) | Stop(..));
        if is_later && !is_served(&mut client) {
            break;
        }
        match step {
            Uni(bytes) => last = client.open(Dir::Uni, bytes, false),
            Bidi(bytes) => last = client.open(Dir::Bi, bytes, false),
            End | LaterEnd => client.send(last, b"", true),
            More(bytes) => client.send(last, bytes, false),
            Reset(code) => client.break_off(last, *code),
            Stop(id, code) => client.stop(*id, *code),
        }
    }
    client.until(name, |client| {
        let is_told = |heard: &Heard| match kind {
            Unwanted(_) => heard.stopped.is_some(),
            _ => heard.ended || heard.reset.is_some(),
        };
        let needs_nothing = matches!(kind, Closed(_) | Fine);
        needs_nothing || client.lost.is_some() || client.heard.get(&last).is_some_and(is_told)
    });
    let is_served = is_served(&mut client);
    if let Some(code) = client.closed() {
        return Closed(code);
    }
    assert!(is_served, "{name}: {:?}", client.lost);
    let heard = client.heard.get(&last);
    match (kind, heard.and_then(|heard| heard.reset), heard.and_then(|heard| heard.stopped)) {
        (Closed(_) | Fine, ..) => Fine,
        (Unwanted(_), _, Some(code)) => Unwanted(code),
        (_, Some(code), _) => GivenUp(code),
        _ => Answered(client.answer(last).status.parse().expect("a status")),
    }
}

/// True if the connection goes on: what was sent before has been read, and a request is answered.
fn is_served(client: &mut Http3) -> bool {
    let Some(id) = client.try_open(Dir::Bi, &get(), true) else { return false };
    client.until("an answer, or the end", |client| {
        client.lost.is_some() || client.heard.get(&id).is_some_and(|heard| heard.ended)
    });
    client.lost.is_none()
}
