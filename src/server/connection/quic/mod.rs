//! QUIC: one UDP socket, whose datagrams go to the connections that they are for.
//!
//! The endpoint has a task of its own, and so has each connection: threads share the connections of
//! one socket as they share those of TCP.

mod configuration;
mod datagrams;
mod local_addresses;
mod mailbox;
mod other_addresses;
mod quic_connection;
mod quic_streams;
mod received_frames;
#[cfg(test)]
mod tests;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use quinn_proto::{
    ConnectionHandle, ConnectionIdGenerator, DatagramEvent, EndpointEvent, Incoming,
    RandomConnectionIdGenerator,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use super::drive::{Ends, Shared};
use super::handshake::HANDSHAKE_BYTES;
use super::limit::Limit;
use crate::ledger::Kept;
use crate::process::secret::Secret;
use crate::visitor::proxy::Proxies;
use datagrams::Received;
use local_addresses::LocalAddresses;
use mailbox::Mailbox;
use quic_connection::QuicConnection;

pub use datagrams::DatagramSocket;
pub use local_addresses::ResolvesByAddress;

/// Half-open connections beyond which clients have to show first that they are where they say
/// (RFC 9000 §8.1.2). To answer a hello costs 15 times as much as to send a Retry, and more bytes
/// than it has.
const RETRY_ABOVE: usize = 64;

/// A UDP socket that takes HTTP/3.
#[derive(Debug)]
pub struct QuicListener {
    socket: DatagramSocket,
    endpoint: quinn_proto::Endpoint,
    configurations: LocalAddresses,
    port: u16,
}

/// Has the library draw its first random number while every file can still be opened. Where the C
/// library is part of the program, numbers come of `/dev/urandom`, which is then kept open.
///
/// # Panics
/// When the system has no random numbers.
pub fn seed_random_numbers() {
    RandomConnectionIdGenerator::default().generate_cid();
}

/// The name and number by which the endpoint and a connection speak of events.
type Events = UnboundedSender<(ConnectionHandle, EndpointEvent)>;

/// A connection whose handshake has not ended, counted while it lives.
#[derive(Debug)]
pub(super) struct HalfOpen {
    count: Arc<AtomicUsize>,
    /// The bytes that its client is charged with.
    _kept: Kept,
}

impl HalfOpen {
    fn new(count: &Arc<AtomicUsize>, kept: Kept) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self { count: Arc::clone(count), _kept: kept }
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl QuicListener {
    /// Takes HTTP/3 on `socket`; `resolver` finds the certificates, and keys that clients meet again
    /// after a restart come of `secret`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        socket: DatagramSocket,
        resolver: Box<dyn ResolvesByAddress>,
        secret: &Secret,
        early_data: bool,
    ) -> io::Result<Self> {
        let configured = configuration::of(resolver, secret, early_data);
        let (endpoint, configurations) = configured.map_err(io::Error::other)?;
        let port = socket.port();
        let is_whole = !socket.may_fragment();
        let server = Some(Arc::clone(configurations.anywhere()));
        let endpoint = quinn_proto::Endpoint::new(endpoint, server, is_whole, None);
        Ok(Self { socket, endpoint, configurations, port })
    }

    /// Takes connections until the order to stop, then those that are there until they have ended.
    /// The `proxies`, if there are any, are believed when they say on whose behalf they ask.
    pub async fn take(
        self,
        shared: Shared,
        limit: Arc<Limit>,
        connections: TaskTracker,
        proxies: Option<Arc<Proxies>>,
    ) {
        let (sender, events) = unbounded_channel();
        let mut endpoint = Endpoint {
            socket: Arc::new(self.socket),
            proto: self.endpoint,
            configurations: self.configurations,
            port: self.port,
            routes: Vec::new(),
            open: 0,
            half_open: Arc::default(),
            sender,
            shared,
            limit,
            connections,
            proxies,
        };
        endpoint.run(events).await;
    }
}

struct Endpoint {
    socket: Arc<DatagramSocket>,
    proto: quinn_proto::Endpoint,
    configurations: LocalAddresses,
    port: u16,
    /// The mailboxes of the connections, by their numbers.
    routes: Vec<Option<Arc<Mailbox>>>,
    /// Connections that have one.
    open: usize,
    half_open: Arc<AtomicUsize>,
    sender: Events,
    shared: Shared,
    limit: Arc<Limit>,
    connections: TaskTracker,
    /// The trusted proxies, if there are any.
    proxies: Option<Arc<Proxies>>,
}

impl Endpoint {
    async fn run(&mut self, mut events: UnboundedReceiver<(ConnectionHandle, EndpointEvent)>) {
        let mut buffer = self.socket.buffer();
        let stop = self.shared.stop.clone();
        let mut is_stopping = false;
        loop {
            if is_stopping && self.open == 0 {
                return;
            }
            tokio::select! {
                biased;
                () = stop.wait(), if !is_stopping => is_stopping = true,
                Some((handle, event)) = events.recv() => self.event(handle, event),
                received = self.socket.receive(&mut buffer) => match received {
                    Ok(count) => {
                        let now = Instant::now();
                        for index in 0..count {
                            for (received, datagram) in buffer.datagrams(index) {
                                // A mistake of ours costs the datagram, and maybe its connection, but
                                // not all others. The hook for panics tells of it.
                                let taken = AssertUnwindSafe(|| {
                                    self.datagram(now, received, datagram, is_stopping);
                                });
                                let _ = catch_unwind(taken);
                            }
                        }
                        // The connections have their turn before the next ones are received.
                        tokio::task::yield_now().await;
                    }
                    // Another's ICMP message, which says nothing for sure (RFC 9000 §21.1.1).
                    Err(error) => {
                        tracing::debug!(%error, "a datagram was not received");
                        tokio::task::yield_now().await;
                    }
                },
            }
        }
    }

    fn event(&mut self, handle: ConnectionHandle, event: EndpointEvent) {
        if event.is_drained()
            && let Some(route) = self.routes.get_mut(handle.0)
            && route.take().is_some()
        {
            self.open -= 1;
            while self.routes.pop_if(|route| route.is_none()).is_some() {}
            if self.routes.len() < self.routes.capacity() / 4 {
                self.routes.shrink_to(2 * self.routes.len());
            }
        }
        if let Some(event) = self.proto.handle_event(handle, event)
            && let Some(Some(route)) = self.routes.get(handle.0)
        {
            route.word(event);
        }
    }

    fn datagram(&mut self, now: Instant, from: Received, datagram: BytesMut, is_stopping: bool) {
        let Received { address, local, ecn } = from;
        let mut response = Vec::new();
        let length = datagram.len() as u64;
        match self.proto.handle(now, address, local, ecn, datagram, &mut response) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(Some(route)) = self.routes.get(handle.0) {
                    route.datagram(event, (address, length));
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.begin((now, length), incoming, is_stopping, &mut response);
            }
            Some(DatagramEvent::Response(transmit)) => self.socket.answer(&transmit, &response),
            None => {}
        }
    }

    /// Begins a connection if there is a place for it, and its client is where it says.
    ///
    /// A trusted proxy shows that first: a request may come with its hello (0-RTT), and anybody can
    /// write its address on one.
    fn begin(
        &mut self,
        (now, first): (Instant, u64),
        incoming: Incoming,
        is_stopping: bool,
        out: &mut Vec<u8>,
    ) {
        let peer = incoming.remote_address().ip();
        let proxies = self.proxies.as_ref().filter(|proxies| proxies.contain(peer)).cloned();
        let is_unknown = !incoming.remote_address_validated() && incoming.may_retry();
        let has_to_show =
            proxies.is_some() || self.half_open.load(Ordering::Relaxed) >= RETRY_ABOVE;
        if !is_stopping && is_unknown && has_to_show {
            if let Ok(transmit) = self.proto.retry(incoming, out) {
                self.socket.answer(&transmit, out);
            }
            return;
        }
        let admitted = if is_stopping { None } else { self.limit.admit(peer) };
        let admitted = admitted.and_then(|connected| {
            let kept = connected.account().keep();
            kept.set(HANDSHAKE_BYTES).then_some((connected, kept))
        });
        let Some((connected, kept)) = admitted else {
            let transmit = self.proto.refuse(incoming, out);
            return self.socket.answer(&transmit, out);
        };
        let is_validated = incoming.remote_address_validated();
        let configuration = self.configurations.at(incoming.local_ip());
        match self.proto.accept(incoming, now, out, configuration) {
            Ok((handle, connection)) => {
                let mailbox = Arc::default();
                if self.routes.len() <= handle.0 {
                    self.routes.resize_with(handle.0 + 1, || None);
                }
                self.routes[handle.0] = Some(Arc::clone(&mailbox));
                self.open += 1;
                let half_open = HalfOpen::new(&self.half_open, kept);
                let account = Arc::clone(connected.account());
                let ends = Ends { peer, account, port: self.port, ahead: Bytes::new(), proxies };
                let session = QuicConnection::serve(
                    connection,
                    Arc::clone(&self.socket),
                    (mailbox, handle, self.sender.clone()),
                    (connected, half_open, is_validated),
                    (ends, self.shared.clone(), first),
                );
                self.connections.spawn(session);
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    self.socket.answer(&transmit, out);
                }
            }
        }
    }
}
