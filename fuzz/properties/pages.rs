//! A handler whose answers have as much of everything as a request's path says:
//! `/NUMBER/CONTENT/FIELD/CHUNK/WAITS`, and such requests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body::{Body, Frame, SizeHint};
use shost::protocol::handler::{Content as AnswerContent, Handler};
use shost::service::Response;

/// The byte of content at `index`.
pub(crate) fn byte_at(index: usize) -> u8 {
    u8::try_from(index % 251).expect("below 256")
}

/// The longest value of a field: over HTTP/2 its block takes two frames.
pub(crate) const FIELD: usize = 17_000;

/// Requests of one connection, at the most.
pub(crate) const REQUESTS: usize = 24;

/// A request for an answer with so much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) number: usize,
    pub(crate) content: usize,
    pub(crate) field: usize,
    /// Bytes that the answer comes in, and whether each has to be waited for.
    pub(crate) chunk: usize,
    pub(crate) waits: bool,
    pub(crate) method: u8,
    /// Bytes of content sent with the request.
    pub(crate) sent: usize,
}

impl Page {
    pub(crate) fn request(self, scheme: &str) -> Request<()> {
        let Self { number, content, field, chunk, waits, .. } = self;
        let path = format!("{scheme}://a.test/{number}/{content}/{field}/{chunk}/{waits}");
        let mut request = Request::builder().uri(path);
        if self.has_content() {
            request = request.method(Method::POST).header(CONTENT_LENGTH, self.sent);
        } else if self.method == 2 {
            request = request.method(Method::HEAD);
        }
        let urgency = format!("u={}{}", number % 8, if waits { ", i" } else { "" });
        request.header("priority", urgency).body(()).expect("a request")
    }

    /// True if content is sent with it.
    pub(crate) fn has_content(self) -> bool {
        self.method == 3
    }

    /// The content that is sent with it.
    pub(crate) fn upload(self) -> Bytes {
        Bytes::from(vec![b'u'; self.sent])
    }

    /// Checks the fields of its answer, and gives the bytes of content that come behind them.
    pub(crate) fn check(self, fields: &HeaderMap) -> usize {
        assert_eq!(fields[CONTENT_LENGTH], *self.content.to_string(), "{self:?}");
        assert_eq!(fields["x-field"].len(), self.field, "{self:?}");
        if self.method == 2 { 0 } else { self.content }
    }
}

/// Answers with as much as the path says.
pub(crate) struct Pages;

/// An answer that has to be waited for, once.
pub(crate) struct Making {
    head: Parts,
    waits: bool,
}

pub(crate) struct Content {
    at: usize,
    end: usize,
    chunk: usize,
    waits: bool,
    waiting: bool,
}

impl Handler for Pages {
    type Content = Content;
    type Answer = Making;

    fn answer(&self, head: Parts) -> Making {
        let waits = head.uri.path().ends_with("true");
        Making { head, waits }
    }

    fn head_begun(&self) {}
}

impl Future for Making {
    type Output = Response<Content>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.waits) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let path = self.head.uri.path();
        let numbers: Vec<usize> =
            path.split('/').filter_map(|number| number.parse().ok()).collect();
        let [_, length, field, chunk] = numbers[..] else { panic!("{path}") };
        let end = if self.head.method == Method::HEAD { 0 } else { length };
        let waits = path.ends_with("true");
        let body = Content { at: 0, end, chunk, waits, waiting: false };
        let mut response = http::Response::new(body);
        let value = HeaderValue::from_bytes(&vec![b'f'; field]).expect("letters");
        response.headers_mut().insert(HeaderName::from_static("x-field"), value);
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
        Poll::Ready(response.into())
    }
}

impl AnswerContent for Content {}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.waiting = self.waits && !self.waiting;
        if self.waiting {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (at, count) = (self.at, self.chunk.min(self.end - self.at));
        self.at += count;
        let data: Vec<_> = (at..at + count).map(byte_at).collect();
        Poll::Ready((count > 0).then(|| Ok(Frame::data(data.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.end - self.at) as u64)
    }
}
