//! The PROXY header, by which a proxy that hands bytes on says whose bytes they are.
//!
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt> has two forms:
//!
//! ```text
//! PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n                          version 1, a line
//! signature(12)  version and command  family and transport  length(2)  addresses  TLVs    version 2
//! ```

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The beginning of version 1.
const LINE: &[u8] = b"PROXY ";

/// The longest line, with its end, in bytes (§2.1).
const LINE_BYTES: usize = 107;

/// The beginning of version 2: what neither HTTP nor TLS begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of version 2 before the addresses.
const FIXED_BYTES: usize = 16;

/// The longest header of version 2 that is taken, in bytes: as long as nginx takes one. Addresses
/// need 36, what proxies tell of TLS and names a few hundred more.
const MAX_BYTES: usize = 4096;

/// A header that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The bytes that it takes.
    pub length: usize,
    /// On whose behalf the connection is; `None` if it is the proxy's own.
    pub source: Option<IpAddr>,
}

/// The beginning of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It may become a header.
    Partial,
    /// It is no header.
    Other,
    /// It is a header.
    Header(Header),
}

/// A header that means nothing, or is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl core::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the PROXY header is malformed")
    }
}

impl std::error::Error for Malformed {}

/// Reads the first bytes of a connection. The outcome is the same in whichever pieces they come.
///
/// # Errors
/// When a header has begun and no rest can make it one.
pub fn read(bytes: &[u8]) -> Result<Beginning, Malformed> {
    if begins(bytes, SIGNATURE) {
        return if bytes.len() < FIXED_BYTES { Ok(Beginning::Partial) } else { binary(bytes) };
    }
    if begins(bytes, LINE) {
        return if bytes.len() < LINE.len() { Ok(Beginning::Partial) } else { line(bytes) };
    }
    Ok(Beginning::Other)
}

/// True if `bytes` begin with `start`, as far as they have come.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    let known = bytes.len().min(start.len());
    bytes[..known] == start[..known]
}

fn line(bytes: &[u8]) -> Result<Beginning, Malformed> {
    let known = &bytes[..bytes.len().min(LINE_BYTES)];
    let Some(end) = known.windows(2).position(|pair| pair == b"\r\n") else {
        return if known.len() < LINE_BYTES { Ok(Beginning::Partial) } else { Err(Malformed) };
    };
    let text = core::str::from_utf8(&known[LINE.len()..end]).map_err(|_| Malformed)?;
    let length = end + 2;
    let mut words = text.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // §2.1: whatever follows is to be ignored.
        return Ok(Beginning::Header(Header { length, source: None }));
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse().ok().map(IpAddr::V4),
            "TCP6" => word.parse().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, destination) = (address().ok_or(Malformed)?, address());
    let mut port = || words.next().is_some_and(is_port);
    let ports = port() && port();
    if destination.is_none() || !ports || words.next().is_some() {
        return Err(Malformed);
    }
    Ok(Beginning::Header(Header { length, source: Some(source) }))
}

/// Decimal digits without a sign, and no zero in front of others.
fn is_port(word: &str) -> bool {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    digits && (word == "0" || !word.starts_with('0')) && word.parse::<u16>().is_ok()
}

fn binary(bytes: &[u8]) -> Result<Beginning, Malformed> {
    let (fixed, rest) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(Malformed)?;
    let [.., command, family, high, low] = *fixed;
    let announced = usize::from(u16::from_be_bytes([high, low]));
    let length = FIXED_BYTES + announced;
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed),
    };
    // The addresses there must be room for; what follows them is left unread.
    let needed = match family {
        _ if is_local => 0,
        0x11 | 0x12 => 12,
        0x21 | 0x22 => 36,
        _ => 0,
    };
    if length > MAX_BYTES || announced < needed {
        return Err(Malformed);
    }
    let Some(rest) = rest.get(..announced) else { return Ok(Beginning::Partial) };
    let source = match (needed, rest) {
        (12, [a, b, c, d, ..]) => Some(Ipv4Addr::new(*a, *b, *c, *d).into()),
        (36, _) => rest.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
        // §2.2: a connection of the proxy itself, or of a kind that is not known here.
        _ => None,
    };
    Ok(Beginning::Header(Header { length, source }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Beginning, Malformed>) {
        let shown = bytes.escape_ascii().to_string();
        assert_eq!(read(bytes), expected, "{shown}");
        if let Ok(Beginning::Header(Header { length, .. })) = expected {
            for cut in 1..length {
                assert_eq!(read(&bytes[..cut]), Ok(Beginning::Partial), "{cut} bytes of {shown}");
            }
            let longer = [bytes, b"\x16\x03\x01GET"].concat();
            assert_eq!(read(&longer), expected, "{shown}, and more");
        }
    }

    fn header(length: usize, source: &str) -> Beginning {
        Beginning::Header(Header { length, source: source.parse().ok() })
    }

    #[test]
    fn version_1_is_a_line() {
        let good = [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1"),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n", "192.0.2.1"),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n", "2001:db8::1"),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n", "::ffff:192.0.2.1"),
            ("PROXY UNKNOWN\r\n", ""),
            ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
            ("PROXY UNKNOWN what ever\r\n", ""),
        ];
        for (line, source) in good {
            check(line.as_bytes(), Ok(header(line.len(), source)));
        }
        let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES - 16));
        assert_eq!(longest.len(), LINE_BYTES);
        check(longest.as_bytes(), Ok(header(LINE_BYTES, "")));
        let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES - 15));
        check(longer.as_bytes(), Err(Malformed));
        let bad = [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1  2\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1\n198.51.100.1 1 2\r\n",
            "PROXY UNKNOWNX\r\n",
            "PROXY TCP4 \u{e9} 198.51.100.1 1 2\r\n",
        ];
        for line in bad {
            check(line.as_bytes(), Err(Malformed));
        }
    }

    #[test]
    fn version_2_is_binary() {
        let make = |command: u8, family: u8, rest: &[u8]| {
            let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
            [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
        };
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 1, 0xbb];
        let mut six = [0; 36];
        (six[0], six[1], six[15]) = (0x20, 0x01, 7);
        let with_tlvs = [four.as_slice(), &[3, 0, 4, 1, 2, 3, 4, 0xee, 0, 1, 9]].concat();
        let good: [(u8, u8, &[u8], &str); 11] = [
            (0x21, 0x11, &four, "192.0.2.1"),
            (0x21, 0x12, &four, "192.0.2.1"),
            (0x21, 0x11, &with_tlvs, "192.0.2.1"),
            (0x21, 0x21, &six, "2001::7"),
            (0x21, 0x22, &six, "2001::7"),
            (0x20, 0x11, &four, ""),
            (0x20, 0x00, &[], ""),
            (0x20, 0xff, &[1, 2, 3], ""),
            (0x21, 0x00, &[], ""),
            (0x21, 0x31, &[0; 216], ""),
            (0x21, 0x00, &[0; MAX_BYTES - FIXED_BYTES], ""),
        ];
        for (command, family, rest, source) in good {
            let bytes = make(command, family, rest);
            check(&bytes, Ok(header(bytes.len(), source)));
        }
        let bad: [(u8, u8, &[u8]); 6] = [
            (0x11, 0x11, &four),
            (0x22, 0x11, &four),
            (0x31, 0x11, &four),
            (0x21, 0x11, &four[..11]),
            (0x21, 0x21, &four),
            (0x21, 0x00, &[0; MAX_BYTES - FIXED_BYTES + 1]),
        ];
        for (command, family, rest) in bad {
            check(&make(command, family, rest), Err(Malformed));
        }
    }

    #[test]
    fn what_http_and_tls_begin_with_is_no_header() {
        let table: [&[u8]; 12] = [
            b"GET / HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\n",
            b"PUT /",
            b"PROPFIND /",
            b"PROXYX",
            b"proxy TCP4 ",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            b"\r\n\r\nGET /",
            b"\r\nGET /",
            b"\r\n\r\n\0\r\nQUIT\r",
            b"\0",
        ];
        for bytes in table {
            check(bytes, Ok(Beginning::Other));
        }
        for bytes in [b"".as_slice(), b"P", b"PROXY", b"\r", b"\r\n\r\n\0\r\nQUIT"] {
            check(bytes, Ok(Beginning::Partial));
        }
    }
}
