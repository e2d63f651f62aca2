//! Pseudo-fields of a request: its method and target, as HTTP/2 and HTTP/3 have them (RFC 9113
//! §8.3.1, RFC 9114 §4.3.1).

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Method};

use super::tolerated::encoded;

/// The pseudo-fields that have come so far. Whoever puts them here sees that each comes once, and
/// before the regular fields.
#[derive(Debug, Default)]
pub(super) struct PseudoFields {
    pub(super) method: Option<HeaderValue>,
    pub(super) scheme: Option<HeaderValue>,
    pub(super) authority: Option<HeaderValue>,
    pub(super) path: Option<HeaderValue>,
}

impl PseudoFields {
    /// True if there are none, as in trailers (RFC 9113 §8.1).
    pub(super) fn are_absent(&self) -> bool {
        let all = [&self.method, &self.scheme, &self.authority, &self.path];
        all.iter().all(|field| field.is_none())
    }

    /// The method of the request; `None` if there is none, or no method could be of that form.
    pub(super) fn method(&self) -> Option<Method> {
        Method::from_bytes(self.method.as_ref()?.as_bytes()).ok()
    }

    /// The target of the request; `None` if the fields do not make one together.
    pub(super) fn target(&self) -> Option<Uri> {
        let mut parts = http::uri::Parts::default();
        if let Some(authority) = &self.authority {
            parts.authority = Some(Authority::try_from(authority.as_bytes()).ok()?);
        }
        if self.method.as_ref()? == Method::CONNECT.as_str() {
            // RFC 9113 §8.5: an authority and nothing else.
            let alone = self.scheme.is_none() && self.path.is_none() && self.authority.is_some();
            return Uri::from_parts(parts).ok().filter(|_| alone);
        }
        // RFC 9113 §8.3.1: a scheme and a path there must be; an authority there may be.
        let scheme = match self.scheme.as_ref()?.as_bytes() {
            b"https" => Scheme::HTTPS,
            b"http" => Scheme::HTTP,
            other => Scheme::try_from(other).ok()?,
        };
        parts.scheme = parts.authority.is_some().then_some(scheme);
        let path = self.path.as_ref()?;
        let is_asterisk = path == "*" && self.method.as_ref()? == Method::OPTIONS.as_str();
        if !path.as_bytes().starts_with(b"/") && !is_asterisk {
            return None;
        }
        parts.path_and_query = Some(path_and_query(path)?);
        Uri::from_parts(parts).ok()
    }
}

fn path_and_query(path: &HeaderValue) -> Option<PathAndQuery> {
    match encoded(path.as_bytes()) {
        Some(encoded) => PathAndQuery::from_maybe_shared(Bytes::from(encoded)).ok(),
        None => PathAndQuery::try_from(path.as_bytes()).ok(),
    }
}
