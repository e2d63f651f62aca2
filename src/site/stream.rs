//! Content that is too large to hold: positioned reads, on the spot where the system has it in
//! memory, else on the threads that may block.

use std::future::Future;
use std::io::IoSliceMut;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rustix::fs::sendfile;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

use super::content::{self, ReadError};
use super::lookup::OpenFile;

/// Bytes read at a time of what the system has in memory: little enough to be still in the
/// processor's cache when they are encrypted or sent, and to keep no other connection waiting.
const AT_HAND: usize = 64 * 1024;

/// Bytes sent at a time without a copy: as many as the system takes ahead of the network.
const SENT: usize = 128 * 1024;

/// Bytes read at a time from the disk, at the most. Fewer reads cost fewer hand-overs between
/// threads.
const CHUNK: usize = 256 * 1024;

/// Bytes read at a time, at the least, however many streams there are.
const SMALL_CHUNK: usize = 32 * 1024;

/// Bytes that the streams of the process share while they are few enough for that. Clients that ask
/// for many files and take none of them (a single connection has a hundred streams) would hold a
/// chunk for each; so the more streams there are, the less each reads at a time.
const SHARED: usize = 8 * 1024 * 1024;

/// Streams that there are, whoever reads them.
static STREAMS: AtomicUsize = AtomicUsize::new(0);

/// Counts a stream while it lives.
#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        STREAMS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What each of so many streams reads at a time.
fn share(streams: usize) -> usize {
    (SHARED / streams.max(1)).clamp(SMALL_CHUNK, CHUNK)
}

/// An open file, and how messages call it.
#[derive(Debug)]
pub struct StreamedFile {
    descriptor: OwnedFd,
    name: Box<str>,
}

impl StreamedFile {
    /// A file of the site `site`.
    #[must_use]
    pub fn new(site: &str, file: OpenFile) -> Self {
        Self { descriptor: file.descriptor, name: format!("{site}/{}", file.relative).into() }
    }
}

/// A part of an open file, read in order.
#[derive(Debug)]
pub struct Stream {
    file: Arc<StreamedFile>,
    offset: u64,
    end: u64,
    reading: Option<JoinHandle<std::io::Result<Bytes>>>,
    /// The chunk before, whose memory is used again once the connection has sent it.
    last: Bytes,
    _counted: Counted,
}

impl Stream {
    /// The bytes of `file` from `offset` up to `end`.
    #[must_use]
    pub fn new(file: Arc<StreamedFile>, offset: u64, end: u64) -> Self {
        let (reading, last) = (None, Bytes::new());
        Self { file, offset, end, reading, last, _counted: Counted::new() }
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
        if self.reading.is_none() {
            if self.offset == self.end {
                return Poll::Ready(None);
            }
            let share = share(STREAMS.load(Ordering::Relaxed));
            let mut buffer = self.buffer(share.min(AT_HAND));
            if let Some(count) = at_hand(&self.file.descriptor, &mut buffer, self.offset) {
                buffer.truncate(count);
                return Poll::Ready(Some(self.hand_over(buffer.freeze())));
            }
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            buffer.resize(self.rest(share), 0);
            self.reading = Some(tokio::task::spawn_blocking(move || {
                content::fill(&file.descriptor, &mut buffer, offset)?;
                Ok(buffer.freeze())
            }));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(Some(match read.map_err(std::io::Error::other).flatten() {
            Ok(chunk) => self.hand_over(chunk),
            Err(error) => self.give_up(error),
        }))
    }

    /// Sends what comes next to `socket` without a copy, as far as it takes it; `None` at the end,
    /// and where the disk has to be asked first or has failed: [`poll_chunk`](Self::poll_chunk)
    /// tells what is the matter.
    ///
    /// The socket takes the system's own pages of the file. Where that is cut down while they are on
    /// their way, the system empties those behind the cut; the answer breaks off there anyway.
    ///
    /// # Errors
    /// What the system says of the socket, [`WouldBlock`](std::io::ErrorKind::WouldBlock) included.
    pub fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<std::io::Result<usize>> {
        let count = self.rest(SENT);
        if self.reading.is_some() || count == 0 {
            return None;
        }
        let file = &self.file.descriptor;
        let last = self.offset + count as u64 - 1;
        let mut looks = (self.offset..last).step_by(AT_HAND).chain([last]);
        if looks.any(|at| at_hand(file, &mut [0], at) != Some(1)) {
            return None;
        }
        let mut from = self.offset;
        match sendfile(socket, file, Some(&mut from), count) {
            Ok(0) | Err(Errno::IO) => None,
            Ok(sent) => {
                self.offset += sent as u64;
                Some(Ok(sent))
            }
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Room for at most `size` bytes, in the memory of the last chunk if it has gone.
    fn buffer(&mut self, size: usize) -> BytesMut {
        let mut buffer = std::mem::take(&mut self.last).try_into_mut().unwrap_or_default();
        buffer.resize(self.rest(size), 0);
        buffer
    }

    /// Of `size` bytes those that there still are.
    fn rest(&self, size: usize) -> usize {
        usize::try_from(self.end - self.offset).map_or(size, |rest| rest.min(size))
    }

    fn hand_over(&mut self, chunk: Bytes) -> std::io::Result<Bytes> {
        if chunk.is_empty() {
            return self.give_up(ReadError::Short.into());
        }
        self.offset += chunk.len() as u64;
        self.last = chunk.clone();
        Ok(chunk)
    }

    fn give_up(&mut self, error: std::io::Error) -> std::io::Result<Bytes> {
        tracing::warn!(file = &*self.file.name, %error, "answer broken off");
        self.offset = self.end;
        Err(error)
    }
}

/// Reads what the system has in memory, and how much that was; `None` if the disk must be asked,
/// or there is no telling, as with file systems that do not know this kind of reading.
fn at_hand(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> Option<usize> {
    let mut buffers = [IoSliceMut::new(buffer)];
    preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_streams_there_are_the_less_each_reads() {
        let kib = 1024;
        let table = [
            (0, 256 * kib),
            (1, 256 * kib),
            (32, 256 * kib),
            (64, 128 * kib),
            (256, 32 * kib),
            (10_000, 32 * kib),
        ];
        for (streams, expected) in table {
            assert_eq!(share(streams), expected, "{streams} streams");
        }
    }

    #[test]
    fn a_connection_of_streams_that_nobody_takes_stays_within_bounds() {
        const STREAMS: usize = 100;
        const BOUND: usize = 24 * 1024 * 1024;
        let held: usize = (1..=STREAMS).map(share).sum();
        assert!(held < BOUND, "{held}");
    }
}
