//! Hosts: the normal form is one, and an authority never means two hosts.

use shost::semantics::host;
use shost::semantics::host::Authority;

/// The normal form is its own normal form, and an authority agrees with it.
pub(crate) fn host(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(normal) = host::normal_form(text) {
        assert!(normal.is_ascii() && !normal.is_empty() && !normal.ends_with('.'), "{normal:?}");
        assert!(!normal.bytes().any(|byte| byte.is_ascii_uppercase()), "{normal:?}");
        assert!(!normal.contains(['/', '\\', '@', '%', '*', ' ', '\0']), "{normal:?}");
        assert_eq!(host::normal_form(&normal).as_deref(), Ok(&*normal));
        assert_eq!(host::normal_form(&text.to_ascii_uppercase()).as_deref(), Ok(&*normal));
        for (port, suffix) in [(None, ""), (None, ":"), (Some(8080), ":8080")] {
            let authority = format!("{normal}{suffix}");
            let parsed = Authority::parse(&authority).expect("a normal host and a port");
            assert_eq!((&*parsed.host, parsed.port), (&*normal, port));
        }
        neighbours(&normal);
    }
    if let Ok(Authority { host, .. }) = Authority::parse(text) {
        assert_eq!(host::normal_form(&host).as_deref(), Ok(&*host));
    }
}

fn neighbours(normal: &str) {
    if let Some(counterpart) = host::www_counterpart(normal) {
        assert_ne!(counterpart, normal);
        assert_eq!(host::normal_form(&counterpart).as_deref(), Ok(&*counterpart));
    }
    if let Some(parent) = host::wildcard_of(normal) {
        let (label, rest) = normal.split_once('.').expect("a parent has a child");
        assert!(!label.is_empty() && rest == parent);
    }
}
