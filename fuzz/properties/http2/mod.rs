//! HTTP/2 connections: any frames that a client may send, answered by the engine, and everything
//! that it sends judged by a reader of its own.

mod answers;
mod wire;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use shost::protocol::http2::Connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use answers::Pages;

/// More polls in which no byte moves than any answer takes to be made.
const STILL: usize = 1_000;

/// The smallest piece in which bytes arrive and leave.
const LEAST: usize = 16;

/// What a client sends on one connection, taken for frames: how large the pieces are in which it
/// arrives and leaves, then for each frame its type, flags, stream and length, and the payload.
pub(crate) fn http2(input: &[u8]) {
    let Some((step, frames)) = input.split_first() else { return };
    let sent = wire::frames(frames);
    let step = usize::from(*step) * 64 + LEAST;
    let moved = Cell::new(0);
    let socket = Socket { input: &sent, step, output: Vec::new(), busy: false, moved: &moved };
    let mut connection = Connection::new(socket, Pages);
    let mut context = Context::from_waker(Waker::noop());
    let (mut before, mut still) = (0, 0);
    for poll in 0.. {
        still = if moved.get() == before { still + 1 } else { 0 };
        before = moved.get();
        assert!(still < STILL, "a connection without end");
        if frames.first() == Some(&0xff) && poll == 3 {
            connection.graceful_shutdown();
        }
        if Pin::new(&mut connection).poll(&mut context).is_ready() {
            break;
        }
    }
    wire::check(&sent, &connection.into_io().output);
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
