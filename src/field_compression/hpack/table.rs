//! The static and the dynamic table (RFC 7541 §2.3): fields that have a number.

use std::collections::VecDeque;

use http::header;

use crate::field_compression::field::{Field, Name, StaticName};

/// Fields of the static table, whose indices come first (RFC 7541 §2.3.3).
pub(super) const STATIC_ENTRIES: usize = 61;

/// The static table (RFC 7541 Appendix A).
static STATIC: [(StaticName, &str); STATIC_ENTRIES] = {
    use StaticName::{Authority, Method, Path, Regular, Scheme, Status};
    [
        (Authority, ""),
        (Method, "GET"),
        (Method, "POST"),
        (Path, "/"),
        (Path, "/index.html"),
        (Scheme, "http"),
        (Scheme, "https"),
        (Status, "200"),
        (Status, "204"),
        (Status, "206"),
        (Status, "304"),
        (Status, "400"),
        (Status, "404"),
        (Status, "500"),
        (Regular(header::ACCEPT_CHARSET), ""),
        (Regular(header::ACCEPT_ENCODING), "gzip, deflate"),
        (Regular(header::ACCEPT_LANGUAGE), ""),
        (Regular(header::ACCEPT_RANGES), ""),
        (Regular(header::ACCEPT), ""),
        (Regular(header::ACCESS_CONTROL_ALLOW_ORIGIN), ""),
        (Regular(header::AGE), ""),
        (Regular(header::ALLOW), ""),
        (Regular(header::AUTHORIZATION), ""),
        (Regular(header::CACHE_CONTROL), ""),
        (Regular(header::CONTENT_DISPOSITION), ""),
        (Regular(header::CONTENT_ENCODING), ""),
        (Regular(header::CONTENT_LANGUAGE), ""),
        (Regular(header::CONTENT_LENGTH), ""),
        (Regular(header::CONTENT_LOCATION), ""),
        (Regular(header::CONTENT_RANGE), ""),
        (Regular(header::CONTENT_TYPE), ""),
        (Regular(header::COOKIE), ""),
        (Regular(header::DATE), ""),
        (Regular(header::ETAG), ""),
        (Regular(header::EXPECT), ""),
        (Regular(header::EXPIRES), ""),
        (Regular(header::FROM), ""),
        (Regular(header::HOST), ""),
        (Regular(header::IF_MATCH), ""),
        (Regular(header::IF_MODIFIED_SINCE), ""),
        (Regular(header::IF_NONE_MATCH), ""),
        (Regular(header::IF_RANGE), ""),
        (Regular(header::IF_UNMODIFIED_SINCE), ""),
        (Regular(header::LAST_MODIFIED), ""),
        (Regular(header::LINK), ""),
        (Regular(header::LOCATION), ""),
        (Regular(header::MAX_FORWARDS), ""),
        (Regular(header::PROXY_AUTHENTICATE), ""),
        (Regular(header::PROXY_AUTHORIZATION), ""),
        (Regular(header::RANGE), ""),
        (Regular(header::REFERER), ""),
        (Regular(header::REFRESH), ""),
        (Regular(header::RETRY_AFTER), ""),
        (Regular(header::SERVER), ""),
        (Regular(header::SET_COOKIE), ""),
        (Regular(header::STRICT_TRANSPORT_SECURITY), ""),
        (Regular(header::TRANSFER_ENCODING), ""),
        (Regular(header::USER_AGENT), ""),
        (Regular(header::VARY), ""),
        (Regular(header::VIA), ""),
        (Regular(header::WWW_AUTHENTICATE), ""),
    ]
};

/// The table of both parts, as far as the client has filled it.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first, each with the length of its name.
    entries: VecDeque<(Field, usize)>,
    size: usize,
    limit: usize,
}

/// Bytes of the dynamic table: what a client may assume until it is told otherwise, and enough for
/// all that a browser repeats (RFC 9113 §6.5.2).
pub(super) const TABLE_BYTES: usize = 4096;

impl Table {
    /// A table with nothing in its dynamic part.
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: TABLE_BYTES }
    }

    /// The field with this index, from 1.
    pub(super) fn field(&self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        let Some((name, value)) = STATIC.get(index) else {
            return self.entries.get(index - STATIC.len()).map(|(field, _)| field.clone());
        };
        Some(name.field(value))
    }

    /// The name of the field with this index, and its length in bytes.
    pub(super) fn name(&self, index: usize) -> Option<(Name, usize)> {
        let index = index.checked_sub(1)?;
        if let Some((name, _)) = STATIC.get(index) {
            return Some(name.name());
        }
        let (field, length) = self.entries.get(index - STATIC.len())?;
        Some((field.name.clone(), *length))
    }

    /// Adds a field, and drops the oldest until there is room; one that is larger than the whole
    /// table leaves it empty (RFC 7541 §4.4).
    pub(super) fn add(&mut self, field: Field, name_length: usize) {
        self.make_room(field.size);
        if field.size <= self.limit {
            self.size += field.size;
            self.entries.push_front((field, name_length));
        }
    }

    /// Obeys a change of size (RFC 7541 §4.3).
    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.make_room(0);
    }

    fn make_room(&mut self, size: usize) {
        while self.size + size > self.limit
            && let Some((oldest, _)) = self.entries.pop_back()
        {
            self.size -= oldest.size;
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.entries.len(), self.size)
    }
}
