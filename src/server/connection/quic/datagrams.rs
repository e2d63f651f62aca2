//! The UDP socket: many datagrams to a system call, in both directions.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use quinn_proto::{EcnCodepoint, Transmit};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::io::Errno;
use socket2::Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Bytes of the largest datagram that is received: clients keep to what fits an Ethernet.
const DATAGRAM_BYTES: usize = 1500;

/// Datagrams in one transmission at the most. The system takes no more than 64 KiB, and each has up to
/// 1,472 bytes.
const SEGMENTS: usize = 44;

/// Bytes that wait in the system, in either direction: what comes while the endpoint is busy, and
/// what one connection sends at once.
const SYSTEM_BYTES: usize = 2 * 1024 * 1024;

/// A socket that datagrams come to.
#[derive(Debug)]
pub struct DatagramSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    /// True once the network has not taken a transmission of several datagrams.
    is_single: AtomicBool,
}

/// The ends of a datagram, and what routers say of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) address: SocketAddr,
    pub(super) local: Option<IpAddr>,
    pub(super) ecn: Option<EcnCodepoint>,
}

/// Room for what one call receives.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    each: usize,
    metas: [RecvMeta; BATCH_SIZE],
}

impl DatagramSocket {
    /// Prepares a socket of UDP that is bound.
    ///
    /// # Errors
    /// When the system does not let it be prepared.
    pub fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Less than is asked for is no reason not to serve.
        let _ = socket.set_recv_buffer_size(SYSTEM_BYTES);
        let _ = socket.set_send_buffer_size(SYSTEM_BYTES);
        let socket = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state, is_single: AtomicBool::new(false) })
    }

    /// The local port; 0 if it is not known.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// True if a router may cut its datagrams, so that their size cannot be probed.
    pub(super) fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    /// Datagrams that one transmission may consist of. Every kernel with Landlock takes several; the
    /// library would open a socket to find that out, which a confined server may not.
    pub(super) fn segments(&self) -> usize {
        if self.is_single.load(Ordering::Relaxed) { 1 } else { SEGMENTS }
    }

    pub(super) fn buffer(&self) -> Buffer {
        let each = DATAGRAM_BYTES * self.state.gro_segments();
        Buffer { bytes: vec![0; each * BATCH_SIZE], each, metas: [RecvMeta::default(); BATCH_SIZE] }
    }

    /// Receives what is there; gives the number of places of the buffer that it is in.
    pub(super) async fn receive(&self, buffer: &mut Buffer) -> io::Result<usize> {
        loop {
            self.socket.readable().await?;
            let mut received = 0;
            let read = self.socket.try_io(Interest::READABLE, || {
                let mut parts = buffer.bytes.chunks_mut(buffer.each).map(IoSliceMut::new);
                let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| {
                    parts.next().unwrap_or_else(|| IoSliceMut::new(&mut []))
                });
                received =
                    self.state.recv((&self.socket).into(), &mut slices, &mut buffer.metas)?;
                // With places left there was nothing more: the next call would tell only that.
                let is_all = received < BATCH_SIZE;
                if is_all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match read {
                _ if received > 0 => return Ok(received),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    /// Sends an answer of the endpoint itself; if there is no room for it, the client asks again.
    pub(super) fn answer(&self, transmit: &Transmit, bytes: &[u8]) {
        let _ = self.socket.try_io(Interest::WRITABLE, || self.send(transmit, bytes));
    }

    /// Sends the datagrams of a connection, once there is room for them.
    pub(super) fn poll_send(
        &self,
        context: &mut Context<'_>,
        transmit: &Transmit,
        bytes: &[u8],
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_send_ready(context))?;
            match self.socket.try_io(Interest::WRITABLE, || self.send(transmit, bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn send(&self, transmit: &Transmit, bytes: &[u8]) -> io::Result<()> {
        let datagrams = quinn_udp::Transmit {
            destination: transmit.destination,
            // The same two bits of the IP header (RFC 3168 §5).
            ecn: transmit.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
            contents: &bytes[..transmit.size],
            segment_size: transmit.segment_size,
            src_ip: transmit.src_ip,
        };
        let sent = self.state.try_send((&self.socket).into(), &datagrams);
        if let Err(error) = &sent
            && transmit.segment_size.is_some()
            && [Errno::IO, Errno::INVAL]
                .map(Errno::raw_os_error)
                .map(Some)
                .contains(&error.raw_os_error())
            && !self.is_single.swap(true, Ordering::Relaxed)
        {
            tracing::debug!(%error, "the network takes one datagram at a time");
        }
        sent
    }
}

impl Buffer {
    /// The datagrams in the place `index`, each with where it came from.
    pub(super) fn datagrams(&self, index: usize) -> impl Iterator<Item = (Received, BytesMut)> {
        let meta = self.metas[index];
        let ecn = meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8));
        let received = Received { address: meta.addr, local: meta.dst_ip, ecn };
        let bytes = &self.bytes[index * self.each..][..meta.len];
        bytes.chunks(meta.stride.max(1)).map(move |datagram| (received, BytesMut::from(datagram)))
    }
}
