//! Datagrams of a connection that come from elsewhere: the client has moved, or somebody writes the
//! address of another on them.
//!
//! The library answers whoever may be elsewhere with a whole datagram to a few bytes, and with no more
//! than three times the bytes beyond that. That one datagram is paid for by three times what came from
//! where the handshake was made, so that over the whole connection nobody is sent more than three times
//! what it took (RFC 9000 §8.1).

use std::net::SocketAddr;

use super::quic_connection::AMPLIFICATION;
use crate::process::clock::Tick;

/// Bytes of the largest datagram that is sent.
const DATAGRAM_BYTES: u64 = 1500;

/// Datagrams from elsewhere that may be paid for at a time: a client moves now and then, and some of
/// what it sent before arrives late.
const DATAGRAMS: u64 = 8;

/// Seconds after which another one is free: a phone that was left on may have nothing to pay with.
const SECONDS: u64 = 60;

/// The bytes that a connection may have sent to addresses that are not known to be its client's.
#[derive(Debug)]
pub(super) struct OtherAddresses {
    /// Where the handshake was made.
    first: SocketAddr,
    left: u64,
    filled: Tick,
}

impl OtherAddresses {
    /// Of a connection that begins at `first` with so many bytes.
    pub(super) fn new(first: SocketAddr, bytes: u64) -> Self {
        Self { first, left: AMPLIFICATION * bytes, filled: Tick::now() }
    }

    /// True if a datagram may be acted upon, which came from this address while the client's `current`
    /// one was that.
    pub(super) fn takes(&mut self, from: SocketAddr, current: SocketAddr, bytes: u64) -> bool {
        self.takes_at(from, current, bytes, Tick::now)
    }

    fn takes_at(
        &mut self,
        from: SocketAddr,
        current: SocketAddr,
        bytes: u64,
        now: impl FnOnce() -> Tick,
    ) -> bool {
        if from == self.first {
            let left = self.left.saturating_add(AMPLIFICATION * bytes);
            self.left = left.min(DATAGRAMS * DATAGRAM_BYTES);
            return true;
        }
        if from == current {
            return true;
        }
        if self.left < DATAGRAM_BYTES {
            let now = now();
            if now.since(self.filled).as_secs() < SECONDS {
                return false;
            }
            self.filled = now;
            self.left = DATAGRAM_BYTES;
        }
        self.left -= DATAGRAM_BYTES;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn datagrams_from_elsewhere_are_paid_for() {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let start = Tick::now();
        let mut addresses = OtherAddresses::new(at(1), 1200);
        let mut takes = |from, current, bytes, seconds| {
            let now = move || start.after(Duration::from_secs(seconds));
            addresses.takes_at(at(from), at(current), bytes, now)
        };
        // Bytes, from where, where the client is, the second; whether it is acted upon.
        let table = [
            (2, 1, 40, 0, true),
            (3, 2, 40, 0, true),
            (4, 3, 40, 0, false),
            // It stays where it is.
            (3, 3, 40, 0, true),
            (3, 3, 1200, 0, true),
            (4, 3, 40, 0, false),
            // The first address pays.
            (1, 3, 500, 0, true),
            (4, 1, 40, 0, true),
            (5, 4, 40, 0, false),
            // So does time.
            (5, 4, 40, 61, true),
            (6, 5, 40, 62, false),
        ];
        for (from, current, bytes, seconds, expected) in table {
            let is_taken = takes(from, current, bytes, seconds);
            assert_eq!(is_taken, expected, "{from} {current} {bytes} {seconds}");
        }
    }
}
