//! The Huffman code of HPACK (RFC 7541 Appendix B).
//!
//! The code is a canonical one: codes of one length ascend with their symbols, and longer codes
//! follow upon shorter ones. So the lengths say it all, and the tables are made of them when this
//! is compiled.

use super::Incomprehensible;

/// Bits of each byte's code; the last is the end of a string, which is never sent.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The symbol that ends a string; to meet it is an error (RFC 7541 §5.2).
const END: u16 = 256;

/// The length of the longest code, in bits.
const LONGEST: usize = 30;

/// Bits that are looked up at once; every letter and digit of a usual text has no more.
const QUICK_BITS: u32 = 8;

/// The code, read backwards.
struct Code {
    /// For every beginning of eight bits: the symbol and the length of its code, 0 if that is
    /// longer.
    quick: [(u8, u8); 1 << QUICK_BITS],
    /// The symbols in the order of their codes.
    symbols: [u16; 257],
    /// By length: its first code, and where its symbols begin.
    first: [(u32, u16); LONGEST + 2],
}

static CODE: Code = code();

const fn code() -> Code {
    let mut made =
        Code { quick: [(0, 0); 1 << QUICK_BITS], symbols: [0; 257], first: [(0, 0); LONGEST + 2] };
    let (mut next, mut count, mut length) = (0_u32, 0_u16, 1);
    while length <= LONGEST {
        made.first[length] = (next, count);
        let mut symbol = 0_u16;
        while symbol <= END {
            if LENGTHS[symbol as usize] as usize == length {
                made.symbols[count as usize] = symbol;
                if length <= QUICK_BITS as usize {
                    let free = QUICK_BITS as usize - length;
                    let mut tail = 0;
                    while tail < 1 << free {
                        made.quick[((next as usize) << free) + tail] =
                            (narrow(symbol as usize), narrow(length));
                        tail += 1;
                    }
                }
                next += 1;
                count += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        length += 1;
    }
    made.first[LONGEST + 1] = (next, count);
    made
}

const fn narrow(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

/// Appends what `input` stands for.
pub(super) fn decode(mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Incomprehensible> {
    // The bits that come next stand at the top.
    let (mut bits, mut count) = (0_u64, 0_u32);
    loop {
        while count <= 56
            && let Some((byte, rest)) = input.split_first()
        {
            bits |= u64::from(*byte) << (56 - count);
            count += 8;
            input = rest;
        }
        let (symbol, length) = match CODE.quick[(bits >> 56) as usize] {
            (_, 0) => long(bits)?,
            quick => quick,
        };
        if u32::from(length) > count {
            break;
        }
        out.push(symbol);
        bits <<= length;
        count -= u32::from(length);
    }
    // What is left is the beginning of the end of a string, and shorter than a byte.
    let padding = !(u64::MAX >> count);
    if count < 8 && bits == padding { Ok(()) } else { Err(Incomprehensible) }
}

/// The symbol of a code that is longer than [`QUICK_BITS`], and its length.
fn long(bits: u64) -> Result<(u8, u8), Incomprehensible> {
    for length in QUICK_BITS as usize + 1..=LONGEST {
        let code = u32::try_from(bits >> (64 - length)).expect("at most 30 bits");
        let (first, start) = CODE.first[length];
        let symbols = CODE.first[length + 1].1 - start;
        if let Some(index) = code.checked_sub(first).filter(|index| *index < u32::from(symbols)) {
            let symbol = CODE.symbols[usize::from(start) + index as usize];
            let symbol = u8::try_from(symbol).map_err(|_| Incomprehensible)?;
            return Ok((symbol, u8::try_from(length).expect("at most 30")));
        }
    }
    Err(Incomprehensible)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// As an encoder does it, from the lengths alone.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for byte in text {
            let place = CODE.symbols.iter().position(|symbol| *symbol == u16::from(*byte)).unwrap();
            let length = usize::from(LENGTHS[usize::from(*byte)]);
            let (first, start) = CODE.first[length];
            let code = first as usize + place - usize::from(start);
            write!(bits, "{code:0length$b}").unwrap();
        }
        bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
        let digits: Vec<_> = bits.bytes().map(|bit| bit - b'0').collect();
        digits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect()
    }

    #[track_caller]
    fn check(input: &[u8], expected: Result<&[u8], Incomprehensible>) {
        let mut out = Vec::new();
        assert_eq!(decode(input, &mut out).map(|()| out.as_slice()), expected, "{input:x?}");
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 Appendix C.4 and C.6.
        check(
            &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
            Ok(b"www.example.com"),
        );
        check(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], Ok(b"no-cache"));
        check(&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f], Ok(b"custom-key"));
        check(&[0xae, 0xc3, 0x77, 0x1a, 0x4b], Ok(b"private"));
        check(&[], Ok(b""));
    }

    #[test]
    fn every_byte_has_its_code() {
        let all: Vec<u8> = (0..=255).collect();
        check(&encode(&all), Ok(&all));
        for byte in all {
            check(&encode(&[byte]), Ok(&[byte]));
            check(&encode(&[byte, byte, byte]), Ok(&[byte, byte, byte]));
        }
    }

    #[test]
    fn padding_is_the_end_of_a_string_and_short() {
        // `0` is 00000, then three bits.
        check(&[0b0000_0111], Ok(b"0"));
        check(&[0b0000_0110], Err(Incomprehensible));
        check(&[0b0000_0000], Err(Incomprehensible));
        check(&[0b0000_0111, 0xff], Err(Incomprehensible));
        check(&[0xff], Err(Incomprehensible));
        // The whole end of a string.
        check(&[0xff, 0xff, 0xff, 0xff], Err(Incomprehensible));
    }
}
