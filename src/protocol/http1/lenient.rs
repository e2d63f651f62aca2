//! Targets with characters that the `http` crate refuses although every other server takes them.
//!
//! A quote, an angle bracket or a backtick may not stand in a URI (RFC 3986 §2), yet links in the
//! wild have them and old clients send them as they are. They are percent-encoded, which is what a
//! browser would have sent.

/// What is encoded. All but the quote in a path are refused by the `http` crate.
const TOLERATED: &[u8] = b"\"<>`";

/// `target` as it should have been sent, if it was not.
pub(super) fn target(target: &str) -> Option<Vec<u8>> {
    if !target.starts_with('/') || !target.bytes().any(|byte| TOLERATED.contains(&byte)) {
        return None;
    }
    let mut encoded = Vec::with_capacity(target.len() + 16);
    for byte in target.bytes() {
        if TOLERATED.contains(&byte) {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            encoded.push(byte);
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
            ("http://a/\"", None),
            ("", None),
        ];
        for (sent, expected) in table {
            let encoded = super::target(sent);
            assert_eq!(encoded.as_deref(), expected.map(str::as_bytes), "{sent:?}");
        }
    }
}
