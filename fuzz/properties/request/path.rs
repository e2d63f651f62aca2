//! The model's own reading of a path: a stack of names, in the words of docs/behaviour.md.

use std::fmt;

/// The meaning of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The names, decoded and [`spelled`]; an empty one between two slashes.
    pub(super) names: Vec<String>,
    /// True if a slash follows the last name.
    pub(super) folder: bool,
}

impl Path {
    /// `None` for what is answered with 400.
    pub(super) fn read(raw: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut folder = false;
        let segments: Vec<_> = raw.strip_prefix('/')?.split('/').collect();
        for (index, segment) in segments.iter().enumerate() {
            let last = index + 1 == segments.len();
            match *segment {
                "." => folder = last,
                ".." => {
                    names.pop();
                    folder = last;
                }
                "" if last => folder = true,
                name => names.push(decoded(name)?),
            }
        }
        Some(Self { names, folder })
    }

    /// Without the empty names.
    pub(super) fn merged(mut self) -> Self {
        self.names.retain(|name| !name.is_empty());
        self
    }

    pub(super) fn has_empty_names(&self) -> bool {
        self.names.iter().any(String::is_empty)
    }

    pub(super) fn is_hidden(&self) -> bool {
        let mut names = self.names.iter();
        let first = names.next();
        first.is_some_and(|name| name.starts_with('.') && name != ".well-known")
            || names.any(|name| name.starts_with('.'))
    }

    /// True if it is where authorities look for files of their own.
    pub(super) fn is_validation(&self) -> bool {
        let [folder, kind, rest @ ..] = &*self.names else { return false };
        folder == ".well-known"
            && matches!(&**kind, "acme-challenge" | "pki-validation")
            && (self.folder || !rest.is_empty())
    }

    /// As `a/b`.
    pub(super) fn relative(&self) -> String {
        self.names.join("/")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.folder && !self.names.is_empty() { "/" } else { "" };
        write!(f, "/{}{slash}", self.relative())
    }
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut pieces = segment.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let digits = piece.get(..2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    let name = spelled(&bytes);
    (!name.contains(['/', '\0']) && name != "." && name != "..").then_some(name)
}

/// A name as text: each byte is the character of its number, for a name need not be UTF-8.
pub(super) fn spelled(name: &[u8]) -> String {
    name.iter().map(|byte| char::from(*byte)).collect()
}
