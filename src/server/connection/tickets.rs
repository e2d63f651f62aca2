//! Session tickets: the state of a session, sealed here and kept by the client, so that the server
//! remembers nobody (RFC 8446 §4.6.1, RFC 5077).
//!
//! ```text
//! key name (16)  nonce (12)  [seconds since 1970 (8)  state of the session]  tag (16)
//!                             sealed by AES-256-GCM, with the key name authenticated
//! ```
//!
//! Keys are derived from the server's secret and the day, so whoever has the secret has the same keys
//! after a restart, and clients of a week ago are known. Over TLS 1.3 a ticket gives nothing away
//! about the connections that it is used for: each has an exchange of keys of its own. Over TLS 1.2 it
//! holds the secret of the very connection that it came over; rustls's ticketer seals those, with keys
//! that the process makes and forgets within twelve hours.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::ProtocolVersion;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

use crate::process::clock;
use crate::process::secret::Secret;

/// Seconds for which a ticket is good: no client may keep one for longer (RFC 8446 §4.6.1).
const LIFETIME: u32 = 7 * 24 * 60 * 60;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Days before today whose tickets may still be good: one of this time a week ago is of the seventh.
const DAYS_BEFORE: u64 = 7;

/// Bytes of the name by which a ticket tells its key, so many that no two keys have the same.
const NAME_LENGTH: usize = 16;

/// Bytes of a key of AES-256.
const KEY_LENGTH: usize = 32;

const TIME_LENGTH: usize = 8;
const TAG_LENGTH: usize = 16;

/// Bytes of a ticket around what is sealed.
const FRAME_LENGTH: usize = NAME_LENGTH + NONCE_LEN + TIME_LENGTH + TAG_LENGTH;

/// Bytes of the longest ticket: a state holds a server name of up to 253 bytes, a secret, and little
/// else. What is longer is not from here, and not worth a decryption.
const LONGEST: usize = 1024;

/// The sealer and opener of tickets.
pub struct Tickets {
    secret: Arc<Secret>,
    /// The keys of the days around today, made anew by whoever first meets another day.
    keys: ArcSwap<DailyKeys>,
    /// The ticketer for versions before TLS 1.3.
    fleeting: Arc<dyn ProducesTickets>,
}

/// The keys that count on one day.
struct DailyKeys {
    today: u64,
    /// The first one seals, and all open: today's, those before, and tomorrow's, for the time after a
    /// clock that was ahead has been put right.
    keys: Vec<DayKey>,
}

struct DayKey {
    name: [u8; NAME_LENGTH],
    key: RandomizedNonceKey,
}

impl Tickets {
    /// The tickets of whoever has this secret.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(secret: Arc<Secret>) -> Result<Self, rustls::Error> {
        let today = seconds(clock::wall()) / SECONDS_PER_DAY;
        let keys = ArcSwap::from_pointee(DailyKeys::of(&secret, today));
        Ok(Self { secret, keys, fleeting: Ticketer::new()? })
    }

    /// Calls `then` with the keys of the day that `now` is in.
    fn with_keys<T>(&self, now: u64, then: impl FnOnce(&DailyKeys) -> T) -> T {
        let today = now / SECONDS_PER_DAY;
        let keys = self.keys.load();
        if keys.today == today {
            return then(&keys);
        }
        let keys = Arc::new(DailyKeys::of(&self.secret, today));
        self.keys.store(Arc::clone(&keys));
        then(&keys)
    }

    /// Seals the state of a session at the time `now`.
    fn seal(&self, state: &[u8], now: u64) -> Option<Vec<u8>> {
        if state.len() > LONGEST - FRAME_LENGTH {
            return None;
        }
        self.with_keys(now, |keys| keys.keys.first()?.seal(state, now))
    }

    /// Opens a ticket that was sealed here, at most [`LIFETIME`] before `now`.
    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk()?;
        if ticket.len() > LONGEST {
            return None;
        }
        let opened =
            self.with_keys(now, |keys| keys.keys.iter().find(|key| key.name == *name)?.open(rest));
        let (time, state) = opened?;
        (now.saturating_sub(time) <= u64::from(LIFETIME)).then_some(state)
    }
}

impl DailyKeys {
    fn of(secret: &Secret, today: u64) -> Self {
        let before = (1..=DAYS_BEFORE).map(|days| today.saturating_sub(days));
        let days = [today].into_iter().chain(before).chain([today + 1]);
        Self { today, keys: days.map(|day| DayKey::of(secret, day)).collect() }
    }
}

impl DayKey {
    fn of(secret: &Secret, day: u64) -> Self {
        let name = secret.named(&format!("name of the ticket key of day {day}"));
        let key: [u8; KEY_LENGTH] = secret.named(&format!("ticket key of day {day}"));
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).expect("a key has its 32 bytes");
        Self { name, key }
    }

    fn seal(&self, state: &[u8], now: u64) -> Option<Vec<u8>> {
        let mut ticket = Vec::with_capacity(FRAME_LENGTH + state.len());
        ticket.extend_from_slice(&self.name);
        ticket.extend_from_slice(&[0; NONCE_LEN]);
        ticket.extend_from_slice(&now.to_be_bytes());
        ticket.extend_from_slice(state);
        let sealed = &mut ticket[NAME_LENGTH + NONCE_LEN..];
        let (nonce, tag) =
            self.key.seal_in_place_separate_tag(Aad::from(&self.name), sealed).ok()?;
        ticket[NAME_LENGTH..][..NONCE_LEN].copy_from_slice(nonce.as_ref());
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    /// The time and the state in what follows the name of this key.
    fn open(&self, rest: &[u8]) -> Option<(u64, Vec<u8>)> {
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let opened = self.key.open_in_place(Nonce::from(nonce), Aad::from(&self.name), &mut sealed);
        let (time, state) = opened.ok()?.split_first_chunk()?;
        Some((u64::from_be_bytes(*time), state.to_vec()))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, state: &[u8]) -> Option<Vec<u8>> {
        if is_tls13(state) {
            self.seal(state, seconds(clock::wall()))
        } else {
            self.fleeting.encrypt(state)
        }
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, seconds(clock::wall())).or_else(|| self.fleeting.decrypt(ticket))
    }
}

/// True if the state that rustls encoded is certainly that of a TLS 1.3 session. It begins so:
///
/// ```text
/// 0, or 1 with a server name behind its length (1)    version (2)
/// ```
fn is_tls13(state: &[u8]) -> bool {
    let version = match state {
        [0, rest @ ..] => rest,
        [1, length, rest @ ..] => rest.get(usize::from(*length)..).unwrap_or_default(),
        _ => return false,
    };
    version.starts_with(&u16::from(ProtocolVersion::TLSv1_3).to_be_bytes())
}

/// Seconds since 1970; a clock before that counts as the first day.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Shows no key, whatever is logged.
impl fmt::Debug for Tickets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tickets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &[u8] = b"the state of a session";
    const NOON: u64 = 20_000 * SECONDS_PER_DAY + SECONDS_PER_DAY / 2;
    const WEEK: u64 = LIFETIME as u64;

    fn tickets() -> Tickets {
        Tickets::new(Arc::new(Secret::fresh().unwrap())).unwrap()
    }

    #[test]
    fn a_ticket_is_good_for_a_week_whatever_the_clock_does() {
        let tickets = tickets();
        let last_second = 20_001 * SECONDS_PER_DAY - 1;
        let table = [
            (NOON, NOON, true),
            (NOON, NOON + 1, true),
            (NOON, NOON + SECONDS_PER_DAY, true),
            (NOON, NOON + WEEK, true),
            (NOON, NOON + WEEK + 1, false),
            (NOON, NOON + 8 * SECONDS_PER_DAY, false),
            (NOON, NOON + 1000 * SECONDS_PER_DAY, false),
            (last_second, last_second + 1, true),
            (last_second, last_second + WEEK, true),
            (last_second, last_second + WEEK + 1, false),
            // The clock went back.
            (NOON, NOON - 1, true),
            (last_second + 1, last_second, true),
            (NOON, NOON - SECONDS_PER_DAY, true),
            (NOON, NOON - 2 * SECONDS_PER_DAY, false),
            (NOON, 0, false),
            (0, 0, true),
            (0, WEEK, true),
            (0, 8 * SECONDS_PER_DAY, false),
        ];
        for (sealed, opened, is_good) in table {
            let ticket = tickets.seal(STATE, sealed).unwrap();
            let state = tickets.open(&ticket, opened);
            assert_eq!(state.as_deref(), is_good.then_some(STATE), "{sealed} {opened}");
        }
    }

    #[test]
    fn the_secret_decides_who_opens_a_ticket() {
        let secret = Arc::new(Secret::fresh().unwrap());
        let one = Tickets::new(Arc::clone(&secret)).unwrap();
        let after_restart = Tickets::new(secret).unwrap();
        let ticket = one.seal(STATE, NOON).unwrap();
        assert_eq!(after_restart.open(&ticket, NOON).as_deref(), Some(STATE));
        assert_eq!(tickets().open(&ticket, NOON), None);
        assert_ne!(one.seal(STATE, NOON).unwrap(), ticket, "no two tickets are alike");
        let name = |time| one.seal(STATE, time).unwrap()[..NAME_LENGTH].to_vec();
        assert_ne!(name(NOON), name(NOON + SECONDS_PER_DAY), "each day has a key of its own");
    }

    #[test]
    fn no_ticket_is_opened_that_was_changed() {
        let tickets = tickets();
        let ticket = tickets.seal(STATE, NOON).unwrap();
        assert_eq!(ticket.len(), FRAME_LENGTH + STATE.len());
        assert!(!ticket.windows(STATE.len()).any(|window| window == STATE));
        for position in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[position] ^= 1;
            assert_eq!(tickets.open(&changed, NOON), None, "byte {position}");
            assert_eq!(tickets.open(&ticket[..position], NOON), None, "{position} bytes");
        }
        let longer = [&*ticket, &[0]].concat();
        assert_eq!(tickets.open(&longer, NOON), None);
        let name = &ticket[..NAME_LENGTH];
        assert_eq!(tickets.open(&[name, &vec![0; 1 << 16]].concat(), NOON), None);
        assert!(tickets.seal(&[0; LONGEST], NOON).is_none());
        let longest = tickets.seal(&[0; LONGEST - FRAME_LENGTH], NOON).unwrap();
        assert!(tickets.open(&longest, NOON).is_some());
    }

    #[test]
    fn the_version_of_a_state_is_read_where_it_is() {
        let table: [(&[u8], bool); 9] = [
            (&[0, 3, 4, 0x13, 1], true),
            (&[1, 1, b'a', 3, 4], true),
            (&[1, 0, 3, 4], true),
            (&[0, 3, 3, 3, 4], false),
            (&[1, 1, b'a', 3, 3], false),
            (&[1, 2, 3, 4], false),
            (&[1, 9, 3, 4], false),
            (&[2, 3, 4], false),
            (&[], false),
        ];
        for (state, expected) in table {
            assert_eq!(is_tls13(state), expected, "{state:?}");
        }
    }
}
