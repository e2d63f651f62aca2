//! The Content-Length of a request (RFC 9110 §8.6), read alike by every protocol.

use http::header::{CONTENT_LENGTH, HeaderMap};

/// A Content-Length that is doubled, is not a number, or is one beyond 64 bits.
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

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
