//! Bytes on their way in. The memory that is read into belongs to the thread; a connection holds
//! no more than the frame that has not come whole, and nothing while it is idle.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::frame::{self, FrameHeader};

/// Bytes read at a time: more than a browser's first requests, and as much as a TLS record holds.
const READ: usize = 16 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The frame that has not come whole.
#[derive(Debug, Default)]
pub(super) struct Input {
    partial: Vec<u8>,
}

/// Bytes that were read, behind those that had come before.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl Input {
    /// Reads what is there; `None` at the end.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Chunk>>> {
        let mut bytes = SCRATCH.take();
        let before = self.partial.len();
        bytes.resize((before + READ).max(bytes.len()), 0);
        let mut read = ReadBuf::new(&mut bytes[before..before + READ]);
        let result = Pin::new(io).poll_read(context, &mut read);
        let count = read.filled().len();
        if !matches!(result, Poll::Ready(Ok(()))) || count == 0 {
            SCRATCH.set(bytes);
            ready!(result)?;
            return Poll::Ready(Ok(None));
        }
        bytes[..before].copy_from_slice(&self.partial);
        self.partial = Vec::new();
        Poll::Ready(Ok(Some(Chunk { bytes, filled: before + count, taken: 0 })))
    }

    /// Keeps what is left of a chunk, and gives its memory back to the thread.
    pub(super) fn keep(&mut self, chunk: Chunk) {
        let rest = &chunk.bytes[chunk.taken..chunk.filled];
        if !rest.is_empty() {
            self.partial = rest.to_vec();
        }
        SCRATCH.set(chunk.bytes);
    }

    /// Bytes of the frame that has not come whole.
    pub(super) fn kept(&self) -> usize {
        self.partial.capacity()
    }

    /// The head of the frame that has not come whole, if that much has come.
    pub(super) fn awaited(&self) -> Option<FrameHeader> {
        FrameHeader::parse(&self.partial)
    }
}

impl Chunk {
    /// The bytes that have come and are not taken.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..self.filled]
    }

    /// The next `count` bytes, if they have come.
    pub(super) fn take(&mut self, count: usize) -> Option<&[u8]> {
        let taken = self.bytes[self.taken..self.filled].get(..count)?;
        self.taken += count;
        Some(taken)
    }

    /// The head of the next frame, if it has come; it is not taken.
    pub(super) fn head(&self) -> Option<FrameHeader> {
        FrameHeader::parse(&self.bytes[self.taken..self.filled])
    }

    /// The payload of the frame with this head, if it has come whole.
    pub(super) fn payload(&mut self, head: FrameHeader) -> Option<&[u8]> {
        self.take(frame::HEAD + head.length).map(|frame| &frame[frame::HEAD..])
    }
}
