//! Streams between our HTTP/3 and the client of the `h3` crate, in memory: what QUIC promises to
//! both, in pieces of any size and with as much room as the client leaves.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use shost::protocol::http3::{ErrorCode, Incoming, StreamEvent, StreamTransport, WriteOutcome};
use shost::protocol::priority::Priority;

/// The connection, of which either end is an owner.
#[derive(Clone)]
pub(super) struct Link(Rc<RefCell<State>>);

struct State {
    streams: BTreeMap<u64, Stream>,
    /// Bytes that a stream has room for on their way to the client.
    room: usize,
    /// Bytes that either end is given at once.
    piece: usize,
    events: VecDeque<StreamEvent>,
    /// Streams that the client, or we, have not taken up.
    opened: VecDeque<u64>,
    offered: VecDeque<u64>,
    /// The next stream for a request, and of the client and of ours in one direction.
    next: [u64; 3],
    served: Option<Waker>,
    accepting: Option<Waker>,
    closed: Option<u64>,
}

/// Both halves of a stream: what goes to us, and what goes to the client.
#[derive(Default)]
struct Stream {
    up: Half,
    down: Half,
    /// True once we may know of it.
    is_seen: bool,
}

/// What one end sends and the other has not read.
#[derive(Default)]
struct Half {
    bytes: VecDeque<u8>,
    ended: bool,
    reset: Option<u64>,
    /// The code with which the reader has asked for no more.
    stopped: Option<u64>,
    /// True if the reader knows of the end.
    is_over: bool,
    /// True if there was no room for what was to be sent.
    is_blocked: bool,
    reader: Option<Waker>,
}

impl Half {
    fn take(&mut self, most: usize) -> Bytes {
        let count = self.bytes.len().min(most);
        self.bytes.drain(..count).collect::<Vec<_>>().into()
    }

    fn wake(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }
}

impl State {
    fn stream(&mut self, id: u64) -> &mut Stream {
        self.streams.get_mut(&id).expect("it was opened")
    }

    /// Tells our side of something.
    fn tell(&mut self, event: StreamEvent) {
        self.events.push_back(event);
        if let Some(waker) = self.served.take() {
            waker.wake();
        }
    }

    /// Tells our side of something that the client has sent, and first of the stream.
    fn sent(&mut self, id: u64) {
        if !std::mem::replace(&mut self.stream(id).is_seen, true) {
            self.opened.push_back(id);
            return self.tell(StreamEvent::Opened);
        }
        self.tell(StreamEvent::Readable(id));
    }

    /// Opens the next stream of a kind.
    fn open(&mut self, kind: usize) -> u64 {
        let id = self.next[kind];
        self.next[kind] += 4;
        self.streams.insert(id, Stream::default());
        id
    }
}

impl Link {
    pub(super) fn new(room: usize, piece: usize) -> Self {
        Self(Rc::new(RefCell::new(State {
            streams: BTreeMap::new(),
            room,
            piece,
            events: VecDeque::new(),
            opened: VecDeque::new(),
            offered: VecDeque::new(),
            next: [0, 2, 3],
            served: None,
            accepting: None,
            closed: None,
        })))
    }

    /// The code with which the client has closed the connection; if it has not, our side is woken
    /// when something happens.
    pub(super) fn closed(&self, context: &Context<'_>) -> Option<u64> {
        let mut state = self.0.borrow_mut();
        state.served = Some(context.waker().clone());
        state.closed
    }
}

impl Link {
    /// Sends this on a stream as all that there is.
    pub(super) fn answer(&self, id: u64, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        let half = &mut state.stream(id).down;
        half.bytes.extend(bytes);
        half.ended = true;
        half.wake();
    }

    /// All that the client has sent on a stream.
    pub(super) fn asked(&self, id: u64) -> Bytes {
        self.0.borrow_mut().stream(id).up.take(usize::MAX)
    }
}

impl StreamTransport for Link {
    fn accept(&mut self) -> Option<u64> {
        self.0.borrow_mut().opened.pop_front()
    }

    fn event(&mut self) -> Option<StreamEvent> {
        self.0.borrow_mut().events.pop_front()
    }

    fn open(&mut self) -> Option<u64> {
        let mut state = self.0.borrow_mut();
        let id = state.open(2);
        state.offered.push_back(id);
        if let Some(waker) = state.accepting.take() {
            waker.wake();
        }
        Some(id)
    }

    fn read(&mut self, id: u64) -> Incoming {
        let mut state = self.0.borrow_mut();
        let piece = state.piece;
        let half = &mut state.stream(id).up;
        if half.is_over || half.stopped.is_some() {
            return Incoming::Gone;
        }
        if half.reset.is_some() {
            half.is_over = true;
            return Incoming::Reset;
        }
        let bytes = half.take(piece);
        if !half.bytes.is_empty() {
            state.tell(StreamEvent::Readable(id));
            return Incoming::Bytes(bytes);
        }
        half.is_over = half.ended;
        match half.ended {
            true => Incoming::Last(bytes),
            false if bytes.is_empty() => Incoming::Blocked,
            false => Incoming::Bytes(bytes),
        }
    }

    fn write(&mut self, id: u64, chunks: &mut [Bytes]) -> WriteOutcome {
        let mut state = self.0.borrow_mut();
        let room = state.room;
        let half = &mut state.stream(id).down;
        assert!(!half.ended && half.reset.is_none(), "more than the end on {id}");
        if half.stopped.is_some() {
            return WriteOutcome::Stopped;
        }
        let room = room - half.bytes.len();
        half.is_blocked = room < chunks.iter().map(Bytes::len).sum();
        if room == 0 {
            return WriteOutcome::Blocked;
        }
        let mut written = 0;
        for chunk in chunks {
            let part = chunk.split_to(chunk.len().min(room - written));
            written += part.len();
            half.bytes.extend(part);
        }
        half.wake();
        WriteOutcome::Bytes(written)
    }

    fn finish(&mut self, id: u64) {
        let mut state = self.0.borrow_mut();
        let half = &mut state.stream(id).down;
        half.ended = true;
        half.wake();
    }

    fn reset(&mut self, id: u64, code: ErrorCode) {
        let mut state = self.0.borrow_mut();
        let half = &mut state.stream(id).down;
        half.reset = Some(code.value());
        half.wake();
    }

    fn stop(&mut self, id: u64, code: ErrorCode) {
        self.0.borrow_mut().stream(id).up.stopped = Some(code.value());
    }

    fn is_early(&self) -> bool {
        false
    }

    fn asides(&mut self) -> i64 {
        0
    }

    fn held(&self) -> usize {
        0
    }

    fn prioritize(&mut self, _: u64, _: Priority) {}
}

/// The client's half of a stream.
pub(super) struct ClientStream {
    link: Link,
    id: u64,
}

fn id_of(id: u64) -> StreamId {
    StreamId::try_from(id).expect("below 62 bits")
}

fn terminated(error_code: u64) -> StreamErrorIncoming {
    StreamErrorIncoming::StreamTerminated { error_code }
}

impl quic::OpenStreams<Bytes> for Link {
    type BidiStream = ClientStream;
    type SendStream = ClientStream;

    fn poll_open_bidi(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<ClientStream, StreamErrorIncoming>> {
        let id = self.0.borrow_mut().open(0);
        Poll::Ready(Ok(ClientStream { link: self.clone(), id }))
    }

    fn poll_open_send(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<ClientStream, StreamErrorIncoming>> {
        let id = self.0.borrow_mut().open(1);
        Poll::Ready(Ok(ClientStream { link: self.clone(), id }))
    }

    fn close(&mut self, code: Code, _: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.closed.get_or_insert(code.value());
        if let Some(waker) = state.served.take() {
            waker.wake();
        }
    }
}

impl quic::Connection<Bytes> for Link {
    type RecvStream = ClientStream;
    type OpenStreams = Self;

    fn poll_accept_recv(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<ClientStream, ConnectionErrorIncoming>> {
        let mut state = self.0.borrow_mut();
        let Some(id) = state.offered.pop_front() else {
            state.accepting = Some(context.waker().clone());
            return Poll::Pending;
        };
        Poll::Ready(Ok(ClientStream { link: self.clone(), id }))
    }

    fn poll_accept_bidi(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<ClientStream, ConnectionErrorIncoming>> {
        Poll::Pending
    }

    fn opener(&self) -> Self {
        self.clone()
    }
}

impl quic::SendStream<Bytes> for ClientStream {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        let mut state = self.link.0.borrow_mut();
        let stopped = state.stream(self.id).up.stopped;
        Poll::Ready(stopped.map_or(Ok(()), |code| Err(terminated(code))))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        let mut state = self.link.0.borrow_mut();
        let half = &mut state.stream(self.id).up;
        if let Some(code) = half.stopped {
            return Err(terminated(code));
        }
        let mut data: WriteBuf<Bytes> = data.into();
        half.bytes.extend(data.copy_to_bytes(data.remaining()));
        state.sent(self.id);
        Ok(())
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        let ready = self.poll_ready(context);
        if matches!(ready, Poll::Ready(Ok(()))) {
            let mut state = self.link.0.borrow_mut();
            state.stream(self.id).up.ended = true;
            state.sent(self.id);
        }
        ready
    }

    fn reset(&mut self, code: u64) {
        let mut state = self.link.0.borrow_mut();
        let half = &mut state.stream(self.id).up;
        if !half.is_over {
            half.reset = Some(code);
            state.sent(self.id);
        }
    }

    fn send_id(&self) -> StreamId {
        id_of(self.id)
    }
}

impl quic::RecvStream for ClientStream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        let mut state = self.link.0.borrow_mut();
        let piece = state.piece;
        let half = &mut state.stream(self.id).down;
        if let Some(code) = half.reset {
            return Poll::Ready(Err(terminated(code)));
        }
        if half.bytes.is_empty() {
            if half.ended {
                if !std::mem::replace(&mut half.is_over, true) {
                    state.tell(StreamEvent::Finished(self.id));
                }
                return Poll::Ready(Ok(None));
            }
            half.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let bytes = half.take(piece);
        if std::mem::take(&mut half.is_blocked) {
            state.tell(StreamEvent::Writable(self.id));
        }
        Poll::Ready(Ok(Some(bytes)))
    }

    fn stop_sending(&mut self, code: u64) {
        let mut state = self.link.0.borrow_mut();
        let half = &mut state.stream(self.id).down;
        if half.stopped.replace(code).is_none() && !half.is_over {
            half.bytes.clear();
            state.tell(StreamEvent::Stopped(self.id));
        }
    }

    fn recv_id(&self) -> StreamId {
        id_of(self.id)
    }
}
