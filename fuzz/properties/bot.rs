//! The bot verdict: it never stops on strange input, and never refuses where it must not.

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};
use shost::bot::{self, Request};

/// Any head gets a verdict from the table, and on plain HTTP no real browser is refused for what it
/// does not send there.
pub(crate) fn bot(path: &[u8], user_agent: &[u8], accept_encoding: &[u8]) {
    let Ok(path) = std::str::from_utf8(path) else { return };
    let mut fields = HeaderMap::new();
    for (name, value) in [(USER_AGENT, user_agent), (ACCEPT_ENCODING, accept_encoding)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            fields.append(name, value);
        }
    }
    let plain = Request { fields: &fields, path, secure: false, host: "example.com" };
    let verdict = bot::verdict(&plain);
    assert_ne!(verdict, Some("fake-browser"));
    let secure = bot::verdict(&Request { secure: true, ..plain });
    assert!(secure.is_none_or(|name| bot::RULES.iter().any(|rule| rule.name == name)));
    if verdict.is_some() {
        assert_eq!(secure, verdict, "TLS excuses nothing");
    }
    fields.insert("sec-fetch-site", HeaderValue::from_static("none"));
    let browser = Request { fields: &fields, path, secure: true, host: "example.com" };
    assert_eq!(bot::verdict(&browser), verdict);
}
