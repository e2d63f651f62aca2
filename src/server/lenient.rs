//! Targets with characters that hyper refuses although every other server takes them.
//!
//! A quote, an angle bracket or a backtick may not stand in a URI (RFC 3986 §2), yet links in the
//! wild have them and old clients send them as they are. They are percent-encoded on their way to
//! hyper, which is what a browser would have sent.

use std::borrow::Cow;

/// What is encoded. All but the quote in a path are refused by the `http` crate.
const TOLERATED: &[u8] = b"\"<>`";

/// Bytes that begin with a request line, its target such that hyper takes it. Anything else is
/// left as it is.
pub(super) fn request_line(bytes: &[u8]) -> Cow<'_, [u8]> {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or(bytes);
    if !line.iter().any(|byte| TOLERATED.contains(byte)) || !is_request_line(line) {
        return Cow::Borrowed(bytes);
    }
    let mut encoded = Vec::with_capacity(bytes.len() + 16);
    for byte in line {
        if TOLERATED.contains(byte) {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            encoded.push(*byte);
        }
    }
    encoded.extend_from_slice(&bytes[line.len()..]);
    Cow::Owned(encoded)
}

/// `method SP target SP HTTP-version` (RFC 9112 §3).
fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    !method.is_empty()
        && method.iter().all(u8::is_ascii_alphabetic)
        && target.starts_with(b"/")
        && version.starts_with(b"HTTP/1.")
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_target_is_encoded() {
        let table = [
            (
                "GET /?x=\"y\" HTTP/1.1\r\nA: \"b\"\r\n\r\n",
                "GET /?x=%22y%22 HTTP/1.1\r\nA: \"b\"\r\n\r\n",
            ),
            ("GET /<a>?`b` HTTP/1.1\r\n", "GET /%3Ca%3E?%60b%60 HTTP/1.1\r\n"),
            ("GET /plain?x=1 HTTP/1.1\r\n", "GET /plain?x=1 HTTP/1.1\r\n"),
            ("User-Agent: \"x\"\r\n", "User-Agent: \"x\"\r\n"),
            ("GET /a b\" HTTP/1.1\r\n", "GET /a b\" HTTP/1.1\r\n"),
            ("G\"T / HTTP/1.1\r\n", "G\"T / HTTP/1.1\r\n"),
            ("\"", "\""),
            ("", ""),
        ];
        for (sent, expected) in table {
            let handed_on = request_line(sent.as_bytes());
            assert_eq!(handed_on, expected.as_bytes(), "{sent:?}");
        }
    }
}
