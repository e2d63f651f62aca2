//! Integers of QUIC, whose first two bits say how long they are (RFC 9000 §16).

/// The largest integer there can be.
pub(super) const LARGEST: u64 = (1 << 62) - 1;

/// The most bytes that an integer has.
pub(super) const LONGEST: usize = 8;

/// The integer that these bytes begin with, and what is behind it; `None` if it has not come whole.
pub(super) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1 << (bytes.first()? >> 6);
    let (integer, rest) = bytes.split_at_checked(length)?;
    let value = integer.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some((value & LARGEST >> (64 - 8 * length), rest))
}

/// Appends an integer in as few bytes as it needs.
pub(super) fn put(out: &mut Vec<u8>, value: u64) {
    let [.., b4, b5, b6, b7] = value.to_be_bytes();
    match value {
        ..0x40 => out.push(b7),
        0x40..0x4000 => out.extend_from_slice(&[0x40 | b6, b7]),
        0x4000..0x4000_0000 => out.extend_from_slice(&[0x80 | b4, b5, b6, b7]),
        _ => out.extend_from_slice(&(0xc0 << 56 | value).to_be_bytes()),
    }
}

/// An integer that comes in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PartialInteger {
    bytes: [u8; LONGEST],
    filled: usize,
}

impl PartialInteger {
    /// True if nothing of the integer has come.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Takes the integer, or what there is of it, off `input`; gives it once it has come whole.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Option<u64> {
        if self.is_empty()
            && let Some((value, rest)) = split(input)
        {
            *input = rest;
            return Some(value);
        }
        while let Some((byte, rest)) = input.split_first() {
            self.bytes[self.filled] = *byte;
            self.filled += 1;
            *input = rest;
            if let Some((value, _)) = split(&self.bytes[..self.filled]) {
                self.filled = 0;
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], value: u64) {
        assert_eq!(split(bytes), Some((value, &b""[..])), "{bytes:x?}");
        assert_eq!(split(&[bytes, b"x"].concat()), Some((value, &b"x"[..])), "{bytes:x?}");
        for cut in 0..bytes.len() {
            let (mut first, mut second) = bytes.split_at(cut);
            assert_eq!(split(first), None, "{bytes:x?}");
            let mut partial = PartialInteger::default();
            assert_eq!(partial.take(&mut first), None, "{bytes:x?}");
            assert_eq!(partial.is_empty(), cut == 0);
            assert_eq!(partial.take(&mut second), Some(value), "{bytes:x?}");
            assert!(partial.is_empty() && first.is_empty() && second.is_empty());
        }
        let mut out = Vec::new();
        put(&mut out, value);
        assert_eq!(split(&out), Some((value, &b""[..])));
        assert!(out.len() <= bytes.len());
    }

    #[test]
    fn integers_of_every_length() {
        let table: [(&[u8], u64); 14] = [
            // RFC 9000 Appendix A.1.
            (b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c", 151_288_809_941_952_652),
            (b"\x9d\x7f\x3e\x7d", 494_878_333),
            (b"\x7b\xbd", 15_293),
            (b"\x25", 37),
            (b"\x40\x25", 37),
            // The bounds of each length.
            (b"\x00", 0),
            (b"\x3f", 0x3f),
            (b"\x40\x40", 0x40),
            (b"\x7f\xff", 0x3fff),
            (b"\x80\x00\x40\x00", 0x4000),
            (b"\xbf\xff\xff\xff", 0x3fff_ffff),
            (b"\xc0\x00\x00\x00\x40\x00\x00\x00", 0x4000_0000),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", LARGEST),
            (b"\xc0\x00\x00\x00\x00\x00\x00\x00", 0),
        ];
        for (bytes, value) in table {
            check(bytes, value);
        }
    }
}
