//! The head of a request, taken from the bytes of a connection (RFC 9112 §2 to §6).
//!
//! Where two readers could disagree on what a head says, and an attacker could so smuggle one
//! request inside another (§11.2), it is refused: bare line feeds, folded lines, spaces before a
//! colon, doubled lengths, codings beside a length.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Uri, Version, uri};
use httparse::Status;

use crate::protocol::content_length::content_length;
use crate::protocol::limits::{HEAD_BYTES, HEAD_FIELDS};
use crate::protocol::tolerated::encoded;
use crate::service::Refusal;

/// Bytes that have come and are not answered yet. Holds no memory while there is nothing.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: BytesMut,
    /// Up to here there is no end of a head.
    searched: usize,
    /// The length from which on a head without an end is looked at for mistakes again.
    examined: usize,
}

/// A head, and what it says of its connection.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    /// True if the client expects to send another request (RFC 9112 §9.3).
    pub(super) persists: bool,
    /// True if it sends nothing behind this head: no content, and no other request.
    pub(super) is_last: bool,
}

impl Input {
    /// Adds what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// True if nothing has come that is not answered.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of memory that it keeps.
    pub(super) fn kept(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the next head, if all of it has come. The outcome depends on the bytes alone and not on
    /// the pieces in which they come: mistakes are found from left to right.
    pub(super) fn take(&mut self) -> Result<Option<Head>, Refusal> {
        // RFC 9112 §2.2: clients of old send an empty line after content.
        while self.searched == 0 && self.bytes.starts_with(b"\r\n") {
            self.bytes.advance(2);
        }
        if self.bytes.is_empty() {
            *self = Self::default();
            return Ok(None);
        }
        // The rest may make it an empty line.
        if *self.bytes == *b"\r" {
            return Ok(None);
        }
        let head = match self.extent() {
            Extent::Whole(end) if end == self.bytes.len() => std::mem::take(self).bytes.freeze(),
            Extent::Whole(end) => {
                (self.searched, self.examined) = (0, 0);
                self.bytes.split_to(end).freeze()
            }
            Extent::Broken(at) => {
                examine(&self.bytes[..at])?;
                return Err(Refusal::Malformed);
            }
            Extent::TooLong => {
                let most = &self.bytes[..HEAD_BYTES];
                examine(most)?;
                let has_line = memchr::memchr(b'\n', most).is_some();
                return Err(if has_line { Refusal::HeadTooLarge } else { Refusal::TargetTooLong });
            }
            Extent::Partial => return self.examine_early().map(|()| None),
        };
        parse(&head).map(Some)
    }

    /// Nothing more comes: refuses what has come of a head if no rest could mend it, as it would be
    /// refused had it come in other pieces.
    pub(super) fn end(&self) -> Result<(), Refusal> {
        examine(&self.bytes)
    }

    /// The extent of the head in the bytes that have come.
    fn extent(&mut self) -> Extent {
        let limit = self.bytes.len().min(HEAD_BYTES);
        let from = self.searched;
        for at in memchr::memchr_iter(b'\n', &self.bytes[from..limit]) {
            let line = &self.bytes[..from + at];
            if !line.ends_with(b"\r") {
                return Extent::Broken(line.len());
            }
            if line.ends_with(b"\r\n\r") {
                return Extent::Whole(line.len() + 1);
            }
        }
        self.searched = limit;
        if self.bytes.len() > HEAD_BYTES { Extent::TooLong } else { Extent::Partial }
    }

    /// Refuses early what no rest can mend. Looks each time the head has doubled, so that one that
    /// trickles in costs no more than one that does not.
    fn examine_early(&mut self) -> Result<(), Refusal> {
        if self.bytes.len() < self.examined {
            return Ok(());
        }
        self.examined = 2 * self.bytes.len();
        examine(&self.bytes)
    }
}

/// The extent of a head in the bytes that have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Its end has not come.
    Partial,
    /// It ends with its first empty line, behind this many bytes.
    Whole(usize),
    /// A line feed without a carriage return stands behind this many bytes.
    Broken(usize),
    /// It has no end within [`HEAD_BYTES`].
    TooLong,
}

/// Refuses the beginning of a head if no rest can mend it.
fn examine(head: &[u8]) -> Result<(), Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; HEAD_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut fields) {
        Ok(_) => Ok(()),
        // The rest of the line may turn it into another version of HTTP.
        Err(httparse::Error::Version) if !head.contains(&b'\r') => Ok(()),
        Err(error) => match with_encoded_target(head) {
            Some(encoded) => examine(&encoded),
            None => Err(refusal(error, head)),
        },
    }
}

/// The head with its target encoded, if that is not UTF-8: `httparse` takes no other.
fn with_encoded_target(head: &[u8]) -> Option<Bytes> {
    let line = memchr::memchr(b'\r', head).unwrap_or(head.len());
    let start = memchr::memchr(b' ', &head[..line])? + 1;
    let end = memchr::memrchr(b' ', &head[start..line]).map_or(line, |length| start + length);
    let target = &head[start..end];
    if std::str::from_utf8(target).is_ok() {
        return None;
    }
    Some([&head[..start], &encoded(target)?, &head[end..]].concat().into())
}

/// Reads a whole head.
fn parse(head: &Bytes) -> Result<Head, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; HEAD_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut fields) {
        Ok(Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refusal::Malformed),
        Err(error) => {
            let encoded = with_encoded_target(head);
            return encoded.map_or(Err(refusal(error, head)), |head| parse(&head));
        }
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    let method = request.method.unwrap_or_default();
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::Malformed)?;
    parts.uri = target(head, request.path.unwrap_or_default(), &parts.method)?;
    parts.version = if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    parts.headers.reserve(request.headers.len());
    // Most requests have none of these fields: they are asked for only where they have been seen.
    let (mut is_framed, mut has_options) = (false, false);
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value));
        let (Ok(name), Ok(value)) = (name, value) else { return Err(Refusal::Malformed) };
        is_framed |= name == CONTENT_LENGTH || name == TRANSFER_ENCODING;
        has_options |= name == CONNECTION;
        parts.headers.append(name, value);
    }
    if is_framed {
        framing(&parts.headers, parts.version)?;
    }
    let persists = match parts.version {
        version if has_options => persists(&parts.headers, version),
        version => version == Version::HTTP_11,
    };
    Ok(Head { parts, persists, is_last: !persists && !is_framed })
}

/// The target (RFC 9112 §3.2). One that begins with a slash is a path, however many slashes follow.
/// An authority alone is for CONNECT, which has nothing else, and an asterisk for OPTIONS.
fn target(head: &Bytes, target: &str, method: &Method) -> Result<Uri, Refusal> {
    let bytes = match encoded(target.as_bytes()) {
        Some(encoded) => encoded.into(),
        None => head.slice_ref(target.as_bytes()),
    };
    let is_connect = method == Method::CONNECT;
    if target.starts_with('/') && !is_connect {
        let path = uri::PathAndQuery::from_maybe_shared(bytes).map_err(|_| Refusal::Malformed)?;
        return Ok(Uri::from(path));
    }
    let uri = Uri::from_maybe_shared(bytes).map_err(|_| Refusal::Malformed)?;
    let is_authority = uri.scheme().is_none() && uri.authority().is_some();
    let has_form = target != "*" || method == Method::OPTIONS;
    if is_authority == is_connect && has_form { Ok(uri) } else { Err(Refusal::Malformed) }
}

/// Refuses what leaves any doubt about where the request ends (RFC 9112 §6.3, §11.2).
fn framing(fields: &HeaderMap, version: Version) -> Result<(), Refusal> {
    let length = content_length(fields).map_err(|_| Refusal::Framing)?;
    let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if length.is_some() || version == Version::HTTP_10 || codings.next().is_some() {
        return Err(Refusal::Framing);
    }
    let coding = coding.as_bytes();
    let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or_default();
    if !last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(Refusal::Framing);
    }
    if coding.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err(Refusal::TransferCoding) }
}

/// True if the connection is to be kept (RFC 9112 §9.3).
fn persists(fields: &HeaderMap, version: Version) -> bool {
    let mut keeps = version == Version::HTTP_11;
    for value in fields.get_all(CONNECTION) {
        for option in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                return false;
            }
            keeps |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keeps
}

fn refusal(error: httparse::Error, head: &[u8]) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => Refusal::HeadTooLarge,
        httparse::Error::Version if names_a_version(head) => Refusal::Version,
        _ => Refusal::Malformed,
    }
}

/// True if the request line ends as one of HTTP does, so that only its version is strange.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let version = words.nth(2).unwrap_or_default();
    words.next().is_none()
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

#[cfg(test)]
mod tests;
