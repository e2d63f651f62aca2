//! Content codings: what they are called in fields, tags and file names.
//!
//! Zstandard with a dictionary (RFC 9842) is a coding of its own, `dcz`. It is not in the table, since
//! no client takes it without a dictionary, and no file on a disk is in it.

pub mod encode;
pub mod negotiation;

use std::fmt;

/// Makes [`Coding`] and the lists of its variants from one table, so that none can be left out of
/// a list. Its columns: the name in Accept-Encoding and Content-Encoding, what an entity tag ends
/// in, and what a sibling file ends in.
macro_rules! codings {
    ($($(#[$reference:meta])* $coding:ident: $token:literal, $tag:literal, $file:literal;)*) => {
        /// A content coding that shost can send (RFC 9110 §8.4.1), best first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Coding {
            $($(#[$reference])* $coding,)*
            /// The content as it is. Last, so that the others number the coded forms of a file.
            Identity,
        }

        impl Coding {
            /// Every coding but the identity, in the order in which shost prefers them.
            pub const CODED: [Self; Self::Identity as usize] = [$(Self::$coding),*];

            /// Every coding, in the order in which shost prefers them.
            pub const ALL: [Self; Self::Identity as usize + 1] = [$(Self::$coding,)* Self::Identity];

            /// The name in Accept-Encoding and Content-Encoding.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self {
                    $(Self::$coding => $token,)*
                    Self::Identity => "identity",
                }
            }

            /// The end of an entity tag of content that is sent with this coding.
            #[must_use]
            pub const fn tag_suffix(self) -> &'static str {
                match self {
                    $(Self::$coding => $tag,)*
                    Self::Identity => "",
                }
            }

            /// The end of the name of a file with the coded content, after the file's own name.
            #[must_use]
            pub const fn file_suffix(self) -> &'static str {
                match self {
                    $(Self::$coding => $file,)*
                    Self::Identity => "",
                }
            }
        }
    };
}

codings! {
    /// The coding `zstd`, Zstandard (RFC 8878).
    Zstd: "zstd", "-zst", ".zst";
    /// The coding `br`, Brotli (RFC 7932).
    Brotli: "br", "-br", ".br";
    /// The coding `gzip`, Gzip (RFC 1952).
    Gzip: "gzip", "-gz", ".gz";
}

/// The name of Zstandard with a dictionary in Accept-Encoding and Content-Encoding (RFC 9842 §5).
pub const DICTIONARY_TOKEN: &str = "dcz";

/// The coding of one form of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormCoding {
    /// One that every client can decode that takes it.
    Plain(Coding),
    /// Zstandard with a dictionary.
    Dictionary(DictionaryMark),
}

/// The first bytes of a dictionary's SHA-256: enough to tell apart the forms of one content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictionaryMark(u32);

/// The end of an entity tag of content that is sent with a dictionary, before its mark.
const DICTIONARY_TAG: &str = "-dcz-";

/// Hexadecimal digits of a mark.
const MARK_DIGITS: usize = 8;

impl DictionaryMark {
    /// The mark of the dictionary with this SHA-256.
    #[must_use]
    pub fn of(digest: &[u8; 32]) -> Self {
        Self(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }
}

impl From<Coding> for FormCoding {
    fn from(coding: Coding) -> Self {
        Self::Plain(coding)
    }
}

impl FormCoding {
    /// The content as it is.
    pub const IDENTITY: Self = Self::Plain(Coding::Identity);

    /// The name in Accept-Encoding and Content-Encoding.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Plain(coding) => coding.token(),
            Self::Dictionary(_) => DICTIONARY_TOKEN,
        }
    }

    /// The coding whose entity tags end so.
    #[must_use]
    pub fn of_tag_suffix(suffix: &[u8]) -> Option<Self> {
        let Some(mark) = suffix.strip_prefix(DICTIONARY_TAG.as_bytes()) else {
            let mut codings = Coding::ALL.into_iter();
            let coding = codings.find(|coding| coding.tag_suffix().as_bytes() == suffix);
            return coding.map(Self::Plain);
        };
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let mark = std::str::from_utf8(mark)
            .ok()
            .filter(|mark| mark.len() == MARK_DIGITS && mark.as_bytes().iter().all(is_digit))?;
        u32::from_str_radix(mark, 16).ok().map(DictionaryMark).map(Self::Dictionary)
    }

    /// The end of an entity tag of content that is sent with this coding.
    #[must_use]
    pub fn tag_suffix(self) -> impl fmt::Display {
        fmt::from_fn(move |formatter| match self {
            Self::Plain(coding) => formatter.write_str(coding.tag_suffix()),
            Self::Dictionary(DictionaryMark(mark)) => {
                write!(formatter, "{DICTIONARY_TAG}{mark:0MARK_DIGITS$x}")
            }
        })
    }
}
