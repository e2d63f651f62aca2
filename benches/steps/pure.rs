//! The pure steps: no clock, no file.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use http::header::{
    ACCEPT_ENCODING, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Version};
use shost::coding::{FormCoding, negotiation};
use shost::log::{AccessLog, Entry, Format, Options};
use shost::semantics::host::Authority;
use shost::semantics::precondition;
use shost::semantics::precondition::Validators;
use shost::semantics::range;
use shost::semantics::target::Path;
use shost::visitor::bot;

use super::Step;

/// The hash of some content, as long as real ones.
const HASH: &str = "3vQB7B6MrGQZaxCuFg4oh0";

/// When that content was written.
const MODIFIED: Duration = Duration::from_secs(1_700_000_000);

/// The same as a date of RFC 9110 §5.6.7.
const MODIFIED_TEXT: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

/// The User-Agent of a browser.
pub(super) const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                           Chrome/156.0.0.0 Safari/537.36";

/// The step of that name.
pub(super) fn step(name: &str) -> Option<Step> {
    Some(match name {
        "path" => path("/blog/2026/a-long-title/photo.webp"),
        "path, escaped" => path("/caf%C3%A9/./menu/../%E2%82%AC.html"),
        "host" => Step::new(|| {
            let _ = black_box(Authority::parse(black_box("www.example.com:8443")));
        }),
        "bot verdict, browser" => verdict(BROWSER, "gzip, deflate, br, zstd"),
        "bot verdict, feed reader" => verdict("newsboat/2.30", "gzip"),
        "preconditions, none" => preconditions(&[]),
        "preconditions, etag" => preconditions(&[(IF_NONE_MATCH, &format!("\"{HASH}\""))]),
        "preconditions, date" => preconditions(&[(IF_MODIFIED_SINCE, MODIFIED_TEXT)]),
        "range" => ranges(),
        "negotiation" => negotiate(),
        "log line, text" => log_line(Format::Text),
        "log line, json" => log_line(Format::Json),
        "log line, combined" => log_line(Format::Combined),
        _ => return None,
    })
}

fn path(raw: &'static str) -> Step {
    Step::new(move || {
        let _ = black_box(Path::resolve(black_box(raw)));
    })
}

fn verdict(user_agent: &str, accept: &str) -> Step {
    let fields = fields(&[
        (USER_AGENT, user_agent),
        (ACCEPT_ENCODING, accept),
        (HeaderName::from_static("sec-fetch-site"), "same-origin"),
    ]);
    Step::new(move || {
        black_box(bot::verdict(black_box(&bot::BotRequest {
            method: &Method::GET,
            fields: &fields,
            path: "/blog/photo.webp",
            secure: true,
            host: "example.com",
        })));
    })
}

fn preconditions(given: &[(HeaderName, &str)]) -> Step {
    let fields = fields(given);
    Step::new(move || {
        black_box(precondition::evaluate(black_box(&fields), &validators()));
    })
}

fn ranges() -> Step {
    let fields = fields(&[(RANGE, "bytes=0-499, 1000-1499, -500")]);
    let now = SystemTime::UNIX_EPOCH + MODIFIED * 2;
    Step::new(move || {
        black_box(range::select(black_box(&fields), 20_480, &validators(), now));
    })
}

fn negotiate() -> Step {
    let fields = fields(&[(ACCEPT_ENCODING, "gzip, deflate, br, zstd")]);
    Step::new(move || {
        black_box(negotiation::preferences(black_box(&fields)).order().next());
    })
}

fn log_line(format: Format) -> Step {
    let log = AccessLog::start(Options { format, timestamps: true }, std::io::sink())
        .expect("there is room for one more thread");
    Step::new(move || log.record(black_box(&entry())))
}

fn entry() -> Entry<'static> {
    Entry {
        time: SystemTime::UNIX_EPOCH + MODIFIED,
        duration: Duration::from_micros(123),
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        port: 443,
        method: "GET",
        host: "example.com",
        target: "/blog/photo.webp?size=large",
        version: Version::HTTP_2,
        status: 200,
        bytes: 20_480,
        referer: Some(b"https://example.com/blog/"),
        user_agent: Some(BROWSER.as_bytes()),
        coding: Some("br"),
        tls: Some("TLSv1.3"),
        bot: None,
        fields: None,
    }
}

fn validators() -> Validators<'static> {
    Validators {
        hash: Some(HASH),
        selected: FormCoding::IDENTITY,
        last_modified: SystemTime::UNIX_EPOCH + MODIFIED,
    }
}

fn fields(given: &[(HeaderName, &str)]) -> HeaderMap {
    let value = |text: &str| HeaderValue::try_from(text).expect("a field value");
    given.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}
