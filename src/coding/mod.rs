//! Content codings: what they are called in fields, tags and file names.

pub mod encode;
pub mod negotiation;

/// A content coding that shost can send (RFC 9110 §8.4.1), best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// Gzip (RFC 1952).
    Gzip,
    /// The content as it is.
    Identity,
}

impl Coding {
    /// Every coding, in the order in which shost prefers them.
    pub const ALL: [Self; 4] = [Self::Zstd, Self::Brotli, Self::Gzip, Self::Identity];

    /// The name in Accept-Encoding and Content-Encoding.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// What an entity tag of the content ends in when it is sent with this coding.
    #[must_use]
    pub const fn tag_suffix(self) -> &'static str {
        match self {
            Self::Zstd => "-zst",
            Self::Brotli => "-br",
            Self::Gzip => "-gz",
            Self::Identity => "",
        }
    }

    /// What a file with the coded content is called after the file's own name.
    #[must_use]
    pub const fn file_suffix(self) -> &'static str {
        match self {
            Self::Zstd => ".zst",
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }
}
