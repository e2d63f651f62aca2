//! Fingerprints in file names: hashes of the content, as bundlers write them.
//!
//! | bundler | name |
//! |---|---|
//! | webpack, Parcel, Next.js | `main.3f2a1b9c.js`, `page-8ad2d1a4f0d3b2f5.js`: hexadecimal, 8 to 64 |
//! | esbuild | `chunk-5V4XNBDP.js`: base 32 (RFC 4648 §6), 8 |
//! | Vite, Rollup | `index-BsXz9aCk.js`: base64url (RFC 4648 §5), 8 |
//!
//! A name that is taken for one and is none does harm that nobody can mend: browsers will not ask
//! again for a year. One that is missed costs a question. So a run must look like chance: its
//! letters and digits, or its cases, change more often than those of words, dates and versions do.

/// The length of a hash in base 32 and base64url, and the least one in hexadecimal: 32 bits.
const LENGTH: usize = 8;

/// The least length of a name that is nothing but a hash in hexadecimal, as Next.js gives to styles.
const WHOLE_NAME: usize = 16;

/// Changes of kind in a run of base64url. Two words and a number make four: `My`, `House`, `1`. One
/// in two hashes has more.
const MIXED_CHANGES: usize = 5;

/// Changes of kind in a run of base64url without a word in it, which two in three hashes have or the
/// changes above.
const WORDLESS_CHANGES: usize = 4;

/// Changes of kind in a run of base 32. A number within a word makes two: `MP4VIDEO`.
const UPPER_CHANGES: usize = 3;

/// True if the name without its extension ends in a fingerprint.
pub(super) fn ends(stem: &str, essence: &str) -> bool {
    if is_uuid(stem) {
        return false;
    }
    let code = matches!(essence, "text/javascript" | "text/css");
    let built = code || essence.starts_with("font/") || essence.starts_with("image/");
    let Some((before, last)) = stem.rsplit_once(['.', '-']) else {
        return code && stem.len() >= WHOLE_NAME && is_hexadecimal(stem);
    };
    is_hexadecimal(last)
        || built && is_base32(before, last)
        || built && last_eight(stem).is_some_and(is_base64url)
}

/// A UUID names a thing and not its content.
fn is_uuid(stem: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let mut groups = stem.rsplit(['-', '.', '_']);
    GROUPS.iter().rev().all(|length| {
        groups.next().is_some_and(|group| {
            // The first group may follow other text without a separator.
            let end = group.len().checked_sub(*length).and_then(|start| group.get(start..));
            let exact = group.len() == *length || *length == GROUPS[0];
            exact && end.is_some_and(|end| end.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
    })
}

/// Hexadecimal of letters and digits that is no date and no word with a number.
fn is_hexadecimal(run: &str) -> bool {
    if run.len() < LENGTH || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let mut words = run.split(|byte: char| byte.is_ascii_digit()).filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (None, _) => false,
        // Letters in one place only.
        (Some(word), None) => {
            // `20240101a`, `deadbeef`, `cafe2024`, `01feb2024`.
            word.len() > 1
                && word.len() < run.len()
                && !WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
        }
        (Some(_), Some(_)) => true,
    }
}

/// Words and months in the letters of hexadecimal, that stand beside a number in names.
const WORDS: &[&str] = &[
    "abed", "accede", "ace", "aced", "ad", "add", "added", "bad", "babe", "bead", "bed", "bee",
    "beef", "cab", "cafe", "cd", "dab", "dad", "dead", "deaf", "deb", "dec", "decade", "deed",
    "deface", "ebb", "fab", "facade", "face", "faced", "fad", "fade", "faded", "feb", "fed", "fee",
    "feed",
];

/// Base 32 with a digit. Only esbuild names its files `chunk`; elsewhere chance must be plain.
fn is_base32(before: &str, run: &str) -> bool {
    run.len() == LENGTH
        && run.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        && run.bytes().any(|byte| byte.is_ascii_digit())
        && (before == "chunk" || changes(run) >= UPPER_CHANGES)
}

/// The last eight characters, if a separator is before them.
fn last_eight(stem: &str) -> Option<&str> {
    let (before, run) = stem.split_at_checked(stem.len().checked_sub(LENGTH)?)?;
    before.ends_with(['.', '-']).then_some(run)
}

/// Base64url with a digit and both cases.
fn is_base64url(run: &str) -> bool {
    run.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && run.bytes().any(|byte| byte.is_ascii_digit())
        && run.bytes().any(|byte| byte.is_ascii_lowercase())
        && run.bytes().any(|byte| byte.is_ascii_uppercase())
        && changes(run) >= if has_word(run) { MIXED_CHANGES } else { WORDLESS_CHANGES }
}

/// True if letters stand together as in a word, capitals first: four, or three with a vowel.
fn has_word(run: &str) -> bool {
    let goes_on = |one: &u8, next: &u8| {
        one.is_ascii_alphabetic()
            && next.is_ascii_alphabetic()
            && (one.is_ascii_uppercase() || next.is_ascii_lowercase())
    };
    let is_vowel = |byte: &u8| b"aeiouy".contains(&byte.to_ascii_lowercase());
    let mut pieces = run.as_bytes().chunk_by(goes_on);
    pieces.any(|piece| piece.len() > 3 || piece.len() == 3 && piece.iter().any(is_vowel))
}

/// The number of times that a digit, a small or a capital letter is followed by one of another
/// kind.
fn changes(run: &str) -> usize {
    let kind = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    let letters = || run.bytes().filter(u8::is_ascii_alphanumeric);
    letters().zip(letters().skip(1)).filter(|(one, next)| kind(one) != kind(next)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "text/javascript";

    #[track_caller]
    fn check(essence: &str, stems: &[&str], expected: bool) {
        for stem in stems {
            assert_eq!(ends(stem, essence), expected, "{stem:?} of {essence}");
        }
    }

    #[test]
    fn hexadecimal() {
        for essence in [SCRIPT, "image/png", "application/json", "application/zip"] {
            check(essence, &["main.3f2a1b9c", "app-3F2A9C1D", "a.b-c.1234abcd", "-3f2a9c1d"], true);
            check(essence, &["page-8ad2d1a4f0d3b2f5", "x.5d41402abc4b2a76b9719d911017c592"], true);
            check(
                essence,
                &["app.3f2a9c1", "app.3f2a9c1g", "app_3f2a9c1d", "3f2a9c1d", "a-"],
                false,
            );
        }
        check(SCRIPT, &["8ad2d1a4f0d3b2f5"], true);
        check("image/png", &["5d41402abc4b2a76b9719d911017c592"], false);
    }

    #[test]
    fn dates_numbers_and_words_in_hexadecimal() {
        for essence in [SCRIPT, "image/jpeg", "application/json", "application/pdf"] {
            check(essence, &["report-20240101", "data-12345678", "call-4915112345678"], false);
            check(essence, &["menu-cafe2024", "a-2024face", "a.deadbeef", "a-decade1980"], false);
            check(essence, &["a-01feb2024", "a-2024dec31", "a-14Dec2023", "a-20240101b"], false);
            check(essence, &["a-550e8400-e29b-41d4-a716-4466554400ab"], false);
            check(essence, &["550e8400-e29b-41d4-a716-44e6554400ab"], false);
            check(essence, &["a-1.2.10-20240101", "v2024.12345678", "setup-10.0.22631"], false);
        }
    }

    #[test]
    fn base32() {
        check(SCRIPT, &["chunk-5V4XNBDP", "chunk-ABCDEFG2", "index-5V4XNBDP", "a.B2C3DEFG"], true);
        check(SCRIPT, &["chunk-ABCDEFGH", "app-DOCUMENT", "app-5V4XNBD1", "app-5v4xnbdp"], false);
        check(SCRIPT, &["lib-ES6ARRAY", "lib-VERSION2", "lib-7SISTERS"], false);
        check("image/png", &["logo-VERSION2", "thumb-MP4VIDEO"], false);
        check("application/pdf", &["Manual-VERSION2", "a-5V4XNBDP"], false);
    }

    #[test]
    fn base64url() {
        for essence in [SCRIPT, "text/css", "font/woff2", "image/svg+xml", "image/webp"] {
            check(essence, &["index-BsXz9aCk", "index-4sK3E3Hk", "a.b-DyTCiQW5"], true);
            check(essence, &["index-Bx7_kQ2d", "index-Bx-7kQ2d", "my-file-C7mT4kLx"], true);
            check(essence, &["a-Summer24", "a-MyHouse1", "a-Win11Pro", "a-Best4You"], false);
            check(essence, &["logo-D5x-_k2P", "a-hK42-9pT", "a-qqB77-xK"], true);
            check(essence, &["a-Html5Css", "a-Lvl2Hard", "a-iOS17App", "a-2of3Html"], false);
            check(essence, &["a-4kUltraH", "a-Pg12Left", "a-USB3-Hub"], false);
            check(essence, &["a-My_Dog-1", "a-IPhone14", "a-iPhone5S", "a-Version2"], false);
            check(
                essence,
                &["a-BsXzqaCk", "a-bsxz9ack", "aBsXz9aCk", "a-BsXz9aC", "é-€€ab"],
                false,
            );
        }
        check("application/pdf", &["index-BsXz9aCk"], false);
        check("application/json", &["index-BsXz9aCk"], false);
    }
}
