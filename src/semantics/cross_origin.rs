//! Cross-origin requests: what a page of another site may ask, and read of the answer (the Fetch
//! standard, "CORS protocol").
//!
//! Everything that is served is public and no answer depends on who asks, so every site may read it.

use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD};
use http::{HeaderMap, HeaderValue};

/// The value that allows every origin.
pub const ANY: HeaderValue = HeaderValue::from_static("*");

/// Fields of an answer that a script may read, beside those that it always may.
pub const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Content-Range, Content-Length, Accept-Ranges");

/// Seconds for which a preflight holds: a day, the longest that any browser takes.
pub const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Bytes of names of fields that are repeated to a client: far more than any script sets.
const ASKED_BYTES: usize = 1024;

/// The Access-Control-Allow-Headers for a preflight; `None` for another request.
///
/// `*` allows all fields but Authorization, and none by that name to old browsers. So the fields
/// that are asked for are named too.
#[must_use]
pub fn allowed_fields(fields: &HeaderMap) -> Option<HeaderValue> {
    if !fields.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut allowed = String::from("*");
    for line in fields.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        for name in line.to_str().unwrap_or("").split(',').map(str::trim) {
            if is_token(name) && name != "*" && allowed.len() + name.len() < ASKED_BYTES {
                allowed.push_str(", ");
                allowed.push_str(name);
            }
        }
    }
    HeaderValue::try_from(allowed).ok()
}

/// A name as fields have it (RFC 9110 §5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[(&'static str, &str)], expected: Option<&str>) {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let allowed = allowed_fields(&fields);
        assert_eq!(allowed.as_ref().map(|value| value.to_str().unwrap()), expected, "{lines:?}");
    }

    #[test]
    fn a_preflight_is_allowed_what_it_asks() {
        let (method, headers) =
            (("access-control-request-method", "GET"), "access-control-request-headers");
        check(&[], None);
        check(&[("origin", "https://a.test")], None);
        check(&[(headers, "range")], None);
        check(&[method], Some("*"));
        check(&[method, (headers, "range")], Some("*, range"));
        check(&[method, (headers, "range,if-none-match")], Some("*, range, if-none-match"));
        check(&[method, (headers, " X-A , authorization,,")], Some("*, X-A, authorization"));
        check(&[method, (headers, "a"), (headers, "b")], Some("*, a, b"));
        check(&[method, (headers, "*")], Some("*"));
        check(&[method, (headers, "a b, c;d, \"e\", f")], Some("*, f"));
        check(&[method, (headers, &"x".repeat(ASKED_BYTES))], Some("*"));
    }
}
