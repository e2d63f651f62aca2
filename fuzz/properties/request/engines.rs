//! The same bytes in other pieces and to another author's engine, and the same requests over HTTP/2:
//! all ask the same service, so what comes of them is the same, but for the declared
//! [differences](super::differences).

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONNECTION, DATE, HeaderMap};
use http::request::Parts;
use http::{Method, Request, Response, Uri, Version};
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use shost::protocol::handler::Handler as _;
use shost::protocol::limits::{HEAD_BYTES, HEAD_FIELDS};
use shost::protocol::transport::Transport;
use shost::protocol::{http1, http2};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::differences::{self, Place};
use super::frames;
use super::service::{Asked, Service};
use super::{Answer, SERVICE, wire};

/// The outcome of the next bytes of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// They are the head of a request, and it is answered.
    Served(Box<Served>),
    /// They are refused with this status.
    Refused(u16),
    /// They are not answered, and the connection ends.
    Closed,
}

/// A request as it was understood, and its answer but for Date and Connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) fields: HeaderMap,
    pub(super) answer: Answer,
}

/// All bytes of an HTTP/1 connection: the first says how many sizes of pieces follow it, in which
/// the rest arrives, over and over. None is all at once.
pub(crate) fn differ(input: &[u8]) {
    let Some((&count, rest)) = input.split_first() else { return };
    let Some((sizes, bytes)) = rest.split_at_checked(usize::from(count % 8)) else { return };
    SERVICE.with(|service| {
        let whole = service.ours(&[], bytes);
        let pieces = service.ours(sizes, bytes);
        assert_eq!(whole, pieces, "other answers in pieces of {sizes:?}");
        let theirs = service.hyper(sizes, bytes);
        if let Some(place) = first_difference(bytes, &whole, &theirs) {
            let known = differences::HYPER.iter().any(|known| (known.explains)(&place));
            assert!(known, "{place:?}");
        }
        for ours in &whole {
            if let Some(theirs) = over_http2(service, ours) {
                let place = Place { head: &[], rest: &[], ours, theirs: &theirs };
                let known = differences::HTTP2.iter().any(|known| (known.explains)(&place));
                assert!(known, "over HTTP/2 {place:?}");
            }
        }
    });
}

/// The names of the differences that these bytes of a client show.
#[cfg(test)]
pub(crate) fn shown(bytes: &[u8]) -> Vec<&'static str> {
    let explaining = |table: &'static [differences::Difference], place: &Place<'_>| {
        let found = table.iter().filter(|difference| (difference.explains)(place));
        found.map(|difference| difference.name).collect::<Vec<_>>()
    };
    SERVICE.with(|service| {
        let ours = service.ours(&[], bytes);
        let theirs = service.hyper(&[], bytes);
        let place = first_difference(bytes, &ours, &theirs);
        let mut names = place.map_or(Vec::new(), |place| explaining(differences::HYPER, &place));
        for ours in &ours {
            if let Some(theirs) = over_http2(service, ours) {
                let place = Place { head: &[], rest: &[], ours, theirs: &theirs };
                names.extend(explaining(differences::HTTP2, &place));
            }
        }
        names
    })
}

/// The first place where two readers of these bytes come to something else.
fn first_difference<'a>(
    bytes: &'a [u8],
    ours: &'a [Outcome],
    theirs: &'a [Outcome],
) -> Option<Place<'a>> {
    let mut rest = bytes;
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (head, after) = next(rest);
        if ours != theirs {
            return Some(Place { head, rest, ours, theirs });
        }
        rest = after;
    }
    assert_eq!(ours.len(), theirs.len());
    None
}

/// The first head, and what follows it.
fn next(mut bytes: &[u8]) -> (&[u8], &[u8]) {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    bytes.split_at(end.map_or(bytes.len(), |end| end + 4))
}

/// The outcome of the same request over HTTP/2, if that is something else.
fn over_http2(service: &Service, ours: &Outcome) -> Option<Outcome> {
    let Outcome::Served(served) = ours else { return None };
    let theirs = service.http2(served);
    match &theirs {
        Outcome::Served(other) if other.answer == served.answer => None,
        _ => Some(theirs),
    }
}

impl Service {
    /// Outcomes in our engine of bytes that come in pieces of these sizes.
    fn ours(&self, sizes: &[u8], bytes: &[u8]) -> Vec<Outcome> {
        let asked = self.asked();
        let mut socket = Socket::new(sizes, bytes);
        let answers = asked.clone();
        let served = http1::Connection::new(&mut socket, answers);
        self.runtime.block_on(served).expect("a socket in memory");
        outcomes(&asked, &socket.output)
    }

    /// Outcomes in hyper of the same bytes.
    fn hyper(&self, sizes: &[u8], bytes: &[u8]) -> Vec<Outcome> {
        let asked = self.asked();
        let mut socket = Socket::new(sizes, bytes);
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let (mut head, _) = request.into_parts();
            head.extensions.clear();
            let answer = asked.answer(head);
            async { Ok::<_, Infallible>(Response::from(answer.await)) }
        });
        let mut builder = Builder::new();
        // Our limits, and answers to who has sent all that it will.
        builder.max_headers(HEAD_FIELDS).max_header_size(HEAD_BYTES).max_buf_size(HEAD_BYTES);
        builder.half_close(true);
        let served = builder.serve_connection(&mut socket, service);
        // An error is one of the client's, which shows in what it is sent.
        drop(self.runtime.block_on(served));
        outcomes(&asked, &socket.output)
    }

    /// The same request on a stream, with the fields that HTTP/2 has.
    fn http2(&self, served: &Served) -> Outcome {
        let asked = self.asked();
        let sent = frames::request(served);
        let mut socket = Socket::new(&[], &sent);
        let ended = self.runtime.block_on(http2::Connection::new(&mut socket, asked.clone()));
        assert!(ended.is_ok(), "{ended:?}");
        match frames::answer(&socket.output) {
            None => Outcome::Closed,
            Some(answer) => match asked.heads().pop() {
                Some(head) => Outcome::Served(Box::new(Served::new(head, answer))),
                None => Outcome::Refused(answer.status),
            },
        }
    }
}

impl Served {
    /// How long a connection lasts shows in what comes after, however it is said.
    fn new(head: Parts, mut answer: Answer) -> Self {
        answer.fields.remove(DATE);
        answer.fields.remove(CONNECTION);
        let Parts { method, uri, version, headers, .. } = head;
        Self { method, uri, version, fields: headers, answer }
    }
}

/// The heads that were understood, with what was sent back.
fn outcomes(asked: &Asked, output: &[u8]) -> Vec<Outcome> {
    let heads = asked.heads();
    let (answers, refusal) = wire::answers(output, heads.iter().map(|head| head.method.clone()));
    let served = heads
        .into_iter()
        .zip(answers)
        .map(|(head, answer)| Outcome::Served(Box::new(Served::new(head, answer))));
    let end = refusal.map_or(Outcome::Closed, |answer| Outcome::Refused(answer.status));
    served.chain([end]).collect()
}

/// A socket in memory: all that a client sends, in pieces, and all that it is sent.
struct Socket<'a> {
    input: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    output: Vec<u8>,
}

impl<'a> Socket<'a> {
    fn new(sizes: &'a [u8], input: &'a [u8]) -> Self {
        Self { input, sizes: sizes.iter().cycle(), output: Vec::new() }
    }

    /// The next piece, of at most `room` bytes.
    fn piece(&mut self, room: usize) -> &'a [u8] {
        let size = self.sizes.next().map_or(usize::MAX, |size| usize::from(*size) + 1);
        let (piece, rest) = self.input.split_at(size.min(room).min(self.input.len()));
        self.input = rest;
        piece
    }
}

impl Transport for &mut Socket<'_> {}

impl AsyncRead for Socket<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.piece(buffer.remaining());
        buffer.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Read for Socket<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.piece(buffer.remaining());
        buffer.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Socket<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
