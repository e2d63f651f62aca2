//! One QUIC connection in its task: datagrams come in, HTTP/3 answers, and datagrams go out.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn_proto::{Connection, ConnectionHandle, EndpointEvent, Transmit, VarInt};
use tokio::time::{Sleep, sleep_until};

use super::configuration::{FIRST_SEND_WINDOW, SEND_WINDOW};
use super::datagrams::DatagramSocket;
use super::mailbox::{Delivery, Mailbox};
use super::other_addresses::OtherAddresses;
use super::quic_streams::QuicStreams;
use super::{Events, HalfOpen};
use crate::ledger::Connected;
use crate::process::clock::Tick;
use crate::protocol::http3::{self, ErrorCode};
use crate::protocol::limits::HANDSHAKE_TIME;
use crate::server::connection::activity::{Activity, Due};
use crate::server::connection::drive::{Ends, Shared, TIMER_STEP};
use crate::server::requests::Requests;
use crate::service::{Duty, Peer};

thread_local! {
    /// Room for the datagrams of the connection that is at work.
    static BYTES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Datagrams that a connection sends before others have their turn.
const TURN: usize = 64;

/// Bytes that may be sent for each that came of a client which may not be where it says.
pub(super) const AMPLIFICATION: u64 = 3;

/// A client has heard of the end after so many round trips, and sends no more requests.
const ROUND_TRIPS: u32 = 2;

/// It is not waited for longer than that.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// The mailbox of a connection, its number and the way back to the endpoint.
type Wire = (Arc<Mailbox>, ConnectionHandle, Events);

/// A connection and all that it holds.
pub(super) struct QuicConnection {
    streams: QuicStreams,
    http: http3::Connection<Requests>,
    socket: Arc<DatagramSocket>,
    wire: Wire,
    activity: Arc<Activity>,
    peer: Arc<Peer>,
    /// Its place in the books, which it leaves also if it panics.
    _connected: Connected,
    /// Held until the handshake has ended.
    half_open: Option<HalfOpen>,
    /// True if the client has shown that it is where it says.
    is_validated: bool,
    since: Instant,
    /// Bytes that were sent, and those that the connection came with, which it does not count.
    sent: u64,
    first: u64,
    closing: Closing,
    /// A transmission that the system had no room for.
    unsent: Option<Transmit>,
    bytes: Vec<u8>,
    /// Room for what comes out of the mailbox.
    events: Vec<Delivery>,
    elsewhere: OtherAddresses,
    /// Bytes that may be sent before the first of them is acknowledged.
    window: u64,
    /// The next look at the deadlines.
    next_look: Instant,
    /// The time for which the timer is set.
    armed: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// Progress of the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    /// The client is told that there will be an end, and which is the last stream at this time.
    Announced(Instant),
    /// It has been told.
    Told,
    /// `CONNECTION_CLOSE` is on its way.
    Closed,
}

impl QuicConnection {
    /// Serves `connection` until it has ended.
    pub(super) fn serve(
        connection: Connection,
        socket: Arc<DatagramSocket>,
        wire: Wire,
        (connected, half_open, is_validated): (Connected, HalfOpen, bool),
        (ends, shared, first): (Ends, Shared, u64),
    ) -> impl Future<Output = ()> + Send {
        let account = Arc::clone(&ends.account);
        let stop = shared.stop.clone();
        let activity = Activity::new(shared.stop).charged_to(Some(account));
        let activity = Arc::new(activity);
        let service = Arc::clone(shared.live.service());
        // Those of the handshake: whoever has its keys is the same, wherever it goes.
        let peer = Peer::new(service, ends.peer, Some("TLSv1.3"), Duty::Serve);
        let peer = peer.on_port(ends.port).charged_to(ends.account).among(ends.proxies);
        let peer = Arc::new(peer);
        let requests = Requests::new(shared.live, Arc::clone(&peer), Arc::clone(&activity));
        let elsewhere = OtherAddresses::new(connection.remote_address(), first);
        let mut session = Box::new(Self {
            streams: QuicStreams::new(connection),
            http: http3::Connection::new(requests),
            socket,
            wire,
            activity,
            peer,
            _connected: connected,
            half_open: Some(half_open),
            is_validated,
            since: Instant::now(),
            sent: 0,
            first,
            closing: Closing::No,
            unsent: None,
            bytes: Vec::new(),
            events: Vec::new(),
            elsewhere,
            window: FIRST_SEND_WINDOW,
            next_look: Instant::now() + HANDSHAKE_TIME,
            armed: None,
            timer: Box::pin(sleep_until(tokio::time::Instant::now())),
        });
        async move {
            let activity = Arc::clone(&session.activity);
            let mut stopped = pin!(activity.told_to_stop());
            let _farewell = stop.farewell();
            let mut cut = pin!(stop.wait_for_cut());
            let mut is_told = false;
            poll_fn(|context| {
                if !is_told && stopped.as_mut().poll(context).is_ready() {
                    is_told = true;
                    session.announce_end();
                }
                if is_told && cut.as_mut().poll(context).is_ready() {
                    let now = Instant::now();
                    session.close(now, ErrorCode::NoError, "");
                    session.transmit(now, context);
                    return Poll::Ready(());
                }
                session.poll(context)
            })
            .await;
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.wire.0.take(&mut self.events, context);
        for Delivery { event, from } in self.events.drain(..) {
            let connection = &mut self.streams.connection;
            let is_borne = from.is_none_or(|(from, bytes)| {
                self.elsewhere.takes(from, connection.remote_address(), bytes)
            });
            // What is not is lost, as on any network.
            if is_borne {
                connection.handle_event(event);
            }
        }
        loop {
            let now = Instant::now();
            if self.streams.connection.poll_timeout().is_some_and(|due| due <= now) {
                self.streams.connection.handle_timeout(now);
            }
            self.speak(context);
            if self.next_look <= now {
                if self.look(now).is_break() {
                    self.close(now, ErrorCode::NoError, "");
                }
                self.next_look = self.due(now);
            }
            let turn_is_over = self.transmit(now, context);
            self.report();
            if self.streams.connection.is_drained() {
                return Poll::Ready(());
            }
            if self.unsent.is_none() {
                // The room for datagrams is left to others.
                BYTES.set(std::mem::take(&mut self.bytes));
            }
            if turn_is_over {
                crate::protocol::turn::give_way(context);
                return Poll::Pending;
            }
            self.rest();
            let quic = self.streams.connection.poll_timeout();
            let due = quic.map_or(self.next_look, |quic| quic.min(self.next_look));
            // What was put off is looked at when it would have been due: to set a timer costs more.
            if self.armed.is_some_and(|armed| now < armed && armed <= due) {
                return Poll::Pending;
            }
            self.timer.as_mut().reset(due.into());
            self.armed = Some(due);
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
        }
    }
}

impl QuicConnection {
    /// Has HTTP/3 do what there is to do.
    fn speak(&mut self, context: &mut Context<'_>) {
        if self.closing == Closing::Closed {
            while http3::StreamTransport::event(&mut self.streams).is_some() {}
            return;
        }
        self.widen();
        if self.http.is_idle() && self.streams.is_keeping() {
            self.announce_end();
        }
        let sent = self.http.sent();
        let ended = self.http.poll(&mut self.streams, context);
        if self.streams.is_connected && self.half_open.take().is_some() {
            self.peer.service().alternative().reached();
        }
        if self.http.sent() != sent {
            self.activity.written();
        }
        if let Some(reason) = &self.streams.lost {
            tracing::debug!(peer = %self.peer.address(), %reason, "connection ended");
            self.http.give_up();
            self.closing = Closing::Closed;
            return;
        }
        match ended {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.close(Instant::now(), ErrorCode::NoError, ""),
            Poll::Ready(Err((code, what))) => {
                let peer = self.streams.connection.remote_address();
                tracing::debug!(%peer, "{}: {what}", code.name());
                self.close(Instant::now(), code, what);
            }
        }
    }

    /// Looks at the deadlines; breaks at the end.
    fn look(&mut self, now: Instant) -> ControlFlow<()> {
        match self.closing {
            Closing::Announced(until) if until <= now => {
                self.closing = Closing::Told;
                self.http.graceful_shutdown();
                ControlFlow::Continue(())
            }
            Closing::No | Closing::Announced(_) | Closing::Told => {
                let tick = Tick::now();
                if !self.streams.is_connected {
                    let is_late = now.duration_since(self.since) >= HANDSHAKE_TIME;
                    return if is_late {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    };
                }
                self.http.give_up_stalled(&mut self.streams, tick);
                match self.activity.due(tick) {
                    Due::Later(_) => ControlFlow::Continue(()),
                    Due::Idle => {
                        self.announce_end();
                        ControlFlow::Continue(())
                    }
                    Due::Stalled => ControlFlow::Break(()),
                }
            }
            Closing::Closed => ControlFlow::Continue(()),
        }
    }

    /// Tells the client that there will be an end, and waits until it must have heard.
    fn announce_end(&mut self) {
        if self.closing == Closing::No {
            self.next_look = Instant::now();
            let patience = (self.streams.connection.rtt() * ROUND_TRIPS).min(FAREWELL_TIME);
            self.closing = Closing::Announced(Instant::now() + patience);
            self.http.announce_end();
        }
    }

    /// Ends the connection now, and tells the client why.
    fn close(&mut self, now: Instant, code: ErrorCode, what: &'static str) {
        if self.closing != Closing::Closed {
            self.closing = Closing::Closed;
            self.http.give_up();
            let code = VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX);
            self.streams.connection.close(now, code, Bytes::from_static(what.as_bytes()));
        }
    }

    /// Sends what there is to send; `true` if it has had its turn before the end.
    fn transmit(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut sent = 0;
        while sent < TURN {
            if self.unsent.is_none() {
                if self.bytes.capacity() == 0 {
                    self.bytes = BYTES.take();
                }
                self.bytes.clear();
                // Each datagram is looked at while a client may not be where it says.
                let segments = if self.is_known() { self.socket.segments() } else { 1 };
                self.unsent = self.streams.connection.poll_transmit(now, segments, &mut self.bytes);
            }
            let Some(transmit) = &self.unsent else { return false };
            if !self.may_send(transmit.size) {
                // It counts as lost, and comes again once the client has sent more.
                self.unsent = None;
                continue;
            }
            match self.socket.poll_send(context, transmit, &self.bytes) {
                Poll::Pending => return false,
                // A datagram that the network does not take is lost like any other.
                Poll::Ready(sent) => drop(sent),
            }
            self.sent += transmit.size as u64;
            sent += transmit.size.div_ceil(transmit.segment_size.unwrap_or(transmit.size).max(1));
            self.unsent = None;
        }
        true
    }

    /// Nothing is sent for a while: room that may not be needed again is given back.
    fn rest(&mut self) {
        if self.http.is_idle() && self.events.capacity() > 0 {
            self.events = Vec::new();
            self.wire.0.shrink();
        }
    }

    /// True if the client has shown that it is where it says.
    fn is_known(&self) -> bool {
        self.streams.is_connected || self.is_validated
    }

    /// True unless the client has yet to show that it is where it says, and would be sent more than
    /// three times what it has sent (RFC 9000 §8.1). The library lets a whole datagram go while
    /// anything is left of that.
    fn may_send(&self, bytes: usize) -> bool {
        let received = || self.first + self.streams.connection.stats().udp_rx.bytes;
        self.is_known() || self.sent + bytes as u64 <= AMPLIFICATION * received()
    }

    /// Hands over what the endpoint has to know.
    fn report(&mut self) {
        while let Some(event) = self.streams.connection.poll_endpoint_events() {
            let _ = self.wire.2.send((self.wire.1, event));
        }
    }

    /// The next time to look at the deadlines.
    fn due(&self, now: Instant) -> Instant {
        match self.closing {
            Closing::Announced(until) if until > now => until,
            Closing::Closed => now + HANDSHAKE_TIME,
            _ if !self.streams.is_connected => self.since + HANDSHAKE_TIME,
            _ => match self.activity.due(Tick::now()) {
                Due::Later(at) => now + at.since(Tick::now()).max(TIMER_STEP),
                Due::Idle | Due::Stalled => now + TIMER_STEP,
            },
        }
    }

    /// Lets the client leave as much unacknowledged as its network carries, and not more.
    fn widen(&mut self) {
        let carried = self.streams.connection.congestion_state().window();
        let window = (carried * 2).clamp(FIRST_SEND_WINDOW, SEND_WINDOW);
        // Each change is a search among the streams that wait.
        if window > self.window || window < self.window / 2 {
            self.window = window;
            self.streams.connection.set_send_window(window);
        }
    }
}

impl Drop for QuicConnection {
    fn drop(&mut self) {
        // Also if it panicked: the endpoint keeps nothing of it.
        if !self.streams.connection.is_drained() {
            let _ = self.wire.2.send((self.wire.1, EndpointEvent::drained()));
        }
    }
}
