//! The ground of the integration tests: the real binary, started through its real start-up path on
//! a free loopback port, and clients that show an answer exactly as it came off the wire.

pub(crate) mod client;
pub(crate) mod decoded;
pub(crate) mod frames;
pub(crate) mod held;
pub(crate) mod http2;
pub(crate) mod http3;
pub(crate) mod lines;
pub(crate) mod process;
pub(crate) mod quic_flood;
pub(crate) mod quic_packets;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod tls;
pub(crate) mod versions;

use std::time::{Duration, Instant};

/// How long a test waits for anything that has to happen, in seconds: far above what a debug build
/// on a busy two-core machine needs, far below the patience of the person who watches the run.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How long a test waits for what the server leaves to threads of the lowest priority: they have
/// what others leave of the processor, and other tests leave little.
const BACKGROUND_DEADLINE: Duration = Duration::from_mins(1);

/// Asks until work of the background is `done`.
#[track_caller]
pub(crate) fn await_background(work: &str, mut done: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !done() {
        assert!(
            asked.elapsed() < BACKGROUND_DEADLINE,
            "not within {BACKGROUND_DEADLINE:?}: {work}"
        );
        std::thread::yield_now();
    }
}

/// The path of an ACME challenge, and a token as an authority makes it.
pub(crate) const ACME_CHALLENGE: &str =
    "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

/// The user agent of a request that no bot rule refuses: it does not claim to be a browser.
pub(crate) const USER_AGENT: &str = "shost-test";
