//! Who counts as one client.

use std::net::{IpAddr, Ipv6Addr};

/// Whoever is behind an address. A household or a server is given a whole network of IPv6, so 64
/// bits of it tell clients apart; an address of IPv4 is one, in whichever form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
