//! The stream under HTTP: tokio's, in the terms that hyper asks for, noting what happens on it.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::lenient;
use super::limits::{LINGER_BYTES, LINGER_TIME};

/// A stream that notes activity, and may begin with bytes that were read ahead of it. With
/// HTTP/1 it also sees to it that odd targets get through.
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
    ahead: Bytes,
    activity: Arc<Activity>,
    request_line: Expected,
    lingering: Option<Lingering>,
}

/// Whether what is read next begins with a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The first bytes do, and the first after each answer.
    First,
    /// Only the first bytes after an answer.
    AfterAnswer,
    /// None do: this is not HTTP/1.
    Never,
}

/// The last moments of a connection, bounded in time and bytes.
#[derive(Debug)]
struct Lingering {
    timer: Pin<Box<Sleep>>,
    dropped: usize,
}

impl Lingering {
    fn new() -> Self {
        Self { timer: Box::pin(sleep_until(Instant::now() + LINGER_TIME)), dropped: 0 }
    }
}

impl<S> Io<S> {
    /// `stream` with the bytes `ahead` of it.
    pub fn new(stream: S, ahead: &[u8], activity: Arc<Activity>, request_line: Expected) -> Self {
        let mut io = Self { stream, ahead: Bytes::new(), activity, request_line, lingering: None };
        if !ahead.is_empty() {
            io.ahead = io.accepted(ahead, false).into_owned().into();
        }
        io
    }

    /// What is handed on of the bytes that came.
    fn accepted<'a>(&mut self, bytes: &'a [u8], begins: bool) -> Cow<'a, [u8]> {
        let is_line = match self.request_line {
            Expected::First => true,
            Expected::AfterAnswer => begins,
            Expected::Never => return Cow::Borrowed(bytes),
        };
        self.request_line = Expected::AfterAnswer;
        if is_line { lenient::request_line(bytes) } else { Cow::Borrowed(bytes) }
    }

    /// What there is ahead of the stream, as far as there is room for it.
    fn take_ahead(&mut self, room: usize) -> Bytes {
        self.ahead.split_to(self.ahead.len().min(room))
    }
}

impl<S: AsyncRead + Unpin> Io<S> {
    /// Drops what still comes until the client is done, or has had its share of patience.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(lingering) = &mut self.lingering else { return Poll::Ready(Ok(())) };
        let mut chunk = [std::mem::MaybeUninit::uninit(); READ_CHUNK];
        while lingering.dropped < LINGER_BYTES {
            let mut read = ReadBuf::uninit(&mut chunk);
            match Pin::new(&mut self.stream).poll_read(context, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    lingering.dropped += read.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.timer.as_mut().poll(context).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            buffer.put_slice(&self.take_ahead(buffer.remaining()));
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [std::mem::MaybeUninit::uninit(); READ_CHUNK];
        let room = buffer.remaining().min(READ_CHUNK);
        let mut read = ReadBuf::uninit(&mut chunk[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        let begins = self.activity.read();
        let accepted = self.accepted(read.filled(), begins);
        let (now, later) = accepted.split_at(accepted.len().min(room));
        buffer.put_slice(now);
        if !later.is_empty() {
            self.ahead = Bytes::copy_from_slice(later);
        }
        Poll::Ready(Ok(()))
    }
}

/// Bytes taken from the stream at a time. Requests are small, and are copied once more from here,
/// because handing hyper's own memory to the stream would take `unsafe`.
const READ_CHUNK: usize = 8 * 1024;

impl<S: AsyncWrite + Unpin> Io<S> {
    fn note(&self, written: usize) -> usize {
        if written > 0 {
            self.activity.written();
        }
        written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        Poll::Ready(Ok(self.note(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        Poll::Ready(Ok(self.note(written)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more will come, then waits for the client to say the same. Closing at
    /// once with bytes unread would make the system reset the connection, and the client lose the
    /// answer that it has not read yet (RFC 9112 §9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.lingering = Some(Lingering::new());
        }
        self.poll_linger(context)
    }
}

/// The same stream in tokio's own terms, which HTTP/2 speaks.
impl<S: AsyncRead + Unpin> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            buffer.put_slice(&self.take_ahead(buffer.remaining()));
            return Poll::Ready(Ok(()));
        }
        // What comes here may be a ping or a window update as well as a request: only hyper's side
        // above, which reads nothing but heads, notes that one begins.
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Io<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write(self, context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write_vectored(self, context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(self)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(self, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(self, context)
    }
}
