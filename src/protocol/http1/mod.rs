//! HTTP/1 (RFC 9112): one request after the other, each answered whole before the next is read.
//!
//! Everything happens in the connection's own task, and an answer that is ready costs one read and
//! one write. Content that comes with a request is not read: its answer says that the connection
//! ends, and so no byte behind it can be mistaken for a request.

mod head;
mod output;

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Version;
use http_body::Body as _;
use tokio::io::ReadBuf;

use super::turn::Turn;
use crate::protocol::handler::{Content, Handler};
use crate::protocol::limits::{KEPT_BYTES, UNSENT_FILE_BYTES};
use crate::protocol::transport::Transport;
use crate::service::{Refusal, Response};
use head::{Head, Input};
use output::{Output, Persistence};

/// Bytes read at a time; requests are small.
const READ: usize = 8 * 1024;

/// A connection; a future that ends when the connection does.
pub struct Connection<S, H: Handler> {
    io: S,
    handler: H,
    input: Input,
    output: Output,
    state: State<H>,
    /// True if the answer in flight is the last one.
    last: bool,
    /// True if the client said that it sends nothing more.
    client_is_done: bool,
    turn: Turn,
    /// Bytes that are kept beyond [`KEPT_BYTES`], as the handler was last told.
    kept: usize,
}

enum State<H: Handler> {
    /// A head is awaited.
    Waiting,
    /// The answer to a head is being made.
    Answering(H::Answer, Terms),
    /// The answer is on its way.
    Sending(H::Content),
    /// The last answer is on its way, and then the end.
    Ending,
}

/// The client's version, and its wish for the connection to persist.
#[derive(Clone, Copy, Debug)]
struct Terms {
    version: Version,
    persists: bool,
}

impl<S: Transport, H: Handler> Connection<S, H> {
    /// Begins a connection on `io`.
    pub fn new(io: S, handler: H) -> Self {
        let (input, output) = (Input::default(), Output::default());
        Self {
            io,
            handler,
            input,
            output,
            state: State::Waiting,
            last: false,
            client_is_done: false,
            turn: Turn::default(),
            kept: 0,
        }
    }

    /// Ends the connection after the answer in flight, which says so (RFC 9112 §9.6).
    pub fn graceful_shutdown(&mut self) {
        self.last = true;
    }

    /// Tells a client whose head is late that it is; `false` if there is nobody to tell, for
    /// nothing of a head has come.
    pub(crate) fn refuse_late(&mut self) -> bool {
        let late = matches!(self.state, State::Waiting) && !self.input.is_empty();
        if late {
            self.refuse(Refusal::Late);
        }
        late
    }

    /// True if the client may have the connection keep what has come of a head.
    fn may_keep(&mut self) -> bool {
        let kept = self.input.kept().saturating_sub(KEPT_BYTES);
        let same = kept == self.kept;
        self.kept = kept;
        same || self.handler.keeps(kept)
    }

    fn refuse(&mut self, refusal: Refusal) {
        let response = refusal.response();
        self.handler.refused(
            Version::HTTP_11,
            response.status,
            response.fields.content_length().unwrap_or_default(),
        );
        self.output.head(&response, Persistence::Close);
        if let Some(text) = response.body.into_whole() {
            self.output.content(text);
        }
        self.state = State::Ending;
        self.input = Input::default();
        self.may_keep();
    }

    /// Begins to send an answer.
    fn begin(&mut self, response: Response<H::Content>, terms: Terms) {
        self.last |= response.closes || !terms.persists;
        let persistence = match terms.version {
            _ if self.last => Persistence::Close,
            Version::HTTP_10 => Persistence::KeepAlive,
            _ => Persistence::Usual,
        };
        self.output.head(&response, persistence);
        self.turn.count_answer();
        self.state = State::Sending(response.body);
    }

    /// Sends what there is of an answer; ready at its end.
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Sending(body) = &mut self.state else { return Poll::Ready(Ok(())) };
        loop {
            if self.output.is_full() || body.is_end_stream() {
                let sent = self.output.poll_send(&mut self.io, &mut self.turn, context)?;
                if sent.is_pending() && !self.turn.is_over() && body.wait(self.output.unsent()) {
                    self.output.drop_content();
                }
                ready!(sent);
            }
            if body.is_end_stream() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.turn.poll(context));
            if self.output.is_empty() {
                self.io.prepare_files(UNSENT_FILE_BYTES);
                let sent = self.io.poll_send_file(context, |socket| body.send_to(socket));
                if sent.is_pending() {
                    body.wait(0);
                }
                match ready!(sent) {
                    Some(Ok(count)) => {
                        self.turn.count(count);
                        continue;
                    }
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => {}
                }
            }
            match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.output.content(frame.into_data().unwrap_or_default());
                }
                // Promised at its full length, and now impossible to keep.
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Pending => {
                    ready!(self.output.poll_send(&mut self.io, &mut self.turn, context))?;
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads what has come; `false` at the end.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut chunk = [const { MaybeUninit::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
        self.input.push(read.filled());
        let came = !read.filled().is_empty();
        if came {
            self.handler.head_begun();
        }
        Poll::Ready(Ok(came))
    }
}

impl<S: Transport, H: Handler> Future for Connection<S, H> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.turn.begin();
        loop {
            match &mut this.state {
                State::Waiting => match this.input.take() {
                    Err(refusal) => this.refuse(refusal),
                    Ok(Some(Head { parts, persists, is_last })) => {
                        this.client_is_done = is_last;
                        let terms = Terms { version: parts.version, persists };
                        this.state = State::Answering(this.handler.answer(parts), terms);
                    }
                    Ok(None) if this.last && this.input.is_empty() => this.state = State::Ending,
                    Ok(None) => {
                        let read = this.poll_read(context)?;
                        if read.is_pending() && !this.may_keep() {
                            this.refuse(Refusal::Busy);
                            continue;
                        }
                        if !ready!(read) {
                            this.client_is_done = true;
                            match this.input.end() {
                                Ok(()) => this.state = State::Ending,
                                Err(refusal) => this.refuse(refusal),
                            }
                        }
                    }
                },
                State::Answering(answer, terms) => {
                    ready!(this.turn.poll(context));
                    let terms = *terms;
                    let response = ready!(Pin::new(answer).poll(context));
                    this.begin(response, terms);
                }
                State::Sending(_) => {
                    ready!(this.poll_answer(context))?;
                    this.state = if this.last { State::Ending } else { State::Waiting };
                }
                State::Ending => {
                    ready!(this.output.poll_send(&mut this.io, &mut this.turn, context))?;
                    if S::ENDS_WHEN_DROPPED && this.client_is_done && this.input.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    return Pin::new(&mut this.io).poll_shutdown(context);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
