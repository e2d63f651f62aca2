//! HTTP/1 (RFC 9112), by hyper.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use tokio::io::{AsyncRead, AsyncWrite};

use super::io::Io;
use super::limits::{HEAD_BYTES, HEAD_FIELDS};
use super::requests::{Answered, Requests, Tracked};
use crate::log::Entry;
use crate::service::{Arrival, Connection};

/// An HTTP/1 connection; a future that ends when the connection does.
pub(super) struct Http1<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    connection: http1::Connection<Io<S>, Requests>,
}

impl<S> Http1<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// Begins a connection on `io`.
    ///
    /// `pipeline_flush` stays off, tempting as its saved writes are: with it hyper takes a
    /// streamed file into memory whole when the client stalls, and holds an answer back while part
    /// of the next request has come.
    pub(super) fn new(io: Io<S>, requests: Requests) -> Self {
        let mut builder = http1::Builder::new();
        builder
            .max_headers(HEAD_FIELDS)
            .max_header_size(HEAD_BYTES)
            .header_read_timeout(None)
            .half_close(true);
        Self { connection: builder.serve_connection(io, requests) }
    }

    /// Ends the connection after the answer in flight, which says so (RFC 9112 §9.6).
    pub(super) fn graceful_shutdown(&mut self) {
        Pin::new(&mut self.connection).graceful_shutdown();
    }
}

impl<S> Future for Http1<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.connection).poll(context)
    }
}

impl Service<Request<Incoming>> for Requests {
    type Response = http::Response<Tracked>;
    type Error = std::convert::Infallible;
    type Future = Answered;

    fn call(&self, request: Request<Incoming>) -> Answered {
        // Content that came with the request is not read: the head is all that is answered.
        self.answer(request.into_parts().0)
    }
}

/// A head that hyper refused never became a request; it gets its line all the same.
pub(super) fn log_refusal(connection: &Connection, error: &hyper::Error) {
    if !error.is_parse() {
        return;
    }
    let status = if error.is_parse_too_large() { 431 } else { 400 };
    let arrival = Arrival::now();
    connection.service().log().record(&Entry {
        time: arrival.wall(),
        duration: Duration::ZERO,
        peer: connection.peer(),
        port: connection.port(),
        method: "-",
        host: "",
        target: "",
        version: Version::HTTP_11,
        status,
        bytes: 0,
        referer: None,
        user_agent: None,
        coding: None,
        tls: connection.tls(),
        bot: None,
        fields: None,
    });
}
