//! What only the content itself can tell: its hash, and whether it is text.

use std::fmt::Write;
use std::os::fd::AsFd;

use aws_lc_rs::digest;

use super::content::{self, ReadError};

/// Bytes of the content's SHA-256 that become its entity tag. 128 bits keep chance collisions out
/// of reach for as many files as there will ever be.
const HASH_BYTES: usize = 16;

/// Bytes read at a time while a large file is inspected.
const CHUNK: usize = 256 * 1024;

/// What the content told.
#[derive(Debug)]
pub struct Inspection {
    /// The first 16 bytes of the content's SHA-256, in hexadecimal.
    pub hash: Box<str>,
    /// Whether the content is UTF-8 throughout.
    pub utf8: bool,
}

impl Inspection {
    /// Of content in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref());
        Self { hash, utf8: std::str::from_utf8(bytes).is_ok() }
    }

    /// Of the first `size` bytes of a file.
    ///
    /// # Errors
    /// As [`content::read`].
    pub fn of_file(file: impl AsFd, size: u64) -> Result<Self, ReadError> {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut text = Utf8::default();
        let mut chunk = vec![0; CHUNK];
        let mut offset = 0;
        while offset < size {
            let count = (size - offset).min(CHUNK as u64);
            let part = &mut chunk[..usize::try_from(count).expect("at most one chunk")];
            content::fill(&file, part, offset)?;
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
