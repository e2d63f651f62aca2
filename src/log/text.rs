//! The `text` format, for people and grep.
//!
//! ```text
//! 2026-11-24T05:53:23.123Z 200 GET example.com /path?query HTTP/2 1234B 0.412ms 192.0.2.1 "agent" "referer" br TLSv1.3 bot=fake-browser field.accept="*/*"
//! ```
//!
//! What matters most comes first: when, how it ended, what was asked; then what it cost; then who.
//! The first thirteen values (twelve without the time) are always there, `-` where there is nothing
//! to say, so that a column keeps its number up to the quoted ones. Only client text is in quotes,
//! so nothing that a client sends looks like a `-` or a `bot=` of ours.

use super::{
    entry::{self, Entry},
    escape, timestamp,
};

pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, timestamps: bool) {
    if timestamps {
        timestamp::rfc3339(out, entry.time);
        out.push(b' ');
    }
    entry::integer(out, entry.status);
    for value in [entry.method, entry.host, entry.target] {
        out.push(b' ');
        escape::token(out, value.as_bytes());
    }
    out.push(b' ');
    out.extend_from_slice(entry.protocol().as_bytes());
    out.push(b' ');
    entry::integer(out, entry.bytes);
    out.extend_from_slice(b"B ");
    milliseconds(out, entry::microseconds(entry.duration));
    out.push(b' ');
    entry::address(out, entry.peer);
    for value in [entry.user_agent, entry.referer] {
        out.push(b' ');
        match value {
            Some(value) => quoted(out, value),
            None => out.push(b'-'),
        }
    }
    for value in [entry.coding, entry.tls] {
        out.push(b' ');
        escape::token(out, value.unwrap_or_default().as_bytes());
    }
    if let Some(rule) = entry.bot {
        out.extend_from_slice(b" bot=");
        escape::token(out, rule.as_bytes());
    }
    for (name, value) in entry.fields.into_iter().flatten() {
        out.extend_from_slice(b" field.");
        escape::token(out, name.as_str().as_bytes());
        out.push(b'=');
        quoted(out, entry::shown(name.as_str(), value.as_bytes()));
    }
}

fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    escape::text(out, value);
    out.push(b'"');
}

fn milliseconds(out: &mut Vec<u8>, microseconds: u64) {
    entry::integer(out, microseconds / 1000);
    let rest = (microseconds % 1000) as u16;
    let digit = |value: u16| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest), b'm', b's']);
}
