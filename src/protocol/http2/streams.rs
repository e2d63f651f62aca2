//! The streams whose answers are not out yet, and whose turn it is.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;

use super::Handler;
use super::output::Output;
use super::upload::Upload;
use super::window::{Overflow, Window};
use crate::process::clock::Tick;
use crate::protocol::handler::Content;
use crate::protocol::limits::STALL_TIME;
use crate::protocol::priority::Priority;

/// A stream that has been asked on and not been answered in full.
pub(super) struct Stream<H: Handler> {
    pub(super) id: u32,
    /// Room that the client has left on this stream.
    pub(super) window: Window,
    pub(super) priority: Priority,
    pub(super) upload: Upload,
    pub(super) state: AnswerState<H>,
    /// The time at which something of the answer last went out, or its request came.
    pub(super) progress: Tick,
}

/// The progress of an answer.
pub(super) enum AnswerState<H: Handler> {
    /// It is being made.
    Awaited(H::Answer),
    /// Its head has been queued.
    Sending(Sending<H::Content>),
}

/// Content on its way out.
pub(super) struct Sending<C> {
    content: C,
    /// Bytes of the content that have been taken and not been queued.
    data: Bytes,
    /// Set while the content is being fetched: when it was last asked for.
    fetching: Option<Polled>,
    /// True if content was let go of, and has not been taken again.
    released: bool,
}

/// The last time that content which is being fetched was polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polled {
    /// Since the connection's task was last woken, so that asking again is of no use.
    Now,
    /// Polled in an earlier wake-up.
    Before,
}

/// The outcome of an attempt to queue a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueOutcome {
    /// This many bytes were queued.
    Queued(usize),
    /// This many bytes were queued, and they were the last.
    Ended(usize),
    /// The content is being fetched.
    Fetching,
    /// The content broke off before its promised end.
    Broken,
}

/// Bytes of content in a frame: with its head they fill a TLS record of 16 KiB.
pub(super) const CONTENT: usize = 16 * 1024 - super::frame::HEAD;

impl<C: Body<Data = Bytes, Error: std::fmt::Debug> + Unpin> Sending<C> {
    /// Nothing of `content` has been sent.
    pub(super) fn new(content: C) -> Self {
        Self { content, data: Bytes::new(), fetching: None, released: false }
    }

    /// Queues a frame of at most `room` bytes, which must not be zero.
    pub(super) fn step(
        &mut self,
        id: u32,
        room: usize,
        output: &mut Output,
        context: &mut Context<'_>,
    ) -> QueueOutcome {
        while self.data.is_empty() {
            match Pin::new(&mut self.content).poll_frame(context) {
                Poll::Pending => {
                    self.fetching = Some(Polled::Now);
                    return QueueOutcome::Fetching;
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.data = frame.into_data().unwrap_or_default();
                    self.fetching = None;
                    self.released = false;
                }
                // Less than was promised is as bad as an error.
                Poll::Ready(Some(Err(_)) | None) => return QueueOutcome::Broken,
            }
        }
        let count = self.data.len().min(room).min(CONTENT);
        let part = if count == self.data.len() {
            std::mem::take(&mut self.data)
        } else {
            self.data.split_to(count)
        };
        let ends = self.data.is_empty() && self.content.is_end_stream();
        output.data(id, ends, part);
        if ends { QueueOutcome::Ended(count) } else { QueueOutcome::Queued(count) }
    }
}

impl<C: Content> Sending<C> {
    /// The client leaves no room for it: nothing is held that can be had again.
    fn wait(&mut self) {
        if self.content.wait(self.data.len()) {
            self.data = Bytes::new();
            self.fetching = None;
            self.released = true;
        }
    }
}

/// The streams of a connection, in the order in which they were opened.
pub(super) struct Streams<H: Handler> {
    list: Vec<Stream<H>>,
    /// The last incremental stream that was served; the next of its kind is behind it.
    turn: u32,
}

impl<H: Handler> Default for Streams<H> {
    fn default() -> Self {
        Self { list: Vec::new(), turn: 0 }
    }
}

impl<H: Handler> Streams<H> {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a stream, whose id is higher than all others.
    pub(super) fn push(&mut self, stream: Stream<H>) {
        self.list.push(stream);
    }

    pub(super) fn find(&mut self, id: u32) -> Option<&mut Stream<H>> {
        let index = self.list.binary_search_by_key(&id, |stream| stream.id).ok()?;
        self.list.get_mut(index)
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Stream<H>> {
        let index = self.list.binary_search_by_key(&id, |stream| stream.id).ok()?;
        Some(self.list.remove(index))
    }

    /// Gives up all of them.
    pub(super) fn clear(&mut self) {
        self.list = Vec::new();
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Stream<H>> {
        self.list.iter_mut()
    }

    /// Gives back memory that nothing is in.
    pub(super) fn shrink(&mut self) {
        if self.list.is_empty() {
            self.list = Vec::new();
        }
    }

    /// The client has changed the windows of all streams (RFC 9113 §6.9.2).
    pub(super) fn shift(&mut self, old: Window, new: Window) -> Result<(), Overflow> {
        self.list.iter_mut().try_for_each(|stream| stream.window.shift(old, new))
    }

    /// The connection's task was woken: what was being fetched may be there.
    pub(super) fn woken(&mut self) {
        for stream in &mut self.list {
            if let AnswerState::Sending(Sending { fetching: fetching @ Some(_), .. }) =
                &mut stream.state
            {
                *fetching = Some(Polled::Before);
            }
        }
    }

    /// True if something moves without the client, which has left so much `room` for all streams
    /// together: an answer in the making, content being fetched that there is room for.
    pub(super) fn is_working(&self, room: usize) -> bool {
        self.list.iter().any(|stream| match &stream.state {
            AnswerState::Awaited(_) => true,
            AnswerState::Sending(sending) => {
                sending.fetching.is_some() && room.min(stream.window.room()) > 0
            }
        })
    }

    /// Lets those wait that the client leaves no room for, of which there is `room` for all of them
    /// together.
    pub(super) fn wait(&mut self, room: usize) {
        for stream in &mut self.list {
            if let AnswerState::Sending(sending) = &mut stream.state
                && (sending.fetching.is_none() || room.min(stream.window.room()) == 0)
            {
                sending.wait();
            }
        }
    }

    /// True if a stream holds the content that is being sent on it.
    pub(super) fn holds(&self, id: u32) -> bool {
        let found = self.list.binary_search_by_key(&id, |stream| stream.id);
        found.is_ok_and(|index| match &self.list[index].state {
            AnswerState::Sending(sending) => !sending.released,
            AnswerState::Awaited(_) => false,
        })
    }

    /// Streams whose answers have stalled at `now`, and when the next one will have. Those that the
    /// client leaves room for wait for others of the connection, which last moved on at `moved`.
    pub(super) fn stalled(&self, now: Tick, moved: Tick) -> (Vec<u32>, Option<Tick>) {
        let due = |stream: &Stream<H>| {
            let behind =
                stream.window.room() > 0 && matches!(stream.state, AnswerState::Sending(_));
            let progress = if behind { stream.progress.max(moved) } else { stream.progress };
            progress.after(STALL_TIME)
        };
        let stalled = self.list.iter().filter(|stream| due(stream) <= now);
        let others = self.list.iter().map(due).filter(|due| *due > now);
        (stalled.map(|stream| stream.id).collect(), others.min())
    }

    /// The stream that is served next, by its [rank](Priority::rank). While as many as `fetching` have
    /// content fetched, only what is fetched, or has been, is served.
    pub(super) fn next(&mut self, fetching: usize) -> Option<&mut Stream<H>> {
        let fetched = |stream: &&Stream<H>| match &stream.state {
            AnswerState::Sending(sending) => sending.fetching.is_some(),
            AnswerState::Awaited(_) => false,
        };
        let busy =
            self.list.len() >= fetching && self.list.iter().filter(fetched).count() >= fetching;
        let turn = self.turn;
        let ready = self.list.iter_mut().filter(|stream| stream.is_ready(busy));
        let stream = ready.min_by_key(|stream| stream.priority.rank(stream.id, turn))?;
        if stream.priority.incremental {
            self.turn = stream.id;
        }
        Some(stream)
    }
}

impl<H: Handler> Stream<H> {
    /// True if there may be something to send, and room for it. If the connection is `busy`, no
    /// further content is to be fetched.
    fn is_ready(&self, busy: bool) -> bool {
        let AnswerState::Sending(sending) = &self.state else { return false };
        if self.window.room() == 0 {
            return false;
        }
        match sending.fetching {
            Some(Polled::Now) => false,
            Some(Polled::Before) => true,
            None => !busy || !sending.data.is_empty(),
        }
    }
}
