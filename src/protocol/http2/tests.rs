//! What a client may send and what comes of it, frame by frame: the rows of RFC 9113.

use std::fmt::Write as _;
use std::future::{Future, Pending, Ready, pending, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{Head, kind};
use super::{Answers, Connection, Error, PREFACE, TURN};
use crate::service::Response;

/// Answers `/` with two bytes, `/b` with many, `/s` with some that never come, and `/w` never.
struct Pages;

enum Answer {
    Ready(Ready<Response<Content>>),
    Never(Pending<Response<Content>>),
}

enum Content {
    Ready(Bytes),
    Never,
}

/// More than a window holds at first.
const BIG: usize = 70_000;

impl Answers for Pages {
    type Content = Content;
    type Answer = Answer;

    fn answer(&self, head: Parts) -> Answer {
        let content = match head.uri.path() {
            "/w" => return Answer::Never(pending()),
            "/s" => Content::Never,
            "/b" => Content::Ready(Bytes::from(vec![b'.'; BIG])),
            _ => Content::Ready(Bytes::from_static(b"hi")),
        };
        Answer::Ready(ready(http::Response::new(content).into()))
    }

    fn head_begun(&self) {}
}

impl Future for Answer {
    type Output = Response<Content>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(answer) => Pin::new(answer).poll(context),
            Self::Never(answer) => Pin::new(answer).poll(context),
        }
    }
}

impl crate::protocol::handler::Content for Content {}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Ready(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Never => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Ready(bytes) if bytes.is_empty())
    }
}

/// A client that has sent this much, perhaps all that it will, and takes everything.
#[derive(Default)]
struct Client {
    sent: Vec<u8>,
    done: bool,
    got: Vec<u8>,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.sent.is_empty() && !self.done {
            return Poll::Pending;
        }
        let count = self.sent.len().min(buffer.remaining());
        buffer.put_slice(&self.sent[..count]);
        self.sent.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.got.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A connection whose preface has been exchanged.
struct Test(Connection<Client, Pages>, Option<Result<(), Error>>);

impl Test {
    fn new() -> Self {
        let mut test = Self(Connection::new(Client::default(), Pages), None);
        test.0.io.sent = PREFACE.to_vec();
        assert_eq!(test.exchange(&frame(kind::SETTINGS, 0, 0, b"")), "SETTINGS/0:18 SETTINGS/1:0");
        test
    }

    /// What comes back: for each frame its type, flags, length, stream, and what error it tells.
    fn exchange(&mut self, bytes: &[u8]) -> String {
        self.0.io.sent.extend_from_slice(bytes);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..20 {
            if self.1.is_none()
                && let Poll::Ready(end) = Pin::new(&mut self.0).poll(&mut context)
            {
                self.1 = Some(end);
            }
        }
        shown(&std::mem::take(&mut self.0.io.got))
    }
}

fn shown(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let Some(head) = Head::parse(bytes) {
        let name = match head.kind {
            kind::DATA => "DATA",
            kind::HEADERS => "HEADERS",
            kind::RST_STREAM => "RESET",
            kind::SETTINGS => "SETTINGS",
            kind::PING => "PING",
            kind::GOAWAY => "GOAWAY",
            kind::WINDOW_UPDATE => "WINDOW",
            _ => "?",
        };
        let payload = &bytes[9..9 + head.length];
        write!(text, " {name}/{}", head.flags).unwrap();
        match head.kind {
            kind::RST_STREAM | kind::GOAWAY => {
                let code = payload.last_chunk::<4>().map(|code| u32::from_be_bytes(*code));
                write!(text, "={:#x}", code.unwrap()).unwrap();
            }
            // The date makes no difference.
            kind::HEADERS => write!(text, "={:02x}", payload[0]).unwrap(),
            _ => write!(text, ":{}", head.length).unwrap(),
        }
        if head.stream > 0 {
            write!(text, "@{}", head.stream).unwrap();
        }
        bytes = &bytes[9 + head.length..];
    }
    text.trim_start().to_owned()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&Head { length: payload.len(), kind, flags, stream }.to_bytes(), payload].concat()
}

/// The field block of a request for a path.
fn fields(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    [b"\x82\x86\x41\x06a.test\x04", &[length][..], path.as_bytes()].concat()
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(kind::HEADERS, 0x5, stream, &fields(path))
}

/// Sends frames on a new connection.
#[track_caller]
fn check(sent: &[Vec<u8>], expected: &str) {
    assert_eq!(Test::new().exchange(&sent.concat()), expected);
}

#[test]
fn requests_are_answered() {
    check(&[get(1, "/")], "HEADERS/4=88@1 DATA/1:2@1");
    check(
        &[get(1, "/"), get(3, "/"), get(9, "/")],
        "HEADERS/4=88@1 DATA/1:2@1 HEADERS/4=88@3 DATA/1:2@3 HEADERS/4=88@9 DATA/1:2@9",
    );
    // Padding and a priority are taken off.
    let padded = [&[3, 0, 0, 0, 0, 9][..], &fields("/"), &[0; 3]].concat();
    check(&[frame(kind::HEADERS, 0x2d, 1, &padded)], "HEADERS/4=88@1 DATA/1:2@1");
    // A field block may be cut anywhere.
    let block = fields("/");
    let (first, second) = block.split_at(5);
    let parts = [
        frame(kind::HEADERS, 0x1, 1, first),
        frame(kind::CONTINUATION, 0, 1, b""),
        frame(kind::CONTINUATION, 0x4, 1, second),
    ];
    check(&parts, "HEADERS/4=88@1 DATA/1:2@1");
}

#[test]
fn content_of_a_request_is_not_waited_for() {
    let post = frame(kind::HEADERS, 0x4, 1, &fields("/"));
    let answered = "HEADERS/4=88@1 DATA/1:2@1 RESET/0=0x0@1";
    check(std::slice::from_ref(&post), answered);
    // What was on its way is dropped, trailers too.
    let data = frame(kind::DATA, 0, 1, &[0; 600]);
    let trailers = frame(kind::HEADERS, 0x5, 1, b"\x00\x01a\x01b");
    check(&[post.clone(), data, trailers], answered);
    // The connection gets its room back.
    let data = frame(kind::DATA, 0, 1, &[0; 16 * 1024]);
    check(&[post, data.clone(), data], &(answered.to_owned() + " WINDOW/0:4"));
    // A stream does not.
    let waiting = frame(kind::HEADERS, 0x4, 1, &fields("/w"));
    let data = frame(kind::DATA, 0, 1, &[0; 16 * 1024]);
    let flood = [vec![waiting], vec![data; 4]].concat();
    check(&flood, "WINDOW/0:4 WINDOW/0:4 RESET/0=0x3@1");
}

#[test]
fn windows_are_kept() {
    let mut test = Test::new();
    let whole = "HEADERS/4=88@1 DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1";
    assert_eq!(test.exchange(&get(1, "/b")), whole.to_owned() + " DATA/0:35@1");
    let open = |stream, by: u32| frame(kind::WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    assert_eq!(test.exchange(&open(0, 1000)), "");
    assert_eq!(test.exchange(&open(1, 10)), "DATA/0:10@1");
    // Smaller for all streams, and so less than nothing for this one.
    let smaller = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xf5]);
    assert_eq!(test.exchange(&smaller), "SETTINGS/1:0");
    assert_eq!(test.exchange(&open(1, 10)), "");
    assert_eq!(test.exchange(&open(1, 1)), "DATA/0:1@1");
    assert_eq!(test.exchange(&open(1, 100_000)), "DATA/0:989@1");
    assert_eq!(test.exchange(&open(0, 100_000)), "DATA/1:3465@1");
    // It is over; what comes late means nothing.
    assert_eq!(test.exchange(&open(1, 0x7fff_ffff)), "");
    assert_eq!(test.exchange(&open(0, 0x7fff_ffff)), "GOAWAY/0=0x3");
}

#[test]
fn what_a_silent_client_has_no_room_for_keeps_no_connection() {
    // The content of the first may come yet; that of the second has taken all the room.
    for (asked, ends) in [(vec![get(1, "/s")], false), (vec![get(1, "/s"), get(3, "/b")], true)] {
        let mut test = Test::new();
        test.exchange(&asked.concat());
        test.0.io.done = true;
        test.exchange(b"");
        assert_eq!(matches!(test.1, Some(Ok(()))), ends, "{} streams", asked.len());
    }
}

#[test]
fn answers_share_what_room_there_is() {
    let mut test = Test::new();
    test.exchange(&frame(kind::WINDOW_UPDATE, 0, 0, &200_000_u32.to_be_bytes()));
    let update =
        |id: u8, field: &str| frame(0x10, 0, 0, &[&[0, 0, 0, id], field.as_bytes()].concat());
    let none = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let asked = [none, get(1, "/b"), get(3, "/b"), get(5, "/b"), get(7, "/b")].concat();
    test.exchange(&asked);
    test.exchange(&[update(5, "u=1"), update(7, "u=1"), update(1, "i")].concat());
    let room = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0x40, 0]);
    let expected = "SETTINGS/1:0 DATA/0:16375@5 DATA/0:9@5 DATA/0:16375@7 DATA/0:9@7 \
                    DATA/0:16375@1 DATA/0:16375@3 DATA/0:9@1 DATA/0:9@3";
    assert_eq!(test.exchange(&room), expected);
}

#[test]
fn a_client_that_takes_everything_is_given_a_turn_at_a_time() {
    let mut test = Test::new();
    let room = 10_000_000_u32.to_be_bytes();
    let open = frame(kind::WINDOW_UPDATE, 0, 0, &room);
    let wide = frame(kind::SETTINGS, 0, 0, &[&[0, 4][..], &room].concat());
    let asked: Vec<_> = (0..50).map(|at| get(2 * at + 1, "/b")).collect();
    test.0.io.sent = [open, wide, asked.concat()].concat();
    let mut turns = Vec::new();
    while turns.last() != Some(&0) {
        assert!(Pin::new(&mut test.0).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        turns.push(std::mem::take(&mut test.0.io.got).len());
    }
    assert!(turns.iter().sum::<usize>() > 50 * BIG);
    // The queue may be as much too full as one frame is long.
    assert!(turns.iter().all(|sent| *sent <= TURN + TURN / 4), "{turns:?}");
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let big = frame(kind::DATA, 0, 1, &vec![0; 16 * 1024 + 1]);
    let rows: [(&str, Vec<u8>, u32); 30] = [
        ("a frame too large", big, 6),
        ("a second preface", PREFACE.to_vec(), 6),
        ("DATA on the connection", frame(kind::DATA, 0, 0, b"x"), 1),
        ("DATA on an idle stream", frame(kind::DATA, 0, 1, b"x"), 1),
        ("HEADERS on the connection", get(0, "/"), 1),
        ("HEADERS on an even stream", get(2, "/"), 1),
        ("HEADERS of nonsense", frame(kind::HEADERS, 0x5, 1, b"\x80"), 9),
        ("HEADERS of padding", frame(kind::HEADERS, 0xd, 1, b"\x05\x82"), 1),
        ("HEADERS cut off", frame(kind::HEADERS, 0x8, 1, b""), 6),
        ("HEADERS without priority", frame(kind::HEADERS, 0x25, 1, b"\0\0\0"), 6),
        ("an older stream", [get(5, "/"), get(3, "/")].concat(), 1),
        ("a closed stream", [get(5, "/"), get(5, "/")].concat(), 5),
        ("CONTINUATION of nothing", frame(kind::CONTINUATION, 0x4, 1, b""), 1),
        (
            "a block interrupted",
            [frame(kind::HEADERS, 0, 1, b""), frame(kind::PING, 0, 0, &[0; 8])].concat(),
            1,
        ),
        (
            "a block on another stream",
            [frame(kind::HEADERS, 0, 1, b""), frame(kind::CONTINUATION, 0, 3, b"")].concat(),
            1,
        ),
        ("PRIORITY of the connection", frame(kind::PRIORITY, 0, 0, &[0; 5]), 1),
        ("PRIORITY cut off", frame(kind::PRIORITY, 0, 1, &[0; 4]), 6),
        ("RST_STREAM on an idle stream", frame(kind::RST_STREAM, 0, 1, &[0; 4]), 1),
        ("RST_STREAM cut off", frame(kind::RST_STREAM, 0, 1, &[0; 3]), 6),
        ("SETTINGS on a stream", frame(kind::SETTINGS, 0, 1, b""), 1),
        ("SETTINGS cut off", frame(kind::SETTINGS, 0, 0, &[0; 5]), 6),
        ("SETTINGS that answer", frame(kind::SETTINGS, 1, 0, &[0; 6]), 6),
        ("push neither on nor off", frame(kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]), 1),
        ("a window too large", frame(kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]), 3),
        ("frames too small", frame(kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff]), 1),
        ("PUSH_PROMISE", frame(kind::PUSH_PROMISE, 0x4, 1, &[0, 0, 0, 2]), 1),
        ("PING cut off", frame(kind::PING, 0, 0, &[0; 7]), 6),
        ("PING on a stream", frame(kind::PING, 0, 1, &[0; 8]), 1),
        ("GOAWAY on a stream", frame(kind::GOAWAY, 0, 1, &[0; 8]), 1),
        ("a window opened by nothing", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), 1),
    ];
    for (what, sent, code) in rows {
        let mut test = Test::new();
        let got = test.exchange(&sent);
        assert!(got.ends_with(&format!("GOAWAY/0={code:#x}")), "{what}: {got}");
        assert!(matches!(test.1, Some(Err(Error::Client(..)))), "{what}: {:?}", test.1);
    }
}

#[test]
fn the_preface_comes_first() {
    for sent in [&b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..], &[PREFACE, &get(1, "/")].concat()]
    {
        let mut test = Test(Connection::new(Client::default(), Pages), None);
        assert_eq!(test.exchange(sent), "SETTINGS/0:18 GOAWAY/0=0x1");
    }
}

#[test]
fn an_error_of_a_stream_ends_that_alone() {
    let malformed = frame(kind::HEADERS, 0x5, 1, b"\x82");
    let waits = || get(1, "/w");
    let rows: [(&str, Vec<u8>, u32); 6] = [
        ("no request", malformed, 1),
        ("content behind the end", [waits(), frame(kind::DATA, 0, 1, &[0; 600])].concat(), 5),
        ("fields behind the end", [waits(), waits()].concat(), 5),
        (
            "a window opened by nothing",
            [waits(), frame(kind::WINDOW_UPDATE, 0, 1, &[0; 4])].concat(),
            1,
        ),
        (
            "a window beyond all bounds",
            [waits(), frame(kind::WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff])].concat(),
            3,
        ),
        (
            "trailers that are a request",
            [frame(kind::HEADERS, 0x4, 1, &fields("/w")), get(1, "/")].concat(),
            1,
        ),
    ];
    for (what, sent, code) in rows {
        let got = Test::new().exchange(&[sent, get(3, "/")].concat());
        let expected = format!("RESET/0={code:#x}@1 HEADERS/4=88@3 DATA/1:2@3");
        assert_eq!(got, expected, "{what}");
    }
}

#[test]
fn a_head_too_large_is_an_answer() {
    let mut block = fields("/");
    for _ in 0..100 {
        block.extend_from_slice(b"\x00\x01a\x01b");
    }
    // 431, and the table is still in step.
    block.extend_from_slice(b"\x40\x01c\x01d");
    let next = b"\x82\x84\x86\xbf\xbe";
    let sent = [frame(kind::HEADERS, 0x5, 1, &block), frame(kind::HEADERS, 0x5, 3, next)].concat();
    assert_eq!(Test::new().exchange(&sent), "HEADERS/5=08@1 HEADERS/4=88@3 DATA/1:2@3");
}

#[test]
fn streams_are_bounded() {
    let mut test = Test::new();
    let waiting: Vec<_> = (0..100).map(|index| get(2 * index + 1, "/w")).collect();
    assert_eq!(test.exchange(&waiting.concat()), "");
    assert_eq!(test.exchange(&get(201, "/")), "RESET/0=0x7@201");
    test.exchange(&frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]));
    assert_eq!(test.exchange(&get(203, "/")), "HEADERS/4=88@203 DATA/1:2@203");
}

#[test]
fn floods_end() {
    let many = |frame: Vec<u8>, count| vec![frame; count].concat();
    let resets: Vec<_> = (0..500)
        .flat_map(|index| {
            [get(2 * index + 1, "/w"), frame(kind::RST_STREAM, 0, 2 * index + 1, &[0; 4])]
        })
        .collect();
    let answered: Vec<_> = (0..500)
        .flat_map(|index| {
            [get(2 * index + 1, "/"), frame(kind::RST_STREAM, 0, 2 * index + 1, &[0; 4])]
        })
        .collect();
    let ours: Vec<_> = (0..100)
        .flat_map(|index| {
            [get(2 * index + 1, "/w"), frame(kind::WINDOW_UPDATE, 0, 2 * index + 1, &[0; 4])]
        })
        .collect();
    let refused: Vec<_> = (0..1200).map(|index| get(2 * index + 1, "/w")).collect();
    let packed = [&fields("/"), &b"\x88".repeat(1000)[..]].concat();
    let large: Vec<_> =
        (0..100).map(|index| frame(kind::HEADERS, 0x5, 2 * index + 1, &packed)).collect();
    let rows: [(&str, Vec<u8>); 15] = [
        ("refused streams", refused.concat()),
        ("heads too large", large.concat()),
        ("PING", many(frame(kind::PING, 0, 0, &[0; 8]), 1200)),
        ("PING answers", many(frame(kind::PING, 1, 0, &[0; 8]), 1200)),
        ("SETTINGS", many(frame(kind::SETTINGS, 0, 0, b""), 1200)),
        ("SETTINGS answers", many(frame(kind::SETTINGS, 1, 0, b""), 1200)),
        ("PRIORITY", many(frame(kind::PRIORITY, 0, 7, &[0; 5]), 1200)),
        ("unknown frames", many(frame(0x77, 0, 0, b"x"), 1200)),
        ("windows", many(frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), 1200)),
        (
            "empty DATA",
            [frame(kind::HEADERS, 0x4, 1, &fields("/w")), many(frame(kind::DATA, 0, 1, b""), 1200)]
                .concat(),
        ),
        ("resets", resets.concat()),
        ("resets of what was answered", answered.concat()),
        ("our resets", ours.concat()),
        (
            "small CONTINUATION",
            [frame(kind::HEADERS, 0, 1, b""), many(frame(kind::CONTINUATION, 0, 1, b""), 17)]
                .concat(),
        ),
        (
            "large CONTINUATION",
            [
                frame(kind::HEADERS, 0, 1, b""),
                many(frame(kind::CONTINUATION, 0, 1, &[0x82; 16 * 1024]), 5),
            ]
            .concat(),
        ),
    ];
    for (what, sent) in rows {
        let mut test = Test::new();
        let got = test.exchange(&sent);
        assert!(got.ends_with("GOAWAY/0=0xb"), "{what}");
        assert!(matches!(test.1, Some(Err(Error::Client(..)))), "{what}");
    }
    // Work makes up for it.
    let mut test = Test::new();
    for index in 0..1000 {
        let update = frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
        test.exchange(&[get(2 * index + 1, "/"), many(update, 4)].concat());
    }
    assert!(test.1.is_none(), "{:?}", test.1);
}

#[test]
fn a_polite_end_answers_what_was_on_its_way() {
    let mut test = Test::new();
    test.0.graceful_shutdown();
    assert_eq!(test.exchange(&get(1, "/")), "GOAWAY/0=0x0 PING/0:8 HEADERS/4=88@1 DATA/1:2@1");
    let opened = [get(3, "/b"), frame(kind::PING, 1, 0, b"farewell"), get(5, "/")].concat();
    let got = test.exchange(&opened);
    assert!(got.starts_with("HEADERS/4=88@3") && got.contains(" GOAWAY/0=0x0 "), "{got}");
    assert!(!got.contains("@5") && test.1.is_none(), "{got}");
    let room = [0, 1].map(|stream| frame(kind::WINDOW_UPDATE, 0, 3 * stream, &[0, 1, 0, 0]));
    assert!(test.exchange(&room.concat()).ends_with("@3"));
    assert!(matches!(test.1, Some(Ok(()))), "{:?}", test.1);
}

#[test]
fn nothing_is_said_behind_the_last_word() {
    let mut test = Test::new();
    assert_eq!(test.exchange(&get(2, "/")), "GOAWAY/0=0x1");
    test.0.graceful_shutdown();
    assert_eq!(test.exchange(&get(1, "/")), "");
}

#[test]
fn an_idle_connection_holds_nothing() {
    let mut test = Test::new();
    test.exchange(&[get(1, "/"), get(3, "/b")].concat());
    test.exchange(&frame(kind::RST_STREAM, 0, 3, &[0; 4]));
    let held = format!("{:?} {:?}", test.0.input, test.0.output);
    assert_eq!(
        held,
        "Input { partial: [] } \
         Output { small: [], taken: 0, segments: [], queued: 0, unflushed: false }"
    );
    assert!(size_of::<Connection<Client, Pages>>() < 1024);
}
