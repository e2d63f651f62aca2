//! Content that is too large to hold: positioned reads on the threads that may block, one chunk
//! ahead of the connection.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::content;

/// Bytes read at a time. Fewer reads cost fewer hand-overs between threads, and two chunks in
/// flight per connection are what memory pays for it.
const CHUNK: usize = 256 * 1024;

/// A part of an open file, read in order.
#[derive(Debug)]
pub struct Stream {
    file: Arc<OwnedFd>,
    offset: u64,
    end: u64,
    reading: Option<JoinHandle<Read>>,
    spare: Option<BytesMut>,
}

type Read = std::io::Result<(Bytes, BytesMut)>;

impl Stream {
    /// The bytes of `file` from `offset` up to `end`.
    #[must_use]
    pub fn new(file: Arc<OwnedFd>, offset: u64, end: u64) -> Self {
        Self { file, offset, end, reading: None, spare: None }
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// When the disk fails, or the file has become shorter than it was when it was opened. The
    /// answer has been promised at its full length by then, so it can only be broken off.
    pub fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Bytes>>> {
        if self.reading.is_none() && !self.read_ahead() {
            return Poll::Ready(None);
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let chunk = match read.map_err(std::io::Error::other).flatten() {
            Ok((chunk, rest)) => {
                self.spare = Some(rest);
                chunk
            }
            Err(error) => {
                self.offset = self.end;
                return Poll::Ready(Some(Err(error)));
            }
        };
        self.read_ahead();
        Poll::Ready(Some(Ok(chunk)))
    }

    /// Starts the next read; `false` at the end.
    fn read_ahead(&mut self) -> bool {
        let count = (self.end - self.offset).min(CHUNK as u64);
        if count == 0 {
            return false;
        }
        let size = usize::try_from(count).expect("at most one chunk");
        let file = Arc::clone(&self.file);
        let offset = self.offset;
        let buffer = self.spare.take().unwrap_or_default();
        self.offset += count;
        self.reading = Some(tokio::task::spawn_blocking(move || read(&file, buffer, size, offset)));
        true
    }
}

/// Reads into the room that earlier chunks have left: once the connection has sent them, the same
/// memory is used again.
fn read(file: &OwnedFd, mut buffer: BytesMut, size: usize, offset: u64) -> Read {
    buffer.resize(size, 0);
    content::fill(file, &mut buffer, offset)?;
    let chunk = buffer.split_to(size).freeze();
    Ok((chunk, buffer))
}
