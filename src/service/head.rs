//! The head of a request: is it one that can be answered at all, and for whom is it?

use std::borrow::Cow;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, Version};

use super::refusal::Refusal;
use crate::semantics::host::Authority;

/// The longest target that is answered, in bytes: as long as nginx takes one, and far longer than
/// any link that a static site has.
pub(super) const TARGET_LIMIT: usize = 8 * 1024;

/// The fields that a head has of those which its answer depends on. They are found in one pass:
/// to ask for each of them costs more, and most requests have none but Host and User-Agent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Present<'a> {
    host: Option<&'a HeaderValue>,
    user_agent: Option<&'a HeaderValue>,
    kinds: u8,
}

impl<'a> Present<'a> {
    /// More than one Host.
    const HOSTS: u8 = 1;
    /// A field of a precondition.
    pub(super) const CONDITION: u8 = 1 << 1;
    /// The Range field alone.
    pub(super) const RANGE: u8 = 1 << 2;
    /// The field Accept-Encoding alone.
    pub(super) const ACCEPT_ENCODING: u8 = 1 << 3;
    /// Content behind the head, as HTTP/1 announces it.
    pub(super) const CONTENT: u8 = 1 << 4;
    /// A dictionary that the client has.
    pub(super) const DICTIONARY: u8 = 1 << 5;
    /// No field: dictionaries may be offered to the client and used for it.
    pub(super) const DICTIONARIES: u8 = 1 << 6;

    /// The ones among these fields.
    pub(super) fn among(fields: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in fields {
            found.kinds |= match name.as_str() {
                "host" if found.host.is_some() => Self::HOSTS,
                "host" => {
                    found.host = Some(value);
                    0
                }
                "user-agent" => {
                    found.user_agent = found.user_agent.or(Some(value));
                    0
                }
                "if-match" | "if-none-match" | "if-modified-since" | "if-unmodified-since" => {
                    Self::CONDITION
                }
                "range" => Self::RANGE,
                "accept-encoding" => Self::ACCEPT_ENCODING,
                "available-dictionary" => Self::DICTIONARY,
                "transfer-encoding" => Self::CONTENT,
                "content-length" if value.as_bytes() != b"0" => Self::CONTENT,
                _ => 0,
            };
        }
        found
    }

    /// Notes whether dictionaries may be offered and used.
    pub(super) fn set_dictionaries(&mut self, may_be: bool) {
        self.kinds |= u8::from(may_be) * Self::DICTIONARIES;
    }

    /// User-Agent; empty when there is none.
    pub(super) fn user_agent(&self) -> &'a [u8] {
        self.user_agent.map_or(b"", HeaderValue::as_bytes)
    }

    /// True if there is a field of one of these kinds.
    pub(super) fn has(&self, kinds: u8) -> bool {
        self.kinds & kinds != 0
    }
}

/// The host of a request in normal form, empty if an HTTP/1.0 client named none: that is enough
/// where every host is one site; and the port that the client gave with it.
///
/// # Errors
/// Says what is wrong.
pub(super) fn check<'a>(head: &'a Parts, present: &Present<'a>) -> Result<Authority<'a>, Refusal> {
    if head.uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET_LIMIT) {
        return Err(Refusal::TargetTooLong);
    }
    if present.has(Present::HOSTS) {
        return Err(Refusal::Host);
    }
    let host = match present.host {
        Some(host) => Some(parse(host.to_str().map_err(|_| Refusal::Host)?)?),
        None => None,
    };
    let target = head.uri.authority().map(|authority| parse(authority.as_str())).transpose()?;
    match (target, host) {
        // RFC 9113 §8.3.1: `:authority` and Host that mean something else make the request
        // malformed.
        (Some(target), Some(host)) if head.version >= Version::HTTP_2 => {
            let port = |authority: &Authority<'_>| authority.port.or(default_port(&head.uri));
            let same = target.host == host.host && port(&target) == port(&host);
            if same { Ok(target) } else { Err(Refusal::Host) }
        }
        (Some(target), None) if head.version >= Version::HTTP_2 => Ok(target),
        // RFC 9112 §3.2.2: the absolute form overrides the Host field, which must still be there.
        (Some(target), Some(_)) => Ok(target),
        (None, Some(host)) => Ok(host),
        (target, None) if head.version <= Version::HTTP_10 => {
            Ok(target.unwrap_or(Authority { host: Cow::Borrowed(""), port: None }))
        }
        (_, None) => Err(Refusal::Host),
    }
}

/// The authority as the client sent it, for the log.
#[must_use]
pub(super) fn authority_text(head: &Parts) -> Option<&str> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => head.headers.get(HOST).and_then(|host| host.to_str().ok()),
    }
}

/// The port of an authority that names none (RFC 9110 §4.2).
fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Authority<'_>, Refusal> {
    Authority::parse(text).map_err(|_| Refusal::Host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[track_caller]
    fn check_table_row(
        version: Version,
        uri: &str,
        hosts: &[&str],
        expected: Result<&str, Refusal>,
    ) {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let found = check(&head, &Present::among(&head.headers))
            .map(|authority| authority.host.into_owned());
        assert_eq!(found, expected.map(str::to_owned), "{version:?} {uri} {hosts:?}");
    }

    #[test]
    fn every_request_names_one_host() {
        use Refusal::{Host, TargetTooLong};
        let (one, zero, two) = (Version::HTTP_11, Version::HTTP_10, Version::HTTP_2);
        let long = format!("/{}", "x".repeat(TARGET_LIMIT));
        check_table_row(one, "/", &["A.test:80"], Ok("a.test"));
        check_table_row(one, "/", &[], Err(Host));
        check_table_row(one, "/", &[""], Err(Host));
        check_table_row(one, "/", &["a.test", "a.test"], Err(Host));
        check_table_row(one, "/", &["a b"], Err(Host));
        check_table_row(one, "/", &["user@a.test"], Err(Host));
        check_table_row(one, "http://b.test/", &["a.test"], Ok("b.test"));
        check_table_row(one, "http://b.test/", &[], Err(Host));
        check_table_row(zero, "/", &[], Ok(""));
        check_table_row(zero, "/", &["a.test"], Ok("a.test"));
        check_table_row(two, "https://a.test/", &[], Ok("a.test"));
        check_table_row(two, "https://a.test/", &["A.test"], Ok("a.test"));
        check_table_row(two, "https://a.test/", &["b.test"], Err(Host));
        check_table_row(two, "https://a.test:443/", &["a.test"], Ok("a.test"));
        check_table_row(two, "https://a.test/", &["a.test:443"], Ok("a.test"));
        check_table_row(two, "http://a.test:80/", &["a.test."], Ok("a.test"));
        check_table_row(two, "https://a.test:8443/", &["a.test:8443"], Ok("a.test"));
        check_table_row(two, "https://a.test:8443/", &["a.test"], Err(Host));
        check_table_row(two, "https://a.test/", &["a.test:80"], Err(Host));
        check_table_row(two, "http://a.test/", &["a.test:443"], Err(Host));
        check_table_row(one, "http://a.test:8080/", &["a.test"], Ok("a.test"));
        check_table_row(two, "/", &["a.test"], Ok("a.test"));
        check_table_row(two, "/", &[], Err(Host));
        check_table_row(one, &long, &["a.test"], Err(TargetTooLong));
    }
}
