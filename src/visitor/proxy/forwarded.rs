//! The fields by which a proxy that speaks HTTP says on whose behalf it asks: `X-Forwarded-For`,
//! `Forwarded` (RFC 7239) and `X-Forwarded-Proto`.
//!
//! Each proxy on the way appends whom it was asked by, so the list is read from its end: as long as
//! the word of a trusted proxy leads to another trusted proxy, that one's word counts too. What is
//! further ahead anybody may have written.

use core::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderValue};

use super::Proxies;

/// The usual field for addresses.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The usual field for the scheme.
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The client that a request comes from by the word of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The client's address, as far as it is known.
    pub address: IpAddr,
    /// True if the client asked by `https`; `None` if nobody says.
    pub secure: Option<bool>,
}

/// The origin of a request with these `fields` that a trusted proxy at `address` passed on.
///
/// `X-Forwarded-For` counts before `Forwarded`: where both are there, it is the one that proxies are
/// set up to write.
#[must_use]
pub fn origin(proxies: &Proxies, address: IpAddr, fields: &HeaderMap) -> Forwarded {
    let mut origin = Forwarded { address, secure: None };
    if fields.contains_key(X_FORWARDED_FOR) {
        let lines = fields.get_all(X_FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            let known = core::str::from_utf8(hop).ok().and_then(node);
            if !origin.goes_on(proxies, known) {
                break;
            }
        }
    } else if let Some(hops) = forwarded(fields) {
        for hop in hops.iter().rev() {
            origin.secure = hop.secure.or(origin.secure);
            if !origin.goes_on(proxies, hop.address) {
                break;
            }
        }
    }
    origin.secure = scheme(fields).or(origin.secure);
    origin
}

impl Forwarded {
    /// Notes one hop more; says whether its word counts.
    fn goes_on(&mut self, proxies: &Proxies, hop: Option<IpAddr>) -> bool {
        let Some(address) = hop else { return false };
        self.address = address;
        proxies.contain(address)
    }
}

/// The scheme that the first proxy was asked by: the first of a list.
fn scheme(fields: &HeaderMap) -> Option<bool> {
    let value = fields.get(X_FORWARDED_PROTO)?.as_bytes();
    let first = value.split(|byte| *byte == b',').next()?;
    is_https(first.trim_ascii())
}

fn is_https(scheme: &[u8]) -> Option<bool> {
    let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
    if is(b"https") {
        return Some(true);
    }
    is(b"http").then_some(false)
}

/// An address with or without a port, an IPv6 address with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok().or_else(|| {
        // The port may be a name that hides it (RFC 7239 §6).
        let (address, port) = text.rsplit_once(':')?;
        let is_port = port.starts_with('_') || port.parse::<u16>().is_ok();
        let address = format!("{address}:0").parse::<SocketAddr>().ok()?;
        is_port.then(|| address.ip())
    })?;
    Some(address.to_canonical())
}

/// One element of `Forwarded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hop {
    /// The client of the proxy, unless that is hidden.
    address: Option<IpAddr>,
    secure: Option<bool>,
}

/// The elements of `Forwarded`, the first proxy's first; `None` if it is malformed.
fn forwarded(fields: &HeaderMap) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for line in fields.get_all(FORWARDED) {
        elements(line, &mut hops)?;
    }
    Some(hops)
}

/// Adds the elements of one line.
///
/// ```text
/// Forwarded         = 1#( [ pair ] *( ";" [ pair ] ) )
/// pair              = token "=" ( token / quoted-string )                          RFC 7239 §4
/// ```
fn elements(line: &HeaderValue, hops: &mut Vec<Hop>) -> Option<()> {
    let mut rest = Rest(line.as_bytes());
    let mut hop = Hop::default();
    let mut is_empty = true;
    loop {
        rest.skip_spaces();
        if !matches!(rest.0.first(), None | Some(b',' | b';')) {
            let name = rest.token()?;
            rest.0 = rest.0.strip_prefix(b"=")?;
            let value = rest.value()?;
            is_empty = false;
            if name.eq_ignore_ascii_case(b"for") {
                hop.address = core::str::from_utf8(&value).ok().and_then(node);
            } else if name.eq_ignore_ascii_case(b"proto") {
                hop.secure = is_https(&value);
            }
            rest.skip_spaces();
        }
        let separator = rest.0.split_first();
        if !matches!(separator, Some((b';', _))) {
            // Empty elements of a list are none (RFC 9110 §5.6.1).
            if !is_empty {
                hops.push(core::mem::take(&mut hop));
            }
            is_empty = true;
        }
        match separator {
            None => return Some(()),
            Some((b';' | b',', behind)) => rest.0 = behind,
            Some(_) => return None,
        }
    }
}

/// The part of a line that has not been read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let length = self.0.iter().take_while(|byte| is_token_byte(**byte)).count();
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        (length > 0).then_some(token)
    }

    /// A token or a quoted string. An address with a port, or of IPv6, is no token and has to be
    /// quoted; proxies that forget the quotes are understood.
    fn value(&mut self) -> Option<Vec<u8>> {
        let Some(quoted) = self.0.strip_prefix(b"\"") else {
            let is_bare = |byte: &u8| is_token_byte(*byte) || matches!(byte, b':' | b'[' | b']');
            let length = self.0.iter().take_while(|byte| is_bare(byte)).count();
            let (value, rest) = self.0.split_at(length);
            self.0 = rest;
            return (length > 0).then(|| value.to_vec());
        };
        let mut text = Vec::new();
        let mut bytes = quoted.iter();
        loop {
            match bytes.next()? {
                b'"' => break,
                b'\\' => text.push(*bytes.next()?),
                byte => text.push(*byte),
            }
        }
        self.0 = bytes.as_slice();
        Some(text)
    }
}

/// True for the characters of a token (RFC 9110 §5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
