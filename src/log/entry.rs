//! The content of an access log line, and the pieces that all formats write alike.

use std::{
    io::Write as _,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, Version};

/// A request and what came of it; borrowed, for it is built when the body has ended.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The time at which the request's head arrived.
    pub time: SystemTime,
    /// The time from then to the end of the body.
    pub duration: Duration,
    /// The address of the client.
    pub peer: IpAddr,
    /// The local port that it came to.
    pub port: u16,
    /// The method; empty when the head could not be parsed.
    pub method: &'a str,
    /// The host in its normal form, or as it was sent; empty when unknown.
    pub host: &'a str,
    /// Path and query as sent; empty when the head could not be parsed.
    pub target: &'a str,
    /// The version of HTTP.
    pub version: Version,
    /// The status that was sent.
    pub status: u16,
    /// Bytes of content that were sent.
    pub bytes: u64,
    /// The value of the Referer field.
    pub referer: Option<&'a [u8]>,
    /// The value of the User-Agent field.
    pub user_agent: Option<&'a [u8]>,
    /// The content coding, unless it was the identity.
    pub coding: Option<&'static str>,
    /// The version of TLS, as `TLSv1.3`.
    pub tls: Option<&'static str>,
    /// The bot rule that fired.
    pub bot: Option<&'static str>,
    /// The request's fields, when they were asked for.
    pub fields: Option<&'a HeaderMap>,
}

/// Fields whose value is a secret between the client and some server, perhaps one that shares a
/// domain with ours; a log has more readers than that.
const SECRET_FIELDS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Written in the place of a secret's value.
const HIDDEN: &[u8] = b"(hidden)";

impl Entry<'_> {
    /// The protocol as its current specification names it; `HTTP/2`, not `HTTP/2.0`.
    pub(super) fn protocol(&self) -> &'static str {
        match self.version {
            Version::HTTP_09 => "HTTP/0.9",
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_3 => "HTTP/3",
            _ => "HTTP/1.1",
        }
    }
}

/// The value of a field as a log may show it.
pub(super) fn shown<'a>(name: &str, value: &'a [u8]) -> &'a [u8] {
    if SECRET_FIELDS.contains(&name) { HIDDEN } else { value }
}

/// An IPv4 client of a socket for both families is written as IPv4, so that a filter such as
/// fail2ban's bans the address that it knows.
pub(super) fn address(out: &mut Vec<u8>, peer: IpAddr) {
    match peer.to_canonical() {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                integer(out, octet);
            }
        }
        IpAddr::V6(address) => write!(out, "{address}").expect("a Vec takes every write"),
    }
}

pub(super) fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whole microseconds; 584,000 years are enough for any request.
pub(super) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
