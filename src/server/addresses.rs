//! Addresses for a browser: what somebody who starts the server on a terminal can click on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Sites whose addresses are told. Of more than that nobody reads them.
const MOST: usize = 8;

/// The URLs to tell: of every socket where `hosts` is `None`, since one folder answers to any name,
/// else of these sites at the first socket.
pub(super) fn urls(scheme: &str, sockets: &[SocketAddr], hosts: Option<&[&str]>) -> Vec<String> {
    let url = |host: &str, port: u16| match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}/"),
        _ => format!("{scheme}://{host}:{port}/"),
    };
    let Some(hosts) = hosts else {
        return sockets.iter().map(|socket| url(&host(socket.ip()), socket.port())).collect();
    };
    let Some(port) = sockets.first().map(SocketAddr::port) else { return Vec::new() };
    // One site for many names has no address of its own.
    let hosts = hosts.iter().filter(|host| !host.contains('*'));
    hosts.take(MOST).map(|host| url(host, port)).collect()
}

/// The address as a host. From every address it is the one of this machine that is told.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => "[::1]".to_owned(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scheme: &str, sockets: &[&str], hosts: Option<&[&str]>, expected: &[&str]) {
        let sockets: Vec<SocketAddr> =
            sockets.iter().map(|socket| socket.parse().unwrap()).collect();
        assert_eq!(urls(scheme, &sockets, hosts), expected, "{sockets:?} {hosts:?}");
    }

    #[test]
    fn one_folder_has_the_addresses_of_its_sockets() {
        check("http", &["127.0.0.1:8080"], None, &["http://127.0.0.1:8080/"]);
        check("http", &["127.0.0.1:80"], None, &["http://127.0.0.1/"]);
        check("https", &["127.0.0.1:443"], None, &["https://127.0.0.1/"]);
        check("https", &["192.0.2.1:80"], None, &["https://192.0.2.1:80/"]);
        check("http", &["0.0.0.0:8080"], None, &["http://127.0.0.1:8080/"]);
        check("http", &["[::]:8080"], None, &["http://[::1]:8080/"]);
        check("http", &["[2001:db8::1]:443"], None, &["http://[2001:db8::1]:443/"]);
        let both = ["http://127.0.0.1:1/", "http://[::1]:1/"];
        check("http", &["127.0.0.1:1", "[::1]:1"], None, &both);
    }

    #[test]
    fn sites_have_the_addresses_of_their_names() {
        let sites = ["a.test", "*.b.test", "127.0.0.1", "[::1]"];
        let expected = ["http://a.test:8080/", "http://127.0.0.1:8080/", "http://[::1]:8080/"];
        check("http", &["[::]:8080", "192.0.2.1:8080"], Some(&sites), &expected);
        check("https", &["[::]:443"], Some(&["a.test"]), &["https://a.test/"]);
        check("http", &["[::]:80"], Some(&["a.test"; 20]), &["http://a.test/"; MOST]);
        check("http", &[], Some(&["a.test"]), &[]);
        check("http", &["[::]:80"], Some(&[]), &[]);
    }
}
