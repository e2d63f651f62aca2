//! Each format by table, and all of them against clients who want to forge a line.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::UNIX_EPOCH,
};

use http::{HeaderMap, HeaderValue, Version};
use proptest::{collection::vec, option, prelude::*};

use super::*;

/// A destination of lines whose text can be looked at.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const AGENT: &[u8] = b"curl/8.5.0";

fn plain() -> Entry<'static> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_795_499_603_123),
        duration: Duration::from_micros(412),
        peer: Ipv4Addr::new(192, 0, 2, 1).into(),
        port: 443,
        method: "GET",
        host: "example.com",
        target: "/x?y",
        version: Version::HTTP_11,
        status: 200,
        bytes: 1234,
        referer: None,
        user_agent: Some(AGENT),
        coding: None,
        tls: None,
        bot: None,
        fields: None,
    }
}

fn full(fields: &HeaderMap) -> Entry<'_> {
    Entry {
        duration: Duration::from_micros(1_000_005),
        peer: Ipv6Addr::LOCALHOST.into(),
        port: 443,
        version: Version::HTTP_2,
        referer: Some(b"https://example.org/\"\n"),
        coding: Some("br"),
        tls: Some("TLSv1.3"),
        bot: Some("fake-browser"),
        fields: Some(fields),
        ..plain()
    }
}

fn fields() -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.append("accept", HeaderValue::from_static("*/*"));
    fields.append("accept", HeaderValue::from_static("a \"b\""));
    fields.append("cookie", HeaderValue::from_static("secret"));
    fields
}

fn line(format: Format, timestamps: bool, entry: &Entry<'_>) -> String {
    let mut line = Vec::new();
    Options { format, timestamps }.write(&mut line, entry);
    String::from_utf8(line).unwrap()
}

#[track_caller]
fn check(format: Format, entry: &Entry<'_>, expected: &str) {
    assert_eq!(line(format, true, entry), expected);
}

#[test]
fn text_is_for_people() {
    let fields = fields();
    check(
        Format::Text,
        &plain(),
        "2026-11-24T05:53:23.123Z 200 GET example.com /x?y HTTP/1.1 1234B 0.412ms 192.0.2.1 \
         \"curl/8.5.0\" - - -",
    );
    check(
        Format::Text,
        &full(&fields),
        "2026-11-24T05:53:23.123Z 200 GET example.com /x?y HTTP/2 1234B 1000.005ms ::1 \
         \"curl/8.5.0\" \"https://example.org/\\\"\\n\" br TLSv1.3 bot=fake-browser \
         field.accept=\"*/*\" field.accept=\"a \\\"b\\\"\" field.cookie=\"(hidden)\"",
    );
    let unparsed = Entry { method: "", host: "", target: "", status: 400, ..plain() };
    assert_eq!(
        line(Format::Text, false, &unparsed),
        "400 - - - HTTP/1.1 1234B 0.412ms 192.0.2.1 \"curl/8.5.0\" - - -"
    );
}

#[test]
fn combined_is_for_the_tools_that_know_it() {
    let fields = fields();
    let start = "example.com:443 192.0.2.1 - - [24/Nov/2026:05:53:23 +0000]";
    check(
        Format::Combined,
        &plain(),
        &format!(r#"{start} "GET /x?y HTTP/1.1" 200 1234 "-" "curl/8.5.0""#),
    );
    let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into();
    check(
        Format::Combined,
        &Entry { peer: mapped, user_agent: Some(b""), ..full(&fields) },
        &format!(r#"{start} "GET /x?y HTTP/2.0" 200 1234 "https://example.org/\x22\x0A" "-""#),
    );
    check(
        Format::Combined,
        &Entry { method: "", target: "", host: "", ..plain() },
        r#"-:443 192.0.2.1 - - [24/Nov/2026:05:53:23 +0000] "-" 200 1234 "-" "curl/8.5.0""#,
    );
}

#[test]
fn json_is_for_programs() {
    let fields = fields();
    check(
        Format::Json,
        &plain(),
        "{\"time\":\"2026-11-24T05:53:23.123Z\",\"peer\":\"192.0.2.1\",\"method\":\"GET\",\
         \"host\":\"example.com\",\"target\":\"/x?y\",\"protocol\":\"HTTP/1.1\",\"status\":200,\
         \"bytes\":1234,\"duration_us\":412,\"user_agent\":\"curl/8.5.0\"}",
    );
    check(
        Format::Json,
        &full(&fields),
        "{\"time\":\"2026-11-24T05:53:23.123Z\",\"peer\":\"::1\",\"method\":\"GET\",\
         \"host\":\"example.com\",\"target\":\"/x?y\",\"protocol\":\"HTTP/2\",\"status\":200,\
         \"bytes\":1234,\"duration_us\":1000005,\"referer\":\"https://example.org/\\\"\\u000a\",\
         \"user_agent\":\"curl/8.5.0\",\"coding\":\"br\",\"tls\":\"TLSv1.3\",\
         \"bot\":\"fake-browser\",\
         \"fields\":{\"accept\":[\"*/*\",\"a \\\"b\\\"\"],\"cookie\":[\"(hidden)\"]}}",
    );
}

#[test]
fn formats_have_names() {
    let names = [
        ("text", Format::Text),
        ("json", Format::Json),
        ("combined", Format::Combined),
        ("none", Format::None),
    ];
    assert_eq!(names.map(|(_, format)| format), Format::value_variants());
    for (name, format) in names {
        assert_eq!(Format::from_str(name, false), Ok(format));
        assert_eq!(format.to_possible_value().expect("each has a name").get_name(), name);
    }
    Format::from_str("JSON", false).expect_err("names are in lower case");
}

#[test]
fn entries_become_lines_and_a_disabled_log_takes_none() {
    for (format, lines) in [(Format::Json, 2), (Format::None, 0)] {
        let memory = Memory::default();
        let log = AccessLog::start(Options { format, timestamps: true }, memory.clone()).unwrap();
        log.record(&plain());
        log.clone().record(&plain());
        log.close(Duration::from_secs(10));
        let taken = memory.text();
        assert_eq!((taken.lines().count(), log.dropped()), (lines, 0));
        assert_eq!(log.is_enabled(), lines > 0);
    }
}

/// Splits a `combined` line as its strictest reader would; `None` for a line it would refuse.
fn split_combined(line: &str) -> Option<Vec<&str>> {
    let (host, rest) = line.split_once(' ')?;
    let (peer, rest) = rest.split_once(" - - [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (status, rest) = rest.split_once(' ')?;
    let (bytes, rest) = rest.split_once(" \"")?;
    let (referer, rest) = rest.split_once("\" \"")?;
    let agent = rest.strip_suffix('"')?;
    let values = vec![host, peer, time, request, status, bytes, referer, agent];
    values.iter().all(|value| !value.contains('"')).then_some(values)
}

/// Splits a `text` line at the spaces outside of quotes.
fn split_text(line: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(|letter| {
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        letter == ' ' && !quoted
    })
    .collect()
}

/// Strings of what is used to forge lines, amid anything else.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<char>().prop_map(String::from),
        "[\r\n\t \"\\\\\x1b\x7f\u{9b}\u{85}\u{2028}\u{202e}\u{feff}{}',=-]",
        Just("\" 200 1 \"".to_owned()),
        Just("\r\nexample.com 192.0.2.9 - - [".to_owned()),
    ];
    vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![hostile().prop_map(String::into_bytes), vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn no_client_forges_a_line(
        method in hostile(), host in hostile(), target in hostile(),
        agent in option::of(hostile_bytes()), referer in option::of(hostile_bytes()),
    ) {
        let entry = Entry {
            method: &method,
            host: &host,
            target: &target,
            user_agent: agent.as_deref(),
            referer: referer.as_deref(),
            ..plain()
        };
        let [text, json, combined] =
            [Format::Text, Format::Json, Format::Combined].map(|format| line(format, true, &entry));
        for line in [&text, &json, &combined] {
            let visible = |letter: char| !letter.is_control()
                && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}');
            prop_assert!(line.chars().all(visible), "{line:?}");
        }

        let values = split_text(&text);
        prop_assert_eq!(values.len(), 13, "{}", text);
        prop_assert_eq!((values[1], values[8]), ("200", "192.0.2.1"));

        let values = split_combined(&combined).expect("a whole line");
        prop_assert_eq!((values[1], values[4], values[5]), ("192.0.2.1", "200", "1234"));
        prop_assert!(matches!(values[3].split(' ').count(), 1 | 3));
        prop_assert!(combined.is_ascii());

        let object: serde_json::Value = serde_json::from_str(&json).expect("an object");
        let lossy = |bytes: &Option<Vec<u8>>| -> Option<String> {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        prop_assert_eq!(&object["method"], &method);
        prop_assert_eq!(&object["host"], &host);
        prop_assert_eq!(&object["target"], &target);
        // An invalid sequence is as many U+FFFD as it has bytes; the rest has to be the same.
        let same = |value: &serde_json::Value, bytes: &Option<Vec<u8>>| {
            value.as_str().map(|text| text.replace('\u{fffd}', ""))
                == lossy(bytes).map(|text| text.replace('\u{fffd}', ""))
        };
        prop_assert!(same(&object["user_agent"], &agent));
        prop_assert!(same(&object["referer"], &referer));
        prop_assert_eq!(object.as_object().map(serde_json::Map::len),
            Some(9 + usize::from(agent.is_some()) + usize::from(referer.is_some())));
    }
}
