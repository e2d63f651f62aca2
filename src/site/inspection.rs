//! Facts that only the content itself can tell: its hash, and whether it is text.

use std::fmt::Write;

use aws_lc_rs::digest;

/// Bytes of the content's SHA-256 that become its entity tag. 128 bits keep chance collisions out
/// of reach for as many files as there will ever be.
const HASH_BYTES: usize = 16;

/// The result of reading a content once, in as few bytes as it takes to keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    hash: [u8; HASH_BYTES],
    utf8: bool,
}

/// The outcome of a reading, as answers need it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The first 16 bytes of the content's SHA-256, in hexadecimal.
    pub hash: Box<str>,
    /// True if the content is UTF-8.
    pub utf8: bool,
}

/// A content that is hashed part by part. Whether it is text has been told by its beginning.
pub struct Hasher {
    context: digest::Context,
    utf8: bool,
}

impl Reading {
    /// Reads content in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(is_utf8(bytes));
        hasher.push(bytes);
        hasher.finish()
    }
}

impl Inspection {
    /// True if the content may have this SHA-256, as far as is known of its own.
    #[must_use]
    pub fn may_be(&self, digest: &[u8; 32]) -> bool {
        let digits = self.hash.as_bytes().chunks_exact(2);
        digits.len() == HASH_BYTES && digits.zip(digest).all(|(digits, byte)| hex(*byte) == digits)
    }
}

/// The two hexadecimal digits of a byte.
fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]
}

impl From<Reading> for Inspection {
    fn from(reading: Reading) -> Self {
        let mut hash = String::with_capacity(2 * HASH_BYTES);
        for byte in reading.hash {
            write!(hash, "{byte:02x}").expect("a string takes every character");
        }
        Self { hash: hash.into(), utf8: reading.utf8 }
    }
}

impl Hasher {
    /// A hasher of content that is UTF-8 or not.
    #[must_use]
    pub fn new(utf8: bool) -> Self {
        Self { context: digest::Context::new(&digest::SHA256), utf8 }
    }

    /// Adds the next part.
    pub fn push(&mut self, part: &[u8]) {
        self.context.update(part);
    }

    /// Ends the content and gives what was read.
    #[must_use]
    pub fn finish(self) -> Reading {
        let digest = self.context.finish();
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&digest.as_ref()[..HASH_BYTES]);
        Reading { hash, utf8: self.utf8 }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hasher")
    }
}

/// True if the whole content is UTF-8. One that has characters beyond ASCII and then ends within one
/// is being written: a program writes its log in blocks, which cut characters.
fn is_utf8(content: &[u8]) -> bool {
    match std::str::from_utf8(content) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && !content[..error.valid_up_to()].is_ascii(),
    }
}

/// True if content that begins with `start` is UTF-8 as far as that tells. Its last character may
/// be cut.
#[must_use]
pub fn begins_as_utf8(start: &[u8]) -> bool {
    match std::str::from_utf8(start) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_whether_content_is_text() {
        let table: [(&[u8], bool); 9] = [
            (b"", true),
            (b"plain", true),
            ("größer als 1 € 😀 zusammen".as_bytes(), true),
            (b"cut \xe2\x82", true),
            (b"cut \xf0\x9f\x98", true),
            (b"latin \xe9t\xe9", false),
            (b"\xff", false),
            (b"surrogate \xed\xa0\x80", false),
            (b"cut in the middle \xe2\x82 of it", false),
        ];
        for (bytes, expected) in table {
            assert_eq!(begins_as_utf8(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn content_that_ends_within_a_character_is_text_if_it_has_others() {
        let table: [(&[u8], bool); 10] = [
            (b"", true),
            ("größer".as_bytes(), true),
            ("größer als 1 ".as_bytes(), true),
            (b"gr\xc3\xb6\xc3", true),
            (b"\xc3\xb6 1 \xe2\x82", true),
            (b"\xc3\xb6 \xf0\x9f\x98", true),
            (b"caf\xe9", false),
            (b"\xc3", false),
            (b"\xc3\xb6 caf\xe9 au lait", false),
            (b"\xc3\xb6 \xff", false),
        ];
        for (bytes, expected) in table {
            assert_eq!(is_utf8(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_content() {
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        let inspection = Inspection::from(Reading::of(b"abc"));
        assert_eq!(&*inspection.hash, "ba7816bf8f01cfea414140de5dae2223");
        let mut whole: [u8; 32] =
            digest::digest(&digest::SHA256, b"abc").as_ref().try_into().unwrap();
        assert!(inspection.may_be(&whole));
        whole[15] ^= 1;
        assert!(!inspection.may_be(&whole));
        let mut parts = Hasher::new(true);
        b"abc".chunks(2).for_each(|part| parts.push(part));
        assert_eq!(parts.finish(), Reading::of(b"abc"));
    }
}
