//! Targets as clients and attackers send them, and what each comes to.

use super::*;

#[track_caller]
fn path(raw: &str) -> Path<'_> {
    match Path::resolve(raw) {
        Ok(Resolved::Path(path)) => path,
        other => panic!("{raw:?}: {other:?}"),
    }
}

#[test]
fn paths_are_decoded_once_and_dot_segments_removed() {
    for (raw, expected) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/a/b.html", "/a/b.html"),
        ("/a%20b/c.html", "/a b/c.html"),
        ("/caf%C3%A9", "/café"),
        ("/café", "/café"),
        ("/%7euser", "/~user"),
        ("/a+b", "/a+b"),
        ("/a\"b", "/a\"b"),
        ("/a%3Fb%23c", "/a?b#c"),
        ("/%252e%252e/x", "/%2e%2e/x"),
        ("/%252F", "/%2F"),
        ("/a%0Ab", "/a\nb"),
        ("/.a", "/.a"),
        ("/..a", "/..a"),
        ("/...", "/..."),
        ("/%2ea", "/.a"),
        ("/.%2e.", "/..."),
        ("/a.", "/a."),
        ("/.", "/"),
        ("/..", "/"),
        ("/./", "/"),
        ("/../", "/"),
        ("/../../../etc/passwd", "/etc/passwd"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a//../b", "/a/b"),
        ("//..", "/"),
        ("/a/b/c/./../../g", "/a/g"),      // RFC 3986 §5.2.4
        ("/mid/content=5/../6", "/mid/6"), // RFC 3986 §5.2.4
    ] {
        assert_eq!(path(raw).as_str(), expected, "{raw:?}");
    }
}

#[test]
fn empty_segments_are_merged() {
    for (raw, expected) in [
        ("//", "/"),
        ("//evil.example", "/evil.example"),
        ("///evil.example//", "/evil.example/"),
        ("/a//b", "/a/b"),
        ("/a//", "/a/"),
        ("/a//.", "/a/"),
        ("/..//evil.example", "/evil.example"),
        ("/a/..//evil.example", "/evil.example"),
        ("//a%20b", "/a%20b"),
        ("//%5Cevil.example", "/%5Cevil.example"),
        ("//\\evil.example", "/%5Cevil.example"),
    ] {
        assert_eq!(Path::resolve(raw), Ok(Resolved::Merge(expected.to_owned())), "{raw:?}");
    }
}

#[test]
fn what_is_not_a_list_of_names_is_refused() {
    use InvalidPath::{DotSegment, EncodedSlash, MalformedEscape, NotAbsolute, Nul};
    for (raw, why) in [
        ("", NotAbsolute),
        ("*", NotAbsolute),
        ("a/b", NotAbsolute),
        ("/%", MalformedEscape),
        ("/a%2", MalformedEscape),
        ("/%zz", MalformedEscape),
        ("/%+1", MalformedEscape),
        ("/%%41", MalformedEscape),
        ("/a%2/b", MalformedEscape),
        ("/a%00", Nul),
        ("/a\0", Nul),
        ("/a%2Fb", EncodedSlash),
        ("/a%2fb", EncodedSlash),
        ("/..%2f..%2fetc", EncodedSlash),
        ("/%2e", DotSegment),
        ("/%2E%2E/foo.com/x", DotSegment),
        ("/.%2e/x", DotSegment),
        ("/%2e./x", DotSegment),
        ("/a/%2e%2e", DotSegment),
        ("/%2e%2e/../x", DotSegment),
        ("/%2e%2e//x", DotSegment),
        ("/%FF%00", Nul),
        ("/%FF%2F", EncodedSlash),
    ] {
        assert_eq!(Path::resolve(raw), Err(why), "{raw:?}");
    }
}

#[test]
fn a_plain_path_is_borrowed() {
    for raw in ["/", "/a/b.html", "/a.b/", "/café"] {
        assert!(matches!(path(raw).0, Cow::Borrowed(_)), "{raw:?}");
    }
}

#[track_caller]
fn check_parts(raw: &str, relative: &str, segments: &[&str], last: &str, folder: bool) {
    let path = path(raw);
    assert_eq!(path.relative(), relative, "{raw:?}");
    assert_eq!(path.segments().collect::<Vec<_>>(), segments, "{raw:?}");
    assert_eq!(path.last_segment(), last, "{raw:?}");
    assert_eq!(path.is_folder(), folder, "{raw:?}");
}

#[test]
fn parts() {
    check_parts("/", "", &[], "", true);
    check_parts("/a", "a", &["a"], "a", false);
    check_parts("/a/", "a", &["a"], "", true);
    check_parts("/a%20b/c.html", "a b/c.html", &["a b", "c.html"], "c.html", false);
}

#[test]
fn hidden_and_well_known() {
    for (raw, hidden, well_known) in [
        ("/", false, false),
        ("/a.b", false, false),
        ("/.git/config", true, false),
        ("/a/.env", true, false),
        ("/%2egit", true, false),
        ("/.well-known", false, true),
        ("/.well-known/security.txt", false, true),
        ("/.well-known/.git", true, true),
        ("/a/.well-known/b", true, false),
        ("/.well-knownx", true, false),
        ("/a/../.git", true, false),
    ] {
        assert_eq!(path(raw).is_hidden(), hidden, "{raw:?}");
        assert_eq!(path(raw).is_well_known(), well_known, "{raw:?}");
    }
}

#[test]
fn acme_tokens() {
    for (raw, token) in [
        ("/.well-known/acme-challenge/aB3-_x", Some("aB3-_x")),
        ("/.well-known/acme-challenge/%61B", Some("aB")),
        ("/.well-known/acme-challenge/", None),
        ("/.well-known/acme-challenge", None),
        ("/.well-known/acme-challenge/a/b", None),
        ("/.well-known/acme-challenge/a/", None),
        ("/.well-known/acme-challenge/a.b", None),
        ("/.well-known/acme-challenge/../a", None),
        ("/x/.well-known/acme-challenge/a", None),
    ] {
        assert_eq!(path(raw).acme_token(), token, "{raw:?}");
    }
}

#[test]
fn what_authorities_ask_for() {
    for (raw, expected) in [
        ("/.well-known/acme-challenge/x", true),
        ("/.well-known/acme-challenge/a.b/", true),
        ("/.well-known/acme-challenge/", true),
        ("/.well-known/pki-validation/fileauth.txt", true),
        ("/.well-known/pki%2Dvalidation/x", true),
        ("/.well-known/acme-challenge", false),
        ("/.well-known/pki-validation/../x", false),
        ("/.well-known/pki-validations/x", false),
        ("/.well-known/security.txt", false),
        ("/x/.well-known/acme-challenge/x", false),
        ("/", false),
    ] {
        assert_eq!(path(raw).is_validation(), expected, "{raw:?}");
    }
}

#[test]
fn encoding_keeps_what_a_path_may_hold() {
    for (raw, expected) in [
        ("/a-._~!$&'()*+,;=:@/", "/a-._~!$&'()*+,;=:@/"),
        ("/a%20b%3F%23%25", "/a%20b%3F%23%25"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/%0d%0aSet-Cookie:x", "/%0D%0ASet-Cookie:x"),
        ("/\\evil", "/%5Cevil"),
        ("/%22%3C%3E%5B%5D%7C", "/%22%3C%3E%5B%5D%7C"),
        ("/caf%E9.html", "/caf%E9.html"),
        ("/%ff%FE/", "/%FF%FE/"),
        ("/%C3", "/%C3"),
        ("/%C0%AF", "/%C0%AF"),
        ("/%C0%AE%C0%AE/", "/%C0%AE%C0%AE/"),
        ("/%ED%A0%80", "/%ED%A0%80"),
        ("/%F4%8F%BF%A9", "/%F4%8F%BF%A9"),
        ("/\u{10FFE9}", "/%F4%8F%BF%A9"),
    ] {
        assert_eq!(path(raw).encode(), expected, "{raw:?}");
    }
}
