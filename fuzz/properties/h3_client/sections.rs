//! Field sections between our QPACK and that of the `h3` crate: both read the same of each other's,
//! and of whatever we take for one.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h3::client::{Connection, RequestStream, SendRequest};
use http::{HeaderMap, Request};
use shost::field_compression::field::{Field, Name};
use shost::field_compression::qpack;

use super::link::{ClientStream, Link};

/// `:status: 200` of the static table, behind the prefix of a section.
const OK: [u8; 3] = [0, 0, 0xd9];

/// Lines of a field section.
pub(crate) fn h3_sections(lines: &[u8]) {
    let section = [&OK[..2], lines].concat();
    let mut fields = Vec::new();
    if qpack::decode(&section, |field| fields.push(field)).is_err() {
        return;
    }
    let Some(fields) = regular(fields) else { return };
    let answer = [&OK, lines].concat();
    assert_eq!(read_by_them(&answer), fields, "{lines:x?}");
    let mut encoded = OK.to_vec();
    for (name, value) in &fields {
        qpack::field(&mut encoded, name, value.as_bytes());
    }
    assert_eq!(read_by_them(&encoded), fields, "{encoded:x?}");
    assert_eq!(read_of_them(&fields), fields);
}

/// The fields, if they are such as any message may have.
fn regular(fields: Vec<Field>) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for field in fields {
        let Name::Regular(name) = field.name else { return None };
        map.append(name, field.value?);
    }
    Some(map)
}

/// The fields of an answer whose section this is.
fn read_by_them(section: &[u8]) -> HeaderMap {
    let link = Link::new(usize::MAX, usize::MAX);
    let head = at_once(async {
        let mut client = ask(&link, HeaderMap::new()).await;
        link.answer(0, &frame(section));
        client.2.recv_response().await
    });
    head.unwrap_or_else(|error| panic!("{error}: {section:x?}")).into_parts().0.headers
}

/// The fields of a request that the crate has encoded.
fn read_of_them(fields: &HeaderMap) -> HeaderMap {
    let link = Link::new(usize::MAX, usize::MAX);
    at_once(async { drop(ask(&link, fields.clone()).await) });
    let sent = link.asked(0);
    let mut read = Vec::new();
    qpack::decode(payload(&sent), |field| read.push(field)).expect("a section");
    read.retain(|field| matches!(field.name, Name::Regular(_)));
    regular(read).expect("the values that were sent")
}

/// A client and its request with these fields.
async fn ask(
    link: &Link,
    fields: HeaderMap,
) -> (Connection<Link, Bytes>, SendRequest<Link, Bytes>, RequestStream<ClientStream, Bytes>) {
    let built = h3::client::builder().send_grease(false).build(link.clone()).await;
    let (connection, mut send) = built.expect("streams in memory");
    let mut request = Request::get("https://a.test/").body(()).expect("a request");
    *request.headers_mut() = fields;
    let stream = send.send_request(request).await.expect("an open connection");
    (connection, send, stream)
}

/// The output of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// HEADERS with this section, its length in four bytes.
fn frame(section: &[u8]) -> Vec<u8> {
    let length = u32::try_from(section.len()).expect("short") | 0x8000_0000;
    [&[1], &length.to_be_bytes()[..], section].concat()
}

/// The payload of one frame, whose type has a byte.
fn payload(frame: &[u8]) -> &[u8] {
    &frame[1 + (1 << (frame[1] >> 6))..]
}
