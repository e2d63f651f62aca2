//! The properties, on random input that resembles the real thing.
//!
//! The same functions are run by the fuzz targets for as long as one likes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::string::bytes_regex;

use crate::properties;

/// Pieces of paths: every kind of segment, escape and separator that is treated in its own way.
const PATHS: &str =
    r"(/|//|\.|\.\.|%2e|%2F|%00|%25|%C3%A9|%E9|%F4%8F%BF%A9|\u{10FFE9}|%5C|[a-z%é\\?]|\PC){0,12}";

/// Pieces of hosts, the letters that IDNA maps to something else among them.
const HOSTS: &str = r"(\[|\]|:|\.|-|_|www\.|xn--|[a-zA-Z0-9]{1,9}|ü|ß|。|İ|\PC){0,8}";

/// Names that are nearly always valid, up to labels that are too long.
const NAMES: &str = r"[a-zA-Z0-9_]{1,20}(\.[a-zA-Z0-9-]{1,70}){0,4}\.?(:[0-9]{0,6})?";

/// Dates in the three forms, and mixtures of them.
const DATES: &str = "(Sun, |Sunday, |Sun )?(06|Nov)[ -](Nov|06)[ -](94 |1994 )?\
                     [0-2][0-9]:[0-6][0-9]:[0-6][0-9]( GMT| 1994)?";

/// Accept-Encoding with weights that are right and wrong.
const CODINGS: &str = r"((gzip|x-gzip|BR|br|zstd|dcz|identity|\*|deflate)( ?; ?q=(0|1|0\.[0-9]{0,4}|2))?[ ,]{1,2}){0,6}";

/// Names and hashes of dictionaries, right and wrong.
const DICTIONARIES: &str = concat!(
    r#" ?(:([A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{40,44}=?)?:|"/?([a-z]{1,3}/|\.\./|[a-z]|\.html|%20|é| |\\){0,4}"|"#,
    r#"[:"a-zA-Z/]{0,4})(;a=1)? ?"#
);

/// Paths that the bot rules look at.
const PROBES: &str =
    r"/(\.well-known/acme-challenge/|//|%2e|\.\./|[a-z]|\.php|%70|%z|robots\.txt){0,5}";

/// Targets that lead somewhere in the model's sites, and out of them.
const TARGETS: &str = concat!(
    r"(http://example\.com)?/?(/|//|\.|\.\.|guide|css|deep|index|about|404|\.html|page|site\.css|",
    r"a%20b\.txt|%C3%A9\.txt|caf%E9|data\.bin|inner-link|outer-link|outer-folder|absolute-link|",
    r"secret\.txt|fifo|circle|empty\.txt|\.git|\.env|\.well-known|acme-challenge|abc_DEF-123|",
    r"%2e|%2F|%00|\?q=1|[!-~]){1,8}"
);

/// Targets that the rules of a site in the model are for, and others.
const RULED_TARGETS: &str = concat!(
    r"/((guide|gone|app|de|start|\.well-known|acme-challenge)/){0,2}",
    r"(old|other\.txt|real\.txt|forced\.txt|missing|start|script\.js|x|\.x|x\.y|x\.html|%20%C3%A9|%E9|",
    r"_redirects|_headers|/)?(\?q=1)?"
);

/// Hosts that the model has, has not, and that are none.
const ASKED_HOSTS: &str = r"(www\.)?(example\.com|EXAMPLE\.com\.|example\.org|other\.test|rules\.test|a\.test|a b)(:|:80|:\+1)?";

/// Fields that decide what is sent of a file.
const CONDITIONS: &str = concat!(
    r"(Range: bytes=[0-9]{0,4}-[0-9]{0,4}(, ?[0-9]{0,4}-[0-9]{0,4}){0,3}\r\n|",
    r#"If-Range: ("x"|Sun, 06 Nov 1994 08:49:37 GMT)\r\n|If-(None-)?Match: (\*|W/"x", "y")\r\n|"#,
    r"If-(Unm|M)odified-Since: (Sun, 06 Nov 1994|Tue, 06 Nov 2074) 08:49:37 GMT\r\n|",
    r"Accept: (text/html|\*/\*,TEXT/HTML;q=0\.1|text/html;q=0)\r\n|",
    r"Content-Length: [03]\r\n|Transfer-Encoding: chunked\r\n){0,3}"
);

/// Fields that say where a request ends and whether the connection goes on, right and wrong.
const FRAMING: &str = concat!(
    r"(Content-Length: ?(0|3|\+1|3, 3)\r\n|Transfer-Encoding: (chunked|gzip, chunked|x|Chunked)\r\n|",
    r"Connection: (close|keep-alive|Upgrade|foo, CLOSE)\r\n|Upgrade: websocket\r\n|",
    r"Expect: 100-continue\r\n|A: b(\n|\r|\x00|\xff| )c\r\n|A : b\r\n| c\r\n|:\r\n){0,3}"
);

/// Lines of `_redirects`: right, nearly, and with all that a path may be made of.
const REDIRECT_RULES: &str = concat!(
    r"((https://(example\.com|:h\.com|www\.example\.com))?(/|/a|/:x|/:y-:z|\*|%20|%2F|%62|%E9|b|\.|é|\PC){1,6}",
    r"[ \t]{1,2}(https://(o\.test|:x\.o\.test)|//|/\|)?(/a|/:x|/:splat|b|\?q=:splat|#:x|\.\.|%5C|\PC){0,5}",
    r"( (200|301|302!|308|404|410|999))?( # x)?(\r?\n|)){0,6}"
);

/// Lines of `_headers`.
const FIELD_RULES: &str = concat!(
    r"((/|https://example\.com/|/a/)(\*|:x|b)?\n(  (! )?(X-A|x-a|Link|Vary|ETag|Set-Cookie|X B|[!-~]):? ?",
    r"(:x|:splat|a|,|\t|\PC){0,4}\n){0,4}){0,4}"
);

/// Paths that the rules above may be for.
const RULED: &str = r"(/|/a|/b|-|%20|%E9|%0D%0A|%5C|é|a|b|\.|%2E){1,9}";

/// Field blocks of HTTP/2 that are those of a request, or nearly.
const FIELDS: &str = concat!(
    r"(?-u)(\x82[\x84\x85]\x86\x41\x06a\.test|\x82\x86(\x04|\x44)(\x02/[a-z]|\x1e/[wscxa-f]{29})|",
    r"\x3f\xe1\x1f|\x20|[\xbe-\xc2]|[\x00\x40\x10]\x01[aA]\x01[b\n]|\x83|[\x00-\x7f]){0,5}"
);

/// Field sections of HTTP/3 that are those of a request, or nearly.
const SECTIONS: &str = concat!(
    r"(?-u)\x00\x00([\xd1\xd2\xd4][\xc1]\xd7\x50\x06a\.test|\xd1\xd7\x51(\x02/[a-z]|\x05/[wscxa-f]{4})|",
    r"[\x20\x30]\x21[aA]\x01[b\n]|\x21[aA]\x01[b\n]|\x54\x01[0-9]|[\xc0-\xff]|[\x00-\xff]){0,5}"
);

/// Lines of field sections: of the static table, by its names, and literals, also in the Huffman code.
const LINES: &str = concat!(
    r"(?-u)([\xc2-\xce\xdd-\xfe]|\xff[\x09-\x23]|",
    r"([\x52-\x5e]|\x5f[\x0e-\x2f\x39-\x53])(\x00|\x02[a-z0-9]{2}|\x83\xc5\x83\x7f)|",
    r"\x21[a-z]\x01[a-z]|\x2f\x01\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x01[a-z]){1,6}"
);

/// The beginnings of connections: PROXY headers of both versions, nearly.
const HEADERS: &str = concat!(
    r"(?-u)(PROXY (TCP4|TCP6|UNKNOWN)|\r\n\r\n\x00\r\nQUIT\n[\x20-\x22][\x00\x11\x21]\x00[\x00-\x26]| ",
    r"|192\.0\.2\.1|2001:db8::1|[0-9]{1,6}|\r|\n|GET /|[\x00-\xff]){0,16}"
);

/// Lists as proxies append to them.
const FORWARDED: &str = concat!(
    r#"(for=|proto=|by=|FOR=|https?|203\.0\.113\.[0-9]{1,3}|10\.0\.0\.[0-9]|fd00::[0-9]|_x|unknown"#,
    r#"|\[2001:db8::1\]|:[0-9]{1,5}|"|\\|;|,| ){0,16}"#
);

proptest! {
    #[test]
    fn proxy_header(bytes in bytes_regex(HEADERS).unwrap()) {
        properties::proxy::header(&bytes);
    }

    #[test]
    fn proxy_fields(list in FORWARDED, forwarded in FORWARDED, scheme in FORWARDED) {
        properties::proxy::fields(list.as_bytes(), forwarded.as_bytes(), scheme.as_bytes());
    }

    #[test]
    fn path(text in PATHS) {
        properties::path::path(text.as_bytes());
        properties::path::path(format!("/{text}").as_bytes());
    }

    #[test]
    fn path_of_any_bytes(input: Vec<u8>) {
        properties::path::path(&input);
    }

    #[test]
    fn host(text in HOSTS) {
        properties::host::host(text.as_bytes());
    }

    #[test]
    fn host_of_plain_names(text in NAMES) {
        properties::host::host(text.as_bytes());
    }

    #[test]
    fn host_of_addresses(address: [u16; 8]) {
        let groups: Vec<_> = address.iter().map(|group| format!("{group:X}")).collect();
        properties::host::host(format!("[{}]", groups.join(":")).as_bytes());
    }

    #[test]
    fn range(set in "([0-9]{0,3}-[0-9]{0,21}[, ]{0,2}){0,18}", length: u64) {
        let field = format!("bytes={set}");
        properties::range::range(field.as_bytes(), length);
        properties::range::range(field.as_bytes(), length % 1000);
    }

    #[test]
    fn range_set(specs in vec(any::<(Option<u8>, Option<u8>)>(), 0..6), length: u8) {
        properties::range::range_set(&specs, length);
    }

    #[test]
    fn range_set_of_short_ranges(starts in vec((0..200_u8, 0..9_u8), 0..20), length in 150_u8..) {
        let specs: Vec<_> =
            starts.iter().map(|(first, more)| (Some(*first), Some(first + more))).collect();
        properties::range::range_set(&specs, length);
    }

    #[test]
    fn validators(
        noise in r#"(W/|"|"0123456789abcdef(-gz)?"|\*|, |[a-z ]){0,6}"#,
        seconds: u32,
        coding: u8,
    ) {
        properties::validators::validators(noise.as_bytes(), seconds, coding);
    }

    #[test]
    fn date(text in DATES) {
        properties::date::date(text.as_bytes());
    }

    #[test]
    fn time(seconds: i64, near in -100_000_000_000..300_000_000_000_i64, nanoseconds: u32) {
        properties::date::time(seconds, nanoseconds);
        properties::date::time(near, nanoseconds);
    }

    #[test]
    fn rules(redirects in REDIRECT_RULES, headers in FIELD_RULES, path in RULED) {
        properties::rules::redirects(redirects.as_bytes(), &path);
        properties::rules::headers(headers.as_bytes(), &path);
    }

    #[test]
    fn rules_of_few_letters(
        sources in vec("/(:x-|:y[/-]|:z|:z%62|\\*|[ab/-]){1,4}(\\*[ab-]?)?", 1..9),
        paths in vec("/[ab-]{0,4}[ab/-]{0,6}", 8),
    ) {
        let line = |source: &String| format!("{source} /:x-:splat\n");
        let file: Vec<_> = sources.iter().map(line).collect();
        for path in paths {
            properties::rules::redirects(file.concat().as_bytes(), &path);
        }
    }

    #[test]
    fn rules_of_any_bytes(file: Vec<u8>, path in RULED) {
        properties::rules::redirects(&file, &path);
        properties::rules::headers(&file, &path);
    }

    #[test]
    fn negotiation(text in CODINGS) {
        properties::negotiation::negotiation(text.as_bytes());
    }

    #[test]
    fn dictionaries(text in DICTIONARIES) {
        properties::negotiation::dictionary(text.as_bytes());
    }

    #[test]
    fn bot(
        path in PROBES,
        user_agent in r"(Mozilla/5\.0|LetsEncrypt|://|[ a-z]){0,4}",
        accept_encoding in r"(gzip|br|\*|;q=0|, ){0,5}",
    ) {
        let (user_agent, accept_encoding) = (user_agent.as_bytes(), accept_encoding.as_bytes());
        properties::bot::bot(path.as_bytes(), user_agent, accept_encoding);
    }

    #[test]
    fn log(method: String, host: String, target: String, bytes: [Vec<u8>; 3]) {
        let [referer, user_agent, field] = &bytes;
        properties::log::log(&properties::log::Sent {
            method: &method,
            host: &host,
            target: &target,
            referer,
            user_agent,
            field,
        });
    }

    #[test]
    fn certificates(
        certificate in r"(-----(BEGIN|END) CERTIFICATE-----|\n|[A-Za-z0-9+/=]{0,9}){0,6}",
        key in r"(-----(BEGIN|END) (EC |RSA )?PRIVATE KEY-----|\n|[A-Za-z0-9+/=]{0,9}){0,6}",
    ) {
        properties::certificates::certificates(certificate.as_bytes(), key.as_bytes());
    }

    #[test]
    fn request(
        requests in vec(
            ("(GET|HEAD|OPTIONS|POST)", TARGETS, "1\\.[01]", ASKED_HOSTS, CONDITIONS),
            1..4,
        ),
    ) {
        let heads = requests.iter().map(|(method, target, version, host, fields)| {
            format!("{method} {target} HTTP/{version}\r\nHost: {host}\r\n{fields}\r\n")
        });
        let text = heads.collect::<Vec<_>>().concat();
        properties::request::request(text.as_bytes());
    }

    #[test]
    fn request_of_a_site_with_rules(
        requests in vec(("(GET|HEAD)", RULED_TARGETS, "(www\\.)?rules\\.test", CONDITIONS), 1..4),
    ) {
        let heads = requests.iter().map(|(method, target, host, fields)| {
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
        });
        let text = heads.collect::<Vec<_>>().concat();
        properties::request::request(text.as_bytes());
        properties::request::differ(&[b"\0", text.as_bytes()].concat());
    }

    #[test]
    fn hyper(
        sizes in vec(any::<u8>(), 0..8),
        requests in vec(
            ("(\r\n|\r|\n)?", "(GET|HEAD|OPTIONS|POST|CONNECT|G\\(T)", TARGETS, "1\\.[01]|2\\.0", ASKED_HOSTS, FRAMING),
            1..4,
        ),
        rest in "(GET|\r|\n|[!-~]|\x00){0,4}",
    ) {
        let heads = requests.iter().map(|(before, method, target, version, host, fields)| {
            format!("{before}{method} {target} HTTP/{version}\r\nHost: {host}\r\n{fields}\r\n")
        });
        let text = heads.collect::<Vec<_>>().concat() + &rest;
        let count = u8::try_from(sizes.len()).expect("short");
        properties::request::differ(&[&[count], &sizes[..], text.as_bytes()].concat());
    }

    #[test]
    fn http2(
        step: u8,
        frames in vec((0..0x12_u8, prop_oneof![Just(5_u8), Just(4), Just(0), any::<u8>()], 0..12_u8, bytes_regex(FIELDS).expect("a pattern"), vec(0..=255_u8, 0..9)), 0..40),
    ) {
        let mut input = vec![step];
        for (kind, flags, stream, fields, bytes) in frames {
            let payload = if kind == 1 || kind == 9 { fields } else { bytes };
            let length = u8::try_from(payload.len()).expect("short");
            input.extend_from_slice(&[kind, flags, stream, length]);
            input.extend_from_slice(&payload);
        }
        properties::http2::http2(&input);
    }

    #[test]
    fn http2_of_any_bytes(input: Vec<u8>) {
        properties::http2::http2(&input);
    }

    #[test]
    fn h2_client(settings: [u8; 4], requests in vec(any::<[u8; 4]>(), 0..12)) {
        properties::h2_client::h2_client(&[&settings[..], &requests.concat()].concat());
    }

    #[test]
    fn h3_client(settings: [u8; 3], requests in vec(any::<[u8; 4]>(), 0..12)) {
        properties::h3_client::h3_client(&[&settings[..], &requests.concat()].concat());
    }

    #[test]
    fn h3_sections(input: Vec<u8>, lines in bytes_regex(LINES).expect("a pattern")) {
        properties::h3_client::h3_sections(&input);
        properties::h3_client::h3_sections(&lines);
    }

    #[test]
    fn hpack(input: Vec<u8>, fields in bytes_regex(FIELDS).expect("a pattern")) {
        properties::hpack::hpack(&input);
        properties::hpack::hpack(&fields);
    }

    #[test]
    fn qpack(input: Vec<u8>, section in bytes_regex(SECTIONS).expect("a pattern")) {
        properties::qpack::qpack(&input);
        properties::qpack::qpack(&section);
    }

    #[test]
    fn http3(
        frames in vec(
            (
                prop_oneof![Just(1_u8), Just(0), Just(2), any::<u8>()],
                prop_oneof![Just(1_u8), Just(0), Just(4), 0..0x12_u8, 0x3f..0x62_u8],
                bytes_regex(SECTIONS).expect("a pattern"),
                vec(0..=255_u8, 0..9),
                any::<bool>(),
            ),
            0..20,
        ),
    ) {
        // A control stream, whose settings are there.
        let mut input = vec![1, 0xff, 3, 0, 4, 0];
        for (stream, kind, section, bytes, ends) in frames {
            let payload = if kind == 1 { section } else { bytes };
            let length = u8::try_from(payload.len()).expect("short");
            input.extend_from_slice(&[stream & 0xf | u8::from(ends && stream != 1) << 7, kind, length]);
            input.extend_from_slice(&payload);
        }
        properties::http3::http3(&input);
    }

    #[test]
    fn http3_of_any_bytes(input: Vec<u8>) {
        properties::http3::http3(&input);
    }

    #[test]
    fn cache(steps in vec(0..240_u8, 0..24)) {
        let steps: Vec<_> =
            steps.into_iter().map(properties::cache::Step::from_byte).collect();
        properties::cache::cache(&steps);
    }
}

proptest! {
    // Each writes two releases of a site.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn deploy(steps in vec(0..240_u8, 0..32)) {
        let steps: Vec<_> =
            steps.into_iter().map(properties::deploy::Step::from_byte).collect();
        properties::deploy::deploy(&steps);
    }
}

/// The link on the way is believed no longer, nowhere, and again.
#[test]
fn deploy_after_a_while() {
    use properties::deploy::Step;
    let ask = || (0..8).map(Step::Ask).collect::<Vec<_>>();
    let fill = |number| {
        let kinds = (0..5).flat_map(|kind| {
            let asked = [Step::Ask(5), Step::Ask(6)];
            [Step::Link(number, kind), Step::Sibling(number, kind)].into_iter().chain(asked)
        });
        [Step::Page(number), Step::Index(number)].into_iter().chain(kinds).collect::<Vec<_>>()
    };
    let steps = [
        fill(0),
        ask(),
        vec![Step::Switch(1), Step::Wait],
        ask(),
        fill(1),
        ask(),
        vec![Step::Dangle, Step::Wait],
        ask(),
        vec![Step::Restart],
        ask(),
        vec![Step::Switch(0), Step::Wait],
        ask(),
    ];
    properties::deploy::deploy(&steps.concat());
}

/// Every file is believed, then changed in each way, and then believed again.
#[test]
fn cache_of_old_files() {
    use properties::cache::Step;
    let all = |step: fn(usize) -> Step| (0..4).map(step).collect::<Vec<_>>();
    let ask = || all(|file| Step::Ask { file });
    let believed = || [vec![Step::Wait], ask(), ask()].concat();
    let steps = [
        believed(),
        all(|file| Step::Write { file, version: 4 }),
        believed(),
        all(|file| Step::Write { file, version: 5 }),
        believed(),
        all(|file| Step::Remove { file }),
        believed(),
        all(|file| Step::Rename { file, version: 4 }),
        believed(),
    ];
    properties::cache::cache(&steps.concat());
}

/// A difference between readers that none of its own examples shows is one that hides faults.
#[test]
fn each_declared_difference_is_one() {
    use properties::request::differences::{HTTP2, HYPER};
    for difference in HYPER.iter().chain(HTTP2) {
        let example = difference.example.as_bytes();
        let shown = properties::request::shown(example);
        assert!(shown.contains(&difference.name), "{}: {shown:?}", difference.name);
        assert!(difference.section.starts_with("RFC 9"), "{}", difference.section);
        properties::request::differ(&[b"\0", example].concat());
        properties::request::differ(&[b"\x01\0", example].concat());
    }
}
