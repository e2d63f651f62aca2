//! The offer of HTTP/3 to clients that have come by another protocol (RFC 7838).

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

/// Seconds for which an offer is good as long as no client has come by it: where a firewall drops
/// UDP, one that tries in vain does so for no longer.
const FIRST_AGE: u32 = 5 * 60;

/// Seconds for which it is good once one has: as long as the visitors of one day come back.
const AGE: u32 = 24 * 60 * 60;

/// HTTP/3 beside HTTPS, as far as it is spoken.
#[derive(Debug, Default)]
pub struct Alternative {
    /// The local ports of UDP, and the port by which clients know them if it is another.
    ports: Vec<u16>,
    public: Option<u16>,
    /// True once a client has come.
    is_reached: AtomicBool,
}

impl Alternative {
    /// HTTP/3 on these ports, which clients know as `public` if that is another.
    #[must_use]
    pub fn on(ports: Vec<u16>, public: Option<u16>) -> Self {
        Self { ports, public, is_reached: AtomicBool::new(false) }
    }

    /// A client has come by HTTP/3.
    pub fn reached(&self) {
        self.is_reached.store(true, Ordering::Relaxed);
    }

    /// The offer to a client that has asked at port `asked`, on a connection to the port `local`.
    ///
    /// Where a firewall forwards the port, nobody knows that it forwards UDP too: there is none.
    pub(super) fn offer(&self, local: u16, asked: u16) -> Option<HeaderValue> {
        let is_open = self.ports.contains(&local);
        if !is_open || asked != self.public.unwrap_or(local) {
            return None;
        }
        let age = if self.is_reached.load(Ordering::Relaxed) { AGE } else { FIRST_AGE };
        HeaderValue::try_from(format!("h3=\":{asked}\"; ma={age}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_offered_for_a_short_time_first() {
        let [open, forwarded] =
            [None, Some(443)].map(|public| Alternative::on(vec![443, 8443], public));
        let table = [
            (&open, 443, 443, Some("h3=\":443\"; ma=300")),
            (&open, 8443, 8443, Some("h3=\":8443\"; ma=300")),
            (&open, 8443, 443, None),
            (&open, 80, 80, None),
            (&forwarded, 8443, 443, Some("h3=\":443\"; ma=300")),
            (&forwarded, 8443, 8443, None),
            (&Alternative::default(), 443, 443, None),
        ];
        for (alternative, local, asked, expected) in table {
            let offer = alternative.offer(local, asked);
            assert_eq!(offer.as_ref().map(HeaderValue::as_bytes), expected.map(str::as_bytes));
        }
        open.reached();
        assert_eq!(open.offer(443, 443).unwrap(), "h3=\":443\"; ma=86400");
    }
}
