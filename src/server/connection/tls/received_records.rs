//! Records on their way in. The memory that is read into belongs to the thread; a connection holds no
//! more than what is left over, and nothing while it is idle.

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::encrypted_stream::Behind;
use super::record_key::{HEADER, RecordKey};
use super::violation::Violation;

/// Bytes that are read at a time: the longest record, and one more that is short.
const READ: usize = 20 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes that were read. Between two reads there is only what is left over.
#[derive(Debug, Default)]
pub(super) struct ReceivedRecords {
    pub(super) bytes: Vec<u8>,
    /// Content that has been opened and not delivered.
    pub(super) content: Range<usize>,
    /// The beginning of what has not been opened.
    next: usize,
}

impl ReceivedRecords {
    /// Those behind a handshake.
    pub(super) fn behind(behind: Behind) -> Self {
        let mut bytes = behind.content;
        let next = bytes.len();
        bytes.extend(behind.records);
        Self { bytes, content: 0..next, next }
    }

    /// Has memory of the thread to read into, with what was left over.
    pub(super) fn begin(&mut self) {
        let mut bytes = SCRATCH.take();
        bytes.clear();
        bytes.reserve(READ.max(self.bytes.len()));
        bytes.extend_from_slice(&self.bytes);
        self.bytes = bytes;
    }

    /// Gives the memory back to the thread, but for what is left over.
    pub(super) fn settle(&mut self) {
        self.drop_read();
        let left = self.bytes.as_slice().to_vec();
        SCRATCH.set(std::mem::replace(&mut self.bytes, left));
    }

    /// Drops what has been delivered.
    fn drop_read(&mut self) {
        let start = if self.content.is_empty() { self.next } else { self.content.start };
        self.bytes.drain(..start);
        self.next -= start;
        self.content = if self.content.is_empty() { 0..0 } else { 0..self.content.end - start };
    }

    /// Hands out what there is room for.
    pub(super) fn deliver(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.content.len().min(buffer.remaining());
        let end = self.content.start + count;
        buffer.put_slice(&self.bytes[self.content.start..end]);
        self.content.start = end;
    }

    /// The place of the next record, if it is here as a whole: what comes next is behind it.
    pub(super) fn next_record(
        &mut self,
        key: &RecordKey,
    ) -> Result<Option<Range<usize>>, Violation> {
        let rest = &self.bytes[self.next..];
        let Some(header) = rest.first_chunk::<HEADER>() else { return Ok(None) };
        let length = key.length(*header)?;
        if rest.len() < length {
            return Ok(None);
        }
        let record = self.next..self.next + length;
        self.next = record.end;
        Ok(Some(record))
    }

    /// Reads more; gives the number of bytes.
    pub(super) fn poll_fill(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.drop_read();
        poll_read_buf(Pin::new(io), context, &mut self.bytes)
    }
}
