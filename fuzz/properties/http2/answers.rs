//! Answers of every kind, told apart by their targets.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, SERVER};
use http::request::Parts;
use http_body::{Body, Frame};
use shost::protocol::handler::Handler;
use shost::service::Response;

/// The value of a field that several answers have: short ones and some too long for an entry.
pub(super) fn repeated(length: usize) -> HeaderValue {
    let which = length % 5;
    HeaderValue::try_from(format!("{which:0width$}", width = 300 * which + 1)).expect("digits")
}

/// Answers any request, and notes which it was.
#[derive(Default)]
pub(super) struct Pages {
    pub(super) asked: Rc<RefCell<Vec<String>>>,
}

/// An answer in the making.
pub(super) struct Making {
    head: Parts,
    waits: bool,
}

/// Content, some of which has to be waited for, or breaks off.
pub(super) struct Content {
    remaining: usize,
    chunk: usize,
    waits: bool,
    breaks: bool,
    waiting: bool,
}

/// The longest head that may reach an answer, in bytes as limits count them, and in fields.
const HEAD: (usize, usize) = (32 * 1024, 100);

impl Handler for Pages {
    type Content = Content;
    type Answer = Making;

    fn answer(&self, head: Parts) -> Making {
        let size: usize =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(size <= HEAD.0 && head.headers.len() <= HEAD.1, "{head:?}");
        assert!(!head.headers.contains_key("connection"), "{head:?}");
        self.asked.borrow_mut().push(format!("{} {} {:?}", head.method, head.uri, head.headers));
        let waits = head.uri.path().contains('w');
        Making { head, waits }
    }

    fn head_begun(&self) {}
}

impl Future for Making {
    type Output = Response<Content>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.waits) {
            return Poll::Pending;
        }
        let path = self.head.uri.path();
        let length = path.len() * path.len() * path.len();
        let content = Content {
            remaining: length,
            chunk: if path.contains('c') { 700 } else { usize::MAX },
            waits: path.contains('s'),
            breaks: path.contains('x'),
            waiting: false,
        };
        let mut response = http::Response::new(content);
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
        response.headers_mut().insert(SERVER, repeated(length));
        Poll::Ready(response.into())
    }
}

impl shost::protocol::handler::Content for Content {}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.waiting = self.waits && !self.waiting;
        if self.waiting {
            return Poll::Pending;
        }
        if self.breaks && self.remaining < 500 {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let count = self.remaining.min(self.chunk);
        self.remaining -= count;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'.'; count])))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0 && !self.breaks
    }
}
