//! Integers with a prefix (RFC 7541 §5.1, RFC 9204 §4.1.1).

use super::Incomprehensible;

/// The largest integer that is read, as RFC 9204 §4.1.1 asks. No length or index that makes sense
/// comes near it.
const LARGEST: u64 = (1 << 62) - 1;

/// The place of the last byte that such an integer may have behind its prefix, in bits: the ninth.
const LAST_SHIFT: u32 = 56;

/// Takes an integer off `input`, whose first byte holds `prefix` bits of it.
pub(super) fn take(input: &mut &[u8], prefix: u32) -> Result<usize, Incomprehensible> {
    let (first, mut rest) = input.split_first().ok_or(Incomprehensible)?;
    let all = (1_u64 << prefix) - 1;
    let mut value = u64::from(*first) & all;
    if value == all {
        let mut shift = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or(Incomprehensible)?;
            rest = behind;
            value += u64::from(byte & 0x7f) << shift;
            if value > LARGEST {
                return Err(Incomprehensible);
            }
            if byte & 0x80 == 0 {
                break;
            }
            if shift == LAST_SHIFT {
                return Err(Incomprehensible);
            }
            shift += 7;
        }
    }
    *input = rest;
    usize::try_from(value).map_err(|_| Incomprehensible)
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
        for bytes in [
            &b""[..],
            b"\xff",
            b"\xff\x80",
            b"\xff\x81\xff\xff\xff\xff\xff\xff\xff\x3f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
        ] {
            assert_eq!(take(&mut &bytes[..], 7), Err(Incomprehensible), "{bytes:x?}");
        }
    }

    #[test]
    fn sixty_two_bits_are_read() {
        // RFC 9204 §4.1.1.
        check((1 << 62) - 1, 7, b"\x7f\x80\xff\xff\xff\xff\xff\xff\xff\x3f");
        // Zeros behind an integer say nothing.
        let padded = b"\xff\x80\x80\x80\x80\x80\x80\x80\x80\x00";
        assert_eq!(take(&mut &padded[..], 7), Ok(127));
    }
}
