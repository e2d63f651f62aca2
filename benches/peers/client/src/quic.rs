//! Connections over QUIC: a socket for each, driven by the thread that asks.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Endpoint, EndpointConfig,
    TransportConfig, VarInt,
};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::connect::configuration;
use crate::options::Options;
use crate::tally::Failure;

/// What Chromium takes on a stream and on a connection before it has to allow more, in bytes.
const STREAM_WINDOW: u32 = 6 * 1024 * 1024;
const WINDOW: u32 = 15 * 1024 * 1024;

/// Bytes that wait in the system: what a server sends at once.
const SYSTEM_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of what the system gives at once of one sender.
const ROOM: usize = 64 * 1024;

/// Datagrams in one transmission.
const SEGMENTS: usize = 10;

/// How long nothing may come before timers are looked at.
const STEP: Duration = Duration::from_millis(1);

/// A connection and its socket.
pub struct Quic {
    pub connection: Connection,
    socket: UdpSocket,
    state: UdpSocketState,
    endpoint: Endpoint,
    handle: ConnectionHandle,
    unsent: Vec<u8>,
}

/// Room for what one call receives, for all connections of a thread.
pub struct Room(Vec<u8>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![0; ROOM * BATCH_SIZE])
    }
}

/// The configuration of connections as `options` describe them.
pub fn quic_configuration(options: &Options) -> Result<ClientConfig, Failure> {
    let tls = configuration(options, b"h3")?.ok_or("HTTP/3 needs certificate=")?;
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(WINDOW));
    let mut configured = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    configured.transport_config(Arc::new(transport));
    Ok(configured)
}

impl Quic {
    /// Begins a connection.
    pub fn open(options: &Options, configured: &ClientConfig) -> Result<Self, Failure> {
        let address: SocketAddr = options.address.parse()?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new((&socket).into())?;
        // Less than is asked for is no reason not to try.
        let _ = state.set_recv_buffer_size((&socket).into(), SYSTEM_BYTES);
        let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
        let (handle, connection) =
            endpoint.connect(Instant::now(), configured.clone(), address, "localhost")?;
        Ok(Self { connection, socket, state, endpoint, handle, unsent: Vec::new() })
    }

    /// Sends what there is to send and takes what has come; gives the number of datagrams that have.
    pub fn turn(&mut self, room: &mut Room) -> Result<usize, Failure> {
        self.send()?;
        let received = self.receive(room)?;
        let now = Instant::now();
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now);
        }
        while let Some(event) = self.connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                self.connection.handle_event(event);
            }
        }
        Ok(received)
    }

    /// Ends the connection, and tells the server.
    pub fn close(&mut self) -> Result<(), Failure> {
        self.connection.close(Instant::now(), VarInt::from_u32(NO_ERROR), "".into());
        self.send()
    }

    fn send(&mut self) -> Result<(), Failure> {
        loop {
            self.unsent.clear();
            let now = Instant::now();
            let transmit = self.connection.poll_transmit(now, SEGMENTS, &mut self.unsent);
            let Some(transmit) = transmit else { return Ok(()) };
            let datagrams = quinn_udp::Transmit {
                destination: transmit.destination,
                ecn: transmit.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
                contents: &self.unsent[..transmit.size],
                segment_size: transmit.segment_size,
                src_ip: None,
            };
            match self.state.send((&self.socket).into(), &datagrams) {
                // It counts as lost, and is sent again.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                sent => sent?,
            }
        }
    }

    fn receive(&mut self, room: &mut Room) -> Result<usize, Failure> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut parts = room.0.chunks_mut(ROOM).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| parts.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let filled = match self.state.recv((&self.socket).into(), &mut slices, &mut metas) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            filled => filled?,
        };
        let (now, mut count, mut answer) = (Instant::now(), 0, Vec::new());
        for (slice, meta) in slices.iter().zip(metas).take(filled) {
            for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                count += 1;
                let ecn = meta.ecn.and_then(|ecn| quinn_proto::EcnCodepoint::from_bits(ecn as u8));
                let datagram = BytesMut::from(datagram);
                let event = self.endpoint.handle(now, meta.addr, None, ecn, datagram, &mut answer);
                if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                    self.connection.handle_event(event);
                }
            }
        }
        Ok(count)
    }
}

/// `H3_NO_ERROR` (RFC 9114 §8.1).
const NO_ERROR: u32 = 0x100;

/// Waits until something has come for one of the connections, or for a moment.
pub fn wait<'a>(connections: impl Iterator<Item = &'a Quic>) -> Result<(), Failure> {
    let mut polled: Vec<_> =
        connections.map(|quic| PollFd::new(&quic.socket, PollFlags::IN)).collect();
    poll(&mut polled, Some(&Timespec::try_from(STEP)?))?;
    Ok(())
}
