//! A representation: one file's content together with all that is known of it (RFC 9110 §3.2).

use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::time::SystemTime;

use ::http::HeaderMap;
use aws_lc_rs::digest;
use bytes::Bytes;
use rustix::io::Errno;

use super::content::{self, ReadError};
use super::facts::Facts;
use super::lookup::OpenFile;
use super::root::OpenRoot;
use crate::http::media_type::{self, MediaType};

/// Files up to this size, in bytes, are held in memory; larger ones are streamed from the disk.
/// Pages, style sheets, scripts, fonts and pictures of a well-kept site lie below, and one entry
/// can never take more than a small part of the cache's bound.
pub const HELD_LIMIT: u64 = 1024 * 1024;

/// Bytes of the content's SHA-256 that become its entity tag. 128 bits keep chance collisions out
/// of reach for as many files as there will ever be.
const HASH_BYTES: usize = 16;

/// Bytes read at a time while a large file is inspected.
const INSPECT_CHUNK: usize = 256 * 1024;

/// One version of one file.
#[derive(Debug)]
pub struct Representation {
    relative: Box<str>,
    facts: Facts,
    media_type: MediaType,
    last_modified: SystemTime,
    held: Option<Bytes>,
    inspection: OnceLock<Inspection>,
    fields: OnceLock<HeaderMap>,
}

/// What only the content itself can tell.
#[derive(Debug)]
pub struct Inspection {
    /// The first [`HASH_BYTES`] of the content's SHA-256, in hexadecimal.
    pub hash: Box<str>,
    /// Whether the content is UTF-8 throughout.
    pub utf8: bool,
}

impl Representation {
    /// Reads an open file into memory, or notes that it is to be streamed.
    ///
    /// # Errors
    /// [`ReadError::Short`] when the file changed while it was read: what was read is then
    /// neither its old nor its new content. Else what the system says.
    pub fn read(file: &OpenFile) -> Result<Self, ReadError> {
        if file.facts.size > HELD_LIMIT {
            return Ok(Self::new(file, None));
        }
        let size = usize::try_from(file.facts.size).expect("held content fits the address space");
        let bytes = content::read(&file.descriptor, size)?;
        let after = Facts::of(&file.descriptor).map_err(failed)?;
        if after != file.facts {
            return Err(ReadError::Short);
        }
        let inspection = Inspection::of(&bytes);
        let representation = Self::new(file, Some(bytes));
        representation.inspection.get_or_init(|| inspection);
        Ok(representation)
    }

    /// A file that is streamed whatever its size, because it will not hold still to be read.
    #[must_use]
    pub fn streamed(file: &OpenFile) -> Self {
        Self::new(file, None)
    }

    fn new(file: &OpenFile, held: Option<Bytes>) -> Self {
        Self {
            relative: file.relative.clone(),
            facts: file.facts,
            media_type: media_type::of(file_name(&file.relative)),
            last_modified: file.facts.modified().min(SystemTime::now()),
            held,
            inspection: OnceLock::new(),
            fields: OnceLock::new(),
        }
    }

    /// The file's name beneath the root of its site.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.relative
    }

    /// The last segment of its name.
    #[must_use]
    pub fn file_name(&self) -> &str {
        file_name(&self.relative)
    }

    /// The facts it was read with.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Length of the content in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.facts.size
    }

    /// The media type by its name.
    #[must_use]
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The modification time, not later than the moment it was read (RFC 9110 §8.8.2.1).
    #[must_use]
    pub fn last_modified(&self) -> SystemTime {
        self.last_modified
    }

    /// The content, if it is held in memory.
    #[must_use]
    pub fn held(&self) -> Option<&Bytes> {
        self.held.as_ref()
    }

    /// What the content told; `None` until a streamed file has been inspected.
    #[must_use]
    pub fn inspection(&self) -> Option<&Inspection> {
        self.inspection.get()
    }

    /// The fields of an answer, which `build` makes on the first call after the inspection.
    pub fn fields(&self, build: impl FnOnce() -> HeaderMap) -> HeaderMap {
        if self.inspection.get().is_none() {
            return build();
        }
        self.fields.get_or_init(build).clone()
    }

    /// Reads the whole of a streamed file once more beneath `root`, and keeps what it told if the
    /// file is still the same and held still.
    ///
    /// # Errors
    /// As [`Representation::read`].
    pub fn inspect(&self, root: &OpenRoot) -> Result<(), ReadError> {
        let file = root.open_beneath(&self.relative).map_err(failed)?;
        let unchanged = |file: &OwnedFd| match Facts::of(file) {
            Ok(facts) if facts == self.facts => Ok(()),
            Ok(_) => Err(ReadError::Short),
            Err(error) => Err(failed(error)),
        };
        unchanged(&file)?;
        let inspection = Inspection::of_streamed(&file, self.facts.size)?;
        unchanged(&file)?;
        self.inspection.get_or_init(|| inspection);
        Ok(())
    }
}

fn failed(error: Errno) -> ReadError {
    ReadError::Failed(error.into())
}

impl Inspection {
    fn of(bytes: &[u8]) -> Self {
        let hash = hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref());
        Self { hash, utf8: std::str::from_utf8(bytes).is_ok() }
    }

    fn of_streamed(file: &OwnedFd, size: u64) -> Result<Self, ReadError> {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut text = Utf8::default();
        let mut chunk = vec![0; INSPECT_CHUNK];
        let mut offset = 0;
        while offset < size {
            let count = (size - offset).min(INSPECT_CHUNK as u64);
            let part = &mut chunk[..usize::try_from(count).expect("at most one chunk")];
            content::fill(file, part, offset)?;
            context.update(part);
            text.push(part);
            offset += count;
        }
        Ok(Self { hash: hexadecimal(context.finish().as_ref()), utf8: text.is_valid() })
    }
}

/// Judges UTF-8 that arrives in pieces which may cut a character.
#[derive(Debug, Default)]
struct Utf8 {
    carried: Vec<u8>,
    broken: bool,
}

impl Utf8 {
    fn push(&mut self, part: &[u8]) {
        if self.broken {
            return;
        }
        let mut part = part;
        // At most three bytes: then the carried character is complete or broken.
        while !self.carried.is_empty() && !part.is_empty() && !self.broken {
            self.carried.push(part[0]);
            part = &part[1..];
            let carried = std::mem::take(&mut self.carried);
            self.judge(&carried);
        }
        if !self.broken {
            self.judge(part);
        }
    }

    /// Keeps an incomplete end for the next piece; anything else that is wrong is final.
    fn judge(&mut self, bytes: &[u8]) {
        if let Err(error) = std::str::from_utf8(bytes) {
            match error.error_len() {
                None => self.carried = bytes[error.valid_up_to()..].to_vec(),
                Some(_) => self.broken = true,
            }
        }
    }

    fn is_valid(&self) -> bool {
        !self.broken && self.carried.is_empty()
    }
}

fn hexadecimal(hash: &[u8]) -> Box<str> {
    let mut text = String::with_capacity(2 * HASH_BYTES);
    for byte in &hash[..HASH_BYTES] {
        write!(text, "{byte:02x}").expect("a string takes every character");
    }
    text.into()
}

fn file_name(relative: &str) -> &str {
    relative.rsplit('/').next().unwrap_or(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_pieces_is_judged_as_one() {
        let table: [(&[u8], bool); 7] = [
            (b"", true),
            (b"plain", true),
            ("größer als 1 € 😀 zusammen".as_bytes(), true),
            (b"latin \xe9t\xe9", false),
            (b"cut \xe2\x82", false),
            (b"\xff", false),
            (b"surrogate \xed\xa0\x80", false),
        ];
        for (bytes, expected) in table {
            for size in 1..=bytes.len().max(1) {
                let mut text = Utf8::default();
                bytes.chunks(size).for_each(|part| text.push(part));
                assert_eq!(text.is_valid(), expected, "{bytes:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_hash_is_that_of_the_content() {
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        assert_eq!(&*Inspection::of(b"abc").hash, "ba7816bf8f01cfea414140de5dae2223");
    }
}
