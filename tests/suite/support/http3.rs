//! A client of HTTP/3 that keeps the time itself: it sends what it is told and looks at what comes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionError, ConnectionHandle, DatagramEvent, Dir, Endpoint,
    EndpointConfig, Event, StreamEvent, StreamId, TransportConfig, VarInt,
};
use shost::field_compression::field::Name;
use shost::field_compression::qpack;

use super::DEADLINE;
use super::server::Server;

/// A server that has sent nothing for so long has sent all that it will, or nearly.
const SILENCE: Duration = Duration::from_millis(1500);

/// What has come on a stream.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: bool,
    /// The code with which the server gave it up.
    pub(crate) reset: Option<u64>,
    /// The code with which the server asked for no more of it.
    pub(crate) stopped: Option<u64>,
}

/// An answer in full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) content: Vec<u8>,
}

/// A connection to a server.
pub(crate) struct Http3 {
    socket: UdpSocket,
    address: SocketAddr,
    endpoint: Endpoint,
    connection: Connection,
    handle: ConnectionHandle,
    pub(crate) heard: BTreeMap<u64, Heard>,
    pub(crate) lost: Option<ConnectionError>,
    pub(crate) connected: bool,
    /// True if it reads nothing of what comes.
    pub(crate) is_deaf: bool,
    /// Bytes that were sent, and bytes that came.
    pub(crate) traffic: (usize, usize),
    /// The first byte that came: it tells the type of the packet (RFC 9000 §17.2).
    pub(crate) first: Option<u8>,
    /// The datagrams that were sent.
    pub(crate) sent: Vec<Vec<u8>>,
}

/// The settings of a client, with which it comes back as one that is known.
pub(crate) fn config(server: &Server) -> ClientConfig {
    ClientConfig::new(Arc::new(quic_config(server)))
}

/// The settings of a client that leaves room for so many bytes, on all streams together.
pub(crate) fn narrow_config(server: &Server, window: u32) -> ClientConfig {
    let mut narrow = TransportConfig::default();
    narrow.stream_receive_window(VarInt::from_u32(window)).receive_window(VarInt::from_u32(window));
    let mut config = config(server);
    config.transport_config(Arc::new(narrow));
    config
}

/// Its TLS alone.
pub(crate) fn quic_config(server: &Server) -> QuicClientConfig {
    let mut tls = Arc::unwrap_or_clone(server.trust.config(&["h3"], true));
    tls.enable_early_data = true;
    QuicClientConfig::try_from(tls).expect("TLS 1.3 is among the versions")
}

impl Http3 {
    /// Begins a connection; nothing is sent yet.
    pub(crate) fn begin(server: &Server, config: &ClientConfig, name: &str) -> Self {
        Self::begin_from(Ipv4Addr::LOCALHOST, server, config, name)
    }

    /// The same from an address of this machine.
    pub(crate) fn begin_from(
        from: Ipv4Addr,
        server: &Server,
        config: &ClientConfig,
        name: &str,
    ) -> Self {
        let address = server.https.expect("HTTPS is on");
        let socket = UdpSocket::bind((from, 0)).expect("a free port");
        let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
        let begun = endpoint.connect(Instant::now(), config.clone(), address, name);
        let (handle, connection) = begun.expect("the name is one");
        Self {
            socket,
            address,
            endpoint,
            connection,
            handle,
            heard: BTreeMap::new(),
            lost: None,
            connected: false,
            is_deaf: false,
            traffic: (0, 0),
            first: None,
            sent: Vec::new(),
        }
    }

    /// The socket, the server, and the last datagram that was sent: somebody else goes on.
    pub(crate) fn into_parts(self) -> (UdpSocket, SocketAddr, Vec<u8>) {
        let last = self.sent.last().cloned().expect("there was a handshake");
        (self.socket, self.address, last)
    }

    /// Begins a connection, and a control stream on it.
    pub(crate) fn connect(server: &Server, name: &str) -> Self {
        Self::connect_by(server, &config(server), name)
    }

    /// The same by a configuration, which remembers the session.
    pub(crate) fn connect_by(server: &Server, config: &ClientConfig, name: &str) -> Self {
        Self::begin(server, config, name).connected()
    }

    /// The same connection once its handshake has ended, with a control stream.
    pub(crate) fn connected(mut self) -> Self {
        self.until("the handshake ends", |client| client.connected);
        self.control(b"");
        self
    }

    /// A client that was served once and comes back: it may ask before its handshake has ended.
    pub(crate) fn come_back(server: &Server, name: &str) -> Self {
        let config = config(server);
        Self::connect_by(server, &config, name).get("/");
        Self::begin(server, &config, name)
    }

    /// The first datagram of a handshake, which is not sent.
    pub(crate) fn hello(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let hello = self.connection.poll_transmit(Instant::now(), 1, &mut bytes);
        bytes.truncate(hello.expect("a client speaks first").size);
        bytes
    }

    /// All datagrams of a client that has heard nothing; they are not sent.
    pub(crate) fn hello_in_full(&mut self) -> Vec<Vec<u8>> {
        let next = || {
            let mut bytes = Vec::new();
            let hello = self.connection.poll_transmit(Instant::now(), 1, &mut bytes)?;
            bytes.truncate(hello.size);
            Some(bytes)
        };
        std::iter::from_fn(next).collect()
    }

    /// Opens the control stream, with settings and these bytes behind them.
    pub(crate) fn control(&mut self, bytes: &[u8]) -> u64 {
        self.open(Dir::Uni, &[b"\x00\x04\x00", bytes].concat(), false)
    }

    /// Opens a stream with these bytes.
    pub(crate) fn open(&mut self, direction: Dir, bytes: &[u8], ends: bool) -> u64 {
        self.try_open(direction, bytes, ends).expect("the connection goes on")
    }

    /// The same, once the server allows for a stream; `None` if the connection is over before.
    pub(crate) fn try_open(&mut self, direction: Dir, bytes: &[u8], ends: bool) -> Option<u64> {
        loop {
            if self.lost.is_some() {
                return None;
            }
            if let Some(id) = self.connection.streams().open(direction) {
                let id = u64::from(VarInt::from(id));
                self.send(id, bytes, ends);
                return Some(id);
            }
            self.step();
        }
    }

    /// Sends more on a stream.
    pub(crate) fn send(&mut self, id: u64, bytes: &[u8], ends: bool) {
        let mut stream = self.connection.send_stream(stream(id));
        assert_eq!(stream.write(bytes).expect("there is room"), bytes.len());
        if ends {
            stream.finish().expect("it has not ended");
        }
    }

    /// Resets a stream, and takes no more of its answer.
    pub(crate) fn reset(&mut self, id: u64) {
        self.break_off(id, 0x10c);
        self.stop(id, 0x10c);
    }

    /// Sends no more on a stream, as something has gone wrong.
    pub(crate) fn break_off(&mut self, id: u64, code: u64) {
        let _ = self.connection.send_stream(stream(id)).reset(varint(code));
    }

    /// Asks the server to send no more on a stream.
    pub(crate) fn stop(&mut self, id: u64, code: u64) {
        let _ = self.connection.recv_stream(stream(id)).stop(varint(code));
    }

    /// Sends a request.
    pub(crate) fn ask(&mut self, method: &str, host: &str, path: &str) -> u64 {
        self.open(Dir::Bi, &request(method, host, path), true)
    }

    /// Waits for the answer on a stream.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u64) -> Answer {
        self.until("the answer ends", |client| {
            client.heard.get(&id).is_some_and(|heard| heard.ended)
        });
        read(&self.heard.remove(&id).expect("it was heard").bytes)
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let id = self.ask("GET", "a.test", path);
        self.answer(id)
    }

    /// Waits for something to be so.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < DEADLINE, "not in time: {what}; {:?}", self.lost);
            self.step();
        }
    }

    /// Sends what there is to send, and takes what comes until the next moment that counts.
    pub(crate) fn step(&mut self) {
        self.flush();
        let mut bytes = Vec::new();
        let due = self.connection.poll_timeout();
        let now = Instant::now();
        let wait = due.map_or(DEADLINE, |due| due.saturating_duration_since(now));
        let wait = wait.clamp(Duration::from_millis(1), DEADLINE);
        self.socket.set_read_timeout(Some(wait)).expect("a time");
        let mut datagram = [0; 2048];
        if let Ok((count, from)) = self.socket.recv_from(&mut datagram) {
            self.traffic.1 += count;
            self.first.get_or_insert(datagram[0]);
            let data = BytesMut::from(&datagram[..count]);
            let now = Instant::now();
            let event = self.endpoint.handle(now, from, None, None, data, &mut bytes);
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                self.connection.handle_event(event);
            }
        }
        self.connection.handle_timeout(Instant::now());
        self.listen();
    }

    /// Sends what there is to send.
    fn flush(&mut self) {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.connection.poll_transmit(Instant::now(), 1, &mut bytes) {
            self.traffic.0 += transmit.size;
            self.socket.send_to(&bytes[..transmit.size], self.address).expect("it can be sent");
            self.sent.push(std::mem::take(&mut bytes));
        }
    }

    /// Bytes that come while nothing more is sent.
    pub(crate) fn overhear(&self) -> usize {
        self.socket.set_read_timeout(Some(SILENCE)).expect("a time");
        let mut datagram = [0; 2048];
        std::iter::from_fn(|| self.socket.recv(&mut datagram).ok()).sum()
    }

    fn listen(&mut self) {
        while let Some(event) = self.connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                self.connection.handle_event(event);
            }
        }
        while let Some(event) = self.connection.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::ConnectionLost { reason } => self.lost = Some(reason),
                Event::Stream(StreamEvent::Readable { .. }) if self.is_deaf => {}
                Event::Stream(StreamEvent::Readable { id }) => self.read(id),
                Event::Stream(StreamEvent::Opened { dir }) => {
                    while let Some(id) = self.connection.streams().accept(dir) {
                        self.read(id);
                    }
                }
                Event::Stream(StreamEvent::Stopped { id, error_code }) => {
                    let heard = self.heard.entry(u64::from(VarInt::from(id))).or_default();
                    heard.stopped = Some(error_code.into_inner());
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, id: StreamId) {
        let heard = self.heard.entry(u64::from(VarInt::from(id))).or_default();
        let mut stream = self.connection.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else { return };
        loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => {
                    heard.bytes.extend_from_slice(&chunk.bytes);
                    continue;
                }
                Ok(None) => heard.ended = true,
                Err(quinn_proto::ReadError::Reset(code)) => heard.reset = Some(code.into_inner()),
                Err(quinn_proto::ReadError::Blocked) => {}
            }
            break;
        }
        let _ = chunks.finalize();
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.connection.close(Instant::now(), VarInt::from_u32(0x100), bytes::Bytes::new());
        self.step();
    }

    /// Ends the connection, and waits for nothing.
    pub(crate) fn leave(mut self) {
        self.connection.close(Instant::now(), VarInt::from_u32(0x100), bytes::Bytes::new());
        self.flush();
    }

    /// The code with which the server has closed the connection.
    pub(crate) fn closed(&self) -> Option<u64> {
        match &self.lost {
            Some(ConnectionError::ApplicationClosed(close)) => Some(close.error_code.into_inner()),
            _ => None,
        }
    }

    /// Goes on from another address, as a phone does that leaves the house.
    pub(crate) fn move_elsewhere(&mut self) {
        self.move_to(Ipv4Addr::LOCALHOST);
    }

    /// The same from an address of this machine.
    pub(crate) fn move_to(&mut self, address: Ipv4Addr) {
        self.socket = UdpSocket::bind((address, 0)).expect("a free port");
    }

    /// True if the server has had it show first where it is (RFC 9000 §17.2.5).
    pub(crate) fn was_sent_a_retry(&self) -> bool {
        const RETRY: u8 = 3;
        self.first.is_some_and(|first| first >> 4 & 3 == RETRY)
    }

    /// True if it may ask before the handshake, as the server has said on an earlier connection.
    pub(crate) fn may_ask_early(&self) -> bool {
        self.connection.has_0rtt()
    }

    /// True if the server has taken what was sent before the handshake.
    pub(crate) fn early_data_was_taken(&self) -> bool {
        self.connection.accepted_0rtt()
    }
}

fn stream(id: u64) -> StreamId {
    StreamId::from(varint(id))
}

fn varint(value: u64) -> VarInt {
    VarInt::from_u64(value).expect("at most 62 bits")
}

/// HEADERS of a request.
pub(crate) fn request(method: &str, host: &str, path: &str) -> Vec<u8> {
    let fields = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path)];
    frame(1, &section(&[&fields[..], &[("user-agent", super::USER_AGENT)]].concat()))
}

/// A field section of literals without the Huffman code (RFC 9204 §4.5.6).
pub(crate) fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in fields {
        text(&mut section, 0x20, 7, name);
        text(&mut section, 0, 0x7f, value);
    }
    section
}

/// A text behind its length, which has the lowest bits of a first byte (RFC 7541 §5.1).
fn text(out: &mut Vec<u8>, pattern: u8, bits: u8, text: &str) {
    let mut beyond = match u8::try_from(text.len()) {
        Ok(short) if short < bits => {
            out.push(pattern | short);
            return out.extend_from_slice(text.as_bytes());
        }
        _ => text.len() - usize::from(bits),
    };
    out.push(pattern | bits);
    while beyond >= 0x80 {
        out.push(u8::try_from(beyond & 0x7f).expect("seven bits") | 0x80);
        beyond >>= 7;
    }
    out.push(u8::try_from(beyond).expect("seven bits"));
    out.extend_from_slice(text.as_bytes());
}

/// A frame.
pub(crate) fn frame(kind: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("at most 30 bits") | 0x8000_0000;
    let kind = match u8::try_from(kind) {
        Ok(kind @ 0..0x40) => vec![kind],
        _ => (kind | 0x8000_0000).to_be_bytes().to_vec(),
    };
    [&kind, &length.to_be_bytes()[..], payload].concat()
}

/// Takes an integer off the bytes (RFC 9000 §16).
fn integer(bytes: &mut &[u8]) -> u64 {
    let length = 1 << (bytes[0] >> 6);
    let (integer, rest) = bytes.split_at(length);
    *bytes = rest;
    let value = integer.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    value & (u64::MAX >> (66 - 8 * length))
}

/// An answer, of its frames.
fn read(mut bytes: &[u8]) -> Answer {
    let mut answer = Answer { status: String::new(), fields: BTreeMap::new(), content: Vec::new() };
    while !bytes.is_empty() {
        let (kind, length) = (integer(&mut bytes), integer(&mut bytes));
        let (payload, rest) = bytes.split_at(usize::try_from(length).expect("it has come"));
        bytes = rest;
        match kind {
            0 => answer.content.extend_from_slice(payload),
            1 => {
                let decoded = qpack::decode(payload, |field| {
                    let value = field.value.expect("a value");
                    let value = value.to_str().expect("text").to_owned();
                    match field.name {
                        Name::Regular(name) => drop(answer.fields.insert(name.to_string(), value)),
                        // `:status` is no name that a request has.
                        _ => answer.status = value,
                    }
                });
                decoded.expect("a field section");
            }
            other => panic!("a frame of type {other:#x}"),
        }
    }
    answer
}
