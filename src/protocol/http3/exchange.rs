//! Exchanges: requests whose answers are not out yet, and whose turn it is.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, DATE};
use http_body::Body;

use super::RequestStream;
use super::frames::{self, kind};
use super::stream_transport::{StreamTransport, WriteOutcome};
use crate::field_compression::qpack;
use crate::process::clock::Tick;
use crate::protocol::date_field;
use crate::protocol::handler::{Content, Handler};
use crate::protocol::limits::READING;
use crate::protocol::priority::Priority;
use crate::service::{Fields, Refusal, Response};

/// A request stream that is open.
pub(super) struct Exchange<H: Handler> {
    pub(super) id: u64,
    /// The client's half; `None` if it is read no further.
    pub(super) request: Option<RequestStream>,
    pub(super) priority: Priority,
    pub(super) state: ExchangeState<H>,
    /// When something of the answer last went out, or its request came.
    pub(super) progress: Tick,
    /// Bytes that were handed over; they are held until the client has acknowledged them.
    pub(super) handed: usize,
    /// True if the client leaves no room for it, until it says that there is.
    pub(super) is_blocked: bool,
    /// True if its content was asked for since the connection's task was last woken, and is being
    /// fetched.
    pub(super) is_asked: bool,
}

/// How far an exchange is.
pub(super) enum ExchangeState<H: Handler> {
    /// The head has not come whole.
    Reading,
    /// The answer is being made.
    Awaited(H::Answer),
    /// Its head has been made.
    Sending(Outgoing<H::Content>),
    /// All of it has been handed over, and has not arrived.
    Sent,
}

/// An answer on its way out.
pub(super) struct Outgoing<C> {
    /// Frames with little content or none, and content that has been taken and not been written.
    chunks: [Bytes; 2],
    content: Option<C>,
    /// True while the content is being fetched.
    fetching: bool,
    /// True if content was let go of, and has not been taken again.
    released: bool,
}

/// The outcome of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendOutcome {
    /// So many bytes were handed over.
    Sent(usize),
    /// So many bytes were handed over, and they were the last.
    Ended(usize),
    /// The client leaves no room.
    Blocked,
    /// The content is being fetched.
    Fetching,
    /// The content broke off before its promised end.
    Broken,
    /// The client takes no more of it.
    Stopped,
}

thread_local! {
    /// Room for the field section of an answer, and for the frames that it begins with.
    static ROOM: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// The frames that an answer begins with: its fields, the head of its content, which has so many
/// bytes, and the first of these.
fn begin(status: StatusCode, fields: &Fields, length: u64, content: &[u8]) -> Bytes {
    ROOM.with_borrow_mut(|(section, out)| {
        section.clear();
        out.clear();
        qpack::begin(section);
        head(section, status, fields);
        frames::put(out, kind::HEADERS, section);
        if length > 0 {
            frames::begin(out, kind::DATA, length);
        }
        out.extend_from_slice(content);
        Bytes::copy_from_slice(out)
    })
}

/// Appends the fields of an answer.
fn head(section: &mut Vec<u8>, status: StatusCode, fields: &Fields) {
    qpack::status(section, status);
    qpack::field(section, &DATE, date_field::now().as_bytes());
    if let Some(length) = fields.content_length() {
        qpack::field(section, &CONTENT_LENGTH, itoa::Buffer::new().format(length).as_bytes());
    }
    if let Some(shared) = fields.block() {
        section.extend_from_slice(shared.http3(qpack::field));
    }
    for (name, value) in fields.own() {
        qpack::field(section, name, value.as_bytes());
    }
}

/// Content up to this many bytes is copied behind the fields of its answer: a piece more costs more
/// than that, but for the allocator more than 1 KiB is dear.
const COPIED: usize = 512;

impl<C: Body<Data = Bytes, Error: Debug> + Unpin> Outgoing<C> {
    /// The head of an answer, and its content behind it, which has a known length; `None` if that
    /// has broken off already. If the connection `is_busy`, it is not fetched yet.
    pub(super) fn new(
        response: Response<C>,
        is_busy: bool,
        context: &mut Context<'_>,
    ) -> Option<Self> {
        let Response { status, fields, body, .. } = response;
        let body = Some(body).filter(|body| !body.is_end_stream());
        let length = body.as_ref().map_or(Some(0), |body| body.size_hint().exact())?;
        let chunks = [Bytes::new(), Bytes::new()];
        let mut outgoing = Self { chunks, content: body, fetching: false, released: false };
        if !is_busy && outgoing.fetch(context) == Some(SendOutcome::Broken) {
            return None;
        }
        let piece = &mut outgoing.chunks[1];
        let copied = if piece.len() <= COPIED { std::mem::take(piece) } else { Bytes::new() };
        outgoing.chunks[0] = begin(status, &fields, length, &copied);
        Some(outgoing)
    }

    /// Hands over what comes next, as far as there is room.
    pub(super) fn step(
        &mut self,
        id: u64,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> SendOutcome {
        if let Some(outcome) = self.fetch(context) {
            return outcome;
        }
        let mut written = 0;
        if !self.is_empty() {
            match transport.write(id, &mut self.chunks) {
                WriteOutcome::Bytes(count) => written = count,
                WriteOutcome::Blocked => return SendOutcome::Blocked,
                WriteOutcome::Stopped => return SendOutcome::Stopped,
            }
        }
        let is_whole = self.content.as_ref().is_none_or(Body::is_end_stream);
        if self.is_empty() && is_whole {
            transport.finish(id);
            return SendOutcome::Ended(written);
        }
        SendOutcome::Sent(written)
    }

    /// Takes content, if there is none that is to be written.
    fn fetch(&mut self, context: &mut Context<'_>) -> Option<SendOutcome> {
        while self.chunks[1].is_empty()
            && let Some(content) = &mut self.content
        {
            if content.is_end_stream() {
                self.content = None;
                break;
            }
            match Pin::new(content).poll_frame(context) {
                Poll::Pending => {
                    self.fetching = true;
                    // What is there already goes out.
                    let is_nothing = self.chunks[0].is_empty();
                    return is_nothing.then_some(SendOutcome::Fetching);
                }
                Poll::Ready(Some(Ok(frame))) => {
                    (self.fetching, self.released) = (false, false);
                    self.chunks[1] = frame.into_data().unwrap_or_default();
                }
                // Less than was promised is as bad as an error.
                Poll::Ready(Some(Err(_)) | None) => return Some(SendOutcome::Broken),
            }
        }
        None
    }
}

impl<C> Outgoing<C> {
    fn is_empty(&self) -> bool {
        self.chunks.iter().all(Bytes::is_empty)
    }

    /// The answer to a head that never became a request, and the length of its content.
    pub(super) fn refusal(refusal: Refusal, wants_content: bool) -> (Self, u64) {
        let Response { status, fields, body, .. } = refusal.response();
        let text = body.into_whole().filter(|_| wants_content).unwrap_or_default();
        let length = text.len() as u64;
        let chunks = [begin(status, &fields, length, &text), Bytes::new()];
        (Self { chunks, content: None, fetching: false, released: false }, length)
    }
}

impl<C: Content> Outgoing<C> {
    /// The client leaves no room for it: nothing is held that can be had again.
    pub(super) fn wait(&mut self) {
        if self.released {
            return;
        }
        if let Some(content) = &mut self.content
            && content.wait(self.chunks[1].len())
        {
            self.chunks[1] = Bytes::new();
            (self.fetching, self.released) = (false, true);
        }
    }
}

/// The exchange on a stream.
pub(super) fn find<H: Handler>(
    exchanges: &mut VecDeque<Exchange<H>>,
    id: u64,
) -> Option<&mut Exchange<H>> {
    let index = exchanges.binary_search_by_key(&id, |exchange| exchange.id).ok()?;
    exchanges.get_mut(index)
}

/// True if no further content is to be fetched.
pub(super) fn is_busy<H: Handler>(exchanges: &VecDeque<Exchange<H>>) -> bool {
    let fetched = |exchange: &&Exchange<H>| match &exchange.state {
        ExchangeState::Sending(outgoing) => outgoing.fetching,
        _ => false,
    };
    exchanges.len() >= READING && exchanges.iter().filter(fetched).count() >= READING
}

/// The exchange that is served next, by its [rank](Priority::rank). While as many as [`READING`] have
/// content fetched, no other's is.
pub(super) fn next<H: Handler>(
    exchanges: &mut VecDeque<Exchange<H>>,
    turn: u64,
) -> Option<&mut Exchange<H>> {
    let is_busy = is_busy(exchanges);
    let ready = exchanges.iter_mut().filter(|exchange| match &exchange.state {
        ExchangeState::Sending(outgoing) if !exchange.is_blocked && !exchange.is_asked => {
            !is_busy || outgoing.fetching || !outgoing.is_empty()
        }
        _ => false,
    });
    ready.min_by_key(|exchange| exchange.priority.rank(exchange.id, turn))
}
