//! Text of rules: placeholders in it, and percent-encoding into and out of it.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::pattern::InvalidPattern;
use crate::semantics::target::{ESCAPED_IN_PATHS, file_name};

/// Characters that are escaped in the value of a query: also those that end it or begin another.
const QUERY: &AsciiSet = &ESCAPED_IN_PATHS.add(b'&').add(b'+').add(b';').add(b'=');

/// Characters that are escaped in a target (RFC 3986 §2). A backslash is read as a slash by browsers.
const TARGET: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Characters that are escaped in a pattern, where they would be read as something else.
const PATTERN: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'*').add(b':').add(b'?').add(b'#').add(b'/');

/// The name of the placeholder that `text` begins with: `:` and a letter, then letters, digits and
/// underscores.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix(':')?;
    if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return None;
    }
    Some(&name[..name.find(|letter| !is_in_name(letter)).unwrap_or(name.len())])
}

fn is_in_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The length of what stands before the next placeholder; at least one byte.
pub(super) fn until_placeholder(text: &str) -> usize {
    let colons = text.match_indices(':').map(|(at, _)| at);
    colons.filter(|at| *at > 0).find(|at| placeholder(&text[*at..]).is_some()).unwrap_or(text.len())
}

/// The text that a part of a path stands for.
pub(super) fn decode(text: &str) -> Result<String, InvalidPattern> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = rest.first_chunk::<2>().filter(|digits| is_hexadecimal(**digits));
        let digits = digits.ok_or(InvalidPattern::MalformedEscape)?;
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(0 | b'/') => return Err(InvalidPattern::Unreachable),
            Ok(byte) => decoded.push(byte),
            Err(_) => return Err(InvalidPattern::MalformedEscape),
        }
        rest = &rest[2..];
    }
    Ok(file_name::text_of(&decoded))
}

fn is_hexadecimal(digits: [u8; 2]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// A part of a pattern as it has to be written to be read again: behind a placeholder, a letter
/// that would be taken for one of its name is escaped.
pub(super) fn escape_pattern(text: &str, follows_name: bool) -> String {
    let escaped: String = file_name::encode(text, PATTERN).collect();
    match escaped.chars().next() {
        Some(first) if follows_name && is_in_name(first) => {
            format!("%{:02X}{}", u32::from(first), &escaped[1..])
        }
        _ => escaped,
    }
}

/// A value as a part of a path.
pub(super) fn in_path(value: &str) -> impl Iterator<Item = &str> {
    file_name::encode(value, ESCAPED_IN_PATHS)
}

/// A value as a part of a query.
pub(super) fn in_query(value: &str) -> impl Iterator<Item = &str> {
    file_name::encode(value, QUERY)
}

/// The text of a target, with nothing in it that a URI does not have. Escapes stay as they are.
pub(super) fn as_uri(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~:".contains(&byte);
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let mut uri = String::with_capacity(text.len());
    for (at, piece) in text.split('%').enumerate() {
        if at > 0 {
            let is_escape =
                piece.as_bytes().first_chunk::<2>().is_some_and(|digits| is_hexadecimal(*digits));
            uri.push_str(if is_escape { "%" } else { "%25" });
        }
        uri.extend(utf8_percent_encode(piece, TARGET));
    }
    uri
}
