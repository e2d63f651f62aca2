//! The bounds of what a client may take, each with its unit and its reason.

use std::time::Duration;

/// Bytes of a request's head. Browsers send about 1 KiB; cookies and long paths need room.
pub const HEAD_BYTES: usize = 32 * 1024;

/// Fields of a request's head. A browser sends about 20.
pub const HEAD_FIELDS: usize = 100;

/// From the first byte of a request's head to its last; from the acceptance of a connection to
/// the end of its TLS handshake. Ten seconds are several lost packets on a bad mobile network.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// See [`HEAD_TIME`].
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How long a connection is kept without a request. Browsers come back for the next page.
pub const IDLE_TIME: Duration = Duration::from_mins(1);

/// How long an answer may stall without the client taking a single byte of it.
pub const STALL_TIME: Duration = Duration::from_secs(30);

/// How long a connection that we end waits for the client to end it too, after which what the
/// client still sends may cost it the last answer: some round trips on a bad network.
pub const LINGER_TIME: Duration = Duration::from_secs(2);

/// Bytes that are dropped meanwhile. Whoever sends more than that does not listen.
pub const LINGER_BYTES: usize = 256 * 1024;

/// How long a new connection may still bring its first request after the order to stop: it was
/// accepted in good faith, and its request is most likely on the way.
pub const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// How long connections may finish what is in flight after the order to stop.
pub const DRAIN_TIME: Duration = Duration::from_secs(9);

/// Streams of one HTTP/2 connection at a time (RFC 9113 §5.1.2 advises at least 100).
pub const STREAMS: u32 = 100;

/// Streams that a client may have reset while they still wait to be accepted. Past it the
/// connection is closed: that is the rapid reset attack (CVE-2023-44487).
pub const PENDING_RESETS: usize = 20;

/// Streams that we may have to reset for a client's errors. Past it the connection is closed:
/// that is the `MadeYouReset` attack (CVE-2025-8671).
pub const LOCAL_RESETS: usize = 64;

/// Bytes of an answer that HTTP/2 takes into its own buffer per stream, beyond what the client
/// has allowed to be sent.
pub const STREAM_BUFFER: usize = 64 * 1024;

/// Connections that may wait to be accepted.
pub const BACKLOG: i32 = 4096;
