//! HTTP/2 (RFC 9113), frame by frame, in the connection's own task.
//!
//! What comes in one read is answered in one write: an answer that is ready becomes a few bytes of
//! head in a queue and a reference to its content. There is no task, no lock and no channel for a
//! stream, and an idle connection holds nothing but the client's field table.

mod control_frames;
mod error;
mod frame;
mod half_closed;
mod input;
mod output;
mod receive;
mod respond;
mod streams;
#[cfg(test)]
mod tests;
mod upload;
mod window;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::budget::Budgets;
use super::limits::{KEPT_BYTES, LINGER_TIME, OUTPUT_BYTES};
use super::turn::{TURN, give_way};
use crate::field_compression::hpack::Decoder;
use crate::process::clock::Tick;
use crate::protocol::handler::Handler;
use error::FrameError;
use frame::{PAYLOAD, kind};
use half_closed::HalfClosed;
use input::{Chunk, Input};
use output::Output;
use receive::PartialBlock;
use streams::Streams;
use window::Window;

pub use error::Error;
pub use frame::Reason;

/// A connection; a future that ends when the connection does.
pub struct Connection<S, H: Handler> {
    io: S,
    handler: H,
    input: Input,
    output: Output,
    decoder: Decoder,
    /// The field block in the making; no other frame may come before its end.
    block: Option<Box<PartialBlock>>,
    streams: Streams<H>,
    half_closed: HalfClosed,
    /// The highest stream that the client has opened.
    last: u32,
    /// Room that the client has left for all streams together.
    window: Window,
    /// Room that it leaves on each stream at first.
    initial: Window,
    /// Bytes of content that were dropped since the client was last told.
    dropped: u32,
    /// Bytes of content that were queued since `moved`, when the connection last moved on.
    queued: usize,
    moved: Tick,
    budgets: Budgets,
    /// True if the client's preface has come, and its settings.
    greeted: bool,
    settled: bool,
    /// Bytes that are kept beyond [`KEPT_BYTES`], as the handler was last told.
    kept: usize,
    /// True if nothing more will come.
    silent: bool,
    closing: Closing,
    /// The result that it ended with, and since when it tries to say so.
    end: Option<(Result<(), Error>, Tick)>,
}

/// Progress of a graceful shutdown (RFC 9113 §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    /// The client is told that there will be.
    Announced,
    /// It has been told which stream is the last.
    Final,
}

/// The first bytes of every client (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Rounds of reading and writing, each of a full queue, that are a turn.
const ROUNDS: usize = TURN / OUTPUT_BYTES;

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    /// Begins a connection on `io`.
    pub fn new(io: S, handler: H) -> Self {
        let now = Tick::now();
        let mut connection = Self {
            io,
            handler,
            input: Input::default(),
            output: Output::default(),
            decoder: Decoder::default(),
            block: None,
            streams: Streams::default(),
            half_closed: HalfClosed::default(),
            last: 0,
            window: Window::INITIAL,
            initial: Window::INITIAL,
            dropped: 0,
            queued: 0,
            moved: now,
            budgets: Budgets::new(now),
            greeted: false,
            settled: false,
            kept: 0,
            silent: false,
            closing: Closing::No,
            end: None,
        };
        connection.greet();
        connection
    }

    /// Takes no more requests, and ends when those in flight have been answered.
    pub fn graceful_shutdown(&mut self) {
        // After the last word there is nothing more to say.
        if self.end.is_none() {
            self.say_farewell();
        }
    }

    /// The transport, once the connection has ended.
    pub fn into_io(self) -> S {
        self.io
    }

    /// Reads, answers and writes until there is nothing more to do.
    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.streams.woken();
        for _ in 0..ROUNDS {
            if let Err(error) = self.take_in(context) {
                return Poll::Ready(Err(error));
            }
            self.poll_answers(context);
            self.produce(context);
            let full = self.is_full();
            let written = self.output.poll_write(&mut self.io, context)?;
            if written.is_ready() && self.is_done() {
                return Poll::Ready(Ok(()));
            }
            if written.is_pending() || !full {
                self.wait(written.is_pending());
                if self.rest() {
                    return Poll::Pending;
                }
                self.streams.clear();
                self.go_away(self.last, Reason::EnhanceYourCalm);
                let end = Error::Client(Reason::EnhanceYourCalm, "more than its client may keep");
                return Poll::Ready(Err(end));
            }
        }
        give_way(context);
        Poll::Pending
    }

    /// True if no request is or will be answered any more.
    fn is_done(&mut self) -> bool {
        if self.silent && !self.streams.is_working(self.window.room()) {
            // Whoever has sent all there is opens no window either.
            self.streams.clear();
        }
        self.streams.is_empty() && (self.silent || self.closing == Closing::Final)
    }

    /// Answers that the client leaves no room for hold as little as they can: those that it has not
    /// opened a window for, and all of them if it takes nothing at all (`blocked`).
    fn wait(&mut self, blocked: bool) {
        if !self.streams.is_empty() {
            self.streams.wait(if blocked { 0 } else { self.window.room() });
        }
        if blocked {
            self.output.detach(|id| self.streams.holds(id));
        }
    }

    /// Resets the streams whose answers have stalled at `now`; gives the time when the next one will
    /// have. What is progress is said in `Streams::stalled`: bytes of that answer, not pings, and of
    /// other answers only if they are what it waits for.
    pub fn give_up_stalled(&mut self, now: Tick) -> Option<Tick> {
        let (stalled, next) = self.streams.stalled(now, self.moved);
        for id in stalled {
            self.reset(id, Reason::Cancel, None);
        }
        next
    }

    /// True if the client takes nothing of what is on its way to it.
    pub fn is_blocked(&self) -> bool {
        !self.output.is_empty()
    }

    /// True if the client has to take something before more is made. One that has much that it does
    /// not take on other connections may have less of it here.
    fn is_full(&self) -> bool {
        self.output.is_full() || self.output.queued() >= KEPT_BYTES && !self.handler.may_ask()
    }

    /// Lets go of what is not needed until something happens. False if the client may not have kept
    /// what has come of a request.
    fn rest(&mut self) -> bool {
        let awaited = self.input.awaited().map(|head| head.kind);
        if self.block.is_some() || matches!(awaited, Some(kind::HEADERS | kind::CONTINUATION)) {
            self.handler.head_begun();
        }
        self.streams.shrink();
        self.output.shrink();
        let block = self.block.as_ref().map_or(0, |block| block.size());
        let kept = self.input.kept() + block + self.output.kept();
        let beyond = kept.saturating_sub(KEPT_BYTES);
        if beyond == self.kept {
            return true;
        }
        self.kept = beyond;
        // What is on its way to the client cannot be taken back.
        self.handler.keeps(beyond) || block == 0
    }

    /// Keeps nothing of what the client has sent, while it is told of the end and heard out.
    fn let_go(&mut self) {
        self.streams.clear();
        (self.block, self.input, self.decoder) = (None, Input::default(), Decoder::default());
        if std::mem::take(&mut self.kept) > 0 {
            let _ = self.handler.keeps(0);
        }
    }

    /// Reads what is there, unless the client has to take something first.
    fn take_in(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        while !self.silent && !self.is_full() {
            match self.input.poll_read(&mut self.io, context)? {
                Poll::Pending => break,
                Poll::Ready(None) => self.silent = true,
                Poll::Ready(Some(mut chunk)) => {
                    if let Err((reason, what)) = self.frames(&mut chunk, context) {
                        self.streams.clear();
                        self.go_away(self.last, reason);
                        return Err(Error::Client(reason, what));
                    }
                    self.input.keep(chunk);
                }
            }
        }
        Ok(())
    }

    /// Acts upon the frames that have come whole.
    fn frames(
        &mut self,
        chunk: &mut Chunk,
        context: &mut Context<'_>,
    ) -> Result<(), (Reason, &'static str)> {
        if !self.greeted {
            let known = chunk.rest().len().min(PREFACE.len());
            if chunk.rest()[..known] != PREFACE[..known] {
                return Err((Reason::ProtocolError, "no preface"));
            }
            if chunk.take(PREFACE.len()).is_none() {
                return Ok(());
            }
            self.greeted = true;
        }
        while let Some(head) = chunk.head() {
            if head.length > PAYLOAD {
                return Err((Reason::FrameSizeError, "a frame of more than 16 KiB"));
            }
            let Some(payload) = chunk.payload(head) else { break };
            match self.frame(head, payload, context) {
                Ok(()) => {}
                Err(FrameError::Connection(reason, what)) => return Err((reason, what)),
                Err(FrameError::Stream(id, reason)) => {
                    if !self.budgets.take_local_reset() {
                        return Err((Reason::EnhanceYourCalm, "too many streams with errors"));
                    }
                    self.reset(id, reason, None);
                }
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Future for Connection<S, H> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.end.is_none() {
            let end = ready!(this.poll_work(context));
            this.end = Some((end, Tick::now()));
            this.let_go();
        }
        if let Some((Ok(()) | Err(Error::Client(..)), since)) = &this.end {
            // A client that broke the protocol hears why, if it listens.
            let patient = Tick::now().since(*since) < LINGER_TIME;
            match this.output.poll_write(&mut this.io, context) {
                Poll::Pending if patient => return Poll::Pending,
                Poll::Ready(Ok(())) => drop(ready!(Pin::new(&mut this.io).poll_shutdown(context))),
                _ => {}
            }
        }
        Poll::Ready(this.end.take().map_or(Ok(()), |(end, _)| end))
    }
}
