//! The path of a request target, decoded once into a list of segments.
//!
//! Containment by comparing strings is how servers leak files (`/%2e%2e/foo.com/x` on `foo.co`).
//! Here the path is taken apart first, and what cannot be a list of plain names is refused; the
//! kernel confines what is left when the file is opened.

pub mod file_name;

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// A path in normal form: decoded, begins with a slash, no segment is empty, `.` or `..`.
///
/// It may end in a slash and then names a folder. A segment is any other text, control characters
/// included: file names may have them. Bytes that are not UTF-8 stand in it as [`file_name`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path<'a>(Cow<'a, str>);

/// The outcome of resolving the path of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// A path that can be looked up.
    Path(Path<'a>),
    /// The path had empty segments; this is the percent-encoded path without them, to which the
    /// client is sent. It begins with exactly one slash: `//host` would name another host.
    Merge(String),
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPath {
    /// A percent sign without two hexadecimal digits after it.
    MalformedEscape,
    /// A NUL, which would end the name early in the kernel's eyes.
    Nul,
    /// `%2F`: a slash that is no separator, and that no file name can hold.
    EncodedSlash,
    /// A segment that is `.` or `..` only after decoding.
    DotSegment,
    /// It does not begin with a slash.
    NotAbsolute,
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MalformedEscape => "a percent sign without two hexadecimal digits",
            Self::Nul => "a NUL in the path",
            Self::EncodedSlash => "an encoded slash in the path",
            Self::DotSegment => "an encoded dot segment in the path",
            Self::NotAbsolute => "the path does not begin with a slash",
        })
    }
}

impl std::error::Error for InvalidPath {}

/// The folder of well-known locations (RFC 8615), the only hidden one that is served.
const WELL_KNOWN: &str = ".well-known";

/// The folder in which an ACME server looks for the answer to an HTTP-01 challenge (RFC 8555 §8.3).
pub(crate) const ACME_CHALLENGE: &str = "/.well-known/acme-challenge/";

/// The folder in which authorities look that have a file of their own put there (CA/Browser Forum
/// Baseline Requirements §3.2.2.4.18).
const PKI_VALIDATION: &str = "/.well-known/pki-validation/";

/// Characters that are escaped in a path: all but those of RFC 3986 §3.3 `pchar`, and the slash.
pub(crate) const ESCAPED_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    // unreserved
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    // sub-delims
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

impl<'a> Path<'a> {
    /// Resolves the path part of a request target, as it was sent and without the query.
    ///
    /// Literal dot segments are removed first, as RFC 3986 §5.2.4 says, and never climb over the
    /// root. A segment that turns into a dot segment by decoding is an attempt to get around that.
    ///
    /// # Errors
    ///
    /// When any segment, even one that a later `..` removes, is not a name.
    pub fn resolve(raw: &'a str) -> Result<Resolved<'a>, InvalidPath> {
        if !raw.starts_with('/') {
            return Err(InvalidPath::NotAbsolute);
        }
        if is_plain(raw) {
            return Ok(Resolved::Path(Self(Cow::Borrowed(raw))));
        }
        let text = remove_dot_segments(raw)?;
        if text.contains("//") {
            return Ok(Resolved::Merge(without_empty_segments(&text).encode()));
        }
        Ok(Resolved::Path(Self(Cow::Owned(text))))
    }

    /// The whole path, decoded: `/a b/c.html`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path beneath the root, without a slash at either end; empty for the root.
    #[must_use]
    pub fn relative(&self) -> &str {
        let inner = &self.0[1..];
        inner.strip_suffix('/').unwrap_or(inner)
    }

    /// True if the path ends in a slash.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.0.ends_with('/')
    }

    /// The names between the slashes; none for the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        // The only empty piece is that of the root: no segment is empty.
        self.relative().split('/').filter(|segment| !segment.is_empty())
    }

    /// The segment behind the last slash; empty for a folder.
    #[must_use]
    pub fn last_segment(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, last)| last)
    }

    /// True if a segment begins with a dot, save `.well-known` as the first.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        // What could be borrowed has no dot behind a slash.
        matches!(self.0, Cow::Owned(_))
            && self.segments().enumerate().any(|(index, segment)| {
                segment.starts_with('.') && (index > 0 || segment != WELL_KNOWN)
            })
    }

    /// True if the path is `/.well-known` or beneath it.
    #[must_use]
    pub fn is_well_known(&self) -> bool {
        self.segments().next() == Some(WELL_KNOWN)
    }

    /// True if an authority looks here for whoever has the name: over plain HTTP, and some follow no
    /// redirect.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.0.starts_with(ACME_CHALLENGE) || self.0.starts_with(PKI_VALIDATION)
    }

    /// The token of an ACME HTTP-01 challenge: one segment of base64url characters (RFC 8555 §8.3).
    #[must_use]
    pub fn acme_token(&self) -> Option<&str> {
        let token = self.0.strip_prefix(ACME_CHALLENGE)?;
        let is_token = !token.is_empty()
            && token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        is_token.then_some(token)
    }

    /// The path percent-encoded again, for a `Location`.
    ///
    /// A backslash is escaped too: browsers read `/\host` as `//host`.
    #[must_use]
    pub fn encode(&self) -> String {
        file_name::encode(&self.0, ESCAPED_IN_PATHS).collect()
    }

    /// The same path, no longer borrowed from the request.
    #[must_use]
    pub fn into_owned(self) -> Path<'static> {
        Path(Cow::Owned(self.0.into_owned()))
    }
}

/// True if a path is its own normal form, in one pass over its bytes: nothing to decode or to spell,
/// and no slash is followed by another one or by a dot. A dot may begin an ordinary name, the slow path
/// tells.
fn is_plain(raw: &str) -> bool {
    let mut refused = NEVER;
    for byte in raw.bytes() {
        if KINDS[usize::from(byte)] & refused != 0 {
            return false;
        }
        refused = NEVER | if byte == b'/' { NEVER_BEHIND_A_SLASH } else { 0 };
    }
    true
}

/// Bytes that stand for others, or for nothing.
const NEVER: u8 = 1;

/// Bytes with which no ordinary segment begins.
const NEVER_BEHIND_A_SLASH: u8 = 2;

/// The kind of each byte; 0 for nearly all.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    kinds[0] = NEVER;
    kinds[b'%' as usize] = NEVER;
    kinds[file_name::LEAD as usize] = NEVER;
    kinds[b'/' as usize] = NEVER_BEHIND_A_SLASH;
    kinds[b'.' as usize] = NEVER_BEHIND_A_SLASH;
    kinds
};

/// Decodes each segment and removes the literal dot segments (RFC 3986 §5.2.4).
///
/// Decoded segments hold no slash, so the name itself is the stack that `..` pops from.
fn remove_dot_segments(raw: &str) -> Result<String, InvalidPath> {
    let mut name = Vec::with_capacity(raw.len());
    let mut ends_in_dots = false;
    for segment in raw[1..].split('/') {
        ends_in_dots = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => name.truncate(name.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            _ => {
                name.push(b'/');
                decode(segment, &mut name)?;
            }
        }
    }
    if ends_in_dots {
        name.push(b'/');
    }
    Ok(file_name::from_bytes(name))
}

/// Appends one segment, decoded once: `%252F` is the three characters `%2F` and stays that.
fn decode(segment: &str, name: &mut Vec<u8>) -> Result<(), InvalidPath> {
    let start = name.len();
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {}
            0 => return Err(InvalidPath::Nul),
            _ => {
                name.push(byte);
                continue;
            }
        }
        let (high, low) = (bytes.next().and_then(digit), bytes.next().and_then(digit));
        match high.zip(low).map(|(high, low)| high << 4 | low) {
            None => return Err(InvalidPath::MalformedEscape),
            Some(0) => return Err(InvalidPath::Nul),
            Some(b'/') => return Err(InvalidPath::EncodedSlash),
            Some(byte) => name.push(byte),
        }
    }
    match &name[start..] {
        // One that is written so has been removed.
        b"." | b".." => Err(InvalidPath::DotSegment),
        _ => Ok(()),
    }
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The path with each run of slashes made one.
fn without_empty_segments(text: &str) -> Path<'static> {
    let mut merged = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    Path(Cow::Owned(merged))
}

#[cfg(test)]
mod tests;
