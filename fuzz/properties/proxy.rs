//! The words of proxies: any bytes at the beginning of a connection come to one outcome in whichever
//! pieces they come, and any fields lead to an address that a trusted proxy named.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use shost::visitor::proxy::Proxies;
use shost::visitor::proxy::forwarded::origin;
use shost::visitor::proxy::header::{Beginning, read};

/// The longest header, in bytes.
const HEADER_BYTES: usize = 4096;

/// The address of the proxy.
const PROXY: &str = "10.0.0.1";

/// Reads the beginning of a connection.
pub(crate) fn header(bytes: &[u8]) {
    let whole = read(bytes);
    if let Ok(Beginning::Header(header)) = whole {
        assert!(header.length <= bytes.len().min(HEADER_BYTES), "{header:?}");
        assert_eq!(read(&bytes[..header.length]), whole, "what follows does not matter");
    }
    if whole == Ok(Beginning::Partial) {
        assert!(bytes.len() < HEADER_BYTES, "a header without an end is not awaited");
    }
    let mut decided = None;
    for length in 0..=bytes.len().min(HEADER_BYTES) {
        let outcome = read(&bytes[..length]);
        match decided {
            None if outcome == Ok(Beginning::Partial) => {}
            None => decided = Some(outcome),
            Some(decided) => assert_eq!(outcome, decided, "after {length} bytes"),
        }
    }
}

/// Finds out whom a request with these fields is from.
pub(crate) fn fields(for_list: &[u8], forwarded: &[u8], scheme: &[u8]) {
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("it is a network"));
    let proxies = Proxies::new(networks.to_vec()).expect("there are some");
    let proxy: IpAddr = PROXY.parse().expect("it is an address");
    let mut map = HeaderMap::new();
    let values =
        [("x-forwarded-for", for_list), ("forwarded", forwarded), ("x-forwarded-proto", scheme)];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            map.append(name, value);
        }
    }
    let found = origin(&proxies, proxy, &map);
    assert_eq!(found.address, found.address.to_canonical());
    // A client that writes the field itself stands in front of what the proxy appends.
    let client = HeaderValue::from_static("203.0.113.5");
    map.append("x-forwarded-for", client.clone());
    let appended = origin(&proxies, proxy, &map);
    assert_eq!(appended.address.to_string(), client.to_str().expect("it is text"));
    map.remove("x-forwarded-for");
    map.append("forwarded", HeaderValue::from_static("for=203.0.113.5"));
    let appended = origin(&proxies, proxy, &map).address;
    let expected: IpAddr = "203.0.113.5".parse().expect("it is an address");
    assert!(appended == expected || appended == proxy, "malformed, or the last: {appended}");
}
