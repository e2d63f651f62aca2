//! Places for connections: how many there are in all, and how many for one client.
//!
//! A connection takes a place when it is accepted and gives it back when it ends, whatever ends
//! it. Requests are not counted here, and cost nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::flood::Flood;
use super::limits::{
    CLIENT_CONNECTIONS, CONNECTION_BYTES, OTHER_DESCRIPTORS, OTHER_DESCRIPTORS_PART,
};

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub all: usize,
    /// Of one client.
    pub client: usize,
}

impl Bounds {
    /// What a process may take that can have this many `descriptors` open, and this many bytes of
    /// `memory`; `None` is no limit.
    #[must_use]
    pub fn of(descriptors: Option<u64>, memory: Option<u64>) -> Self {
        let open = descriptors.map(|descriptors| {
            let others = (descriptors / OTHER_DESCRIPTORS_PART).max(OTHER_DESCRIPTORS);
            descriptors.saturating_sub(others)
        });
        let held = memory.map(|memory| memory / 2 / CONNECTION_BYTES);
        let all = open.into_iter().chain(held).min().unwrap_or(u64::MAX).max(2);
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        Self { all, client: (all / 2).min(CLIENT_CONNECTIONS) }
    }
}

/// The places of a process.
#[derive(Debug)]
pub struct Places {
    bounds: Bounds,
    taken: Mutex<Taken>,
    refused: Arc<Flood>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_client: HashMap<Client, usize>,
}

/// Whoever is behind an address. A household or a server is given a whole network of IPv6, so 64
/// bits of it tell clients apart; an address of IPv4 is one, in whichever form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(network(address)),
        }
    }
}

fn network(address: Ipv6Addr) -> [u8; 8] {
    let [a, b, c, d, ..] = address.segments();
    (u64::from(a) << 48 | u64::from(b) << 32 | u64::from(c) << 16 | u64::from(d)).to_be_bytes()
}

/// Whose places are all taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Everybody's.
    All,
    /// This client's.
    Client,
}

impl Places {
    /// As many places as `bounds` says, none of them taken.
    #[must_use]
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, taken: Mutex::default(), refused: Arc::default() })
    }

    /// Takes a place for a connection from `peer`.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Full> {
        let client = Client::from(peer);
        let mut taken = self.lock();
        if taken.all >= self.bounds.all {
            return Err(Full::All);
        }
        let own = taken.by_client.entry(client).or_default();
        if *own >= self.bounds.client {
            return Err(Full::Client);
        }
        *own += 1;
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), client })
    }

    /// Counts a connection that was refused, and tells of those of a second in one line.
    pub fn refuse(&self, peer: IpAddr, full: Full) {
        tracing::debug!(%peer, ?full, "a connection was refused");
        let Bounds { all, client } = self.bounds;
        self.refused.count(move |refused| {
            tracing::warn!(refused, all, client, "more connections than there may be");
        });
    }

    /// How many connections have been refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.total()
    }

    /// How many connections there may be.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The counts are whole between any two statements, so a poisoned lock guards nothing broken.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    client: Client,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(own) = taken.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.by_client.remove(&self.client);
                // A flood from everywhere must not leave its books behind.
                let (held, room) = (taken.by_client.len(), taken.by_client.capacity());
                if room > KEPT_CLIENTS && held < room / 4 {
                    taken.by_client.shrink_to(held * 2);
                }
            }
        }
    }
}

/// Room for this many clients is kept when they have gone.
const KEPT_CLIENTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_scarcer_means() {
        let kib = 1024;
        let table = [
            (None, None, (usize::MAX, CLIENT_CONNECTIONS)),
            (Some(64), None, (2, 1)),
            (Some(256), None, (128, 64)),
            (Some(1024), None, (768, 384)),
            (Some(20_000), None, (15_000, 7_500)),
            (Some(1 << 20), None, (786_432, CLIENT_CONNECTIONS)),
            (Some(20_000), Some(256 << 20), (4096, 2048)),
            (Some(1024), Some(256 << 20), (768, 384)),
            (None, Some(64 * kib), (2, 1)),
        ];
        for (descriptors, memory, (all, client)) in table {
            let bounds = Bounds::of(descriptors, memory);
            assert_eq!(bounds, Bounds { all, client }, "{descriptors:?} {memory:?}");
        }
    }

    #[track_caller]
    fn same(one: &str, other: &str, expected: bool) {
        let client = |text: &str| Client::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(client(one) == client(other), expected, "{one} {other}");
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        same("192.0.2.1", "192.0.2.1", true);
        same("192.0.2.1", "192.0.2.2", false);
        same("192.0.2.1", "::ffff:192.0.2.1", true);
        same("2001:db8:0:1::1", "2001:db8:0:1:ffff::", true);
        same("2001:db8:0:1::1", "2001:db8:0:2::1", false);
        same("::1", "127.0.0.1", false);
        same("::1", "0.0.0.0", false);
    }

    #[test]
    fn a_place_is_given_back_and_leaves_no_trace() {
        let places = Places::new(Bounds { all: 3, client: 2 });
        let (one, other) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert_eq!(places.take(one).unwrap_err(), Full::Client);
        let third = places.take(other).unwrap();
        assert_eq!(places.take(other).unwrap_err(), Full::All);
        drop(third);
        assert_eq!(places.lock().by_client.len(), 1, "who has gone is forgotten");
        drop(first);
        let _again = places.take(one).unwrap();
        assert_eq!(places.lock().all, 2);
    }

    #[test]
    fn the_books_of_a_flood_are_closed() {
        const CLIENTS: u32 = 100_000;
        let places = Places::new(Bounds::of(None, None));
        let taken: Vec<Place> = (0..CLIENTS)
            .map(|number| places.take(IpAddr::from(number.to_be_bytes())).unwrap())
            .collect();
        drop(taken);
        let left = places.lock().by_client.capacity();
        assert!(left <= 2 * KEPT_CLIENTS, "room for {left} clients is kept");
    }
}
