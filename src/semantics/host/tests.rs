//! Host names: their one normal form, and what is none.

use super::*;

#[track_caller]
fn check(name: &str, expected: Result<&str, InvalidHost>) {
    let normal = normal_form(name);
    assert_eq!(normal.as_deref(), expected.as_ref().map(|name| *name), "{name:?}");
}

#[test]
fn names_come_to_one_form() {
    for (name, normal) in [
        ("example.com", "example.com"),
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--Bcher-KVA.example", "xn--bcher-kva.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("bu\u{308}cher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("bücher。example。", "xn--bcher-kva.example"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
    ] {
        check(name, Ok(normal));
    }
}

#[test]
fn what_no_site_can_be_called_is_refused() {
    use InvalidHost::{Address, Character, Empty, Idna, Label, TooLong};
    let long_label = "a".repeat(64);
    let long_name = "a.".repeat(127);
    for (name, why) in [
        ("", Empty),
        (".", Empty),
        ("..", Label),
        (".example.com", Label),
        ("a..b", Label),
        ("example.com..", Label),
        ("-a.example", Label),
        ("a-.example", Label),
        ("a.example-", Label),
        (&long_label, Label),
        (&format!("{long_name}a"), TooLong),
        ("*", Character),
        ("*.example.com", Character),
        ("a b", Character),
        ("a/b", Character),
        ("a\0b", Character),
        ("a%2eb", Character),
        ("user@example.com", Character),
        ("example.com:80", Character),
        ("::1", Character),
        ("[::1", Address),
        ("[::1]x", Address),
        ("[]", Address),
        ("[127.0.0.1]", Address),
        ("[fe80::1%1]", Address),
        ("[v1.x]", Address),
        ("a\u{2028}b", Idna),
        ("bücher.a/b", Idna),
    ] {
        match normal_form(name) {
            // The mapping may refuse a character before this module sees it.
            Err(InvalidHost::Idna | Character) if why == Idna => {}
            other => assert_eq!(other, Err(why), "{name:?}"),
        }
    }
}

#[test]
fn the_longest_name_and_label_pass() {
    let label = "a".repeat(63);
    let name = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(name.len(), 253);
    check(&name, Ok(&name));
    check(&format!("{name}."), Ok(&name));
    check(&format!("{name}b"), Err(InvalidHost::TooLong));
}

#[test]
fn a_normal_name_is_borrowed() {
    for name in ["example.com", "example.com.", "127.0.0.1", "[::1]"] {
        assert!(matches!(normal_form(name), Ok(Cow::Borrowed(_))), "{name:?}");
    }
}

#[track_caller]
fn check_authority(text: &str, expected: Result<(&str, Option<u16>), InvalidHost>) {
    let authority = Authority::parse(text).map(|a| (a.host.into_owned(), a.port));
    assert_eq!(authority, expected.map(|(host, port)| (host.to_owned(), port)), "{text:?}");
}

#[test]
fn authorities() {
    use InvalidHost::{Address, Character, Empty, Port};
    check_authority("example.com", Ok(("example.com", None)));
    check_authority("Example.com.:8080", Ok(("example.com", Some(8080))));
    check_authority("example.com:", Ok(("example.com", None)));
    check_authority("example.com:00080", Ok(("example.com", Some(80))));
    check_authority("[::1]", Ok(("[::1]", None)));
    check_authority("[::1]:443", Ok(("[::1]", Some(443))));
    check_authority("[::1]:", Ok(("[::1]", None)));
    check_authority("127.0.0.1:65535", Ok(("127.0.0.1", Some(65535))));
    check_authority("", Err(Empty));
    check_authority(":80", Err(Empty));
    check_authority("example.com:65536", Err(Port));
    check_authority("example.com:+80", Err(Port));
    check_authority("example.com:80:80", Err(Port));
    check_authority("example.com:8o", Err(Port));
    check_authority("::1", Err(Port));
    check_authority("user@example.com", Err(Character));
    check_authority("user:secret@example.com", Err(Port));
    check_authority("exa%6dple.com", Err(Character));
    check_authority("a b", Err(Character));
    check_authority("[::1]a:80", Err(Address));
    check_authority("a]:80", Err(Character));
    check_authority("http://example.com", Err(Port));
}

#[test]
fn loopback_names() {
    for host in ["localhost", "blog.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["notlocalhost", "localhost.example", "128.0.0.1", "[::2]", "127.0.0.1.nip.io"] {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn counterparts() {
    let long = ["a".repeat(63), "a".repeat(63), "a".repeat(63), "a".repeat(60)].join(".");
    for (host, expected) in [
        ("example.com", Some("www.example.com")),
        ("www.example.com", Some("example.com")),
        ("www.com", Some("com")),
        ("www", Some("www.www")),
        ("wwwexample.com", Some("www.wwwexample.com")),
        ("127.0.0.1", None),
        ("www.127.0.0.1", None),
        ("[::1]", None),
        ("www.", None),
        ("", None),
        (&long, None),
    ] {
        assert_eq!(www_counterpart(host).as_deref(), expected, "{host:?}");
    }
}

#[test]
fn wildcards_stand_for_one_label() {
    for (host, expected) in [
        ("a.example.com", Some("example.com")),
        ("b.a.example.com", Some("a.example.com")),
        ("localhost", None),
        ("127.0.0.1", None),
        ("[::1]", None),
    ] {
        assert_eq!(wildcard_of(host), expected, "{host:?}");
    }
}
