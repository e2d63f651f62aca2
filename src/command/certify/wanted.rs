//! Which names a certificate is wanted for: each site folder and its counterpart with or without
//! `www.`, unless no authority could certify it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::certificates::FolderName;
use crate::semantics::host::{self, www_counterpart};

/// A name that a certificate is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WantedName {
    pub(super) name: FolderName,
    /// There is no folder of this name but one of its counterpart: it is served only if the DNS
    /// leads it here.
    pub(super) is_counterpart: bool,
}

/// Endings of names that the public DNS will never know (RFC 6761, RFC 6762, RFC 7686, RFC 8375,
/// RFC 9476, and ICANN's `internal`).
const NOT_PUBLIC: [&str; 8] =
    ["localhost", "local", "internal", "home.arpa", "invalid", "example", "onion", "alt"];

/// The names for these site folders, in the order of names.
pub(super) fn wanted(sites: &BTreeSet<FolderName>) -> Vec<WantedName> {
    let mut wanted = Vec::new();
    for site in sites {
        wanted.push(WantedName { name: site.clone(), is_counterpart: false });
        let FolderName::Host(host) = site else { continue };
        if let Some(counterpart) = www_counterpart(host) {
            let name = FolderName::Host(counterpart.into_owned());
            if !sites.contains(&name) {
                wanted.push(WantedName { name, is_counterpart: true });
            }
        }
    }
    wanted
}

/// Why no certificate can be had for a name, if none can. With `private`, an authority of the
/// operator's own is named, and it decides which names it certifies.
pub(super) fn obstacle(name: &FolderName, private: bool, has_hook: bool) -> Option<&'static str> {
    let host = match name {
        FolderName::Host(host) => host,
        FolderName::WildcardOf(_) if !has_hook => {
            return Some("a wildcard is proved by the DNS, which takes --dns-hook");
        }
        FolderName::WildcardOf(parent) => parent,
    };
    if private {
        return None;
    }
    if let Some(address) = address(host) {
        return (!is_public(address)).then_some("the address is not a public one");
    }
    if host.contains('_') {
        return Some("authorities do not certify names with an underscore");
    }
    let is_below = |ending: &str| {
        host.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if !host.contains('.') || NOT_PUBLIC.iter().any(|ending| is_below(ending)) {
        return Some("the public DNS does not know such names");
    }
    None
}

/// The address that a host in its normal form is.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || shared)
        }
        // Global unicast addresses save those for documentation (RFC 3849).
        IpAddr::V6(v6) => {
            v6.segments()[0] & 0xe000 == 0x2000
                && !(v6.segments()[0] == 0x2001 && v6.segments()[1] == 0xdb8)
        }
    }
}

/// The other names whose certificate is one for `host` too: a wildcard one label up, or `x` for
/// `www.x`, as `Certificates::resolve` has it.
pub(super) fn covering(host: &str) -> impl Iterator<Item = FolderName> + '_ {
    let wildcard = host::wildcard_of(host).map(|parent| FolderName::WildcardOf(parent.to_owned()));
    let bare = host.strip_prefix("www.").map(|bare| FolderName::Host(bare.to_owned()));
    wildcard.into_iter().chain(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FolderName {
        FolderName::parse(text).unwrap()
    }

    #[test]
    fn each_folder_and_its_counterpart_are_wanted() {
        type Row = (&'static [&'static str], &'static [(&'static str, bool)]);
        let table: [Row; 6] = [
            (&[], &[]),
            (&["a.net"], &[("a.net", false), ("www.a.net", true)]),
            (&["www.a.net"], &[("www.a.net", false), ("a.net", true)]),
            (&["a.net", "www.a.net"], &[("a.net", false), ("www.a.net", false)]),
            (
                &["203.0.113.7", "[2001:db8::7]"],
                &[("203.0.113.7", false), ("[2001:db8::7]", false)],
            ),
            (&["_wildcard.a.net"], &[("*.a.net", false)]),
        ];
        for (folders, expected) in table {
            let sites = folders.iter().map(|folder| name(folder)).collect();
            let mut told: Vec<_> =
                wanted(&sites).into_iter().map(|it| (it.name, it.is_counterpart)).collect();
            let mut expected: Vec<_> = expected.iter().map(|it| (name(it.0), it.1)).collect();
            told.sort();
            expected.sort();
            assert_eq!(told, expected, "{folders:?}");
        }
    }

    #[test]
    fn names_that_nobody_certifies_are_told_apart() {
        let table = [
            ("example.com", true),
            ("xn--bcher-kva.example.com", true),
            ("a.dev", true),
            ("mylocalhost.com", true),
            ("localhost", false),
            ("www.localhost", false),
            ("intranet", false),
            ("printer.local", false),
            ("nas.home.arpa", false),
            ("a_b.example.com", false),
            ("8.8.8.8", true),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("100.64.0.1", false),
            ("192.168.1.1", false),
            ("203.0.113.7", false),
            ("[2a01:4f8::1]", true),
            ("[::1]", false),
            ("[fd00::1]", false),
            ("[2001:db8::1]", false),
            ("_wildcard.example.com", false),
        ];
        for (host, expected) in table {
            assert_eq!(obstacle(&name(host), false, false).is_none(), expected, "{host}");
            let is_wildcard = host.starts_with('_');
            assert_eq!(obstacle(&name(host), true, false).is_none(), !is_wildcard, "{host}");
        }
        assert_eq!(obstacle(&name("_wildcard.example.com"), false, true), None);
    }

    #[test]
    fn another_certificate_may_cover_a_name() {
        let table: [(&str, &[&str]); 4] = [
            ("a.net", &["_wildcard.net"]),
            ("www.a.net", &["_wildcard.a.net", "a.net"]),
            ("127.0.0.1", &[]),
            ("localhost", &[]),
        ];
        for (host, expected) in table {
            let expected: Vec<_> = expected.iter().map(|it| name(it)).collect();
            assert_eq!(covering(host).collect::<Vec<_>>(), expected, "{host}");
        }
    }
}
