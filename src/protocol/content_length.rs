//! The Content-Length of a request (RFC 9110 §8.6), read alike by every protocol.

use http::header::{CONTENT_LENGTH, HeaderMap};

/// A Content-Length that is doubled, is not a number, is one beyond 64 bits, or is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidLength;

/// The length that a request promises for its content; `None` if it names none.
pub(crate) fn content_length(fields: &HeaderMap) -> Result<Option<u64>, InvalidLength> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err(InvalidLength);
    }
    let digits = length.as_bytes();
    if digits.is_empty() {
        return Err(InvalidLength);
    }
    let mut number = 0_u64;
    for digit in digits {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10).ok_or(InvalidLength)?;
        let shifted = number.checked_mul(10).ok_or(InvalidLength)?;
        number = shifted.checked_add(u64::from(value)).ok_or(InvalidLength)?;
    }
    Ok(Some(number))
}

/// The content of a request as far as it has come, beside the length that was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentCount {
    received: u64,
    promised: Option<u64>,
}

impl ContentCount {
    /// Nothing has come yet.
    pub(crate) fn new(promised: Option<u64>) -> Self {
        Self { received: 0, promised }
    }

    /// So many bytes have come, which may not be more than were promised.
    pub(crate) fn add(&mut self, bytes: u64) -> Result<(), InvalidLength> {
        self.received = self.received.saturating_add(bytes);
        let is_more = self.promised.is_some_and(|promised| self.received > promised);
        if is_more { Err(InvalidLength) } else { Ok(()) }
    }

    /// No more will come, and as many have to have come as were promised.
    pub(crate) fn end(self) -> Result<(), InvalidLength> {
        let is_other = self.promised.is_some_and(|promised| self.received != promised);
        if is_other { Err(InvalidLength) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn count(promised: Option<u64>, pieces: &[u64], expected: Result<(), InvalidLength>) {
        let mut count = ContentCount::new(promised);
        let counted = pieces.iter().try_for_each(|bytes| count.add(*bytes));
        assert_eq!(counted.and_then(|()| count.end()), expected, "{promised:?} {pieces:?}");
    }

    #[test]
    fn content_is_as_long_as_promised() {
        count(None, &[], Ok(()));
        count(None, &[5, u64::MAX, u64::MAX], Ok(()));
        count(Some(0), &[], Ok(()));
        count(Some(5), &[2, 0, 3], Ok(()));
        count(Some(5), &[2, 2], Err(InvalidLength));
        count(Some(5), &[2, 4], Err(InvalidLength));
        count(Some(5), &[6, 0], Err(InvalidLength));
        count(Some(0), &[1], Err(InvalidLength));
        count(Some(u64::MAX - 1), &[u64::MAX - 1, 5], Err(InvalidLength));
        assert_eq!(ContentCount::new(Some(1)).add(2), Err(InvalidLength), "before the end");
    }

    #[track_caller]
    fn check(values: &[&str], expected: Result<Option<u64>, InvalidLength>) {
        let values = values.iter().map(|value| HeaderValue::from_str(value).unwrap());
        let fields: HeaderMap = values.map(|value| (CONTENT_LENGTH, value)).collect();
        assert_eq!(content_length(&fields), expected, "{fields:?}");
    }

    #[test]
    fn a_length_is_one_number() {
        check(&[], Ok(None));
        check(&["0"], Ok(Some(0)));
        check(&["007"], Ok(Some(7)));
        check(&["18446744073709551615"], Ok(Some(u64::MAX)));
        check(&["18446744073709551616"], Err(InvalidLength));
        check(&["99999999999999999999999"], Err(InvalidLength));
        check(&["1", "1"], Err(InvalidLength));
        for value in ["", "x", "+1", "-1", "1,1", "1, 1", "1 1", "0x1", "1.0", "1e3", "\u{b2}"] {
            check(&[value], Err(InvalidLength));
        }
    }
}
