//! HTTP/2 (RFC 9113), driven frame by frame.
//!
//! hyper runs every stream in a task of its own, which costs more than most answers. Here the
//! connection's own task answers: an answer that is ready, and for which the client has left
//! room, is handed to the `h2` crate on the spot. Only what has to wait, for a disk or for the
//! client, gets a task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::{Builder, Connection, Handshake, SendResponse};
use h2::{Reason, SendStream};
use http_body::Body as _;
use hyper::Response;
use hyper::header::DATE;
use tokio::io::{AsyncRead, AsyncWrite};

use super::date;
use super::io::Io;
use super::limits::{HEAD_BYTES, LOCAL_RESETS, PENDING_RESETS, STREAM_BUFFER, STREAMS};
use super::requests::{Answered, Requests, Tracked};

/// An HTTP/2 connection; a future that ends when the connection does.
pub(super) struct Http2<S> {
    state: State<S>,
    requests: Requests,
    closing: bool,
}

enum State<S> {
    /// The client's preface and settings are awaited.
    Beginning(Handshake<Io<S>, Bytes>),
    /// Requests are taken.
    Open(Connection<Io<S>, Bytes>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    /// Begins a connection on `io`.
    pub(super) fn new(io: Io<S>, requests: Requests) -> Self {
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(Some(LOCAL_RESETS))
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .max_send_buffer_size(STREAM_BUFFER);
        Self { state: State::Beginning(builder.handshake(io)), requests, closing: false }
    }

    /// Takes no more requests, and ends when those in flight have been answered (GOAWAY,
    /// RFC 9113 §6.8).
    pub(super) fn graceful_shutdown(&mut self) {
        self.closing = true;
        if let State::Open(connection) = &mut self.state {
            connection.graceful_shutdown();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Http2<S> {
    type Output = Result<(), h2::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Beginning(handshake) => {
                    let mut connection = ready!(Pin::new(handshake).poll(context))?;
                    if this.closing {
                        connection.graceful_shutdown();
                    }
                    this.state = State::Open(connection);
                }
                State::Open(connection) => match ready!(connection.poll_accept(context)) {
                    None => return Poll::Ready(Ok(())),
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    Some(Ok((request, respond))) => {
                        // Content that came with it is not read; h2 tells the client to stop.
                        let (head, _) = request.into_parts();
                        answer(this.requests.answer(head), respond, context);
                    }
                },
            }
        }
    }
}

/// Sends the answer now as far as that goes, and the rest from a task of its own.
fn answer(mut answer: Answered, respond: SendResponse<Bytes>, context: &mut Context<'_>) {
    let Poll::Ready(Ok(response)) = answer.as_mut().poll(context) else {
        tokio::spawn(async move {
            let Ok(response) = answer.await;
            if let Some(sending) = begin(response, respond) {
                sending.await;
            }
        });
        return;
    };
    let Some(mut sending) = begin(response, respond) else { return };
    if Pin::new(&mut sending).poll(context).is_pending() {
        tokio::spawn(sending);
    }
}

/// Sends the head, and gives what is to be sent behind it. A stream that the client has reset
/// takes nothing more, which is the client's own affair.
fn begin(response: Response<Tracked>, mut respond: SendResponse<Bytes>) -> Option<Sending> {
    let (mut head, body) = response.into_parts();
    head.headers.insert(DATE, date::now());
    let ends = body.is_end_stream();
    let stream = respond.send_response(Response::from_parts(head, ()), ends).ok()?;
    (!ends).then(|| Sending { stream, body, data: Bytes::new() })
}

/// Content on its way out, no faster than the client takes it: what the client has left no room
/// for stays here, so that a stalled client is seen to stall.
struct Sending {
    stream: SendStream<Bytes>,
    body: Tracked,
    data: Bytes,
}

impl Future for Sending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if this.data.is_empty() {
                match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                    Some(Ok(frame)) => this.data = frame.into_data().unwrap_or_default(),
                    Some(Err(_)) => {
                        // Promised at its full length, and now impossible to keep.
                        this.stream.send_reset(Reason::INTERNAL_ERROR);
                        return Poll::Ready(());
                    }
                    None => return Poll::Ready(()),
                }
            }
            if !ready!(this.pass(context)) {
                return Poll::Ready(());
            }
        }
    }
}

impl Sending {
    /// Passes on what the client has room for; `false` when there is nothing more to be done.
    fn pass(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.stream.poll_reset(context).is_ready() {
            return Poll::Ready(false);
        }
        self.stream.reserve_capacity(self.data.len());
        let room = match self.stream.capacity() {
            0 => match ready!(self.stream.poll_capacity(context)) {
                Some(Ok(room)) => room,
                Some(Err(_)) | None => return Poll::Ready(false),
            },
            room => room,
        };
        let part = self.data.split_to(room.min(self.data.len()));
        let ends = self.data.is_empty() && self.body.is_end_stream();
        Poll::Ready(self.stream.send_data(part, ends).is_ok() && !ends)
    }
}
