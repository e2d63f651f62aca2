//! Targets with bytes that the `http` crate or `httparse` refuses although every other server takes
//! them.
//!
//! A quote, an angle bracket, a backtick or a byte beyond ASCII may not stand in a URI (RFC 3986 §2),
//! yet links in the wild have them and old clients send them as they are, in whatever encoding their
//! page had. They are percent-encoded, as a browser would have sent them: so a redirect and a rule
//! see the target in one form.

/// True for a byte that is encoded. The `http` crate refuses all of these in a path but the quote and
/// what is UTF-8.
const fn is_tolerated(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | 0x80..)
}

/// The target as it should have been sent; `None` if it was.
pub(crate) fn encoded(target: &[u8]) -> Option<Vec<u8>> {
    if !target.iter().any(|byte| is_tolerated(*byte)) {
        return None;
    }
    let mut encoded = Vec::with_capacity(target.len() + 16);
    for byte in target {
        if is_tolerated(*byte) {
            encoded.extend_from_slice(percent_encoding::percent_encode_byte(*byte).as_bytes());
        } else {
            encoded.push(*byte);
        }
    }
    Some(encoded)
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_is_tolerated_is_encoded() {
        let table: [(&[u8], Option<&str>); 10] = [
            (b"/?x=\"y\"", Some("/?x=%22y%22")),
            (b"/<a>?`b`", Some("/%3Ca%3E?%60b%60")),
            (b"/?q=caf\xE9", Some("/?q=caf%E9")),
            (b"/\xFF\"x", Some("/%FF%22x")),
            (b"/\xC3\xA9?\xE9", Some("/%C3%A9?%E9")),
            (b"/\xC3\xA9?x", Some("/%C3%A9?x")),
            (b"/%E9", None),
            (b"/plain?x=1", None),
            (b"/{|}^\\", None),
            (b"", None),
        ];
        for (sent, expected) in table {
            let encoded = super::encoded(sent);
            let expected = expected.map(str::as_bytes);
            assert_eq!(encoded.as_deref(), expected, "{}", sent.escape_ascii());
        }
    }
}
