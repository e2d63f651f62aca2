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

/// Whether a host in normal form names this machine to itself (RFC 6761 §6.3).
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

/// Whether a host in normal form is an address and not a name.
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
    let mut upper_case = false;
    for label in name.as_bytes().split(|&byte| byte == b'.') {
        let edges = [label.first(), label.last()];
        if !(1..=MAX_LABEL).contains(&label.len()) || edges.contains(&Some(&b'-')) {
            return Err(InvalidHost::Label);
        }
        if !label.iter().all(|&byte| IN_LABEL[usize::from(byte)]) {
            return Err(InvalidHost::Character);
        }
        upper_case |= label.iter().any(u8::is_ascii_uppercase);
    }
    Ok(upper_case)
}

/// Which bytes a label may have.
const IN_LABEL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte.is_ascii() {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
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
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<&str, InvalidHost>) {
        let normal = normal_form(name);
        assert_eq!(normal.as_deref(), expected.as_ref().map(|name| *name), "{name:?}");
    }

    #[test]
    fn names_come_to_one_form() {
        for (name, normal) in [
            ("example.com", "example.com"),
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("EXAMPLE.com.", "example.com"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("_dmarc.example.com", "_dmarc.example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("XN--Bcher-KVA.example", "xn--bcher-kva.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example.", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("straße.example", "xn--strae-oqa.example"),
            ("bücher。example。", "xn--bcher-kva.example"),
            ("１２７.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
        ] {
            check(name, Ok(normal));
        }
    }

    #[test]
    fn what_no_site_can_be_called_is_refused() {
        use InvalidHost::{Address, Character, Empty, Idna, Label, TooLong};
        let long_label = "a".repeat(64);
        let long_name = "a.".repeat(127);
        for (name, why) in [
            ("", Empty),
            (".", Empty),
            ("..", Label),
            (".example.com", Label),
            ("a..b", Label),
            ("example.com..", Label),
            ("-a.example", Label),
            ("a-.example", Label),
            ("a.example-", Label),
            (&long_label, Label),
            (&format!("{long_name}a"), TooLong),
            ("*", Character),
            ("*.example.com", Character),
            ("a b", Character),
            ("a/b", Character),
            ("a\0b", Character),
            ("a%2eb", Character),
            ("user@example.com", Character),
            ("example.com:80", Character),
            ("::1", Character),
            ("[::1", Address),
            ("[::1]x", Address),
            ("[]", Address),
            ("[127.0.0.1]", Address),
            ("[fe80::1%1]", Address),
            ("[v1.x]", Address),
            ("a\u{2028}b", Idna),
            ("bücher.a/b", Idna),
        ] {
            match normal_form(name) {
                // The mapping may refuse a character before this module sees it.
                Err(InvalidHost::Idna | Character) if why == Idna => {}
                other => assert_eq!(other, Err(why), "{name:?}"),
            }
        }
    }

    #[test]
    fn the_longest_name_and_label_pass() {
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(name.len(), 253);
        check(&name, Ok(&name));
        check(&format!("{name}."), Ok(&name));
        check(&format!("{name}b"), Err(InvalidHost::TooLong));
    }

    #[test]
    fn a_normal_name_is_borrowed() {
        for name in ["example.com", "example.com.", "127.0.0.1", "[::1]"] {
            assert!(matches!(normal_form(name), Ok(Cow::Borrowed(_))), "{name:?}");
        }
    }

    #[track_caller]
    fn check_authority(text: &str, expected: Result<(&str, Option<u16>), InvalidHost>) {
        let authority = Authority::parse(text).map(|a| (a.host.into_owned(), a.port));
        assert_eq!(authority, expected.map(|(host, port)| (host.to_owned(), port)), "{text:?}");
    }

    #[test]
    fn authorities() {
        use InvalidHost::{Address, Character, Empty, Port};
        check_authority("example.com", Ok(("example.com", None)));
        check_authority("Example.com.:8080", Ok(("example.com", Some(8080))));
        check_authority("example.com:", Ok(("example.com", None)));
        check_authority("example.com:00080", Ok(("example.com", Some(80))));
        check_authority("[::1]", Ok(("[::1]", None)));
        check_authority("[::1]:443", Ok(("[::1]", Some(443))));
        check_authority("[::1]:", Ok(("[::1]", None)));
        check_authority("127.0.0.1:65535", Ok(("127.0.0.1", Some(65535))));
        check_authority("", Err(Empty));
        check_authority(":80", Err(Empty));
        check_authority("example.com:65536", Err(Port));
        check_authority("example.com:+80", Err(Port));
        check_authority("example.com:80:80", Err(Port));
        check_authority("example.com:8o", Err(Port));
        check_authority("::1", Err(Port));
        check_authority("user@example.com", Err(Character));
        check_authority("user:secret@example.com", Err(Port));
        check_authority("exa%6dple.com", Err(Character));
        check_authority("a b", Err(Character));
        check_authority("[::1]a:80", Err(Address));
        check_authority("a]:80", Err(Character));
        check_authority("http://example.com", Err(Port));
    }

    #[test]
    fn loopback_names() {
        for host in ["localhost", "blog.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["notlocalhost", "localhost.example", "128.0.0.1", "[::2]", "127.0.0.1.nip.io"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn counterparts() {
        let long = ["a".repeat(63), "a".repeat(63), "a".repeat(63), "a".repeat(60)].join(".");
        for (host, expected) in [
            ("example.com", Some("www.example.com")),
            ("www.example.com", Some("example.com")),
            ("www.com", Some("com")),
            ("www", Some("www.www")),
            ("wwwexample.com", Some("www.wwwexample.com")),
            ("127.0.0.1", None),
            ("www.127.0.0.1", None),
            ("[::1]", None),
            ("www.", None),
            ("", None),
            (&long, None),
        ] {
            assert_eq!(www_counterpart(host).as_deref(), expected, "{host:?}");
        }
    }

    #[test]
    fn wildcards_stand_for_one_label() {
        for (host, expected) in [
            ("a.example.com", Some("example.com")),
            ("b.a.example.com", Some("a.example.com")),
            ("localhost", None),
            ("127.0.0.1", None),
            ("[::1]", None),
        ] {
            assert_eq!(wildcard_of(host), expected, "{host:?}");
        }
    }
}
