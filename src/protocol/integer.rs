//! Integers with a prefix (RFC 7541 §5.1).

use super::Incomprehensible;

/// An integer beyond this is refused: no length or index that makes sense comes near it.
const LIMIT: usize = 1 << 24;

/// Takes an integer off `input`, whose first byte holds `prefix` bits of it.
pub(super) fn take(input: &mut &[u8], prefix: u32) -> Result<usize, Incomprehensible> {
    let (first, mut rest) = input.split_first().ok_or(Incomprehensible)?;
    let all = (1_usize << prefix) - 1;
    let mut value = usize::from(*first) & all;
    if value == all {
        let mut shift = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or(Incomprehensible)?;
            rest = behind;
            value += usize::from(byte & 0x7f) << shift;
            if value > LIMIT || shift > 21 {
                return Err(Incomprehensible);
            }
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
    }
    *input = rest;
    Ok(value)
}

/// Appends `value` with a prefix of `prefix` bits behind those that `pattern` has set.
pub(super) fn put(out: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let all = (1_usize << prefix) - 1;
    let low = |bits: usize| u8::try_from(bits & 0xff).expect("eight bits are a byte");
    if value < all {
        out.push(pattern | low(value));
        return;
    }
    out.push(pattern | low(all));
    let mut rest = value - all;
    while rest >= 0x80 {
        out.push(0x80 | low(rest & 0x7f));
        rest >>= 7;
    }
    out.push(low(rest));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: usize, prefix: u32, bytes: &[u8]) {
        let mut out = Vec::new();
        put(&mut out, 0, prefix, value);
        assert_eq!(out, bytes, "{value}");
        let mut input = bytes;
        assert_eq!(take(&mut input, prefix), Ok(value));
        assert!(input.is_empty());
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 Appendix C.1.
        check(10, 5, &[0x0a]);
        check(1337, 5, &[0x1f, 0x9a, 0x0a]);
        check(42, 8, &[0x2a]);
        check(31, 5, &[0x1f, 0x00]);
        check(127, 7, &[0x7f, 0x00]);
    }

    #[test]
    fn what_never_ends_is_refused() {
        for bytes in [&b""[..], b"\xff", b"\xff\x80", b"\xff\xff\xff\xff\xff\x0f"] {
            assert_eq!(take(&mut &bytes[..], 7), Err(Incomprehensible), "{bytes:?}");
        }
        assert_eq!(
            take(&mut &b"\xff\x80\x80\x80\x80\x80\x80\x80\x00"[..], 7),
            Err(Incomprehensible)
        );
    }
}
