//! Whole requests: any bytes on a connection, answered by the service through HTTP/1, compared
//! with a model of a small site.
//!
//! An answer from the wire is taken apart by a reader of its own ([`wire`]) and judged by a model
//! ([`model`]) that was written from docs/behaviour.md and shares no code with what it judges. Bots
//! are let in: their verdict has a property of its own, and would hide the rest.
//!
//! The same bytes in other pieces, to hyper, and each request over HTTP/2 have to come to the same
//! ([`engines`]); where another reader may read otherwise is a table ([`differences`]).

mod check;
pub(crate) mod differences;
mod engines;
mod file;
mod frames;
mod host;
mod model;
mod path;
mod rules;
mod service;
mod site;
mod wire;

pub(crate) use engines::differ;
#[cfg(test)]
pub(crate) use engines::shown;

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION,
    RANGE, TRANSFER_ENCODING, VARY,
};
use http::request::Parts;
use http::{Method, Uri};

use check::check;
use model::{Expected, Listener, expected};
use service::Service;

/// Fields that make an answer depend on what the client has.
const CONDITIONS: [HeaderName; 6] =
    [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];

/// An answer, however it came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    fields: HeaderMap,
    content: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &HeaderName) -> &str {
        let values: Vec<_> = self.fields.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name} twice in {self:?}");
        values.first().map_or("", |value| value.to_str().unwrap_or("\u{fffd}"))
    }
}

thread_local!(static SERVICE: Service = Service::start());

/// Everything that a client may send on one connection.
pub(crate) fn request(input: &[u8]) {
    SERVICE.with(|service| {
        let (heads, output) = service.exchange(input);
        let methods = heads.iter().map(|head| head.method.clone());
        let (answers, refusal) = wire::answers(&output, methods);
        assert_eq!(answers.len(), heads.len(), "an answer for each request, and no other");
        if let Some(refusal) = refusal {
            assert!(matches!(refusal.status, 400 | 414 | 431 | 501 | 505), "{refusal:?}");
        }
        for (index, (head, answer)) in heads.iter().zip(&answers).enumerate() {
            check(head, Listener::Plain, answer);
            assert!(index + 1 == heads.len() || !has_content(head), "smuggled: {heads:?}");
        }
        for head in &heads {
            twins(service, head);
            revalidate(service, head);
            follow(service, head);
            for listener in [Listener::Secure, Listener::Redirecting] {
                let answer = service.answer(listener, head.clone());
                check(head, listener, &answer);
            }
        }
    });
}

/// Where the request ends is in doubt, so nothing after it may be taken for a request.
fn has_content(head: &Parts) -> bool {
    let length = head.headers.get(CONTENT_LENGTH);
    head.headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// HEAD is GET without the content; Range is for GET alone.
fn twins(service: &Service, head: &Parts) {
    let mut head = head.clone();
    head.headers.remove(RANGE);
    head.method = Method::GET;
    let get = service.answer(Listener::Plain, head.clone());
    check(&head, Listener::Plain, &get);
    head.method = Method::HEAD;
    let twin = service.answer(Listener::Plain, head);
    assert_eq!((twin.status, &twin.fields), (get.status, &get.fields), "{get:?}");
    assert!(twin.content.is_empty(), "{twin:?}");
}

/// Who comes back with the tag that it was given is told that nothing has changed.
fn revalidate(service: &Service, head: &Parts) {
    let mut head = head.clone();
    head.method = Method::GET;
    for name in CONDITIONS {
        head.headers.remove(name);
    }
    let whole = service.answer(Listener::Plain, head.clone());
    if whole.status != 200 {
        return;
    }
    let tag = whole.fields.get(ETAG).expect("a held file has a tag").clone();
    head.headers.insert(IF_NONE_MATCH, tag);
    let again = service.answer(Listener::Plain, head.clone());
    assert_eq!(again.status, 304, "{again:?}");
    for name in [ETAG, LAST_MODIFIED, CACHE_CONTROL, VARY] {
        assert_eq!(again.field(&name), whole.field(&name), "{name}");
    }
    head.headers.remove(IF_NONE_MATCH);
    head.headers.remove(ACCEPT_ENCODING);
    let range = format!("bytes={}-", whole.content.len());
    head.headers.insert(RANGE, range.parse().expect("a field"));
    let past = service.answer(Listener::Plain, head);
    assert!(matches!(past.status, 200 | 206 | 416), "{past:?}");
}

/// A redirect to a path ends at something else than a redirect.
fn follow(service: &Service, head: &Parts) {
    let mut head = head.clone();
    for _ in 0..3 {
        if !matches!(expected(&head, Listener::Plain), Expected::MovedPath(_)) {
            return;
        }
        let answer = service.answer(Listener::Plain, head.clone());
        check(&head, Listener::Plain, &answer);
        let location = answer.fields.get(LOCATION).expect("a redirect says where to");
        let Ok(uri) = Uri::try_from(location.as_bytes()) else { panic!("{location:?}") };
        let mut parts = head.uri.clone().into_parts();
        parts.path_and_query = uri.path_and_query().cloned();
        head.uri = Uri::from_parts(parts).expect("the same authority");
    }
    panic!("a fourth redirect at {}", head.uri);
}
