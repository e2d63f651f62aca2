//! Fields as proxies and liars write them.

use super::*;

/// The proxies of the tests, and the one that the connection is from.
const PROXIES: [&str; 3] = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"];
const PROXY: &str = "10.0.0.1";

#[track_caller]
fn check(fields: &[(&'static str, &str)], address: &str, secure: Option<bool>) {
    let networks = PROXIES.map(|network| network.parse().unwrap()).to_vec();
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(*name, value.parse().unwrap());
    }
    let proxies = Proxies::new(networks).unwrap();
    let found = origin(&proxies, PROXY.parse().unwrap(), &map);
    assert_eq!(found, Forwarded { address: address.parse().unwrap(), secure }, "{fields:?}");
}

#[test]
fn x_forwarded_for_is_read_from_its_end() {
    let rows = [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 10.1.1.1", "203.0.113.5"),
        ("1.1.1.1, 203.0.113.5, 192.0.2.7, 10.1.1.1", "203.0.113.5"),
        ("203.0.113.5 ,10.1.1.1,", "203.0.113.5"),
        (",, 203.0.113.5", "203.0.113.5"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8::1, fd00::9", "2001:db8::1"),
        ("203.0.113.5, ::ffff:10.2.2.2", "203.0.113.5"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("", PROXY),
        ("unknown", PROXY),
        ("203.0.113.5, unknown", PROXY),
        ("203.0.113.5, unknown, 10.2.2.2", "10.2.2.2"),
        ("203.0.113.5, 10.2.2.2:x", PROXY),
        ("203.0.113.5, 300.1.1.1", PROXY),
        ("203.0.113.5 10.2.2.2", PROXY),
        ("\u{e9}", PROXY),
        ("203.0.113.5, \"10.2.2.2\"", PROXY),
    ];
    for (value, address) in rows {
        check(&[("x-forwarded-for", value)], address, None);
    }
    let lines = [("x-forwarded-for", "1.1.1.1, 203.0.113.5"), ("x-forwarded-for", "10.1.1.1")];
    check(&lines, "203.0.113.5", None);
}

#[test]
fn forwarded_is_read_by_its_grammar() {
    let rows = [
        ("for=203.0.113.5", "203.0.113.5", None),
        ("For=\"203.0.113.5\"", "203.0.113.5", None),
        ("for=\"203.0.113.5:4711\"", "203.0.113.5", None),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17", None),
        ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17", None),
        ("for=\"[2001:db8::1]:_port\"", "2001:db8::1", None),
        ("for=\"20\\3.0.113.5\"", "203.0.113.5", None),
        ("for=203.0.113.5:80", "203.0.113.5", None),
        ("for=203.0.113.5;proto=https;by=10.0.0.1", "203.0.113.5", Some(true)),
        ("proto=http ; for=203.0.113.5", "203.0.113.5", Some(false)),
        ("proto=\"HTTPS\";host=\"a, b;c\";for=203.0.113.5", "203.0.113.5", Some(true)),
        ("for=1.1.1.1;proto=http, for=203.0.113.5;proto=https", "203.0.113.5", Some(true)),
        ("for=203.0.113.5;proto=https, for=10.1.1.1;proto=http", "203.0.113.5", Some(true)),
        ("for=203.0.113.5;proto=https,,for=10.1.1.1,", "203.0.113.5", Some(true)),
        ("for=203.0.113.5;;proto=https;", "203.0.113.5", Some(true)),
        ("for=_hidden;proto=https", PROXY, Some(true)),
        ("for=unknown", PROXY, None),
        ("for=203.0.113.5, for=_hidden, for=10.2.2.2", "10.2.2.2", None),
        ("for=203.0.113.5, by=10.1.1.1", PROXY, None),
        ("for=203.0.113.5;ext=\"\\\"\"", "203.0.113.5", None),
        ("", PROXY, None),
        ("for", PROXY, None),
        ("for=", PROXY, None),
        ("for = 203.0.113.5", PROXY, None),
        ("for=203.0.113.5 proto=https", PROXY, None),
        ("for=\"203.0.113.5", PROXY, None),
        ("for=\"203.0.113.5\\", PROXY, None),
        ("for=203.0.113.5, @", PROXY, None),
        ("203.0.113.5", PROXY, None),
        ("for=203.0.113.5;proto=ftp", "203.0.113.5", None),
    ];
    for (value, address, secure) in rows {
        check(&[("forwarded", value)], address, secure);
    }
    let lines = [("forwarded", "for=203.0.113.5;proto=https"), ("forwarded", "for=10.1.1.1")];
    check(&lines, "203.0.113.5", Some(true));
}

#[test]
fn the_scheme_is_that_of_the_first_proxy() {
    let rows = [
        ("https", Some(true)),
        ("HTTPS", Some(true)),
        ("http", Some(false)),
        (" https , http", Some(true)),
        ("http, https", Some(false)),
        ("wss", None),
        ("", None),
        ("httpss", None),
    ];
    for (value, secure) in rows {
        check(&[("x-forwarded-proto", value)], PROXY, secure);
        let both = [("x-forwarded-proto", value), ("x-forwarded-for", "203.0.113.5")];
        check(&both, "203.0.113.5", secure);
    }
    check(&[("x-forwarded-proto", "https"), ("forwarded", "proto=http")], PROXY, Some(true));
    let both = [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=1.1.1.1;proto=https")];
    check(&both, "203.0.113.5", None);
    check(&[], PROXY, None);
}
