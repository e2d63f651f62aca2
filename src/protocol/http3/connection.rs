//! A connection of HTTP/3 in its own task: what has come is answered, and as much is handed over as
//! the client has room for.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::exchange::{Exchange, ExchangeState, find, is_busy};
use super::stream_transport::{Incoming, StreamEvent, StreamTransport, WriteOutcome};
use super::{
    Continuation, ErrorCode, Farewell, Fault, RequestStream, UnidirectionalStreams, greet,
};
use crate::process::clock::Tick;
use crate::protocol::budget::Budgets;
use crate::protocol::handler::Handler;
use crate::protocol::limits::{KEPT_BYTES, STALL_TIME, STREAMS};
use crate::protocol::priority::Priority;
use crate::protocol::turn::give_way;

/// A connection of HTTP/3.
pub struct Connection<H: Handler> {
    pub(super) handler: H,
    pub(super) budgets: Budgets,
    unidirectional: UnidirectionalStreams,
    /// In the order in which they were opened, and mostly end.
    pub(super) exchanges: VecDeque<Exchange<H>>,
    /// Our control stream, and what is not on its way on it.
    control: Option<u64>,
    words: Vec<u8>,
    farewell: Farewell,
    /// The first request stream that the client has not opened.
    next: u64,
    /// The last incremental stream that was served; the next of its kind is behind it.
    pub(super) turn: u64,
    ending: bool,
    /// Bytes of answers that were handed over.
    pub(super) sent: u64,
    /// Those of them that have not been acknowledged, on streams that are open.
    pub(super) handed: usize,
    /// Bytes that the client is charged with.
    kept: usize,
}

/// The client broke the protocol: the code to close with, and why.
pub type Broken = (ErrorCode, &'static str);

impl<H: Handler> Connection<H> {
    /// A connection on which nothing has come yet.
    pub fn new(handler: H) -> Self {
        let mut words = Vec::new();
        greet(&mut words);
        Self {
            handler,
            budgets: Budgets::new(Tick::now()),
            unidirectional: UnidirectionalStreams::default(),
            exchanges: VecDeque::new(),
            control: None,
            words,
            farewell: Farewell::default(),
            next: 0,
            turn: 0,
            ending: false,
            sent: 0,
            handed: 0,
            kept: 0,
        }
    }

    /// Bytes of answers that have been handed over.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// True if no request is being answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// Gives up all that is in flight: the connection is over.
    pub fn give_up(&mut self) {
        self.exchanges = VecDeque::new();
        self.handed = 0;
        if std::mem::take(&mut self.kept) > 0 {
            let _ = self.handler.keeps(0);
        }
    }

    /// Tells the client that the end is near.
    pub fn announce_end(&mut self) {
        self.farewell.announce(&mut self.words);
    }

    /// Takes no more requests, and ends when those in flight have been answered.
    pub fn graceful_shutdown(&mut self) {
        self.farewell.finish(self.next, &mut self.words);
        self.ending = true;
    }

    /// Reads, answers and writes until there is nothing more to do; ready when no request is or will
    /// be answered any more.
    ///
    /// # Errors
    /// When the client breaks the protocol.
    pub fn poll(
        &mut self,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        if let Err(fault) = self.take_in(transport, context) {
            self.give_up();
            return Poll::Ready(Err(fault));
        }
        if !self.budgets.settle_control(transport.asides()) {
            self.give_up();
            return Poll::Ready(Err((ErrorCode::ExcessiveLoad, "frames that ask for nothing")));
        }
        self.speak(transport);
        self.poll_answers(transport, context);
        let has_more = self.produce(transport, context);
        if self.ending && self.exchanges.is_empty() && self.words.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if has_more {
            give_way(context);
        } else if !self.rest(transport.held()) {
            self.give_up();
            return Poll::Ready(Err((ErrorCode::ExcessiveLoad, "more than its client may keep")));
        }
        Poll::Pending
    }

    /// Gives up answers that have stalled at `now`; gives the time when the next one will have.
    pub fn give_up_stalled(
        &mut self,
        transport: &mut impl StreamTransport,
        now: Tick,
    ) -> Option<Tick> {
        let mut next = None;
        self.exchanges.retain(|exchange| {
            let due = exchange.progress.after(STALL_TIME);
            if due > now {
                next = next.map_or(Some(due), |next: Tick| Some(next.min(due)));
                return true;
            }
            self.handed -= exchange.handed;
            transport.reset(exchange.id, ErrorCode::RequestCancelled);
            transport.stop(exchange.id, ErrorCode::RequestCancelled);
            false
        });
        next
    }

    fn take_in(
        &mut self,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        while let Some(event) = transport.event() {
            match event {
                StreamEvent::Opened => self.accept(transport, context)?,
                StreamEvent::Readable(id) if id.is_multiple_of(4) => {
                    self.read_request(id, transport, context)?;
                }
                StreamEvent::Readable(id) => self.read_unidirectional(id, transport)?,
                StreamEvent::Writable(id) => {
                    if let Some(exchange) = find(&mut self.exchanges, id) {
                        exchange.is_blocked = false;
                    }
                }
                StreamEvent::Finished(id) => drop(self.remove(id)),
                StreamEvent::Stopped(id) if self.control == Some(id) => {
                    // RFC 9114 §6.2.1: nobody may ask for its end.
                    let what = "an order to end our control stream";
                    return Err((ErrorCode::ClosedCriticalStream, what));
                }
                StreamEvent::Stopped(id) => self.client_reset(id, transport)?,
            }
        }
        Ok(())
    }

    fn accept(
        &mut self,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        while let Some(id) = transport.accept() {
            if id.is_multiple_of(4) {
                self.next = self.next.max(id + 4);
                self.begin(id, transport, context)?;
            } else {
                self.read_unidirectional(id, transport)?;
            }
        }
        Ok(())
    }

    /// A stream for a request has been opened.
    fn begin(
        &mut self,
        id: u64,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let is_full = self.exchanges.len() >= STREAMS as usize || !self.handler.may_ask();
        if is_full || !self.farewell.answers(id) {
            if !self.budgets.take_control() {
                return Err((ErrorCode::ExcessiveLoad, "requests that are not answered"));
            }
            transport.reset(id, ErrorCode::RequestRejected);
            transport.stop(id, ErrorCode::RequestRejected);
            return Ok(());
        }
        self.exchanges.push_back(Exchange {
            id,
            request: Some(RequestStream::default()),
            priority: Priority::default(),
            state: ExchangeState::Reading,
            progress: Tick::now(),
            handed: 0,
            is_blocked: false,
            is_asked: false,
        });
        self.read_request(id, transport, context)
    }

    fn read_request(
        &mut self,
        id: u64,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let is_busy = is_busy(&self.exchanges);
        let Some(exchange) = find(&mut self.exchanges, id) else { return Ok(()) };
        let Some(request) = &mut exchange.request else { return Ok(()) };
        let (bytes, ends) = match transport.read(id) {
            Incoming::Bytes(bytes) => (bytes, false),
            Incoming::Last(bytes) => (bytes, true),
            Incoming::Reset => return self.client_reset(id, transport),
            Incoming::Blocked => (Bytes::new(), false),
            Incoming::Gone => return Ok(()),
        };
        let begun = match request.receive(&bytes, ends, &mut self.budgets) {
            Ok(begun) => begun,
            Err(Fault::Connection(code, what)) => return Err((code, what)),
            Err(Fault::Stream(code)) => {
                transport.reset(id, code);
                transport.stop(id, code);
                self.remove(id);
                return Ok(());
            }
        };
        if ends {
            exchange.request = None;
        }
        if let Some(begun) = begun
            && exchange.ask(begun, is_busy, &self.handler, transport, context).is_break()
        {
            self.break_off(id, transport);
            return Ok(());
        }
        if matches!(exchange.state, ExchangeState::Reading) {
            self.handler.head_begun();
        }
        Ok(())
    }

    /// The client has reset a stream, or takes no more of it.
    fn client_reset(
        &mut self,
        id: u64,
        transport: &mut impl StreamTransport,
    ) -> Result<(), Broken> {
        if self.remove(id).is_none() {
            return Ok(());
        }
        transport.reset(id, ErrorCode::RequestCancelled);
        transport.stop(id, ErrorCode::RequestCancelled);
        if self.budgets.take_client_reset() {
            Ok(())
        } else {
            Err((ErrorCode::ExcessiveLoad, "streams reset as fast as opened"))
        }
    }

    fn read_unidirectional(
        &mut self,
        id: u64,
        transport: &mut impl StreamTransport,
    ) -> Result<(), Broken> {
        let (bytes, ends) = match transport.read(id) {
            Incoming::Bytes(bytes) => (bytes, false),
            Incoming::Last(bytes) => (bytes, true),
            Incoming::Reset => (Bytes::new(), true),
            Incoming::Gone | Incoming::Blocked => return Ok(()),
        };
        if !bytes.is_empty() {
            let mut updates = Vec::new();
            let taken =
                self.unidirectional.receive(id, &bytes, &mut self.budgets, |request, priority| {
                    updates.push((request, priority));
                });
            for (request, priority) in updates {
                if request >= self.next + 4 * u64::from(STREAMS) {
                    // RFC 9218 §7.2: each stream that has ended makes room for one.
                    let what = "PRIORITY_UPDATE of a stream beyond the limit";
                    return Err((ErrorCode::IdError, what));
                }
                if let Some(exchange) = find(&mut self.exchanges, request) {
                    exchange.priority = priority;
                    transport.prioritize(request, priority);
                }
            }
            if let Continuation::Stop(code) = taken.map_err(broken)? {
                transport.stop(id, code);
                return Ok(());
            }
        }
        if ends { self.unidirectional.end(id).map_err(broken) } else { Ok(()) }
    }

    /// Says on the control stream what is to be said.
    fn speak(&mut self, transport: &mut impl StreamTransport) {
        if self.words.is_empty() {
            return;
        }
        if self.control.is_none() {
            self.control = transport.open();
        }
        let Some(control) = self.control else { return };
        let mut words = [Bytes::from(std::mem::take(&mut self.words))];
        let _: WriteOutcome = transport.write(control, &mut words);
        self.words = words[0].to_vec();
    }

    /// Notes what is held for the client until something happens, with `gapped` bytes that cannot be
    /// read yet. False if it may not have kept what has come of its requests.
    fn rest(&mut self, gapped: usize) -> bool {
        if self.exchanges.is_empty() && self.exchanges.capacity() > 0 {
            self.exchanges = VecDeque::new();
        }
        let requests = self.exchanges.iter().filter_map(|exchange| exchange.request.as_ref());
        let heads = requests.map(RequestStream::kept).sum::<usize>() + gapped;
        let beyond = (heads + self.handed).saturating_sub(KEPT_BYTES);
        if beyond == self.kept {
            return true;
        }
        self.kept = beyond;
        // What is on its way to the client cannot be taken back.
        self.handler.keeps(beyond) || heads == 0
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Exchange<H>> {
        let index = self.exchanges.binary_search_by_key(&id, |exchange| exchange.id).ok()?;
        let removed = self.exchanges.remove(index)?;
        self.handed -= removed.handed;
        Some(removed)
    }
}

fn broken(fault: Fault) -> Broken {
    match fault {
        Fault::Connection(code, what) => (code, what),
        Fault::Stream(code) => (code, "a stream that cannot be given up alone"),
    }
}
