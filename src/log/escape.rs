//! Makes bytes from clients harmless: whatever they sent, one value stays one value on one line,
//! and shows nothing on a terminal but itself.
//!
//! Every function copies runs of plain bytes whole, since nearly all values are plain.

use std::io::Write as _;

use crate::semantics::target::file_name::byte_of;

/// A value that stands without quotes: visible ASCII save `"` and `\`; the rest, spaces included,
/// as `\xHH`. An empty value is `-`, so that the columns keep their places.
pub(super) fn token(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        out.push(b'-');
    }
    hex(out, bytes, |byte| is_plain(byte) && byte != b' ');
}

/// A value between the quotes of a `combined` line, as nginx writes it: other than visible ASCII
/// and the space as `\xHH`, `"` and `\` too.
pub(super) fn combined(out: &mut Vec<u8>, bytes: &[u8]) {
    hex(out, bytes, is_plain);
}

/// A value between quotes for people: readable Unicode stays, `"` and `\` get a backslash, and
/// whatever could deceive is `\u{…}`, or `\xHH` where it is not UTF-8.
pub(super) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    unicode(out, bytes, "\"\\", push_escaped, push_hex);
}

/// As [`text`], for values of our own events: the bytes of names that are not UTF-8 are `\xHH`.
pub(super) fn value(out: &mut Vec<u8>, bytes: &[u8]) {
    unicode(out, bytes, "\"\\", push_named, push_hex);
}

/// As [`text`], for words of our own without quotes around them, which may have quotes within, and
/// names of files, whose bytes that are not UTF-8 stand for themselves again.
pub(super) fn message(out: &mut Vec<u8>, bytes: &[u8]) {
    unicode(out, bytes, "", push_named, push_hex);
}

/// `text` as our own messages are written: one line, whatever is in it.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = Vec::with_capacity(text.len());
    message(&mut line, text.as_bytes());
    String::from_utf8_lossy(&line).into_owned()
}

/// A value between the quotes of JSON (RFC 8259 §7). More is escaped than JSON asks for, since
/// people look at it on terminals. What is not UTF-8 becomes U+FFFD, for JSON can't say it.
pub(super) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    unicode(out, bytes, "\"\\", push_json_escaped, |out, _| {
        out.extend_from_slice("\u{fffd}".as_bytes());
    });
}

/// Plain between quotes in every format.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// The number of bytes at the beginning that are plain.
fn plain_length(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    // Looked at whole, without leaving early: that takes a few instructions for all of them.
    let all = |block: &&[u8; BLOCK]| block.iter().fold(true, |all, &byte| all & is_plain(byte));
    let sure = BLOCK * blocks.iter().take_while(all).count();
    sure + bytes[sure..].iter().take_while(|&&byte| is_plain(byte)).count()
}

fn hex(out: &mut Vec<u8>, bytes: &[u8], is_plain: impl Fn(u8) -> bool) {
    let mut rest = bytes;
    loop {
        let (plain, special) = rest.split_at(plain_length(rest, &is_plain));
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = special.split_first() else { return };
        push_hex(out, byte);
        rest = behind;
    }
}

fn unicode(
    out: &mut Vec<u8>,
    bytes: &[u8],
    special: &str,
    escape: impl Fn(&mut Vec<u8>, char),
    stray: impl Fn(&mut Vec<u8>, u8),
) {
    let (plain, rest) = bytes.split_at(plain_length(bytes, is_plain));
    out.extend_from_slice(plain);
    for chunk in rest.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if special.contains(letter) || deceives(letter) || byte_of(letter).is_some() {
                escape(out, letter);
            } else {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        for &byte in chunk.invalid() {
            stray(out, byte);
        }
    }
}

/// Characters that move the cursor, break a line, turn its direction or can't be seen.
fn deceives(letter: char) -> bool {
    letter.is_control() // C0, DEL and C1, whose U+009B is a terminal's escape
        || matches!(letter,
            '\u{ad}' // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' // bidi
            | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{feff}' // no width
            | '\u{2028}' | '\u{2029}' // line and paragraph separator
            | '\u{2060}'..='\u{206f}' // invisible operators, bidi isolates
            | '\u{fff9}'..='\u{fffb}' // interlinear notes
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // shorthand, music
            | '\u{e0000}'..='\u{e0fff}') // tags
}

fn push_hex(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
    out.extend_from_slice(&[b'\\', b'x', DIGITS[high], DIGITS[low]]);
}

fn push_escaped(out: &mut Vec<u8>, letter: char) {
    write!(out, "{}", letter.escape_default()).expect("a Vec takes every write");
}

fn push_named(out: &mut Vec<u8>, letter: char) {
    match byte_of(letter) {
        Some(byte) => push_hex(out, byte),
        None => push_escaped(out, letter),
    }
}

fn push_json_escaped(out: &mut Vec<u8>, letter: char) {
    if matches!(letter, '"' | '\\') {
        out.extend_from_slice(&[b'\\', letter as u8]);
        return;
    }
    for unit in letter.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("a Vec takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semantics::target::file_name::text_of;

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, expected: [&str; 4]) {
        let written = [token, combined, text, json].map(|escape: fn(&mut Vec<u8>, &[u8])| {
            let mut out = Vec::new();
            escape(&mut out, bytes.as_ref());
            String::from_utf8(out).unwrap()
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn values_stay_values() {
        check("", ["-", "", "", ""]);
        check("/a?b=%20", ["/a?b=%20"; 4]);
        check("a b", [r"a\x20b", "a b", "a b", "a b"]);
        check(r#"a"b"#, [r"a\x22b", r"a\x22b", r#"a\"b"#, r#"a\"b"#]);
        check(r"a\b", [r"a\x5Cb", r"a\x5Cb", r"a\\b", r"a\\b"]);
        check("\r\n", [r"\x0D\x0A", r"\x0D\x0A", r"\r\n", r"\u000d\u000a"]);
        check("\x1b[2J", [r"\x1B[2J", r"\x1B[2J", r"\u{1b}[2J", r"\u001b[2J"]);
        check("\0\x7f", [r"\x00\x7F", r"\x00\x7F", r"\u{0}\u{7f}", r"\u0000\u007f"]);
        check("\u{9b}m", [r"\xC2\x9Bm", r"\xC2\x9Bm", r"\u{9b}m", r"\u009bm"]);
        check("\u{2028}", [r"\xE2\x80\xA8", r"\xE2\x80\xA8", r"\u{2028}", r"\u2028"]);
        check("\u{202e}", [r"\xE2\x80\xAE", r"\xE2\x80\xAE", r"\u{202e}", r"\u202e"]);
        check("é", [r"\xC3\xA9", r"\xC3\xA9", "é", "é"]);
        check(
            "\u{e0041}",
            [r"\xF3\xA0\x81\x81", r"\xF3\xA0\x81\x81", r"\u{e0041}", r"\udb40\udc41"],
        );
        check(b"\x9bx\xff", [r"\x9Bx\xFF", r"\x9Bx\xFF", r"\x9Bx\xFF", "\u{fffd}x\u{fffd}"]);
    }

    #[test]
    fn messages_keep_their_quotes_only() {
        let mut out = Vec::new();
        let name = text_of(b"caf\xE9\xFF");
        message(&mut out, format!("no \"key\"\n\x1b {name}").as_bytes());
        assert_eq!(out, br#"no "key"\n\u{1b} caf\xE9\xFF"#);
    }
}
