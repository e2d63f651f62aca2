//! The head of a request: is it one that can be answered at all, and for whom is it?

use std::borrow::Cow;

use http::header::HOST;
use http::request::Parts;
use http::{Uri, Version};

use super::refusal::Refusal;
use crate::semantics::host::Authority;

/// The longest target that is answered, in bytes: as long as nginx takes one, and far longer than
/// any link that a static site has.
pub(super) const TARGET_LIMIT: usize = 8 * 1024;

/// The host of a request in normal form, empty if an HTTP/1.0 client named none: that is enough
/// where every host is one site; and the port that the client gave with it.
///
/// # Errors
/// Says what is wrong.
pub(super) fn check(head: &Parts) -> Result<Authority<'_>, Refusal> {
    if head.uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET_LIMIT) {
        return Err(Refusal::TargetTooLong);
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(parse(host.to_str().map_err(|_| Refusal::Host)?)?),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(Refusal::Host),
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
        let found = check(&head).map(|authority| authority.host.into_owned());
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
