//! The `json` format: one object a line (RFC 8259), for programs.
//!
//! The keys are stable: `time`, `peer`, `method`, `host`, `target`, `protocol`, `status`, `bytes`
//! and `duration_us` are always there, though `method`, `host` and `target` may be empty;
//! `referer`, `user_agent`, `coding`, `tls`, `bot` and `fields` are left out where there is nothing
//! to say. `time` is RFC 3339 in UTC; `fields` has a list of values for each name.

use super::{
    entry::{self, Entry},
    escape, timestamp,
};

pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    timestamp::rfc3339(out, entry.time);
    out.extend_from_slice(b"\",\"peer\":\"");
    entry::address(out, entry.peer);
    out.push(b'"');
    member(out, "method", Some(entry.method.as_bytes()));
    member(out, "host", Some(entry.host.as_bytes()));
    member(out, "target", Some(entry.target.as_bytes()));
    member(out, "protocol", Some(entry.protocol().as_bytes()));
    out.extend_from_slice(b",\"status\":");
    entry::integer(out, entry.status);
    out.extend_from_slice(b",\"bytes\":");
    entry::integer(out, entry.bytes);
    out.extend_from_slice(b",\"duration_us\":");
    entry::integer(out, entry::microseconds(entry.duration));
    member(out, "referer", entry.referer);
    member(out, "user_agent", entry.user_agent);
    member(out, "coding", entry.coding.map(str::as_bytes));
    member(out, "tls", entry.tls.map(str::as_bytes));
    member(out, "bot", entry.bot.map(str::as_bytes));
    fields(out, entry);
    out.push(b'}');
}

/// Nothing for an absent value.
fn member(out: &mut Vec<u8>, key: &'static str, value: Option<&[u8]>) {
    let Some(value) = value else { return };
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    string(out, value);
}

fn fields(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let Some(fields) = entry.fields else { return };
    out.extend_from_slice(b",\"fields\":{");
    for (index, name) in fields.keys().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, name.as_str().as_bytes());
        out.extend_from_slice(b":[");
        for (index, value) in fields.get_all(name).iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            string(out, entry::shown(name.as_str(), value.as_bytes()));
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn string(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    escape::json(out, value);
    out.push(b'"');
}
