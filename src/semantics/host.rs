//! The one normal form of a host name, and what can be told from it.
//!
//! A name reaches shost as a `Host` field, an `:authority`, an SNI or the name of a folder. Two code
//! paths that compare names differently are a hole (Caddy's CVE-2026-27588), so there is one: lower
//! case ASCII with A-labels, no trailing dot, no port, an IPv6 address in brackets. Everything that
//! is stored or looked up has passed through [`normal_form`].

use core::net::{Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

/// Longest name in bytes, without the trailing dot (RFC 1035 §2.3.4: 255 octets on the wire).
const MAX_NAME: usize = 253;

/// Longest label in bytes (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// Brings a name without a port into the normal form; borrows when it is there already.
///
/// # Errors
///
/// When no site could ever bear the name.
pub fn normal_form(name: &str) -> Result<Cow<'_, str>, InvalidHost> {
    if name.starts_with('[') {
        return normal_address(name);
    }
    if !name.is_ascii() {
        return normal_idn(name);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if check_labels(name)? {
        Ok(Cow::Owned(name.to_ascii_lowercase()))
    } else {
        Ok(Cow::Borrowed(name))
    }
}

/// The host and port that a client named: `uri-host [ ":" port ]` (RFC 9110 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host in its normal form.
    pub host: Cow<'a, str>,
    /// The port, if one was written; `example.com:` names none (RFC 3986 §3.2.3).
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads a `Host` field or an `:authority`.
    ///
    /// User information and percent escapes are legal in a URI but have no place here
    /// (RFC 9110 §4.2.4, RFC 9113 §8.3.1): they are not characters of a name, so they are refused.
    ///
    /// # Errors
    ///
    /// When the text is not a host with at most one port.
    pub fn parse(text: &'a str) -> Result<Self, InvalidHost> {
        // The colons of an IPv6 address are inside its brackets; elsewhere the first one ends the
        // name, and a second one then shows up in the port.
        let name_end = match text.as_bytes().first() {
            Some(b'[') => text.find(']').map_or(0, |bracket| bracket + 1),
            _ => 0,
        };
        let (name, port) = match memchr(b':', &text.as_bytes()[name_end..]) {
            Some(colon) => {
                let (name, port) = text.split_at(name_end + colon);
                (name, parse_port(&port[1..])?)
            }
            None => (text, None),
        };
        Ok(Self { host: normal_form(name)?, port })
    }
}

/// Why a text is not the name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidHost {
    /// Nothing is left of it.
    Empty,
    /// It is longer than the DNS can carry.
    TooLong,
    /// A label is empty, over-long, or begins or ends with a hyphen.
    Label,
    /// A character that no host name has.
    Character,
    /// Not an IPv6 address between the brackets.
    Address,
    /// A name outside ASCII that IDNA does not map to A-labels.
    Idna,
    /// The port is not a number up to 65535.
    Port,
}

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the host name is empty",
            Self::TooLong => "the host name is longer than 253 bytes",
            Self::Label => "a label is empty, longer than 63 bytes, or has a hyphen at its edge",
            Self::Character => "a character that host names do not have",
            Self::Address => "not an IPv6 address in brackets",
            Self::Idna => "not a valid internationalized name",
            Self::Port => "the port is not a number up to 65535",
        })
    }
}

impl std::error::Error for InvalidHost {}

/// True if a host in normal form names this machine to itself (RFC 6761 §6.3).
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || ipv4(host).is_some_and(|address| address.is_loopback())
}

/// The name that people mix a host up with: `x` for `www.x`, and `www.x` for `x`.
///
/// An address has none, and neither has a name that `www.` would make too long.
#[must_use]
pub fn www_counterpart(host: &str) -> Option<Cow<'_, str>> {
    if is_address(host) {
        return None;
    }
    if let Some(bare) = host.strip_prefix("www.") {
        return (!bare.is_empty() && !is_address(bare)).then_some(Cow::Borrowed(bare));
    }
    (!host.is_empty() && host.len() + "www.".len() <= MAX_NAME)
        .then(|| Cow::Owned(format!("www.{host}")))
}

/// The name that a wildcard covering this host has to stand on: `example.com` for `a.example.com`.
///
/// A wildcard stands for one whole label, the leftmost (RFC 9525 §6.3).
#[must_use]
pub fn wildcard_of(host: &str) -> Option<&str> {
    if is_address(host) {
        return None;
    }
    host.split_once('.').map(|(_, parent)| parent).filter(|parent| !parent.is_empty())
}

/// True if a host in normal form is an address and not a name.
#[must_use]
pub fn is_address(host: &str) -> bool {
    host.starts_with('[') || ipv4(host).is_some()
}

/// `[` IPv6 address `]` (RFC 3986 §3.2.2), written as RFC 5952 does.
///
/// This allocates even for the normal form: a request to a bare IPv6 address is rare.
fn normal_address(name: &str) -> Result<Cow<'_, str>, InvalidHost> {
    let address: Ipv6Addr = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .and_then(|address| address.parse().ok())
        .ok_or(InvalidHost::Address)?;
    let normal = format!("[{address}]");
    Ok(if normal == name { Cow::Borrowed(name) } else { Cow::Owned(normal) })
}

/// A name with letters outside ASCII, as people write it in folder names (UTS 46).
fn normal_idn(name: &str) -> Result<Cow<'_, str>, InvalidHost> {
    let ascii = idna::domain_to_ascii(name).map_err(|_| InvalidHost::Idna)?;
    // The mapping also folds full-width forms and ideographic dots, so what comes out is judged
    // like any other name.
    let normal = ascii.strip_suffix('.').unwrap_or(&ascii);
    check_labels(normal)?;
    Ok(Cow::Owned(normal.to_ascii_lowercase()))
}

/// Checks an ASCII name against the LDH rule (RFC 1123 §2.1, RFC 5890 §2.3.1), one pass over its
/// bytes; tells whether it has upper case letters.
///
/// An underscore is let through: `_` labels are in use, and the DNS allows them (RFC 2181 §11).
fn check_labels(name: &str) -> Result<bool, InvalidHost> {
    if name.is_empty() {
        return Err(InvalidHost::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(InvalidHost::TooLong);
    }
    let (mut upper_case, mut length, mut last) = (false, 0, b'.');
    for &byte in name.as_bytes() {
        match IN_LABEL[usize::from(byte)] {
            Part::Dot if !is_label(length, last) => return Err(InvalidHost::Label),
            Part::Dot => length = 0,
            Part::Hyphen if length == 0 => return Err(InvalidHost::Label),
            Part::Hyphen | Part::Lower => length += 1,
            Part::Upper => (upper_case, length) = (true, length + 1),
            Part::Other => return Err(InvalidHost::Character),
        }
        last = byte;
    }
    if is_label(length, last) { Ok(upper_case) } else { Err(InvalidHost::Label) }
}

/// True if so many bytes, the last of them this one, make a label.
fn is_label(length: usize, last: u8) -> bool {
    (1..=MAX_LABEL).contains(&length) && last != b'-'
}

/// The part that a byte plays in a name.
#[derive(Clone, Copy)]
enum Part {
    /// A lower case letter, a digit or an underscore.
    Lower,
    /// An upper case letter.
    Upper,
    /// A hyphen, which is at no edge of a label.
    Hyphen,
    /// The end of a label.
    Dot,
    /// Nothing that a name has.
    Other,
}

/// The part that each byte plays in a name.
const IN_LABEL: [Part; 256] = {
    let mut table = [Part::Other; 256];
    let mut byte: u8 = 0;
    while byte.is_ascii() {
        table[byte as usize] = match byte {
            b'A'..=b'Z' => Part::Upper,
            b'a'..=b'z' | b'0'..=b'9' | b'_' => Part::Lower,
            b'-' => Part::Hyphen,
            b'.' => Part::Dot,
            _ => Part::Other,
        };
        byte += 1;
    }
    table
};

/// `port = *DIGIT` (RFC 3986 §3.2.3); `str::parse` alone would take a plus sign.
fn parse_port(digits: &str) -> Result<Option<u16>, InvalidHost> {
    if digits.is_empty() {
        return Ok(None);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidHost::Port);
    }
    digits.parse().map(Some).map_err(|_| InvalidHost::Port)
}

/// The address that a host in normal form is. Names do not end in a digit, so few are parsed.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    host.ends_with(|last: char| last.is_ascii_digit()).then(|| host.parse().ok())?
}

#[cfg(test)]
mod tests;
