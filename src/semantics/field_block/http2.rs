//! A block of fields as HTTP/2 sends it, and the fields of it that are worth an entry in the dynamic
//! table of a client (RFC 7541 §2.3.2).
//!
//! Most fields of a file are those of every other file of the site. Each such field line has one
//! number in the whole process: whoever fills a client's table compares numbers, not texts.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue};

/// The number of a field line; lines with the same name and value have the same.
pub type LineNumber = NonZeroU16;

/// Fields that belong to one file or one answer, and the one that may be a secret (RFC 7541
/// §7.1.3).
const UNREPEATED: [HeaderName; 6] =
    [CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, LOCATION, SET_COOKIE];

/// Bytes of the longest line that has a number: a quarter of a client's table.
const LONGEST: usize = 1024;

/// Most lines that have numbers, which are never forgotten: at most 4 MiB, and 100 KB where each
/// has the length that is usual. Sites have some dozens; lines that come later are sent in full.
const NUMBERED: usize = 4096;

static NUMBERS: LazyLock<Mutex<HashMap<Box<[u8]>, LineNumber>>> = LazyLock::new(Mutex::default);

static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// The representations of the fields of a block, one behind the other.
#[derive(Debug)]
pub struct Http2Block {
    number: u64,
    text: Box<[u8]>,
    lines: Box<[FieldLine]>,
}

/// One field of a block.
#[derive(Clone, Copy, Debug)]
struct FieldLine {
    /// The end of its representation in the text of the block.
    end: u32,
    number: Option<LineNumber>,
}

impl Http2Block {
    pub(super) fn new(
        fields: impl Iterator<Item = (HeaderName, HeaderValue)>,
        mut encode: impl FnMut(&mut Vec<u8>, &HeaderName, &[u8]),
    ) -> Self {
        let mut text = Vec::new();
        let mut line = |(name, value): (HeaderName, HeaderValue)| {
            encode(&mut text, &name, value.as_bytes());
            let end = u32::try_from(text.len()).expect("fields of an answer are some kilobytes");
            FieldLine { end, number: number_of(&name, value.as_bytes()) }
        };
        let lines = fields.map(&mut line).collect();
        let number = BLOCKS.fetch_add(1, Ordering::Relaxed);
        Self { number, text: text.into_boxed_slice(), lines }
    }

    /// A number that no other block of this process has.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The representations of all fields.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The representation of each field, and its number if it is worth an entry.
    pub fn lines(&self) -> impl Iterator<Item = (&[u8], Option<LineNumber>)> {
        let mut start = 0;
        self.lines.iter().map(move |line| {
            let end = line.end as usize;
            let text = &self.text[start..end];
            start = end;
            (text, line.number)
        })
    }
}

fn number_of(name: &HeaderName, value: &[u8]) -> Option<LineNumber> {
    if UNREPEATED.contains(name) || name.as_str().len() + value.len() > LONGEST {
        return None;
    }
    let text = [name.as_str().as_bytes(), b":", value].concat();
    // What another thread left behind when it panicked is whole: there is one insertion.
    let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = numbers.get(&*text) {
        return Some(*number);
    }
    if numbers.len() == NUMBERED {
        return None;
    }
    let number = LineNumber::new(u16::try_from(numbers.len() + 1).ok()?)?;
    numbers.insert(text.into_boxed_slice(), number);
    Some(number)
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, VARY};

    use super::*;

    #[test]
    fn lines_have_the_same_number_in_every_block() {
        let block = |fields: &[(HeaderName, &str)]| {
            let fields = fields.iter().map(|(name, value)| {
                (name.clone(), HeaderValue::from_str(value).expect("a value"))
            });
            Http2Block::new(fields, |text, name, value| {
                text.extend(name.as_str().bytes());
                text.extend(value);
            })
        };
        let long = "x".repeat(LONGEST);
        let one = block(&[(VARY, "a"), (ETAG, "\"a\""), (CACHE_CONTROL, "b"), (SET_COOKIE, "c")]);
        let two = block(&[(CACHE_CONTROL, "b"), (VARY, "b"), (VARY, "a"), (VARY, &long)]);
        assert_ne!(one.number(), two.number());
        assert_eq!(one.text(), b"varyaetag\"a\"cache-controlbset-cookiec");
        let [ones, twos] = [&one, &two].map(|block| block.lines().collect::<Vec<_>>());
        assert_eq!(ones.iter().map(|line| line.0).collect::<Vec<_>>().concat(), one.text());
        let numbers = |lines: &[(&[u8], Option<LineNumber>)]| {
            lines.iter().map(|line| line.1).collect::<Vec<_>>()
        };
        let (ones, twos) = (numbers(&ones), numbers(&twos));
        assert_eq!((ones[1], ones[3], twos[3]), (None, None, None));
        assert_eq!((ones[0], ones[2]), (twos[2], twos[0]));
        assert!(ones[0].is_some() && ones[2].is_some() && twos[1].is_some());
        assert_ne!(twos[1], ones[0]);
    }
}
