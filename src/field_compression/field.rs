//! Fields as they are compressed: as HPACK and QPACK read them (RFC 7541 §2, RFC 9204 §2).

use http::header::{HeaderName, HeaderValue};

/// A field as it stood in a block, good or not: what is malformed is the request's affair, and
/// the table keeps in step with the client's all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name of the field.
    pub name: Name,
    /// Its value; `None` if it has a byte that no value may have, or begins or ends with a space or
    /// a tab (RFC 9113 §8.2.1).
    pub value: Option<HeaderValue>,
    /// The size that counts in tables and limits, in bytes (RFC 7541 §4.1).
    pub size: usize,
}

/// The name of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// The pseudo-field `:method` of a request.
    Method,
    /// The pseudo-field `:scheme` of a request.
    Scheme,
    /// The pseudo-field `:authority` of a request.
    Authority,
    /// The pseudo-field `:path` of a request.
    Path,
    /// The name of a regular field.
    Regular(HeaderName),
    /// None that a request may have: not in lower case, not a token, or a pseudo-field that is not
    /// defined for requests (RFC 9113 §8.2.1, §8.3).
    Malformed,
}

/// Bytes that a field counts beside its name and value (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

/// The size of a field whose name and value have these lengths, in bytes (RFC 7541 §4.1).
pub(super) fn size(name: usize, value: usize) -> usize {
    name + value + OVERHEAD
}

impl Field {
    /// The field of these bytes.
    pub(crate) fn new(name: Name, name_length: usize, value: &[u8]) -> Self {
        let size = size(name_length, value.len());
        let space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        let padded = space(value.first()) || space(value.last());
        let value = if padded { None } else { HeaderValue::from_bytes(value).ok() };
        Self { name, value, size }
    }
}

impl Name {
    /// The name of these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match bytes {
            b":method" => Self::Method,
            b":scheme" => Self::Scheme,
            b":authority" => Self::Authority,
            b":path" => Self::Path,
            _ => HeaderName::from_lowercase(bytes).map_or(Self::Malformed, Self::Regular),
        }
    }
}

/// A name in a static table.
#[derive(Debug)]
pub(super) enum StaticName {
    Authority,
    Method,
    Path,
    Scheme,
    Status,
    Regular(HeaderName),
}

impl StaticName {
    /// The name, and its length in bytes.
    pub(super) fn name(&self) -> (Name, usize) {
        match self {
            Self::Authority => (Name::Authority, ":authority".len()),
            Self::Method => (Name::Method, ":method".len()),
            Self::Path => (Name::Path, ":path".len()),
            Self::Scheme => (Name::Scheme, ":scheme".len()),
            Self::Status => (Name::Malformed, ":status".len()),
            Self::Regular(name) => (Name::Regular(name.clone()), name.as_str().len()),
        }
    }

    /// The field of this name that has a value in the table.
    pub(super) fn field(&self, value: &'static str) -> Field {
        let (name, length) = self.name();
        let size = size(length, value.len());
        Field { name, value: Some(HeaderValue::from_static(value)), size }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Fields as the tables of tests write them.

    use super::{Field, Name};

    /// The bytes that hexadecimal digits stand for, whatever lies between these.
    pub(crate) fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
    }

    /// The field in one line.
    pub(crate) fn shown(field: &Field) -> String {
        let name = match &field.name {
            Name::Method => ":method",
            Name::Scheme => ":scheme",
            Name::Authority => ":authority",
            Name::Path => ":path",
            Name::Regular(name) => name.as_str(),
            Name::Malformed => "?",
        };
        let value = field.value.as_ref().map_or("?", |value| value.to_str().unwrap());
        format!("{name}: {value}")
    }
}
