//! The effect of the rules of a site on its answers, in the words of docs/behaviour.md, "Rules": the
//! files as they lie in the site, and by hand what each line of them means.

use http::Method;
use http::header::{
    ACCEPT, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, HeaderMap, HeaderName, VARY,
};
use http::request::Parts;

use super::Answer;
use super::host::{Named, named};
use super::model::{Expected, Listener, TARGET_LIMIT, lead};
use super::path::Path;
use super::site::Site;

/// The host of the site that has rules.
pub(super) const HOST: &str = "rules.test";

/// Its redirects. None of them is for a path that authorities ask for.
pub(super) const REDIRECTS: &[u8] = b"/old /new?from=old#top 301
/other.txt /real.txt 200
/real.txt /nothing 200
/forced.txt /real.txt 200!
/missing 404
/_headers /shown
https://other.test/* /stolen
/guide/* /docs/:splat 308
/:lang/start /start/:lang
/gone/* 410
/app/* /app.html 200
";

/// Its fields.
pub(super) const HEADERS: &[u8] = b"/*
  X-All: :splat
/real.txt
  X-All: 2
  Cache-Control: max-age=7
https://rules.test/app/:page
  X-Page: <:page>
  ! Access-Control-Expose-Headers
/gone/*
  ! Cache-Control
https://other.test/*
  X-Stolen: 1
";

/// The file or folder that a path of the site leads to.
pub(super) fn answer(site: &Site, path: &Path, head: &Parts) -> Expected {
    let text = path.to_string();
    if let Some((status, location)) = redirect(&text, head.uri.query()) {
        return Expected::Redirect(status, location);
    }
    let real = || lead(site, &Path::read("/real.txt").expect("a path"));
    match lead(site, path) {
        _ if text == "/forced.txt" => real(),
        Expected::Missing(_) if text == "/other.txt" => real(),
        Expected::Missing(_) if text.starts_with("/gone/") => Expected::Gone,
        Expected::Missing(_)
            if text.starts_with("/app/")
                && (is_document(&text) || asks_for_html(&head.headers)) =>
        {
            lead(site, &Path::read("/app").expect("a path"))
        }
        found => found,
    }
}

/// The first redirect that is for a path: its status, and the place.
fn redirect(path: &str, query: Option<&str>) -> Option<(u16, String)> {
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    if path == "/old" {
        return Some((301, "/new?from=old#top".to_owned()));
    }
    if let Some(rest) = path.strip_prefix("/guide/") {
        return Some((308, format!("/docs/{}{query}", encoded(rest))));
    }
    let lang = path.strip_prefix('/')?.strip_suffix("/start")?;
    let is_segment = !lang.is_empty() && !lang.contains('/');
    (is_segment && lang != "start").then(|| (302, format!("/start/{}{query}", encoded(lang))))
}

/// A path whose last segment has an extension is an asset, unless that is `html`.
fn is_document(path: &str) -> bool {
    let last = path.split('/').next_back().unwrap_or_default();
    let mut pieces: Vec<_> = last.split('.').collect();
    let extension = if pieces.len() > 1 { pieces.pop() } else { None };
    let is_hidden = pieces == [""];
    is_hidden || extension.is_none_or(|it| it.is_empty() || it.eq_ignore_ascii_case("html"))
}

/// An item `text/html` without a weight of zero.
fn asks_for_html(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let text = lines.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    text.split(',').map(|item| item.split(';').map(str::trim).collect::<Vec<_>>()).any(|item| {
        let weighs_nothing = |part: &&str| match part.split_once('=') {
            Some((name, weight)) => {
                name.trim() == "q" && weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0)
            }
            None => false,
        };
        item[0] == "text/html" && !item[1..].iter().any(weighs_nothing)
    })
}

/// Text as a part of a path (RFC 3986 §3.3); each of its characters stands for a byte.
fn encoded(text: &str) -> String {
    let mut path = String::new();
    for byte in text.chars().map(|letter| u8::try_from(letter).expect("a byte")) {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.extend(["%".to_owned(), format!("{byte:02X}")]);
        }
    }
    path
}

/// Panics if the fields of an answer are not what the blocks make of them.
pub(super) fn check(head: &Parts, listener: Listener, answer: &Answer) {
    let field = |name: &'static str| answer.field(&HeaderName::from_static(name));
    assert_eq!(field("x-stolen"), "", "{answer:?}");
    let Some(path) = ruled(head, listener).filter(|_| is_of_the_site(answer.status)) else {
        assert!(!answer.fields.contains_key("x-all"), "{head:?}: {answer:?}");
        return;
    };
    let text = path.to_string();
    let all = encoded(&text[1..]);
    if text == "/real.txt" {
        assert_eq!(field("x-all"), format!("{all}, 2"));
        assert_eq!(answer.field(&CACHE_CONTROL), "max-age=7");
    } else {
        assert_eq!(field("x-all"), all, "{answer:?}");
    }
    let page = text.strip_prefix("/app/").filter(|page| !page.is_empty() && !page.contains('/'));
    let page = page.map_or(String::new(), |page| format!("<{}>", encoded(page)));
    assert_eq!(field("x-page"), page, "{answer:?}");
    assert_eq!(answer.fields.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS), page.is_empty());
    let by_accept = text.starts_with("/app/")
        && !is_document(&text)
        && redirect(&text, None).is_none()
        && text != "/app/script.js";
    assert_eq!(answer.field(&VARY).contains("accept"), by_accept, "{text}: {answer:?}");
}

fn is_of_the_site(status: u16) -> bool {
    matches!(status, 200 | 206 | 304 | 404 | 410) || status / 100 == 3
}

/// The path of a request that is answered by the rules of the site.
fn ruled(head: &Parts, listener: Listener) -> Option<Path> {
    let is_long = head.uri.path_and_query().is_some_and(|it| it.as_str().len() > TARGET_LIMIT);
    let Named::Host(host) = named(head) else { return None };
    let is_asked = matches!(head.method, Method::GET | Method::HEAD) && !is_long;
    if !is_asked || host.site().is_none_or(|site| site.host != HOST) {
        return None;
    }
    let path = Path::read(head.uri.path()).filter(|path| !path.has_empty_names())?;
    let is_elsewhere =
        listener == Listener::Redirecting || listener == Listener::Plain && path.is_validation();
    (!is_elsewhere).then_some(path)
}
