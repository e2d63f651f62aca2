//! Entity tags, and the one walker that every field with tags in it is read by.
//!
//! ```text
//! entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE        RFC 9110 §8.8.3
//! etagc      = %x21 / %x23-7E / %x80-FF
//! ```

use crate::coding::FormCoding;

/// An entity tag, its quotes and weakness taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// True if it was marked `W/`, and so names content that is only equivalent.
    pub weak: bool,
    /// The text between the quotes.
    pub opaque: &'a [u8],
}

/// The value of an If-Match or If-None-Match field (RFC 9110 §13.1.1, §13.1.2).
#[derive(Clone, Debug)]
pub enum Condition<'a> {
    /// `*`: any current representation.
    Any,
    /// One of these tags.
    Tags(List<'a>),
}

impl<'a> Condition<'a> {
    /// Reads one field line.
    #[must_use]
    pub fn parse(field: &'a [u8]) -> Self {
        if field.trim_ascii() == b"*" { Self::Any } else { Self::Tags(List { rest: field }) }
    }
}

/// The tags of a field, in order.
///
/// Empty members are skipped (RFC 9110 §5.6.1.2). The first malformed member ends the walk: what
/// follows it cannot be told apart, as a comma may stand inside quotes.
#[derive(Clone, Debug)]
pub struct List<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for List<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = skip(self.rest, b" \t,");
        let (tag, rest) = split_tag(member)?;
        let rest = skip(rest, b" \t");
        // Where the walk has ended it stays ended: the rest is not moved past what is malformed.
        if !matches!(rest.first(), None | Some(b',')) {
            return None;
        }
        self.rest = rest;
        Some(tag)
    }
}

/// Reads a field that is exactly one tag, as If-Range is.
#[must_use]
pub fn parse(field: &[u8]) -> Option<EntityTag<'_>> {
    let (tag, rest) = split_tag(field.trim_ascii())?;
    rest.is_empty().then_some(tag)
}

/// The coding that a tag of the content with this hash names, if it is one.
///
/// Content `h` has the tags `h`, `h-gz`, `h-br`, `h-zst`, and `h-dcz-` with the mark of a dictionary: a
/// tag of its own for each coding (RFC 9110 §8.8.3.3), each of which tells that the client has this very
/// content.
#[must_use]
pub fn coding_of(opaque: &[u8], hash: &[u8]) -> Option<FormCoding> {
    FormCoding::of_tag_suffix(opaque.strip_prefix(hash)?)
}

/// Splits a tag off the front of the text.
fn split_tag(text: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    // The mark of weakness is case-sensitive (RFC 9110 §8.8.3).
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    let end = inner.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7E | 0x80..))?;
    let rest = inner[end..].strip_prefix(b"\"")?;
    Some((EntityTag { weak, opaque: &inner[..end] }, rest))
}

/// The text after all leading bytes that are in the set.
fn skip<'a>(text: &'a [u8], set: &[u8]) -> &'a [u8] {
    let start = text.iter().position(|byte| !set.contains(byte)).unwrap_or(text.len());
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn strong(opaque: &str) -> EntityTag<'_> {
        EntityTag { weak: false, opaque: opaque.as_bytes() }
    }

    const fn weak(opaque: &str) -> EntityTag<'_> {
        EntityTag { weak: true, opaque: opaque.as_bytes() }
    }

    #[track_caller]
    fn check_list(field: &str, expected: &[EntityTag<'_>]) {
        match Condition::parse(field.as_bytes()) {
            Condition::Any => panic!("{field:?} is not a list"),
            Condition::Tags(list) => assert_eq!(list.collect::<Vec<_>>(), expected, "{field:?}"),
        }
    }

    #[test]
    fn lists() {
        check_list("\"xyzzy\"", &[strong("xyzzy")]);
        check_list("W/\"xyzzy\"", &[weak("xyzzy")]);
        check_list("\"\"", &[strong("")]);
        check_list(
            "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"",
            &[strong("xyzzy"), strong("r2d2xxxx"), strong("c3piozzzz")],
        );
        check_list("W/\"a\",\"b\"\t,\"c\"", &[weak("a"), strong("b"), strong("c")]);
        check_list("\"a,b\", \"c\"", &[strong("a,b"), strong("c")]);
        check_list("\"a\\\", \"b\"", &[strong("a\\"), strong("b")]);
        check_list(", ,\"a\",, \"b\" ,", &[strong("a"), strong("b")]);
        check_list("\"ü\"", &[strong("ü")]);
    }

    #[test]
    fn a_malformed_member_ends_the_walk() {
        check_list("", &[]);
        check_list("a", &[]);
        check_list("\"a", &[]);
        check_list("\"a\", b, \"c\"", &[strong("a")]);
        check_list("\"a\"b, \"c\"", &[]);
        check_list("\"a\" \"b\"", &[]);
        check_list("\"a b\", \"c\"", &[]);
        check_list("w/\"a\"", &[]);
        check_list("W/ \"a\"", &[]);
        check_list("\"a\", *", &[strong("a")]);
        check_list("*, \"a\"", &[]);
    }

    #[test]
    fn any() {
        assert!(matches!(Condition::parse(b"*"), Condition::Any));
        assert!(matches!(Condition::parse(b" * "), Condition::Any));
    }

    #[test]
    fn exactly_one() {
        for (field, expected) in [
            ("\"a\"", Some(strong("a"))),
            ("W/\"a\"", Some(weak("a"))),
            (" \"a\" ", Some(strong("a"))),
            ("\"a\", \"b\"", None),
            ("\"a\",", None),
            ("a", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(parse(field.as_bytes()), expected, "{field:?}");
        }
    }

    #[test]
    fn codings_of_one_content() {
        use crate::coding::{Coding, DictionaryMark};
        let of_dictionary = |first: [u8; 4]| {
            let mut digest = [0xff; 32];
            digest[..4].copy_from_slice(&first);
            Some(FormCoding::Dictionary(DictionaryMark::of(&digest)))
        };
        for (opaque, expected) in [
            ("h1", Some(Coding::Identity.into())),
            ("h1-gz", Some(Coding::Gzip.into())),
            ("h1-br", Some(Coding::Brotli.into())),
            ("h1-zst", Some(Coding::Zstd.into())),
            ("h1-dcz-0012abff", of_dictionary([0, 0x12, 0xab, 0xff])),
            ("h1-dcz-", None),
            ("h1-dcz", None),
            ("h1-dcz-0012abf", None),
            ("h1-dcz-0012abff0", None),
            ("h1-dcz-0012ABFF", None),
            ("h1-dcz-+012abff", None),
            ("h1-", None),
            ("h1-gzip", None),
            ("h1gz", None),
            ("h", None),
            ("h2", None),
            ("h2-gz", None),
            ("", None),
        ] {
            let coding = coding_of(opaque.as_bytes(), b"h1");
            assert_eq!(coding, expected, "{opaque:?}");
            if let Some(coding) = coding {
                assert_eq!(format!("h1{}", coding.tag_suffix()), opaque);
            }
        }
    }
}
