//! The content of an answer on its way out, and the line in the access log at its end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::http_body::{Frame, SizeHint};
use bytes::Bytes;

use super::record::Record;
use crate::site::Stream;

/// Content, and the record that is written when it has been sent or given up.
#[derive(Debug)]
pub struct Body {
    pieces: Pieces,
    remaining: u64,
    sent: u64,
    record: Option<Box<Record>>,
}

/// What content consists of.
#[derive(Debug)]
pub enum Pieces {
    /// No content.
    Empty,
    /// One run of bytes: nearly every answer.
    Whole(Bytes),
    /// A part of a file, read as it is sent.
    Stream(Stream),
    /// Several of these in order (`multipart/byteranges`).
    Several(VecDeque<Pieces>),
}

impl Body {
    /// Content of exactly `length` bytes.
    #[must_use]
    pub fn new(pieces: Pieces, length: u64) -> Self {
        Self { pieces, remaining: length, sent: 0, record: None }
    }

    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Pieces::Empty, 0)
    }

    /// Writes `record` when the content has been sent, or the connection has let go of it.
    #[must_use]
    pub fn recorded(mut self, record: Box<Record>) -> Self {
        self.record = Some(record);
        self
    }

    /// All of the content, if it is one run of bytes.
    #[must_use]
    pub fn into_whole(mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.pieces, Pieces::Empty) {
            Pieces::Whole(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Sends the next part of a file to `socket` without a copy, as far as it takes it; `None` where
    /// the content has to be [taken](::http_body::Body::poll_frame) instead.
    ///
    /// # Errors
    /// As [`Stream::send_to`].
    pub fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let Pieces::Stream(stream) = &mut self.pieces else { return None };
        let sent = stream.send_to(socket)?;
        if let Ok(count) = sent {
            self.count(count);
        }
        Some(sent)
    }

    fn count(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.remaining = self.remaining.saturating_sub(bytes as u64);
    }

    fn pass(&mut self, data: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.count(data.len());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl ::http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match ready!(self.pieces.poll_next(context)) {
            Some(Ok(data)) => self.pass(data),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

impl Pieces {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(bytes)))
            }
            Self::Stream(stream) => stream.poll_chunk(context),
            Self::Several(pieces) => loop {
                let Some(first) = pieces.front_mut() else { return Poll::Ready(None) };
                match ready!(first.poll_next(context)) {
                    None => drop(pieces.pop_front()),
                    some => return Poll::Ready(some),
                }
            },
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.write(self.sent);
        }
    }
}
