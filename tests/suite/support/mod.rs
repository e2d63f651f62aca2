//! What the integration tests stand on: the real binary, started through its real start-up path on
//! a free loopback port, and clients that show an answer exactly as it came off the wire.

pub(crate) mod client;
pub(crate) mod decoded;
pub(crate) mod frames;
pub(crate) mod http2;
pub(crate) mod lines;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod tls;
pub(crate) mod versions;

use std::time::Duration;

/// How long a test waits for anything that has to happen, in seconds: far above what a debug build
/// on a busy two-core machine needs, far below the patience of the person who watches the run.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The user agent of a request that no bot rule refuses: it does not claim to be a browser.
pub(crate) const USER_AGENT: &str = "shost-test";
