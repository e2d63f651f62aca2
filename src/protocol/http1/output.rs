//! Bytes on their way to the client: a head, and a run of content behind it.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::AsyncWrite;

use crate::protocol::date_field;
use crate::protocol::turn::Turn;
use crate::semantics::field_block::line;
use crate::service::Response;

/// Content up to this many bytes is copied behind its head: one run of bytes is sent for less than
/// two are.
const COPIED: usize = 4 * 1024;

/// Bytes of a head's buffer that a thread keeps for the next one.
const KEPT: usize = 16 * 1024;

thread_local! {
    /// The buffer of the last head that was sent whole. An idle connection has none of its own.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes to be sent.
#[derive(Debug, Default)]
pub(super) struct Output {
    head: Vec<u8>,
    sent: usize,
    content: Bytes,
    unflushed: bool,
}

/// The value of the Connection field (RFC 9112 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// Nothing: it goes on, as is usual with HTTP/1.1.
    Usual,
    /// It goes on, though the version would not say so.
    KeepAlive,
    Close,
}

impl Output {
    /// Queues the head of `response`.
    pub(super) fn head<B>(&mut self, response: &Response<B>, persistence: Persistence) {
        if self.head.capacity() == 0 {
            self.head = SPARE.take();
        }
        let head = &mut self.head;
        status_line(head, response.status);
        head.extend_from_slice(b"date: ");
        head.extend_from_slice(date_field::now().as_bytes());
        head.extend_from_slice(b"\r\n");
        if let Some(length) = response.fields.content_length() {
            head.extend_from_slice(b"content-length: ");
            head.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if let Some(block) = response.fields.block() {
            head.extend_from_slice(block.lines());
        }
        for (name, value) in response.fields.own() {
            line(head, name.as_str(), value.as_bytes());
        }
        match persistence {
            Persistence::Usual => {}
            Persistence::KeepAlive => line(head, "connection", b"keep-alive"),
            Persistence::Close => line(head, "connection", b"close"),
        }
        head.extend_from_slice(b"\r\n");
    }

    /// Queues content; only while there is [room](Self::is_full).
    pub(super) fn content(&mut self, content: Bytes) {
        if content.len() <= COPIED && !self.head.is_empty() {
            self.head.extend_from_slice(&content);
        } else {
            self.content = content;
        }
    }

    /// True if what there is has to be sent before more is queued.
    pub(super) fn is_full(&self) -> bool {
        !self.content.is_empty() || self.head.len() > KEPT
    }

    /// Bytes of content that are queued, but for what was copied behind the head.
    pub(super) fn unsent(&self) -> usize {
        self.content.len()
    }

    /// Lets go of that content, which will be queued again.
    pub(super) fn drop_content(&mut self) {
        self.content = Bytes::new();
    }

    /// True if nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.content.is_empty()
    }

    /// Sends all of it, if the turn lasts.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        turn: &mut Turn,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(stream);
        while !self.is_empty() {
            ready!(turn.poll(context));
            let head = &self.head[self.sent..];
            let sent = match (head.is_empty(), self.content.is_empty()) {
                (false, true) => stream.as_mut().poll_write(context, head),
                (true, _) => stream.as_mut().poll_write(context, &self.content),
                (false, false) => {
                    let both = [IoSlice::new(head), IoSlice::new(&self.content)];
                    stream.as_mut().poll_write_vectored(context, &both)
                }
            };
            match ready!(sent)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => {
                    turn.count(sent);
                    self.advance(sent);
                }
            }
        }
        if self.unflushed {
            ready!(stream.poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, sent: usize) {
        self.unflushed = true;
        let of_head = sent.min(self.head.len() - self.sent);
        self.sent += of_head;
        if self.sent == self.head.len() {
            self.sent = 0;
            let mut spare = std::mem::take(&mut self.head);
            if spare.capacity() > 0 && spare.capacity() <= KEPT {
                spare.clear();
                SPARE.set(spare);
            }
        }
        self.content.advance(sent - of_head);
        if self.content.is_empty() {
            // Lets go of the file's bytes.
            self.content = Bytes::new();
        }
    }
}

fn status_line(head: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        return head.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend_from_slice(b"\r\n");
}
