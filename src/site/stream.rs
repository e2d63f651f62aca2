//! Content that is too large to hold: positioned reads, on the spot where the system has it in
//! memory, else on the threads that may block.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rustix::fs::sendfile;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

use super::Site;
use super::content::{self, ReadError};
use super::facts::Facts;
use super::lookup::NotAFile;
use crate::ledger::{Account, FilePermit};

/// Bytes read at a time of what the system has in memory: little enough to be still in the
/// processor's cache when they are encrypted or sent, and to keep no other connection waiting.
const AT_HAND: usize = 64 * 1024;

/// Bytes sent at a time without a copy.
const SENT: usize = 512 * 1024;

/// Bytes between two looks whether the system has a file in memory: it reads files ahead in runs of so
/// many (`read_ahead_kb`), and a look costs as much as sending 2 KiB.
const RUN: usize = 128 * 1024;

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
struct StreamCount;

impl StreamCount {
    fn new() -> Self {
        STREAMS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for StreamCount {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that each of so many streams reads at a time.
fn share(streams: usize) -> usize {
    (SHARED / streams.max(1)).clamp(SMALL_CHUNK, CHUNK)
}

/// A file that content is sent from: what it is called, and what it was when the answer began.
///
/// It is open while content is on its way. An answer that has to wait may let go of it, and opens
/// it again when it goes on; if it is another file by then, the answer breaks off.
#[derive(Debug)]
pub struct StreamedFile {
    site: Arc<Site>,
    relative: Box<str>,
    facts: Facts,
    account: Option<Arc<Account>>,
}

/// An open file that is counted while it is open.
#[derive(Debug)]
pub struct Descriptor {
    file: OwnedFd,
    _permit: Option<FilePermit>,
    _counted: StreamCount,
}

impl Descriptor {
    /// The descriptor of a file that was opened by this permit.
    #[must_use]
    pub fn new(file: OwnedFd, permit: Option<FilePermit>) -> Arc<Self> {
        Arc::new(Self { file, _permit: permit, _counted: StreamCount::new() })
    }
}

impl StreamedFile {
    /// The file `relative` of `site`, opened on `account`.
    #[must_use]
    pub fn new(
        site: Arc<Site>,
        relative: Box<str>,
        facts: Facts,
        account: Option<Arc<Account>>,
    ) -> Arc<Self> {
        Arc::new(Self { site, relative, facts, account })
    }

    /// Opens the file once more, on a thread that may block.
    async fn open(self: Arc<Self>) -> io::Result<Arc<Descriptor>> {
        let permit = match &self.account {
            Some(account) => Some(account.open_file().await),
            None => None,
        };
        let opening =
            tokio::task::spawn_blocking(move || match self.site.open_beneath(&self.relative) {
                Ok(found) if found.facts == self.facts => Ok(found),
                Err(NotAFile::Refused(cause)) => Err(cause.into()),
                _ => Err(io::Error::other("it was replaced while the client took nothing")),
            });
        let found = opening.await.map_err(io::Error::other).flatten()?;
        Ok(Descriptor::new(found.descriptor, permit))
    }
}

/// A part of a file, read in order.
#[derive(Debug)]
pub struct FileStream {
    file: Arc<StreamedFile>,
    offset: u64,
    end: u64,
    access: Access,
    /// The chunk before, whose memory is used again once the connection has sent it.
    last: Bytes,
}

/// The way in which the file can be read.
enum Access {
    Open(Arc<Descriptor>, Option<JoinHandle<io::Result<Bytes>>>),
    Opening(Pin<Box<dyn Future<Output = io::Result<Arc<Descriptor>>> + Send + Sync>>),
    Closed,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Open(..) => "Open",
            Self::Opening(_) => "Opening",
            Self::Closed => "Closed",
        })
    }
}

impl FileStream {
    /// The bytes of `file` from `offset` up to `end`. Where it is not `open`, it will be opened when
    /// they are asked for.
    #[must_use]
    pub fn new(
        file: Arc<StreamedFile>,
        open: Option<Arc<Descriptor>>,
        offset: u64,
        end: u64,
    ) -> Self {
        let access = open.map_or(Access::Closed, |open| Access::Open(open, None));
        Self { file, offset, end, access, last: Bytes::new() }
    }

    /// True if the file is open, and memory held for what is read of it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.access, Access::Closed)
    }

    /// Lets go of the file and of memory. The last `unsent` bytes that were handed out come again.
    pub fn release(&mut self, unsent: usize) {
        self.offset -= unsent as u64;
        self.access = Access::Closed;
        self.last = Bytes::new();
    }

    /// The open file; ready at once unless it was let go of.
    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Access::Closed = self.access {
            self.access = Access::Opening(Box::pin(Arc::clone(&self.file).open()));
        }
        if let Access::Opening(opening) = &mut self.access {
            let opened = ready!(opening.as_mut().poll(context));
            self.access = Access::Closed;
            self.access = Access::Open(opened?, None);
        }
        Poll::Ready(Ok(()))
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// When the disk fails, or the file has become shorter than it was when it was opened. The
    /// answer has been promised at its full length by then, so it can only be broken off.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.offset == self.end {
            return Poll::Ready(None);
        }
        if let Err(error) = ready!(self.poll_open(context)) {
            return Poll::Ready(Some(self.give_up(error)));
        }
        let Access::Open(open, reading) = &mut self.access else { return Poll::Pending };
        let open = Arc::clone(open);
        if let Some(reading) = reading {
            let read = ready!(Pin::new(reading).poll(context));
            self.access = Access::Open(open, None);
            return Poll::Ready(Some(match read.map_err(io::Error::other).flatten() {
                Ok(chunk) => self.hand_over(chunk),
                Err(error) => self.give_up(error),
            }));
        }
        let share = share(STREAMS.load(Ordering::Relaxed));
        let mut buffer = self.buffer(share.min(AT_HAND));
        if let Some(count) = at_hand(&open.file, &mut buffer, self.offset) {
            buffer.truncate(count);
            return Poll::Ready(Some(self.hand_over(buffer.freeze())));
        }
        let (file, offset) = (Arc::clone(&open), self.offset);
        buffer.resize(self.rest(share), 0);
        let reading = tokio::task::spawn_blocking(move || {
            content::fill(&file.file, &mut buffer, offset)?;
            Ok(buffer.freeze())
        });
        self.access = Access::Open(open, Some(reading));
        self.poll_chunk(context)
    }

    /// Sends what comes next to `socket` without a copy, as far as it takes it; `None` at the end,
    /// and where the disk has to be asked first or has failed: [`poll_chunk`](Self::poll_chunk)
    /// tells what is the matter.
    ///
    /// The socket takes the system's own pages of the file. Where that is cut down while they are on
    /// their way, the system empties those behind the cut; the answer breaks off there anyway.
    ///
    /// # Errors
    /// The error that the system gives for the socket, [`WouldBlock`](io::ErrorKind::WouldBlock)
    /// included.
    pub fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let count = self.rest(SENT);
        let Access::Open(open, None) = &self.access else { return None };
        if count == 0 {
            return None;
        }
        let file = &open.file;
        let last = self.offset + count as u64 - 1;
        let mut looks = (self.offset..last).step_by(RUN).chain([last]);
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

    /// The number of bytes that are left, at most `size`.
    fn rest(&self, size: usize) -> usize {
        usize::try_from(self.end - self.offset).map_or(size, |rest| rest.min(size))
    }

    fn hand_over(&mut self, chunk: Bytes) -> io::Result<Bytes> {
        if chunk.is_empty() {
            return self.give_up(ReadError::Short.into());
        }
        self.offset += chunk.len() as u64;
        self.last = chunk.clone();
        Ok(chunk)
    }

    fn give_up(&mut self, error: io::Error) -> io::Result<Bytes> {
        let file = format_args!("{}/{}", self.file.site.name(), self.file.relative);
        tracing::warn!(%file, %error, "answer broken off, its file has changed or cannot be read");
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
