//! Checks that an answer is what the model expects.

use http::Method;
use http::header::{ALLOW, CONTENT_LENGTH, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::request::Parts;

use super::host::{Named, named};
use super::model::{Expected, Listener, expected};
use super::path::Path;
use super::site::SECRET;
use super::{Answer, file, rules};

/// Panics if `answer` to `head` on this listener is not the one of docs/behaviour.md.
pub(super) fn check(head: &Parts, listener: Listener, answer: &Answer) {
    lengths(head, answer);
    let page = answer.content.as_slice();
    assert!(!page.windows(SECRET.len()).any(|window| window == SECRET), "{head:?}");
    let secured = answer.fields.contains_key(STRICT_TRANSPORT_SECURITY);
    let over_tls = listener == Listener::Secure;
    let of_site = matches!(
        named(head),
        Named::Host(host) if host.site().is_some() || host.counterpart().is_some()
    );
    // A 304 may leave it out: it only refreshes an answer that had it. So may an answer to who asks
    // for none of the sites: an address or `localhost` must not have it.
    let may_lack = answer.status == 304 || !of_site;
    assert!(if secured { over_tls } else { !over_tls || may_lack }, "{answer:?}");

    rules::check(head, listener, answer);
    let expected = expected(head, listener);
    let holds = match &expected {
        Expected::Unknown => true,
        Expected::Refused(statuses) => {
            let reason = format!("{} ", answer.status);
            statuses.contains(&answer.status)
                && (page.is_empty() || page.starts_with(reason.as_bytes()))
        }
        Expected::Methods(status) => {
            answer.status == *status && answer.field(&ALLOW) == "GET, HEAD, OPTIONS"
        }
        Expected::MovedHost(origin) => answer.status == 301 && moved_host(head, origin, answer),
        Expected::MovedPath(path) => answer.status == 308 && moved_path(head, path, answer),
        Expected::Redirect(status, place) => {
            answer.status == *status && location(answer) == place.as_bytes()
        }
        Expected::Gone => {
            let told = head.method == Method::HEAD || answer.content == b"410 Gone\n";
            answer.status == 410 && told && file::is_not_stored(answer)
        }
        Expected::Missing(page) => {
            let told = head.method == Method::HEAD || answer.content == *page;
            answer.status == 404 && told && file::is_not_stored(answer)
        }
        Expected::File(name, content) => return file::check(head, name, content, answer),
    };
    assert!(holds, "{expected:?} for {head:?}, got {answer:?}");
}

fn lengths(head: &Parts, answer: &Answer) {
    if matches!(answer.status, 204 | 304) || head.method == Method::HEAD {
        assert!(answer.content.is_empty(), "{answer:?}");
    }
    if !matches!(answer.status, 204 | 304) {
        let length = answer.field(&CONTENT_LENGTH).parse::<usize>();
        let length = length.unwrap_or_else(|_| panic!("no length in {answer:?}"));
        assert!(head.method == Method::HEAD || answer.content.len() == length, "{answer:?}");
    }
}

fn moved_host(head: &Parts, origin: &str, answer: &Answer) -> bool {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    // A target in absolute form may have a query and no path (RFC 9110 §4.2.3).
    let (slash, target) = match target.as_bytes().first() {
        Some(b'/') => ("", target),
        Some(b'?') => ("/", target),
        _ => ("/", ""),
    };
    location(answer) == format!("{origin}{slash}{target}").as_bytes() && answer.content.is_empty()
}

/// The same path when it is read again, the query as it was, and never another host.
fn moved_path(head: &Parts, path: &str, answer: &Answer) -> bool {
    let location = location(answer);
    let at = location.iter().position(|byte| *byte == b'?').unwrap_or(location.len());
    let query = head.uri.query().map_or(String::new(), |query| format!("?{query}"));
    let Ok(moved) = std::str::from_utf8(&location[..at]) else { return false };
    moved.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !moved.starts_with("//")
        && Path::read(moved).is_some_and(|read| read.to_string() == path)
        && location[at..] == *query.as_bytes()
        && answer.content.is_empty()
}

fn location(answer: &Answer) -> &[u8] {
    answer.fields.get(LOCATION).map_or(b"", |value| value.as_bytes())
}
