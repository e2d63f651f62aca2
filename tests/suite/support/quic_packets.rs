//! A client of QUIC that says whatever it likes: a library makes the handshake, and the packets behind
//! it are written by hand and sealed with its keys.

use std::any::Any;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use quinn_proto::crypto::{
    self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ClientConfig, ConnectError, ConnectionId, Side, TransportError};

use super::http3::{Http3, quic_config};
use super::server::Server;

/// Bytes of a connection ID of the server.
const ID_BYTES: usize = 8;

/// The header of a packet with one (RFC 9000 §17.3.1): flags, that ID, a packet number of four bytes.
const HEADER_BYTES: usize = 1 + ID_BYTES + 4;

/// The number of the first packet written by hand, above all of the library's.
const FIRST_NUMBER: u64 = 1 << 20;

/// Keys that a client seals its packets with.
#[derive(Clone)]
struct Sealing {
    header: Arc<dyn HeaderKey>,
    packet: Arc<dyn PacketKey>,
}

/// The keys of the last level of encryption that a handshake has come to.
type Tap = Arc<Mutex<Option<Sealing>>>;

/// A connection whose handshake has been made.
pub(crate) struct Packets {
    pub(crate) socket: UdpSocket,
    pub(crate) server: SocketAddr,
    id: [u8; ID_BYTES],
    keys: Sealing,
    next: u64,
}

impl Packets {
    /// Makes a handshake, and has one request answered.
    pub(crate) fn connect(server: &Server) -> Self {
        let tap = Tap::default();
        let tapped = Tapped { crypto: Arc::new(quic_config(server)), tap: Arc::clone(&tap) };
        let mut client = Http3::connect_by(server, &ClientConfig::new(Arc::new(tapped)), "a.test");
        assert_eq!(client.get("/").status, "200");
        client.step();
        let (socket, address, last) = client.into_parts();
        assert!(last[0] & 0x80 == 0, "the handshake has ended");
        let id = last[1..=ID_BYTES].try_into().expect("a connection ID");
        let keys = tap.lock().expect("nobody panics with it").clone().expect("there was one");
        Self { socket, server: address, id, keys, next: FIRST_NUMBER }
    }

    /// A packet of these frames, whose bytes may not be none.
    pub(crate) fn seal(&mut self, frames: &[u8]) -> Vec<u8> {
        let number = self.next;
        self.next += 1;
        let short = u32::try_from(number).expect("not so many").to_be_bytes();
        let mut packet = [&[0x43], &self.id[..], &short, frames].concat();
        packet.resize(packet.len() + self.keys.packet.tag_len(), 0);
        self.keys.packet.encrypt(number, &mut packet, HEADER_BYTES);
        self.keys.header.encrypt(1 + ID_BYTES, &mut packet);
        packet
    }

    /// Sends a packet of these frames; gives the bytes of the datagram.
    pub(crate) fn send(&mut self, frames: &[u8]) -> usize {
        let packet = self.seal(frames);
        self.send_from(&self.socket, &packet)
    }

    /// Ends the connection without a word on why (RFC 9000 §19.19).
    pub(crate) fn close(&mut self) {
        self.send(&quic_frame(0x1c, &[0, 0, 0]));
    }

    /// Sends a datagram out of another socket.
    pub(crate) fn send_from(&self, socket: &UdpSocket, datagram: &[u8]) -> usize {
        // What the system does not take is lost, as on any network.
        socket.send_to(datagram, self.server).unwrap_or(0)
    }

    /// A datagram for this connection that was not sealed with its keys.
    pub(crate) fn unreadable(&self, length: usize) -> Vec<u8> {
        let mut datagram = vec![0x43; length];
        self.address_here(&mut datagram);
        datagram
    }

    /// Writes the connection's ID into a datagram.
    pub(crate) fn address_here(&self, datagram: &mut [u8]) {
        datagram[1..=ID_BYTES].copy_from_slice(&self.id);
    }

    /// A datagram for a connection with another ID.
    pub(crate) fn of_a_stranger(&self, round: u32, length: usize) -> Vec<u8> {
        let mut datagram = self.unreadable(length);
        datagram[1] ^= u8::try_from(round & 0xff).expect("a byte") | 1;
        datagram
    }
}

/// Bytes that come to `socket` until it is silent for so long.
pub(crate) fn bytes_until_silence(socket: &UdpSocket, silence: Duration) -> usize {
    socket.set_read_timeout(Some(silence)).expect("a time");
    let mut datagram = [0; 2048];
    std::iter::from_fn(|| socket.recv(&mut datagram).ok()).sum()
}

/// An integer of a frame (RFC 9000 §16).
pub(crate) fn varint(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![u8::try_from(value).expect("short")],
        0x40..0x4000 => (u16::try_from(value).expect("short") | 0x4000).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => {
            (u32::try_from(value).expect("short") | 0x8000_0000).to_be_bytes().to_vec()
        }
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

/// A frame of integers (RFC 9000 §19).
pub(crate) fn quic_frame(kind: u64, integers: &[u64]) -> Vec<u8> {
    [kind].iter().chain(integers).flat_map(|integer| varint(*integer)).collect()
}

/// A STREAM frame with its offset and length (RFC 9000 §19.8).
pub(crate) fn stream_frame(id: u64, offset: u64, bytes: &[u8], ends: bool) -> Vec<u8> {
    let length = u64::try_from(bytes.len()).expect("short");
    let head = quic_frame(0xe | u64::from(ends), &[id, offset, length]);
    [&head, bytes].concat()
}

/// The configuration of a client whose keys are known to it.
struct Tapped {
    crypto: Arc<dyn crypto::ClientConfig>,
    tap: Tap,
}

impl crypto::ClientConfig for Tapped {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        name: &str,
        parameters: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let session = Arc::clone(&self.crypto).start_session(version, name, parameters)?;
        Ok(Box::new(TappedSession { session, tap: Arc::clone(&self.tap) }))
    }
}

struct TappedSession {
    session: Box<dyn Session>,
    tap: Tap,
}

impl Session for TappedSession {
    fn initial_keys(&self, id: &ConnectionId, side: Side) -> Keys {
        self.session.initial_keys(id, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.session.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.session.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.session.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.session.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        self.session.read_handshake(bytes)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.session.transport_parameters()
    }

    fn write_handshake(&mut self, bytes: &mut Vec<u8>) -> Option<Keys> {
        let Keys { header, packet } = self.session.write_handshake(bytes)?;
        let sealing = Sealing { header: Arc::from(header.local), packet: Arc::from(packet.local) };
        *self.tap.lock().expect("nobody panics with it") = Some(sealing.clone());
        let header = KeyPair { local: Box::new(sealing.clone()) as _, remote: header.remote };
        let packet = KeyPair { local: Box::new(sealing) as _, remote: packet.remote };
        Some(Keys { header, packet })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.session.next_1rtt_keys()
    }

    fn is_valid_retry(&self, id: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.session.is_valid_retry(id, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.session.export_keying_material(output, label, context)
    }
}

impl HeaderKey for Sealing {
    fn decrypt(&self, offset: usize, packet: &mut [u8]) {
        self.header.decrypt(offset, packet);
    }

    fn encrypt(&self, offset: usize, packet: &mut [u8]) {
        self.header.encrypt(offset, packet);
    }

    fn sample_size(&self) -> usize {
        self.header.sample_size()
    }
}

impl PacketKey for Sealing {
    fn encrypt(&self, number: u64, packet: &mut [u8], header: usize) {
        self.packet.encrypt(number, packet, header);
    }

    fn decrypt(
        &self,
        number: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), CryptoError> {
        self.packet.decrypt(number, header, payload)
    }

    fn tag_len(&self) -> usize {
        self.packet.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.packet.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.packet.integrity_limit()
    }
}
