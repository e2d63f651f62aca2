//! HTTP/2 connections: any frames that a client may send, answered by the engine, and everything
//! that it sends judged by a reader of its own.

mod answers;
mod pieces;
mod wire;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use shost::protocol::http2::Connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use answers::Pages;
use wire::Wire;

/// More polls in which no byte moves than any answer takes to be made.
const STILL: usize = 1_000;

/// The smallest piece in which bytes arrive and leave.
const LEAST: usize = 16;

/// Bytes of a client that also arrive one by one.
const SHORT: usize = 1_000;

/// Bytes of a client on one connection, taken for frames: how large the pieces are in which it
/// arrives and leaves, then for each frame its type, flags, stream and length, and the payload.
pub(crate) fn http2(input: &[u8]) {
    let Some((step, frames)) = input.split_first() else { return };
    let sent = wire::frames(frames);
    let step = usize::from(*step) * 64 + LEAST;
    let stops = frames.first() == Some(&0xff);
    let served = serve(&sent, step, stops);
    if stops {
        return;
    }
    let mut others = vec![usize::MAX];
    if sent.len() <= SHORT {
        others.push(1);
    }
    for other in others {
        pieces::compare(&sent, &served, &serve(&sent, other, false));
    }
}

/// Serves a client that sends all of this in pieces of `step` bytes, and judges what it is sent. The
/// connection is told to end in time if it `stops`.
fn serve(sent: &[u8], step: usize, stops: bool) -> Served {
    let moved = Cell::new(0);
    let socket = Socket { input: sent, step, output: Vec::new(), busy: false, moved: &moved };
    let pages = Pages::default();
    let asked = Rc::clone(&pages.asked);
    let mut connection = Connection::new(socket, pages);
    let mut context = Context::from_waker(Waker::noop());
    let (mut before, mut still) = (0, 0);
    for poll in 0.. {
        still = if moved.get() == before { still + 1 } else { 0 };
        before = moved.get();
        assert!(still < STILL, "a connection without end");
        if stops && poll == 3 {
            connection.graceful_shutdown();
        }
        if Pin::new(&mut connection).poll(&mut context).is_ready() {
            break;
        }
    }
    let wire = wire::check(sent, &connection.into_io().output);
    Served { asked: asked.take(), wire }
}

/// The outcome of a connection.
#[derive(Debug)]
struct Served {
    /// Its requests, in the order in which they were answered.
    asked: Vec<String>,
    wire: Wire,
}

/// A socket that holds all that a client sends, and takes all that it is sent, a piece at a time
/// and every other time nothing.
struct Socket<'a> {
    input: &'a [u8],
    step: usize,
    output: Vec<u8>,
    busy: bool,
    /// Bytes in both directions so far.
    moved: &'a Cell<usize>,
}

impl AsyncRead for Socket<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.busy = !self.busy;
        if self.busy {
            return Poll::Pending;
        }
        let (now, later) = self.input.split_at(self.input.len().min(self.step));
        let (now, rest) = now.split_at(now.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.input = &self.input[now.len()..];
        self.moved.set(self.moved.get() + now.len());
        assert_eq!(self.input.len(), rest.len() + later.len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.busy = !self.busy;
        if self.busy {
            return Poll::Pending;
        }
        let count = bytes.len().min(self.step);
        self.output.extend_from_slice(&bytes[..count]);
        self.moved.set(self.moved.get() + count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
