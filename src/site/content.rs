//! Reading content into memory, so that a file may change under us without harm.
//!
//! A map of the file itself would end the process with SIGBUS when a deploy truncates it.
//! Content is therefore copied once, with positioned reads: small content to the heap, larger
//! content into an anonymous map that is made read-only, goes back to the system the moment it is
//! dropped, and is shared by every connection without another copy.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use memmap2::MmapMut;
use rustix::io::{Errno, pread};

use super::facts::Facts;

/// Files up to this size, in bytes, are held in memory; larger ones are streamed from the disk.
/// Pages, style sheets, scripts, fonts and pictures of a well-kept site lie below, and one entry
/// can never take more than a small part of the cache's bound.
pub const HELD_LIMIT: u64 = 1024 * 1024;

/// Content up to this many bytes lives on the heap. A map is made of whole pages and costs two
/// system calls and a page fault per page, which only pays from some size on.
const HEAP_LIMIT: usize = 64 * 1024;

/// Why content could not be read whole.
#[derive(Debug)]
pub enum ReadError {
    /// The file was shorter than its stated size: it is changing.
    Short,
    /// The system reported an error.
    Failed(Errno),
}

/// Reads exactly the first `size` bytes of `file`.
///
/// # Errors
/// [`ReadError::Short`] when the file ends before `size`, else what the system says.
pub fn read(file: impl AsFd, size: usize) -> Result<Bytes, ReadError> {
    if size <= HEAP_LIMIT {
        let mut heap = vec![0; size];
        fill(file, &mut heap, 0)?;
        return Ok(hold(heap));
    }
    let mut map = MmapMut::map_anon(size).map_err(|error| failed(&error))?;
    fill(file, &mut map, 0)?;
    map.make_read_only().map(hold).map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> ReadError {
    ReadError::Failed(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

/// Bytes of content in memory, in the cache or beyond it: what has been evicted lives on until the
/// last answer with it has been sent.
#[must_use]
pub fn held() -> u64 {
    HELD.load(Ordering::Relaxed)
}

static HELD: AtomicU64 = AtomicU64::new(0);

/// Content in memory, counted in [`held`] until nobody holds it any more.
#[must_use]
pub fn hold<T: AsRef<[u8]> + Send + 'static>(content: T) -> Bytes {
    HELD.fetch_add(content.as_ref().len() as u64, Ordering::Relaxed);
    Bytes::from_owner(CountedBytes(content))
}

struct CountedBytes<T: AsRef<[u8]>>(T);

impl<T: AsRef<[u8]>> AsRef<[u8]> for CountedBytes<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl<T: AsRef<[u8]>> Drop for CountedBytes<T> {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0.as_ref().len() as u64, Ordering::Relaxed);
    }
}

/// Checks that `file` has the facts that it had.
///
/// # Errors
/// [`ReadError::Short`] when it has changed, else what the system says.
pub fn is_still(file: impl AsFd, facts: &Facts) -> Result<(), ReadError> {
    match Facts::of(file) {
        Ok(now) if now == *facts => Ok(()),
        Ok(_) => Err(ReadError::Short),
        Err(error) => Err(ReadError::Failed(error)),
    }
}

/// Fills `buffer` from `file`, beginning at `offset`.
///
/// # Errors
/// As [`read`].
pub fn fill(file: impl AsFd, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
    let mut done = 0;
    while done < buffer.len() {
        match pread(&file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => return Err(ReadError::Short),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(ReadError::Failed(error)),
        }
    }
    Ok(())
}

impl From<ReadError> for std::io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Short => Self::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ),
            ReadError::Failed(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    #[test]
    fn content_of_every_size_is_read_whole() {
        for size in [0, 1, HEAP_LIMIT - 1, HEAP_LIMIT, HEAP_LIMIT + 1, 1024 * 1024] {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            assert_eq!(read(&file, size).unwrap(), bytes, "{size} bytes");
            assert!(matches!(read(&file, size + 1), Err(ReadError::Short)), "{size} bytes");
        }
    }

    #[test]
    fn an_error_of_the_system_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let open = File::open(folder.path()).unwrap();
        assert!(matches!(read(&open, 1), Err(ReadError::Failed(Errno::ISDIR))));
    }
}
