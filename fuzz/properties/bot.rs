//! The bot verdict: it never stops on strange input, and never refuses where it must not.

use http::Method;
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};
use shost::visitor::bot;
use shost::visitor::bot::BotRequest;

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
    let plain = BotRequest {
        method: &Method::GET,
        fields: &fields,
        path,
        secure: false,
        host: "example.com",
    };
    let name = |request: &BotRequest<'_>| bot::verdict(request).map(|rule| rule.name);
    let verdict = name(&plain);
    assert_ne!(verdict, Some("fake-browser"));
    let secure = name(&BotRequest { secure: true, ..plain });
    if verdict.is_some() {
        assert_eq!(secure, verdict, "TLS excuses nothing");
    }
    fields.insert("sec-fetch-site", HeaderValue::from_static("none"));
    let browser = BotRequest {
        method: &Method::GET,
        fields: &fields,
        path,
        secure: true,
        host: "example.com",
    };
    assert_eq!(name(&browser), verdict);
}
