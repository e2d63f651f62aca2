//! The access log: an entry is one line whatever a client sent, and reads back as what it was.

use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Version};
use shost::log::{Entry, Format, Options};

/// The field that a refused bot's line shows; not one whose value is hidden.
const FIELD: HeaderName = HeaderName::from_static("x-field");

/// The parts of its line that a client decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) target: &'a str,
    pub(crate) referer: &'a [u8],
    pub(crate) user_agent: &'a [u8],
    pub(crate) field: &'a [u8],
}

/// Every format makes one line of it, in which each value is in its place.
pub(crate) fn log(sent: &Sent<'_>) {
    let field = HeaderValue::from_bytes(sent.field).ok();
    let fields: HeaderMap = field.into_iter().map(|value| (FIELD, value)).collect();
    let entry = Entry {
        time: UNIX_EPOCH,
        duration: Duration::from_micros(412),
        peer: Ipv4Addr::new(192, 0, 2, 1).into(),
        port: 443,
        method: sent.method,
        host: sent.host,
        target: sent.target,
        version: Version::HTTP_11,
        status: 200,
        bytes: 1234,
        referer: Some(sent.referer),
        user_agent: Some(sent.user_agent),
        coding: None,
        tls: Some("TLSv1.3"),
        bot: Some("fake-browser"),
        fields: Some(&fields),
    };
    text(&line(Format::Text, &entry), sent, &fields);
    json(&line(Format::Json, &entry), sent, &fields);
    combined(&line(Format::Combined, &entry), sent);
    assert_eq!(line(Format::None, &entry), "");
}

fn line(format: Format, entry: &Entry<'_>) -> String {
    let mut line = Vec::new();
    Options { format, timestamps: true }.write(&mut line, entry);
    let line = String::from_utf8(line).expect("a line is UTF-8");
    assert!(!line.contains(char::is_control), "{line:?}");
    line
}

fn text(line: &str, sent: &Sent<'_>, fields: &HeaderMap) {
    let columns = columns(line);
    assert_eq!(columns.len(), 14 + fields.len(), "{line}");
    assert_eq!((columns[0], columns[1]), ("1970-01-01T00:00:00.000Z", "200"), "{line}");
    for (column, value) in [(2, sent.method), (3, sent.host), (4, sent.target)] {
        assert_eq!(from_token(columns[column]), dashed(value.as_bytes()), "{line}");
    }
    assert_eq!(columns[5..9], ["HTTP/1.1", "1234B", "0.412ms", "192.0.2.1"], "{line}");
    assert_eq!(columns[11..14], ["-", "TLSv1.3", "bot=fake-browser"], "{line}");
    for quoted in [columns[9], columns[10]] {
        assert!(quoted.len() >= 2 && quoted.starts_with('"') && quoted.ends_with('"'), "{line}");
    }
    assert!(fields.is_empty() || columns[14].starts_with("field.x-field=\""), "{line}");
}

/// Words that spaces outside of quotes separate; within, a backslash takes the next character along.
fn columns(line: &str) -> Vec<&str> {
    let (mut columns, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted => {
                columns.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    assert!(!quoted, "{line}");
    columns.push(&line[start..]);
    columns
}

fn json(line: &str, sent: &Sent<'_>, fields: &HeaderMap) {
    let object: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    let same = |value: &serde_json::Value, sent: &[u8]| {
        let value = value.as_str().expect("a string");
        // What is not UTF-8 cannot be said in JSON, but nothing is added or left out.
        std::str::from_utf8(sent).map_or(value.contains('\u{fffd}'), |sent| sent == value)
    };
    for (key, value) in [
        ("method", sent.method.as_bytes()),
        ("host", sent.host.as_bytes()),
        ("target", sent.target.as_bytes()),
        ("referer", sent.referer),
        ("user_agent", sent.user_agent),
    ] {
        assert!(same(&object[key], value), "{key} in {line}");
    }
    assert_eq!((&object["status"], &object["bytes"]), (&200.into(), &1234.into()), "{line}");
    assert_eq!(object["bot"], "fake-browser", "{line}");
    for (name, value) in fields {
        assert!(same(&object["fields"][name.as_str()][0], value.as_bytes()), "{line}");
    }
}

fn combined(line: &str, sent: &Sent<'_>) {
    let pieces: Vec<_> = line.split('"').collect();
    let &[start, request, " 200 1234 ", referer, " ", user_agent, ""] = &*pieces else {
        panic!("{line}");
    };
    let host =
        start.strip_suffix(":443 192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] ").expect("a host");
    assert_eq!(from_token(host), dashed(sent.host.as_bytes()), "{line}");
    assert_eq!(from_token(referer), dashed(sent.referer), "{line}");
    assert_eq!(from_token(user_agent), dashed(sent.user_agent), "{line}");
    if sent.method.is_empty() && sent.target.is_empty() {
        return assert_eq!(request, "-", "{line}");
    }
    let words: Vec<_> = request.split(' ').collect();
    let &[method, target, "HTTP/1.1"] = &*words else { panic!("{line}") };
    assert_eq!(from_token(method), dashed(sent.method.as_bytes()), "{line}");
    assert_eq!(from_token(target), dashed(sent.target.as_bytes()), "{line}");
}

fn dashed(value: &[u8]) -> &[u8] {
    if value.is_empty() { b"-" } else { value }
}

/// Undoes `\xHH`.
fn from_token(text: &str) -> Vec<u8> {
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).expect("two digits"));
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
    bytes
}
