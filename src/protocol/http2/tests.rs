//! Frames of clients and the reactions to them: the rows of RFC 9113.

mod errors;
mod floods;
mod h2spec;
mod kept;
mod requests;
mod shutdown;
mod windows;

use std::cell::Cell;
use std::fmt::Write as _;
use std::future::{Future, Pending, Ready, pending, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{FrameHeader, kind};
use super::{Connection, Error, Handler, PREFACE, TURN};
use crate::service::Response;
use crate::service::body::PolledFrame;

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

impl Handler for Pages {
    type Content = Content;
    type Answer = Answer;

    fn answer(&self, head: Parts) -> Answer {
        let content = match head.uri.path() {
            "/w" => return Answer::Never(pending()),
            "/s" => Content::Never,
            sized if sized[1..].parse::<usize>().is_ok() => {
                Content::Ready(Bytes::from(vec![b'.'; sized[1..].parse().unwrap()]))
            }
            "/b" => Content::Ready(Bytes::from(vec![b'.'; BIG])),
            _ => Content::Ready(Bytes::from_static(b"hi")),
        };
        Answer::Ready(ready(http::Response::new(content).into()))
    }

    fn head_begun(&self) {}

    fn may_ask(&self) -> bool {
        !GREEDY.get()
    }

    fn keeps(&self, bytes: usize) -> bool {
        bytes == 0 || !GREEDY.get()
    }
}

thread_local! {
    /// True if the client has too much on other connections.
    static GREEDY: Cell<bool> = const { Cell::new(false) };
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

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> PolledFrame {
        match &mut *self {
            Self::Ready(bytes) if bytes.is_empty() => Poll::Ready(None),
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
    /// It takes nothing for now.
    blocked: bool,
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
        if self.blocked {
            return Poll::Pending;
        }
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

    /// The frames that come back: for each its type, flags, length, stream, and what error it
    /// tells.
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
    while let Some(head) = FrameHeader::parse(bytes) {
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
    [&FrameHeader { length: payload.len(), kind, flags, stream }.to_bytes(), payload].concat()
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
