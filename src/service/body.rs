//! The content of an answer on its way out, and the line in the access log at its end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::record::{KeptRecord, Record};
use crate::ledger::Account;
use crate::site::{FileStream, Held};

/// The next piece of content, or the end of it.
pub type PolledFrame = Poll<Option<io::Result<Frame<Bytes>>>>;

/// Content, and the record that is written when it has been sent or given up.
#[derive(Debug)]
pub struct Body {
    pieces: Pieces,
    remaining: u64,
    sent: u64,
    line: Option<Line>,
}

/// The line in the log that is yet to be written.
#[derive(Debug)]
enum Line {
    /// With the head as it came.
    New(Box<Record>),
    /// With what is needed of it.
    Kept(Box<KeptRecord>),
}

/// The pieces that content consists of.
#[derive(Debug)]
pub enum Pieces {
    /// Nothing: there is no content.
    Empty,
    /// One run of bytes, which nobody else holds.
    Whole(Bytes),
    /// A part of content in memory: nearly every answer.
    Held(Held),
    /// A part of a file, read as it is sent.
    Stream(Box<FileStream>),
    /// Several of these in order (`multipart/byteranges`).
    Several(VecDeque<Pieces>),
}

impl Body {
    /// Content of exactly `length` bytes.
    #[must_use]
    pub fn new(pieces: Pieces, length: u64) -> Self {
        Self { pieces, remaining: length, sent: 0, line: None }
    }

    /// A body that has no content.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Pieces::Empty, 0)
    }

    /// Writes `record` when the content has been sent, or the connection has let go of it.
    #[must_use]
    pub fn recorded(mut self, record: Box<Record>) -> Self {
        self.line = Some(Line::New(record));
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
    /// the content has to be [taken](http_body::Body::poll_frame) instead.
    ///
    /// # Errors
    /// As [`FileStream::send_to`].
    pub fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let sent = match &mut self.pieces {
            Pieces::Stream(stream) => stream.send_to(socket)?,
            Pieces::Held(held) => held.send_to(socket)?,
            _ => return None,
        };
        if let Ok(count) = sent {
            self.count(count);
        }
        Some(sent)
    }

    /// Lets go of all of the head that the line in the log does not need; gives the bytes of memory
    /// that are kept for it.
    pub fn keep_words(&mut self) -> usize {
        self.line = match self.line.take() {
            Some(Line::New(record)) => Some(Line::Kept(Box::new(record.keep()))),
            line => line,
        };
        match &self.line {
            Some(Line::Kept(kept)) => kept.weight(),
            _ => 0,
        }
    }

    /// Bytes of content in memory that an answer holds while it waits, and whether it has a file
    /// open.
    #[must_use]
    pub fn holds(&self) -> (usize, bool) {
        self.pieces.holds()
    }

    /// Lets go of content and files, which will be had again by the client's `account`. The last
    /// `unsent` bytes that were taken will come again; `false` if those are not let go of.
    pub fn release(&mut self, unsent: usize, account: Option<&Arc<Account>>) -> bool {
        let released = self.pieces.release(unsent, account);
        if released {
            self.sent -= unsent as u64;
            self.remaining += unsent as u64;
        }
        released
    }

    fn count(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.remaining = self.remaining.saturating_sub(bytes as u64);
    }

    fn pass(&mut self, data: Bytes) -> PolledFrame {
        self.count(data.len());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
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
    fn holds(&self) -> (usize, bool) {
        match self {
            Self::Empty | Self::Whole(_) => (0, false),
            Self::Held(held) => (held.weight(), held.is_open()),
            Self::Stream(stream) => (0, stream.is_open()),
            Self::Several(pieces) => pieces.iter().map(Self::holds).fold((0, false), |all, one| {
                // They are parts of one content.
                (all.0.max(one.0), all.1 | one.1)
            }),
        }
    }

    fn release(&mut self, unsent: usize, account: Option<&Arc<Account>>) -> bool {
        match self {
            Self::Empty | Self::Whole(_) => return false,
            Self::Held(held) => held.release(unsent, account),
            Self::Stream(stream) => stream.release(unsent),
            Self::Several(pieces) => {
                for piece in pieces.iter_mut().skip(1) {
                    piece.release(0, account);
                }
                return pieces.front_mut().is_some_and(|first| first.release(unsent, account));
            }
        }
        true
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(bytes)))
            }
            Self::Held(held) => held.poll_chunk(context),
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
        match self.line.take() {
            Some(Line::New(record)) => record.write(self.sent),
            Some(Line::Kept(kept)) => kept.write(self.sent),
            None => {}
        }
    }
}
