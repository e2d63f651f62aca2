//! The streams of a QUIC connection, as HTTP/3 asks for them.

use bytes::Bytes;
use quinn_proto::{
    Connection, Dir, Event, ReadError, StreamEvent as Occurrence, StreamId, VarInt, WriteError,
};

use super::received_frames::ReceivedFrames;
use crate::protocol::http3::{ErrorCode, Incoming, StreamEvent, StreamTransport, WriteOutcome};
use crate::protocol::priority::Priority;

/// A connection, and what has happened to it beside its streams.
pub(super) struct QuicStreams {
    pub(super) connection: Connection,
    /// True once the handshake has ended.
    pub(super) is_connected: bool,
    /// Why the connection is over, once it is.
    pub(super) lost: Option<quinn_proto::ConnectionError>,
    received: ReceivedFrames,
}

impl QuicStreams {
    pub(super) fn new(connection: Connection) -> Self {
        let received = ReceivedFrames::default();
        Self { connection, is_connected: false, lost: None, received }
    }

    /// True if so much is held that it is better to begin anew, once there is nothing to do.
    pub(super) fn is_keeping(&self) -> bool {
        self.received.held() > IDLE_BYTES
    }
}

/// Bytes that an idle connection may hold of what cannot be read. Some of it is counted and not held: a
/// network that loses much has a client repeat itself.
const IDLE_BYTES: usize = 96 * 1024;

fn stream(id: u64) -> StreamId {
    StreamId::from(VarInt::from_u64(id).unwrap_or(VarInt::MAX))
}

fn code(code: ErrorCode) -> VarInt {
    VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX)
}

impl StreamTransport for QuicStreams {
    fn accept(&mut self) -> Option<u64> {
        let mut streams = self.connection.streams();
        let id = streams.accept(Dir::Uni).or_else(|| streams.accept(Dir::Bi))?;
        Some(u64::from(VarInt::from(id)))
    }

    fn event(&mut self) -> Option<StreamEvent> {
        loop {
            let number = |id: StreamId| u64::from(VarInt::from(id));
            match self.connection.poll()? {
                Event::Connected => self.is_connected = true,
                Event::ConnectionLost { reason } => self.lost = Some(reason),
                Event::Stream(Occurrence::Readable { id }) => {
                    return Some(StreamEvent::Readable(number(id)));
                }
                Event::Stream(Occurrence::Writable { id }) => {
                    return Some(StreamEvent::Writable(number(id)));
                }
                Event::Stream(Occurrence::Finished { id }) => {
                    return Some(StreamEvent::Finished(number(id)));
                }
                Event::Stream(Occurrence::Stopped { id, .. }) => {
                    return Some(StreamEvent::Stopped(number(id)));
                }
                Event::Stream(Occurrence::Opened { .. }) => return Some(StreamEvent::Opened),
                Event::Stream(Occurrence::Available { .. })
                | Event::HandshakeDataReady
                | Event::DatagramReceived
                | Event::DatagramsUnblocked => {}
            }
        }
    }

    fn open(&mut self) -> Option<u64> {
        let id = self.connection.streams().open(Dir::Uni)?;
        Some(u64::from(VarInt::from(id)))
    }

    fn read(&mut self, id: u64) -> Incoming {
        let mut receiving = self.connection.recv_stream(stream(id));
        let Ok(mut chunks) = receiving.read(true) else { return Incoming::Gone };
        let mut bytes = Bytes::new();
        // Mostly one packet has brought all of it.
        let mut joined = Vec::new();
        let end = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => {
                    self.received.is_read();
                    if bytes.is_empty() {
                        bytes = chunk.bytes;
                        continue;
                    }
                    if joined.is_empty() {
                        joined.extend_from_slice(&bytes);
                    }
                    joined.extend_from_slice(&chunk.bytes);
                }
                Ok(None) => {
                    self.received.is_ended();
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        // Whatever there is to send is sent behind every step.
        let _ = chunks.finalize();
        if !joined.is_empty() {
            bytes = joined.into();
        }
        match end {
            Ok(()) => Incoming::Last(bytes),
            Err(ReadError::Reset(_)) => Incoming::Reset,
            Err(ReadError::Blocked) if bytes.is_empty() => Incoming::Blocked,
            Err(ReadError::Blocked) => Incoming::Bytes(bytes),
        }
    }

    fn write(&mut self, id: u64, chunks: &mut [Bytes]) -> WriteOutcome {
        match self.connection.send_stream(stream(id)).write_chunks(chunks) {
            Ok(written) => WriteOutcome::Bytes(written.bytes),
            Err(WriteError::Blocked) => WriteOutcome::Blocked,
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => WriteOutcome::Stopped,
        }
    }

    fn finish(&mut self, id: u64) {
        let _ = self.connection.send_stream(stream(id)).finish();
    }

    fn reset(&mut self, id: u64, reason: ErrorCode) {
        let _ = self.connection.send_stream(stream(id)).reset(code(reason));
    }

    fn stop(&mut self, id: u64, reason: ErrorCode) {
        let _ = self.connection.recv_stream(stream(id)).stop(code(reason));
    }

    fn is_early(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn asides(&mut self) -> i64 {
        self.received.asides(&self.connection)
    }

    fn held(&self) -> usize {
        self.received.held()
    }

    fn prioritize(&mut self, id: u64, priority: Priority) {
        let rank =
            |priority: Priority| 2 * i32::from(priority.urgency) + i32::from(priority.incremental);
        // What has no priority of its own stays where the library begins: at 0.
        let rank = rank(Priority::default()) - rank(priority);
        let _ = self.connection.send_stream(stream(id)).set_priority(rank);
    }
}
