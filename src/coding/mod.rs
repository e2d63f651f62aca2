//! Content codings: what they are called in fields, tags and file names.

pub mod encode;
pub mod negotiation;

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
