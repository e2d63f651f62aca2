//! Proxies in front of the server: whom to believe when it says on whose behalf it asks.
//!
//! A connection from a trusted address may begin with a PROXY header, and its requests may have
//! `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Proto`. From anybody else all of this is what any
//! client can write, and is ignored.

pub mod forwarded;
pub mod header;

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// The addresses of trusted proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// An address, or all addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Proxies {
    /// The proxies in `networks`; `None` if there is none to trust.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Option<Self> {
        (!networks.is_empty()).then_some(Self(networks))
    }

    /// True if `address` is one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// A text that names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl fmt::Display for NotANetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an IP address, or a network as in 10.0.0.0/8 or fd00::/8")
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= bits).ok_or(NotANetwork)?
            }
            Some(_) => return Err(NotANetwork),
        };
        // An IPv4 client of an IPv6 socket is known by its IPv4 address.
        match (address, address.to_canonical()) {
            (IpAddr::V6(_), four @ IpAddr::V4(_)) if prefix >= 96 => {
                Ok(Self { address: four, prefix: prefix - 96 })
            }
            _ => Ok(Self { address, prefix }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(networks: &str, address: &str, expected: bool) {
        let networks = networks.split(',').map(|network| network.parse().unwrap()).collect();
        let proxies = Proxies::new(networks).unwrap();
        assert_eq!(proxies.contain(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn an_address_is_in_the_networks_whose_bits_it_begins_with() {
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("::ffff:192.0.2.0/120", "192.0.2.77", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("10.0.0.0/8", "10.255.255.255", true);
        check("10.1.2.3/8", "10.9.9.9", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("192.0.2.128/25", "192.0.2.127", false);
        check("192.0.2.128/25", "192.0.2.128", true);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "203.0.113.9", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("2001:db8::1", "2001:db8::1", true);
        check("fe80::/10,::1", "::1", true);
        check("fe80::/10,::1", "::2", false);
        check("127.0.0.1/32", "127.0.0.1", true);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let table = [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0/8",
            "10.0.0.0/8/8",
            "localhost",
            "unix",
            "10.0.0.1:80",
            "[::1]",
            "::1%lo",
            "10.0.0.0/255.0.0.0",
            " 10.0.0.1",
        ];
        for text in table {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text:?}");
        }
    }
}
