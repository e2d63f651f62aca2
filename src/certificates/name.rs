//! The name of a certificate's folder: a host, or a wildcard one label above hosts.

use std::fmt;
use std::net::IpAddr;

use crate::semantics::host::normal_form;

/// The name that a folder's certificate is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FolderName {
    /// One host name, in its normal form.
    Host(String),
    /// Every name one label under this parent, itself in its normal form.
    WildcardOf(String),
}

impl FolderName {
    /// The address, if the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let Self::Host(host) = self else { return None };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        bare.unwrap_or(host).parse().ok()
    }

    /// Beginnings of a wildcard folder's name: as certificates write it, and a form that no shell
    /// expands.
    const WILDCARD_PREFIXES: [&str; 2] = ["*.", "_wildcard."];

    /// Parses a folder's name; `None` if it is no host name.
    #[must_use]
    pub fn parse(name: &str) -> Option<FolderName> {
        for prefix in Self::WILDCARD_PREFIXES {
            if let Some(parent) = name.strip_prefix(prefix) {
                let parent = normal_form(parent).ok()?.into_owned();
                return Some(FolderName::WildcardOf(parent));
            }
        }
        normal_form(name).ok().map(|host| FolderName::Host(host.into_owned()))
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderName::Host(host) => f.write_str(host),
            FolderName::WildcardOf(parent) => write!(f, "*.{parent}"),
        }
    }
}
