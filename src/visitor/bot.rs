//! The bot verdict: a table of rules over the head of a request, first match wins.

mod claim;
mod words;

use http::header::{ACCEPT_ENCODING, RANGE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use memchr::{memchr, memchr2_iter, memrchr};

use crate::coding::{Coding, negotiation};
use crate::semantics::host;
use crate::semantics::target::{Path, Resolved};

/// The rules, in order.
pub static RULES: &[Rule] = &[
    Rule {
        name: "no-user-agent",
        explanation: "a request must say in User-Agent which program sends it",
        refuses: no_user_agent,
    },
    Rule {
        name: "fake-lets-encrypt",
        explanation: "Let's Encrypt asks only for files in /.well-known/acme-challenge/",
        refuses: fake_lets_encrypt,
    },
    Rule {
        name: "php-probe",
        explanation: "this server has no PHP, and refuses who looks for it",
        refuses: php_probe,
    },
    Rule {
        name: "fake-browser",
        explanation: "the browser that User-Agent names sends fields that this request lacks",
        refuses: fake_browser,
    },
];

/// The first rule that refuses the request, if one does.
#[must_use]
pub fn verdict(request: &BotRequest<'_>) -> Option<&'static Rule> {
    let user_agent = request.fields.get(USER_AGENT);
    verdict_of(request, user_agent.map_or(b"", HeaderValue::as_bytes))
}

/// The same of a request whose User-Agent has been found already; empty when there is none.
#[must_use]
pub fn verdict_of(request: &BotRequest<'_>, user_agent: &[u8]) -> Option<&'static Rule> {
    let user_agent = user_agent.trim_ascii();
    RULES.iter().find(|rule| (rule.refuses)(request, user_agent))
}

/// One reason to refuse a request.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The name in the log.
    pub name: &'static str,
    /// The reason in words, for whoever was refused.
    pub explanation: &'static str,
    refuses: fn(&BotRequest<'_>, user_agent: &[u8]) -> bool,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} (rule {})", self.explanation, self.name)
    }
}

/// The request that the verdict is about.
#[derive(Clone, Copy, Debug)]
pub struct BotRequest<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// The fields of the request.
    pub fields: &'a HeaderMap,
    /// The path of the target as it was sent, without the query. It need not be a valid one: the
    /// verdict comes before the path is judged.
    pub path: &'a str,
    /// True if it came over TLS.
    pub secure: bool,
    /// The host in its normal form; empty when there is none.
    pub host: &'a str,
}

impl BotRequest<'_> {
    /// The path as the pipeline will understand it, if it will.
    fn resolved_path(&self) -> Option<Path<'_>> {
        match Path::resolve(self.path) {
            Ok(Resolved::Path(path)) => Some(path),
            Ok(Resolved::Merge(_)) | Err(_) => None,
        }
    }
}

/// Everything that people browse, read feeds or download with names itself.
fn no_user_agent(_: &BotRequest<'_>, user_agent: &[u8]) -> bool {
    user_agent.is_empty()
}

/// Let's Encrypt asks for challenges and for nothing else.
fn fake_lets_encrypt(request: &BotRequest<'_>, user_agent: &[u8]) -> bool {
    contains_ignoring_case(user_agent, b"letsencrypt", b"letsencr".len())
        && request.resolved_path().is_none_or(|path| path.acme_token().is_none())
}

/// Nothing here runs PHP, and who asks for it is looking for holes.
fn php_probe(request: &BotRequest<'_>, _: &[u8]) -> bool {
    let path = request.path.as_bytes();
    ends_in_php(path) || memchr(b'%', path).is_some() && ends_in_php(&last_decoded(path))
}

fn ends_in_php(path: &[u8]) -> bool {
    path.last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b".php"))
}

/// The last segment of a path. Malformed escapes are left as they are: refusing those is the
/// business of the path.
fn last_decoded(path: &[u8]) -> Vec<u8> {
    let last = &path[memrchr(b'/', path).map_or(0, |slash| slash + 1)..];
    percent_encoding::percent_decode(last).collect()
}

/// A browser's name without the fields that the browser sends.
///
/// Browsers send those only to an origin that they trust, over TLS or on a loopback name, so over
/// plain HTTP to any other host nobody can be told by them. Crawlers and link previewers put an
/// address into the name; devices, apps and tools a name of their own. All of them are welcome.
fn fake_browser(request: &BotRequest<'_>, user_agent: &[u8]) -> bool {
    user_agent.starts_with(b"Mozilla")
        && (request.secure || host::is_loopback(request.host))
        && !BROWSER_FIELDS.iter().any(|name| request.fields.contains_key(*name))
        && !negotiation::preferences(request.fields).accepts(Coding::Brotli)
        && !has_address(user_agent)
        && !is_plain_by_nature(request)
        && !is_for_machines(request)
        && claim::owes_browser_fields(user_agent)
}

/// Fields that every current browser sends one of to an origin that it trusts, but for workers and
/// media elements, which send fewer.
const BROWSER_FIELDS: &[&str] = &["sec-fetch-site", "sec-gpc", "sec-ch-ua"];

/// True if browsers send such a request without any of their fields: what a media element loads, a
/// download that goes on, a look at the head of a file.
fn is_plain_by_nature(request: &BotRequest<'_>) -> bool {
    *request.method == Method::HEAD
        || request.fields.contains_key(RANGE)
        || asks_for_identity(request.fields)
}

/// True if the client asks for identity by name, and takes no other coding: `identity`, or
/// `identity;q=1, *;q=0` as Chromium writes it.
fn asks_for_identity(fields: &HeaderMap) -> bool {
    let preferences = negotiation::preferences(fields);
    let accepted = |coding: &Coding| preferences.accepts(*coding);
    Coding::ALL.iter().filter(|coding| accepted(coding)).eq([&Coding::Identity])
        && fields
            .get_all(ACCEPT_ENCODING)
            .iter()
            .any(|line| contains_ignoring_case(line.as_bytes(), b"identity", 0))
}

/// Files that are there for machines, or that even browsers ask for without their usual fields.
fn is_for_machines(request: &BotRequest<'_>) -> bool {
    request.resolved_path().is_some_and(|path| {
        matches!(path.as_str(), "/robots.txt" | "/favicon.ico")
            || path.as_str().starts_with("/.well-known/")
            || path.last_segment().rsplit_once('.').is_some_and(|(_, extension)| {
                MEDIA_AND_FEEDS.iter().any(|one| one.eq_ignore_ascii_case(extension))
            })
    })
}

/// Extensions of what players load piece by piece, and of feeds, whose readers borrow the name of a
/// browser because some servers let in nothing else.
const MEDIA_AND_FEEDS: &[&str] = &[
    "3gp", "aac", "avi", "flac", "key", "m3u", "m3u8", "m4a", "m4b", "m4s", "m4v", "mka", "mkv",
    "mov", "mp3", "mp4", "mpd", "mpg", "oga", "ogg", "ogv", "opus", "pls", "srt", "ts", "vtt",
    "wav", "weba", "webm", "wmv", // media
    "atom", "opml", "rdf", "rss", "xml", // feeds
];

/// True if there is the end of a scheme in it, or an address for mail.
fn has_address(text: &[u8]) -> bool {
    memchr2_iter(b':', b'@', text).any(|at| text[at] == b'@' || text[at..].starts_with(b"://"))
}

/// True if `part` is in the text. It has a letter at `rare`, the one that other texts have least:
/// all that is looked at is what is around such a letter.
fn contains_ignoring_case(text: &[u8], part: &[u8], rare: usize) -> bool {
    let letter = part[rare];
    memchr2_iter(letter.to_ascii_lowercase(), letter.to_ascii_uppercase(), text)
        .filter_map(|at| text[at.checked_sub(rare)?..].get(..part.len()))
        .any(|here| here.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const LETS_ENCRYPT: &str =
        "Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)";

    #[track_caller]
    fn check_on(
        (secure, host): (bool, &str),
        path: &str,
        lines: &[(&str, &str)],
        expected: Option<&str>,
    ) {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_str(value).unwrap());
        }
        let request = BotRequest { method: &Method::GET, fields: &fields, path, secure, host };
        let verdict = verdict(&request).map(|rule| rule.name);
        assert_eq!(verdict, expected, "{path:?} on {host} with {lines:?}");
    }

    #[track_caller]
    fn check(path: &str, lines: &[(&str, &str)], expected: Option<&str>) {
        check_on((true, "example.com"), path, lines, expected);
    }

    #[test]
    fn no_user_agent() {
        let expected = Some("no-user-agent");
        check("/", &[], expected);
        check("/", &[("user-agent", "")], expected);
        check("/", &[("user-agent", "  ")], expected);
        check("/robots.txt", &[], expected);
        check_on((false, "example.com"), "/", &[], expected);
        check("/", &[("user-agent", "curl/8.14.1")], None);
    }

    #[test]
    fn fake_lets_encrypt() {
        let expected = Some("fake-lets-encrypt");
        let lines = &[("user-agent", LETS_ENCRYPT)];
        check("/", lines, expected);
        check("/.well-known/acme-challenge/", lines, expected);
        check("/.well-known/acme-challenge/a/b", lines, expected);
        check("/.well-known/acme-challenge/../../x", lines, expected);
        check("/.well-known/acme-challenge/%2e%2e", lines, expected);
        check("/x.php", lines, expected);
        check("/", &[("user-agent", "LETSENCRYPT")], expected);
        check_on((false, "example.com"), "/", lines, expected);
        check("/.well-known/acme-challenge/aB3-_x", lines, None);
        check_on((false, "example.com"), "/.well-known/acme-challenge/aB3-_x", lines, None);
    }

    #[test]
    fn php_probe() {
        let lines = &[("user-agent", "curl/8.14.1")];
        for path in [
            "/x.php",
            "/a/x.PHP",
            "/.php",
            "/wp-login.pHp",
            "/x%2Ephp",
            "/x.%70%48p",
            "/x%zz.php",
            "//x.php",
        ] {
            check(path, lines, Some("php-probe"));
        }
        for path in
            ["/", "/php", "/x.php/", "/x.php/y", "/x.php5", "/x.phps", "/x.php.html", "/x%252Ephp"]
        {
            check(path, lines, None);
        }
    }

    #[test]
    fn fake_browser() {
        let agent = ("user-agent", FIREFOX);
        let expected = Some("fake-browser");
        check("/", &[agent], expected);
        check("/", &[agent, ("accept-encoding", "gzip, deflate")], expected);
        check("/", &[agent, ("accept-encoding", "br;q=0, gzip")], expected);
        check("/", &[agent, ("accept-encoding", "br;q=0, *")], expected);
        check("/", &[agent, ("accept-encoding", "*;q=0")], expected);
        check("/", &[agent, ("sec-fetch-mode", "navigate")], expected);
        check("/", &[agent, ("accept-encoding", "gzip, deflate, br")], None);
        check("/", &[agent, ("accept-encoding", "br;q=0.001")], None);
        check("/", &[agent, ("accept-encoding", "*")], None);
        check("/", &[agent, ("sec-fetch-site", "none")], None);
        check("/", &[agent, ("sec-gpc", "1")], None);
        check("/", &[agent, ("sec-ch-ua", "\"Chromium\";v=\"156\"")], None);
        check("/", &[("user-agent", "Mozilla/5.0 (compatible; Bot/1; +https://b.example)")], None);
        check("/", &[("user-agent", "Lynx/2.9 Mozilla")], None);
        check("/", &[("user-agent", "mozilla")], None);
    }

    #[test]
    fn fake_browser_only_where_browsers_send_their_fields() {
        let lines = &[("user-agent", FIREFOX), ("accept-encoding", "gzip, deflate")];
        for (origin, expected) in [
            ((true, "example.com"), Some("fake-browser")),
            ((true, "127.0.0.1"), Some("fake-browser")),
            ((false, "localhost"), Some("fake-browser")),
            ((false, "127.0.0.1"), Some("fake-browser")),
            ((false, "[::1]"), Some("fake-browser")),
            ((false, "example.com"), None),
            ((false, "192.168.1.2"), None),
            ((false, ""), None),
        ] {
            check_on(origin, "/", lines, expected);
        }
    }

    #[test]
    fn fake_browser_leaves_public_files_open() {
        let lines = &[("user-agent", FIREFOX)];
        for path in ["/robots.txt", "/favicon.ico", "/.well-known/security.txt", "/%66avicon.ico"] {
            check(path, lines, None);
        }
        for path in
            ["/a/robots.txt", "/.well-known/../x", "/.well-known/%2e%2e/x", "/x/.well-known/y"]
        {
            check(path, lines, Some("fake-browser"));
        }
    }
}
