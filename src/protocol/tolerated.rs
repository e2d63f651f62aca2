//! Paths of targets with characters that the `http` crate refuses although every other server takes
//! them.
//!
//! A quote, an angle bracket or a backtick may not stand in a URI (RFC 3986 §2), yet links in the
//! wild have them and old clients send them as they are. They are percent-encoded, as a browser
//! would have sent them.

/// The characters that are encoded. The `http` crate refuses all but the quote in a path.
const TOLERATED: &[u8] = b"\"<>`";

/// The path and query as it should have been sent; `None` if it was.
pub(crate) fn encoded(path: &[u8]) -> Option<Vec<u8>> {
    if !path.iter().any(|byte| TOLERATED.contains(byte)) {
        return None;
    }
    let mut encoded = Vec::with_capacity(path.len() + 16);
    for byte in path {
        if TOLERATED.contains(byte) {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
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
        let table = [
            ("/?x=\"y\"", Some("/?x=%22y%22")),
            ("/<a>?`b`", Some("/%3Ca%3E?%60b%60")),
            ("/plain?x=1", None),
            ("/{|}^\\", None),
            ("", None),
        ];
        for (sent, expected) in table {
            let encoded = super::encoded(sent.as_bytes());
            assert_eq!(encoded.as_deref(), expected.map(str::as_bytes), "{sent:?}");
        }
    }
}
