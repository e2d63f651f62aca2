//! Streams of a QUIC connection, as HTTP/3 uses them.

use bytes::Bytes;

use super::ErrorCode;
use crate::protocol::priority::Priority;

/// A QUIC connection: streams that are read and written, and that tell when they can be.
pub trait StreamTransport {
    /// The next stream that the client has opened, in one direction or in both.
    fn accept(&mut self) -> Option<u64>;

    /// The next event of a stream that is open.
    fn event(&mut self) -> Option<StreamEvent>;

    /// Opens a stream of ours in one direction, if the client lets us.
    fn open(&mut self) -> Option<u64>;

    /// All bytes of a stream that have come and were not read.
    fn read(&mut self, id: u64) -> Incoming;

    /// Writes as much of `chunks` as there is room for, and takes it off them.
    fn write(&mut self, id: u64, chunks: &mut [Bytes]) -> WriteOutcome;

    /// Ends a stream behind what was written.
    fn finish(&mut self, id: u64);

    /// Gives up what we send on a stream.
    fn reset(&mut self, id: u64, code: ErrorCode);

    /// Asks the client to send no more on a stream.
    fn stop(&mut self, id: u64, code: ErrorCode);

    /// True while what comes may have been sent before, by anybody who has seen it (RFC 8446 §8).
    fn is_early(&self) -> bool;

    /// The frames that have come since the last time and asked for nothing. It is less than none when
    /// what was one of them is read in the end.
    fn asides(&mut self) -> i64;

    /// Bytes of streams that are held until those before them have come.
    fn held(&self) -> usize;

    /// Gives a stream its place among those that have something to send.
    fn prioritize(&mut self, id: u64, priority: Priority);
}

/// An event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The client has opened streams.
    Opened,
    /// There is something to read, or its end.
    Readable(u64),
    /// There is room again for what is written.
    Writable(u64),
    /// All that was written has arrived.
    Finished(u64),
    /// The client takes no more of it.
    Stopped(u64),
}

/// The outcome of an attempt to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The bytes that come next.
    Bytes(Bytes),
    /// The same, if there are any, and the end of the stream.
    Last(Bytes),
    /// The client has reset it.
    Reset,
    /// It is read no further, on our own order.
    Gone,
    /// Nothing has come yet.
    Blocked,
}

/// The outcome of an attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// So many bytes were taken.
    Bytes(usize),
    /// There is no room now.
    Blocked,
    /// The client takes no more of it.
    Stopped,
}
