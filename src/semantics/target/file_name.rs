//! Names of files as text, also of those that are not UTF-8.
//!
//! To the system a name is bytes. A byte that is no part of UTF-8 stands in the text as a character
//! at the end of the last private plane of Unicode, which nobody uses. So do the bytes of these very
//! characters, and each name has one text of its own.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, percent_encode_byte, utf8_percent_encode};

/// The character of byte 0. Only bytes from 0x80 on have one: the others are ASCII.
const FIRST: u32 = 0x10_FF00;

/// The byte that these characters begin with in UTF-8. Only others of the last planes share it.
pub(super) const LEAD: u8 = 0xF4;

/// The text of a name.
pub(super) fn from_bytes(name: Vec<u8>) -> String {
    match String::from_utf8(name) {
        Ok(text) if !is_ambiguous(&text) => text,
        Ok(text) => spelled(text.as_bytes()),
        Err(error) => spelled(error.as_bytes()),
    }
}

/// The text of a name that the system gave.
#[must_use]
pub fn text_of(name: &[u8]) -> String {
    from_bytes(name.to_vec())
}

/// The name that a text stands for.
#[must_use]
pub fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    if !is_ambiguous(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut name = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => name.push(byte),
            None => name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(name)
}

/// The name that a text stands for, percent-encoded.
pub fn encode<'a>(text: &'a str, escaped: &'static AsciiSet) -> impl Iterator<Item = &'a str> {
    text.split_inclusive(|character| byte_of(character).is_some()).flat_map(move |piece| {
        let byte = piece.chars().next_back().and_then(byte_of);
        let plain = byte.map_or(piece.len(), |_| piece.len() - BYTE_LENGTH);
        utf8_percent_encode(&piece[..plain], escaped).chain(byte.map(percent_encode_byte))
    })
}

/// True if a text has to be spelled before it is the text of a name. One that a client sent may have
/// the characters that stand for bytes.
fn is_ambiguous(text: &str) -> bool {
    text.as_bytes().contains(&LEAD)
}

/// The byte that a character stands for.
#[must_use]
pub fn byte_of(character: char) -> Option<u8> {
    let byte = u32::from(character).checked_sub(FIRST)?;
    u8::try_from(byte).ok().filter(|byte| !byte.is_ascii())
}

/// The length in UTF-8 of a character that stands for a byte.
const BYTE_LENGTH: usize = 4;

fn spelled(name: &[u8]) -> String {
    let mut text = String::with_capacity(BYTE_LENGTH * name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if byte_of(character).is_none() {
                text.push(character);
            } else {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().map(character_of));
            }
        }
        text.extend(chunk.invalid().iter().copied().map(character_of));
    }
    text
}

fn character_of(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).expect("the last plane has no surrogates")
}

#[cfg(test)]
mod tests {
    use super::super::ESCAPED_IN_PATHS;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_name_has_one_text_of_its_own() {
        let table: [(&[u8], &str); 14] = [
            (b"", ""),
            (b"plain", "plain"),
            (b"a b%", "a%20b%25"),
            ("caf\u{e9}".as_bytes(), "caf%C3%A9"),
            (b"caf\xE9", "caf%E9"),
            (b"caf\xE9.html", "caf%E9.html"),
            (b"\xE9\xE8", "%E9%E8"),
            (b"\xC3", "%C3"),
            (b"\xC3\xA9\xC3", "%C3%A9%C3"),
            (b"\xC0\xAF", "%C0%AF"),
            (b"\xED\xA0\x80", "%ED%A0%80"),
            ("\u{10FFE9}".as_bytes(), "%F4%8F%BF%A9"),
            ("\u{10FF7F}".as_bytes(), "%F4%8F%BD%BF"),
            ("\u{1F600}".as_bytes(), "%F0%9F%98%80"),
        ];
        let mut texts = HashSet::new();
        for (name, encoded) in table {
            let text = text_of(name);
            assert_eq!(&*bytes_of(&text), name, "{text:?}");
            assert_eq!(encode(&text, ESCAPED_IN_PATHS).collect::<String>(), encoded, "{text:?}");
            assert!(!text.contains(['/', '\0']), "{text:?}");
            assert!(texts.insert(text.clone()), "{text:?} is the text of two names");
        }
    }
}
