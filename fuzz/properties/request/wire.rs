//! A reader of answers on the wire, stricter than any client: every byte must be accounted for.

use http::Method;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};

use super::Answer;

/// The answers to requests of these methods, and one more at the end if what came
/// after them was refused.
pub(super) fn answers(
    output: &[u8],
    mut methods: impl Iterator<Item = Method>,
) -> (Vec<Answer>, Option<Answer>) {
    let mut answers = Vec::new();
    let mut rest = output;
    while !rest.is_empty() {
        let method = methods.next();
        let (answer, after) = answer(rest, method.as_ref());
        rest = after;
        if method.is_none() {
            assert!(rest.is_empty(), "two answers that nobody asked for");
            return (answers, Some(answer));
        }
        answers.push(answer);
    }
    (answers, None)
}

/// The first answer, and what follows it.
fn answer<'a>(output: &'a [u8], method: Option<&Method>) -> (Answer, &'a [u8]) {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let (head, rest) = (&output[..end], &output[end + 4..]);
    let mut lines = head.split(|byte| *byte == b'\n').map(line);
    let status = status(lines.next().expect("a status line"));
    let fields: HeaderMap = lines.map(field).collect();
    assert!(!fields.contains_key(TRANSFER_ENCODING), "every length is known: {fields:?}");
    let length = match (status, method) {
        (204 | 304, _) | (_, Some(&Method::HEAD)) => 0,
        _ => {
            let length = fields.get(CONTENT_LENGTH).expect("every answer states its length");
            length.to_str().ok().and_then(|text| text.parse().ok()).expect("a number")
        }
    };
    assert!(rest.len() >= length, "{status} is cut short: {} of {length}", rest.len());
    let (content, rest) = rest.split_at(length);
    (Answer { status, fields, content: content.to_vec() }, rest)
}

fn status(line: &[u8]) -> u16 {
    let line = std::str::from_utf8(line).expect("a status line in ASCII");
    let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|line| line.get(..3)?.parse().ok());
    status.unwrap_or_else(|| panic!("{line:?}"))
}

fn field(line: &[u8]) -> (HeaderName, HeaderValue) {
    let at = line.iter().position(|byte| *byte == b':').expect("a name and a value");
    let name = HeaderName::from_bytes(&line[..at]).expect("a name");
    (name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).expect("a value"))
}

/// Lines end in CR LF and nothing else.
fn line(text: &[u8]) -> &[u8] {
    let line = text.strip_suffix(b"\r").unwrap_or(text);
    assert!(!line.contains(&b'\r'), "a bare CR in a head");
    line
}
