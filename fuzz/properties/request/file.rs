//! Checks that an answer is a file, or the part of it that was asked for, or the news that it is old.

use http::Method;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;

use super::Answer;
use super::site::CODED;

/// Panics if `answer` to `head` says anything but the truth about `content`.
pub(super) fn check(head: &Parts, name: &str, content: &[u8], answer: &Answer) {
    let asked = |names: &[HeaderName]| names.iter().any(|name| head.headers.contains_key(name));
    let by_range = head.method == Method::GET && asked(&[RANGE]);
    let allowed = match answer.status {
        200 => true,
        304 => asked(&[IF_NONE_MATCH, IF_MODIFIED_SINCE]),
        412 => asked(&[IF_MATCH, IF_UNMODIFIED_SINCE]),
        206 | 416 => by_range && !content.is_empty(),
        _ => false,
    };
    assert!(allowed, "{name} for {head:?}: {answer:?}");
    let content = selected(head, name, content, answer);
    match answer.status {
        200 => {
            let length = answer.field(&CONTENT_LENGTH).parse();
            assert_eq!(length, Ok(content.len()), "{name}");
            assert!(head.method == Method::HEAD || answer.content == content, "{name}");
        }
        206 => parts(content, answer),
        416 => assert_eq!(answer.field(&CONTENT_RANGE), format!("bytes */{}", content.len())),
        _ => {}
    }
    if matches!(answer.status, 200 | 206) {
        assert_eq!(answer.field(&ACCEPT_RANGES), "bytes");
        assert_eq!(answer.field(&X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(answer.fields.contains_key(CONTENT_TYPE));
    }
    if matches!(answer.status, 200 | 206 | 304) {
        for name in [ETAG, LAST_MODIFIED, CACHE_CONTROL] {
            assert!(!answer.field(&name).is_empty(), "no {name} in {answer:?}");
        }
    }
}

/// The content that is sent of a file: itself, or its sibling if the client may take that.
fn selected<'a>(head: &Parts, name: &str, content: &'a [u8], answer: &Answer) -> &'a [u8] {
    if answer.field(&CONTENT_ENCODING).is_empty() {
        return content;
    }
    let accepted = head.headers.get_all(ACCEPT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.contains(&b'*') || value.windows(4).any(|token| token == b"gzip")
    });
    if name == "picture.svgz" {
        assert_eq!(answer.field(&CONTENT_ENCODING), "gzip", "{answer:?}");
        return content;
    }
    let told = (name, answer.status, answer.field(&CONTENT_ENCODING));
    assert_eq!(told, ("css/site.css", 200, "gzip"), "{answer:?}");
    assert!(accepted && answer.field(&VARY) == "Accept-Encoding", "{head:?}: {answer:?}");
    CODED
}

/// True if nothing of an answer can be taken for a stored file later.
pub(super) fn is_not_stored(answer: &Answer) -> bool {
    answer.field(&CACHE_CONTROL) == "no-store"
        && [ETAG, LAST_MODIFIED, CONTENT_RANGE].iter().all(|name| answer.field(name).is_empty())
}

/// One part is the content; several are each in their own envelope (RFC 9110 §14.6).
fn parts(whole: &[u8], answer: &Answer) {
    let Some(boundary) =
        answer.field(&CONTENT_TYPE).strip_prefix("multipart/byteranges; boundary=")
    else {
        return assert_eq!(answer.content, range(whole, answer.field(&CONTENT_RANGE)));
    };
    assert!(!answer.fields.contains_key(CONTENT_RANGE), "{answer:?}");
    let mut rest = answer.content.as_slice();
    let mut sum = 0;
    while let Some(part) = rest.strip_prefix(format!("--{boundary}\r\n").as_bytes()) {
        let end = part.windows(4).position(|at| at == b"\r\n\r\n").expect("the fields of a part");
        let fields = std::str::from_utf8(&part[..end]).expect("fields in ASCII");
        let content_range =
            fields.split("\r\n").find_map(|line| line.strip_prefix("Content-Range: "));
        let expected = range(whole, content_range.expect("a part says which"));
        let content = &part[end + 4..];
        assert!(content.starts_with(expected), "{fields:?}");
        sum += expected.len();
        rest = content[expected.len()..].strip_prefix(b"\r\n").expect("a line ends a part");
    }
    assert_eq!(rest, format!("--{boundary}--\r\n").as_bytes());
    assert!(sum <= whole.len(), "more than the file: {sum}");
}

/// The bytes that a Content-Range speaks of.
fn range<'a>(whole: &'a [u8], content_range: &str) -> &'a [u8] {
    let read = || {
        let (range, length) = content_range.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = first.parse::<usize>().ok()?..=last.parse().ok()?;
        (length.parse() == Ok(whole.len())).then_some(())?;
        whole.get(range).filter(|part| !part.is_empty())
    };
    read().unwrap_or_else(|| panic!("{content_range:?} of {}", whole.len()))
}
