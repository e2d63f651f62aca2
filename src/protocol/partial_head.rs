//! The head of a request, made of its fields: as HTTP/2 and HTTP/3 have them (RFC 9113 §8.2, §8.3,
//! RFC 9114 §4.2, §4.3).

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{Request, Version};

use super::content_length::content_length;
use super::limits::{HEAD_BYTES, HEAD_FIELDS};
use super::priority::Priority;
use super::pseudo_fields::PseudoFields;
use crate::field_compression::field::{Field, Name};
use crate::service::Refusal;

/// A head in the making.
#[derive(Debug, Default)]
pub(super) struct PartialHead {
    pseudo: PseudoFields,
    fields: HeaderMap,
    /// True if a Content-Length is among them.
    has_length: bool,
    /// By the first field that says so.
    priority: Option<Priority>,
    count: usize,
    size: usize,
    malformed: bool,
}

/// The place of a pseudo-field.
type FieldPlace = fn(&mut PseudoFields) -> &mut Option<HeaderValue>;

/// Fields that say something of the connection, which only HTTP/1 has (RFC 9113 §8.2.2).
fn is_connection_specific(name: &HeaderName) -> bool {
    const OTHERS: [&str; 2] = ["keep-alive", "proxy-connection"];
    *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || OTHERS.contains(&name.as_str())
}

impl PartialHead {
    /// Adds a field, as long as the whole is not too large.
    pub(super) fn add(&mut self, field: Field) {
        self.size += field.size;
        // Each pseudo-field is there once, or the head is malformed.
        self.count += usize::from(matches!(field.name, Name::Regular(_)));
        if self.is_too_large() {
            return;
        }
        let Some(value) = field.value else {
            self.malformed = true;
            return;
        };
        match field.name {
            Name::Regular(name) => self.regular(name, value),
            Name::Method => self.pseudo(value, |pseudo| &mut pseudo.method),
            Name::Scheme => self.pseudo(value, |pseudo| &mut pseudo.scheme),
            Name::Authority => self.pseudo(value, |pseudo| &mut pseudo.authority),
            Name::Path => self.pseudo(value, |pseudo| &mut pseudo.path),
            Name::Malformed => self.malformed = true,
        }
    }

    fn is_too_large(&self) -> bool {
        self.size > HEAD_BYTES || self.count > HEAD_FIELDS
    }

    /// Once, and before all regular fields.
    fn pseudo(&mut self, value: HeaderValue, place: FieldPlace) {
        let late = !self.fields.is_empty();
        self.malformed |= late | place(&mut self.pseudo).replace(value).is_some();
    }

    fn regular(&mut self, name: HeaderName, value: HeaderValue) {
        self.malformed |= is_connection_specific(&name) || (name == TE && value != "trailers");
        self.has_length |= name == CONTENT_LENGTH;
        if self.priority.is_none() && name.as_str() == PRIORITY {
            self.priority = Some(Priority::parse(value.as_bytes()));
        }
        if self.fields.is_empty() {
            self.fields.reserve(USUAL_FIELDS);
        }
        self.fields.append(name, value);
    }

    /// True if these are trailers: fields and no pseudo-fields (RFC 9113 §8.1), no more of them
    /// than of a head.
    pub(super) fn is_trailers(&self) -> bool {
        !self.malformed && !self.is_too_large() && self.pseudo.are_absent()
    }

    /// The priority that the client gave the request.
    pub(super) fn priority(&self) -> Priority {
        self.priority.unwrap_or_default()
    }

    /// The method is HEAD, whose answer has no content (RFC 9110 §9.3.2).
    pub(super) fn is_head(&self) -> bool {
        self.pseudo.method.as_ref().is_some_and(|method| method.as_bytes() == b"HEAD")
    }

    /// The head, if it is one, and the length that it promises for the content to follow. There is
    /// none if the head `ends` the stream.
    pub(super) fn finish(
        self,
        version: Version,
        ends: bool,
    ) -> Result<(Parts, Option<u64>), Refusal> {
        if self.is_too_large() {
            return Err(Refusal::HeadTooLarge);
        }
        let promised = if self.has_length {
            content_length(&self.fields).map_err(|_| Refusal::Malformed)?
        } else {
            None
        };
        // Content was promised that does not come (RFC 9113 §8.1.1).
        if self.malformed || (ends && promised.is_some_and(|length| length > 0)) {
            return Err(Refusal::Malformed);
        }
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.pseudo.method().ok_or(Refusal::Malformed)?;
        head.uri = self.pseudo.target().ok_or(Refusal::Malformed)?;
        head.version = version;
        head.headers = self.fields;
        Ok((head, promised))
    }
}

const PRIORITY: &str = "priority";

/// Fields that a browser's request has, for which room is made at once.
const USUAL_FIELDS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[(&str, &str)] =
        &[(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/x?y")];

    fn draft(fields: &[(&str, &str)]) -> PartialHead {
        let mut draft = PartialHead::default();
        for (name, value) in fields {
            draft.add(Field::new(Name::new(name.as_bytes()), name.len(), value.as_bytes()));
        }
        draft
    }

    #[track_caller]
    fn check(fields: &[(&str, &str)], ends: bool, expected: Result<&str, Refusal>) {
        let head = draft(fields).finish(Version::HTTP_2, ends);
        let head = head.map(|(head, _)| format!("{} {}", head.method, head.uri));
        assert_eq!(head.as_deref().map_err(|refusal| *refusal), expected, "{fields:?}");
    }

    #[test]
    fn a_head_has_its_pseudo_fields_once_and_first() {
        use Refusal::Malformed;
        let [method, scheme, authority, path] = GET else { panic!("four fields") };
        let with = |field| [GET, &[field]].concat();
        check(GET, true, Ok("GET https://a.test/x?y"));
        check(&[*method, *scheme, *path], true, Ok("GET /x?y"));
        check(&[*method, *scheme, *authority], true, Err(Malformed));
        check(&[*method, *authority, *path], true, Err(Malformed));
        check(&[*scheme, *authority, *path], true, Err(Malformed));
        check(&[*method, *scheme, *authority, (":path", "")], true, Err(Malformed));
        check(&[*method, *scheme, *authority, (":path", "x")], true, Err(Malformed));
        check(
            &[*method, *scheme, *authority, (":path", "/\"<")],
            true,
            Ok("GET https://a.test/%22%3C"),
        );
        check(&[("a", "b"), *method, *scheme, *authority, *path], true, Err(Malformed));
        check(&with((":path", "/z")), true, Err(Malformed));
        check(&with((":status", "200")), true, Err(Malformed));
        check(&with((":protocol", "websocket")), true, Err(Malformed));
        check(&[("  :method", "CONNECT"), *authority], true, Err(Malformed));
        check(&[(":method", "CONNECT"), *authority], true, Ok("CONNECT a.test"));
        check(&[(":method", "CONNECT"), *authority, *path], true, Err(Malformed));
        check(
            &[(":method", "OPTIONS"), *scheme, *authority, (":path", "*")],
            true,
            Ok("OPTIONS https://a.test*"),
        );
        check(&[*method, *scheme, *authority, (":path", "*")], true, Err(Malformed));
    }

    #[test]
    fn fields_are_those_of_a_request() {
        use Refusal::Malformed;
        let rows = [
            ("a", "b", true),
            ("te", "trailers", true),
            ("te", "gzip", false),
            ("connection", "close", false),
            ("keep-alive", "5", false),
            ("proxy-connection", "close", false),
            ("transfer-encoding", "chunked", false),
            ("upgrade", "websocket", false),
            ("Upper", "x", false),
            ("a b", "x", false),
            ("", "x", false),
            ("a", "x\r\ny", false),
            ("a", "x\0y", false),
            ("a", "", true),
            ("a", "b c", true),
            ("a", " b", false),
            ("a", "b ", false),
            ("a", "\tb", false),
            ("a", "b\t", false),
            ("a", " ", false),
            ("a", "x\x7fy", false),
            ("te", "trailers ", false),
            ("te", "Trailers", false),
            ("content-length", "0", true),
            ("content-length", "00", true),
            ("content-length", "5", false),
            ("content-length", "", false),
            ("content-length", "+0", false),
            ("content-length", "0,0", false),
            ("content-length", "0x0", false),
        ];
        for (name, value, good) in rows {
            let expected = if good { Ok("GET https://a.test/x?y") } else { Err(Malformed) };
            check(&[GET, &[(name, value)]].concat(), true, expected);
        }
        let length = |value| ("content-length", value);
        let [zero, five] = ["0", "5"].map(length);
        check(&[GET, &[five]].concat(), false, Ok("GET https://a.test/x?y"));
        for fields in [&[zero, zero][..], &[five, five], &[five, zero], &[length("x")]] {
            check(&[GET, fields].concat(), false, Err(Malformed));
        }
    }

    #[test]
    fn a_head_has_its_limits() {
        use Refusal::HeadTooLarge;
        let many = vec![("a", "b"); HEAD_FIELDS];
        check(&[GET, &many].concat(), true, Ok("GET https://a.test/x?y"));
        check(&[GET, &many, &[("a", "b")]].concat(), true, Err(HeadTooLarge));
        let value = "x".repeat(100);
        let large = vec![("name", value.as_str()); HEAD_BYTES / 100];
        check(&[GET, &large].concat(), true, Err(HeadTooLarge));
    }

    #[test]
    fn priority_is_read() {
        assert_eq!(draft(GET).priority(), Priority::default());
        let told = [GET, &[("priority", "u=1")]].concat();
        assert_eq!(draft(&told).priority(), Priority { urgency: 1, incremental: false });
        assert!(draft(&[("content-length", "5")]).is_trailers());
        assert!(!draft(GET).is_trailers());
    }
}
