//! Content that is too large to hold: positioned reads on the threads that may block, one chunk
//! ahead of the connection.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::content;

/// Bytes read at a time, at the most. Fewer reads cost fewer hand-overs between threads, and two
/// chunks in flight are what memory pays for it.
const CHUNK: usize = 256 * 1024;

/// Bytes read at a time, at the least, however many streams there are.
const SMALL_CHUNK: usize = 32 * 1024;

/// Bytes that the streams of the process share while they are few enough for that. Clients that ask
/// for many files and take none of them (a single connection has a hundred streams) would hold two
/// chunks for each; so the more streams there are, the less each reads at a time, and past this
/// none is read ahead: with so many the disk is busy as it is.
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

/// What each of so many streams reads at a time, and whether a chunk ahead of its connection.
fn share(streams: usize) -> (usize, bool) {
    let share = SHARED / streams.max(1);
    (share.clamp(SMALL_CHUNK, CHUNK), share >= 2 * CHUNK)
}

/// A part of an open file, read in order.
#[derive(Debug)]
pub struct Stream {
    file: Arc<OwnedFd>,
    offset: u64,
    end: u64,
    reading: Option<JoinHandle<Read>>,
    spare: Option<BytesMut>,
    _counted: Counted,
}

type Read = std::io::Result<(Bytes, BytesMut)>;

impl Stream {
    /// The bytes of `file` from `offset` up to `end`.
    #[must_use]
    pub fn new(file: Arc<OwnedFd>, offset: u64, end: u64) -> Self {
        Self { file, offset, end, reading: None, spare: None, _counted: Counted::new() }
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
        let (size, ahead) = share(STREAMS.load(Ordering::Relaxed));
        if self.reading.is_none() && !self.read(size) {
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
        if ahead {
            self.read(size);
        }
        Poll::Ready(Some(Ok(chunk)))
    }

    /// Starts the next read, of `size` bytes at the most; `false` at the end.
    fn read(&mut self, size: usize) -> bool {
        let count = (self.end - self.offset).min(size as u64);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_streams_there_are_the_less_each_reads() {
        let kib = 1024;
        let table = [
            (0, (256 * kib, true)),
            (1, (256 * kib, true)),
            (16, (256 * kib, true)),
            (17, (256 * kib, false)),
            (32, (256 * kib, false)),
            (64, (128 * kib, false)),
            (256, (32 * kib, false)),
            (10_000, (32 * kib, false)),
        ];
        for (streams, expected) in table {
            assert_eq!(share(streams), expected, "{streams} streams");
        }
    }

    #[test]
    fn a_connection_of_streams_that_nobody_takes_stays_within_bounds() {
        const STREAMS: usize = 100;
        const BOUND: usize = 24 * 1024 * 1024;
        let held = (1..=STREAMS).map(|streams| match share(streams) {
            (chunk, true) => 2 * chunk,
            (chunk, false) => chunk,
        });
        let held: usize = held.sum();
        assert!(held < BOUND, "{held}");
    }
}
