//! The bounds of what a client may take, each with its unit and its reason.

use std::time::Duration;

/// Bytes of a request's head. Browsers send about 1 KiB; cookies and long paths need room.
pub const HEAD_BYTES: usize = 32 * 1024;

/// Fields of a request's head. A browser sends about 20.
pub const HEAD_FIELDS: usize = 100;

/// From the first byte of a request's head to its last. Ten seconds are several lost packets on a
/// bad mobile network.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// From the acceptance of a connection to the end of its TLS handshake, for the same reason.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// The time that a connection is kept without a request. Browsers come back for the next page. Load
/// balancers keep theirs for a minute: whoever closes first must be the one that sends, or a
/// request is lost on its way to a connection that has just ended.
pub const IDLE_TIME: Duration = Duration::from_secs(65);

/// The time that an answer may stall without the client taking a single byte of it. A phone that
/// changes from one network to another is back sooner.
pub const STALL_TIME: Duration = Duration::from_secs(30);

/// The time that a connection which we end waits for the client to end it too: some round trips on
/// a bad network. What the client still sends after that may cost it the last answer.
pub const LINGER_TIME: Duration = Duration::from_secs(2);

/// Bytes that are read and dropped within [`LINGER_TIME`]. Whoever sends more than that does not
/// listen.
pub const LINGER_BYTES: usize = 256 * 1024;

/// The time that a new connection has for its first request after the order to stop: it was
/// accepted in good faith, and its request is most likely on the way.
pub const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// The time that connections have after the order to stop to finish what is in flight: service
/// managers and container engines kill after 10 s, unless told otherwise.
pub const DRAIN_TIME: Duration = Duration::from_secs(9);

/// Streams of one HTTP/2 connection at a time (RFC 9113 §5.1.2 advises at least 100).
pub const STREAMS: u32 = 100;

/// Unidirectional streams of one HTTP/3 connection at a time. There must be three (RFC 9114 §6.2);
/// browsers open one or two more that mean nothing, so that nobody gets used to there being none.
pub const UNIDIRECTIONAL_STREAMS: u32 = 16;

/// Bytes of a frame of HTTP/3's control stream. SETTINGS of browsers have about 30, and a priority
/// has fewer.
pub const CONTROL_FRAME_BYTES: usize = 1024;

/// Settings of HTTP/3 that a client may have. Browsers have about 6.
pub const SETTINGS: usize = 64;

/// Bytes of a field block as it was sent, compressed. Twice what a head may be, so that a client
/// whose head is somewhat too large is told so on its stream and keeps its connection.
pub const BLOCK_BYTES: usize = 2 * HEAD_BYTES;

/// CONTINUATION frames of one field block. A full block needs four; a flood of small ones is an
/// attack (CVE-2024-27316).
pub const CONTINUATIONS: u32 = 16;

/// Bytes of HTTP/2 that wait for the client to take them. Beyond it nothing is made and nothing
/// read, so that a stalled client is seen to stall and an acknowledgement costs it one of its own.
pub const OUTPUT_BYTES: usize = 64 * 1024;

/// Bytes of a request that has not come whole, or of answers that are not taken, that every
/// connection may keep: a frame. What is beyond is counted for its client, as a thousand connections
/// may keep 130 KiB each.
pub const KEPT_BYTES: usize = 16 * 1024;

/// Streams of an HTTP/2 connection that read files at a time, each with chunks of its own in
/// memory: enough to keep a disk busy while the client takes what there is.
pub const READING: usize = 16;

/// An allowance for actions of a client that are no requests: so much at once, and so much a
/// second.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// The most at one moment.
    pub burst: u32,
    /// The part that comes back each second.
    pub per_second: u32,
}

/// HTTP/2 and HTTP/3 frames that ask for nothing: PING, SETTINGS, PRIORITY, `WINDOW_UPDATE`, empty
/// DATA and the like (CVE-2019-9512, 9513, 9515, 9518), and instructions of QPACK. Browsers send some
/// ten at the start and then one or two for each frame of content, for which
/// [`CONTROL_PER_REQUEST`] and [`CONTROL_BYTES`] allow.
pub const CONTROL: Allowance = Allowance { burst: 1000, per_second: 100 };

/// Added to [`CONTROL`] by a request, in frames: `PRIORITY_UPDATE`, PRIORITY, some `WINDOW_UPDATE`.
pub const CONTROL_PER_REQUEST: u32 = 4;

/// Bytes of content that add one frame to [`CONTROL`]: a client that reads in small pieces opens
/// its windows by no less.
pub const CONTROL_BYTES: usize = 512;

/// Streams that a client resets, in quarters of one: a page that is left cancels a hundred at
/// once, and a player one with each seek. A client that resets as fast as it asks is an attacker
/// (rapid reset, CVE-2023-44487).
pub const CLIENT_RESETS: Allowance = Allowance { burst: 4 * 200, per_second: 4 * 20 };

/// Taken from [`CLIENT_RESETS`] by a client's reset; a request adds one. A proxy that carries the
/// requests of many may see one in four of them given up.
pub const CLIENT_RESET: u32 = 4;

/// Streams that we have to reset for a client's errors, which libraries do not make: to make us
/// reset what is being worked on is the `MadeYouReset` attack (CVE-2025-8671). Heads that are too
/// large count too: to unpack them costs more than to send them.
pub const LOCAL_RESETS: Allowance = Allowance { burst: 64, per_second: 1 };

/// Connections that may wait to be accepted.
pub const BACKLOG: i32 = 4096;

/// Bytes that wait in the system for their turn on the network, of one connection. Without this
/// bound there may be 4 MiB of a download, which everything that is asked for later on the same
/// connection comes behind, however urgent (RFC 9218).
pub const UNSENT_BYTES: u32 = 128 * 1024;

/// Bytes of a file that wait in the system for their turn on the network, of a connection that has
/// nothing more urgent to send: HTTP/1 sends one answer after the other. They are pages of the file
/// itself, no copies. Whenever there is room for more of them, the task has to be woken.
pub const UNSENT_FILE_BYTES: u32 = 4 * 1024 * 1024;

/// Bytes of files that wait in the system for their turn on the network, of all connections that are
/// in the clear together, before each has less than [`UNSENT_FILE_BYTES`]; none has less than
/// [`UNSENT_BYTES`].
pub const UNSENT_SHARED: u64 = 16 * 1024 * 1024;
