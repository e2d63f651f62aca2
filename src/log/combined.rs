//! The `combined` format of Apache and nginx with host and port first (`vcombined`), which `GoAccess`,
//! fail2ban and `CrowdSec` read unchanged; hence nothing may be added to it, not even the bot rule.
//!
//! ```text
//! example.com:443 192.0.2.1 - - [24/Nov/2026:05:53:23 +0000] "GET /x?y HTTP/1.1" 200 123 "referer" "agent"
//! ```

use http::Version;

use super::{
    entry::{self, Entry},
    escape, timestamp,
};

pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>) {
    escape::token(out, entry.host.as_bytes());
    out.push(b':');
    entry::integer(out, entry.port);
    out.push(b' ');
    entry::address(out, entry.peer);
    out.extend_from_slice(b" - - [");
    timestamp::common(out, entry.time);
    out.extend_from_slice(b"] \"");
    request(out, entry);
    out.extend_from_slice(b"\" ");
    entry::integer(out, entry.status);
    out.push(b' ');
    entry::integer(out, entry.bytes);
    for value in [entry.referer, entry.user_agent] {
        // Some readers take an empty pair of quotes for a broken line.
        let value = value.filter(|value| !value.is_empty()).unwrap_or(b"-");
        out.extend_from_slice(b" \"");
        escape::combined(out, value);
        out.push(b'"');
    }
}

/// `-` alone for a head that could not be parsed, as Apache writes it.
fn request(out: &mut Vec<u8>, entry: &Entry<'_>) {
    escape::token(out, entry.method.as_bytes());
    if entry.method.is_empty() && entry.target.is_empty() {
        return;
    }
    out.push(b' ');
    escape::token(out, entry.target.as_bytes());
    out.push(b' ');
    out.extend_from_slice(entry.protocol().as_bytes());
    if matches!(entry.version, Version::HTTP_2 | Version::HTTP_3) {
        // The readers' patterns ask for the minor version that nginx writes.
        out.extend_from_slice(b".0");
    }
}
