//! Answers on their way out.
//!
//! An answer that is ready, and that the client has room for, is queued on the spot and never
//! becomes an entry anywhere. Only what has to wait, for a disk or for the client, does.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Version;
use http::header::{CONTENT_LENGTH, DATE};
use http::request::Parts;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::date_field;
use super::super::limits::READING;
use super::Connection;
use super::frame::Reason;
use super::output::Output;
use super::streams::{AnswerState, CONTENT, QueueOutcome, Sending, Stream};
use super::upload::Upload;
use super::window::Window;
use crate::field_compression::hpack;
use crate::process::clock::Tick;
use crate::protocol::handler::Handler;
use crate::protocol::priority::Priority;
use crate::service::{Refusal, Response};

/// Bytes of content within [`STALL_TIME`](crate::protocol::limits::STALL_TIME) for which answers
/// that come later wait as long as it takes: 2 KiB a second, a third of what a telephone line of old
/// carries.
const MOVED: usize = 64 * 1024;

/// The state of an answer when all has been queued that could be at once.
enum QueuedAnswer<C> {
    /// There is more to send.
    Sending(Sending<C>),
    /// All of it is queued.
    Ended,
    /// Its promise cannot be kept.
    Broken,
}

/// Frames that an answer may send before it has to take turns: a small page as a whole.
const AT_ONCE: usize = 2;

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    /// Answers a request, now as far as that goes.
    pub(super) fn request(
        &mut self,
        id: u32,
        head: Parts,
        upload: Upload,
        priority: Priority,
        context: &mut Context<'_>,
    ) {
        let mut answer = self.handler.answer(head);
        let mut window = self.initial;
        let state = match Pin::new(&mut answer).poll(context) {
            Poll::Pending => AnswerState::Awaited(answer),
            Poll::Ready(response) => match self.begin(id, response, &mut window, context) {
                QueuedAnswer::Sending(sending) => AnswerState::Sending(sending),
                QueuedAnswer::Ended => return self.finish(id, upload, window),
                QueuedAnswer::Broken => return self.reset(id, Reason::InternalError, Some(upload)),
            },
        };
        self.streams.push(Stream { id, window, priority, upload, state, progress: Tick::now() });
    }

    /// Queues the head of an answer and what can be sent at once; gives what remains.
    fn begin(
        &mut self,
        id: u32,
        response: Response<H::Content>,
        window: &mut Window,
        context: &mut Context<'_>,
    ) -> QueuedAnswer<H::Content> {
        let Some(mut sending) = head(&mut self.output, id, response) else {
            return QueuedAnswer::Ended;
        };
        // Streams that wait already are served first.
        if !self.streams.is_empty() {
            return QueuedAnswer::Sending(sending);
        }
        for _ in 0..AT_ONCE {
            let room = window.room().min(self.window.room());
            if room < CONTENT || self.is_full() {
                break;
            }
            match sending.step(id, room, &mut self.output, context) {
                QueueOutcome::Fetching => break,
                QueueOutcome::Queued(count) => {
                    window.take(count);
                    self.queued(count);
                }
                QueueOutcome::Ended(count) => {
                    window.take(count);
                    self.queued(count);
                    return QueuedAnswer::Ended;
                }
                QueueOutcome::Broken => return QueuedAnswer::Broken,
            }
        }
        QueuedAnswer::Sending(sending)
    }

    /// Content has been queued: the client has that much less room, and may say that it has more.
    fn queued(&mut self, count: usize) {
        self.window.take(count);
        self.queued += count;
        if self.queued >= MOVED {
            (self.queued, self.moved) = (0, Tick::now());
        }
        self.budgets.give_content(count);
    }

    /// An answer is out. The client may not have sent all of its request's content, which is of no
    /// use to anybody, but may still break the protocol.
    pub(super) fn finish(&mut self, id: u32, upload: Upload, window: Window) {
        for unended in self.half_closed.answered(id, upload, window) {
            self.stop_upload(unended);
        }
    }

    /// Asks the client to send no more on a stream, if there is one that it does not end (RFC 9113
    /// §8.1).
    pub(super) fn stop_upload(&mut self, unended: Option<u32>) {
        if let Some(id) = unended {
            self.output.reset(id, Reason::NoError);
        }
    }

    /// Resets a stream, on which so much had come if it is not among those that are worked on.
    pub(super) fn reset(&mut self, id: u32, reason: Reason, upload: Option<Upload>) {
        self.output.reset(id, reason);
        let removed = self.streams.remove(id).map(|stream| stream.upload);
        let unended = self.half_closed.reset_by_us(id, removed.or(upload));
        self.stop_upload(unended);
    }

    /// Answers a head that is too large, which is no error of the connection: the client's next may
    /// be smaller.
    pub(super) fn refuse_head(
        &mut self,
        id: u32,
        refusal: Refusal,
        wants_content: bool,
        upload: Upload,
    ) {
        let Response { status, fields, body, .. } = refusal.response();
        let room = self.window.room().min(self.initial.room());
        let text = body.into_whole().filter(|text| wants_content && text.len() <= room);
        self.handler.refused(Version::HTTP_2, status, text.as_ref().map_or(0, Bytes::len) as u64);
        self.output.headers(id, text.is_none(), |block, table| {
            hpack::status(block, status);
            hpack::field(block, &DATE, date_field::now().as_bytes());
            if text.is_some() || !wants_content {
                let length = fields.content_length().unwrap_or_default();
                hpack::field(block, &CONTENT_LENGTH, itoa::Buffer::new().format(length).as_bytes());
                if let Some(shared) = fields.block() {
                    table.fields(block, shared);
                }
            } else {
                hpack::field(block, &CONTENT_LENGTH, b"0");
            }
        });
        if let Some(text) = text {
            self.window.take(text.len());
            self.output.data(id, true, text);
        }
        self.finish(id, upload, self.initial);
    }

    /// Asks for the answers that are in the making.
    pub(super) fn poll_answers(&mut self, context: &mut Context<'_>) {
        let mut ended = Vec::new();
        for stream in self.streams.iter_mut() {
            let AnswerState::Awaited(answer) = &mut stream.state else { continue };
            if let Poll::Ready(response) = Pin::new(answer).poll(context) {
                match head(&mut self.output, stream.id, response) {
                    Some(sending) => {
                        stream.state = AnswerState::Sending(sending);
                        stream.progress = Tick::now();
                    }
                    None => ended.push(stream.id),
                }
            }
        }
        for id in ended {
            if let Some(Stream { upload, window, .. }) = self.streams.remove(id) {
                self.finish(id, upload, window);
            }
        }
    }

    /// Queues content, as long as there is room for it on both sides.
    pub(super) fn produce(&mut self, context: &mut Context<'_>) {
        while !self.is_full() && self.window.room() > 0 {
            // What is fetched is to find room: a client that opens no window has nothing read.
            let fetching = READING.min(self.window.room().div_ceil(CONTENT));
            let Some(stream) = self.streams.next(fetching) else { return };
            let AnswerState::Sending(sending) = &mut stream.state else { return };
            let id = stream.id;
            let room = self.window.room().min(stream.window.room());
            match sending.step(id, room, &mut self.output, context) {
                QueueOutcome::Fetching => {}
                QueueOutcome::Queued(count) => {
                    stream.window.take(count);
                    stream.progress = Tick::now();
                    self.queued(count);
                }
                QueueOutcome::Ended(count) => {
                    stream.window.take(count);
                    let (upload, window) = (stream.upload, stream.window);
                    self.streams.remove(id);
                    self.queued(count);
                    self.finish(id, upload, window);
                }
                QueueOutcome::Broken => self.reset(id, Reason::InternalError, None),
            }
        }
    }
}

/// Queues the head of an answer; gives what is to be sent behind it.
fn head<C>(output: &mut Output, id: u32, response: Response<C>) -> Option<Sending<C>>
where
    C: Body<Data = Bytes, Error: std::fmt::Debug> + Unpin,
{
    let Response { status, fields, body: content, .. } = response;
    let ends = content.is_end_stream();
    output.headers(id, ends, |block, table| {
        hpack::status(block, status);
        hpack::field(block, &DATE, date_field::now().as_bytes());
        if let Some(length) = fields.content_length() {
            hpack::field(block, &CONTENT_LENGTH, itoa::Buffer::new().format(length).as_bytes());
        }
        if let Some(shared) = fields.block() {
            table.fields(block, shared);
        }
        for (name, value) in fields.own() {
            hpack::field(block, name, value.as_bytes());
        }
    });
    (!ends).then(|| Sending::new(content))
}
