//! The model's own reading of the host that a request is for.

use http::Version;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use super::site::{SITES, Site};

/// Who is asked.
pub(super) enum Named {
    /// Nobody, or several.
    Nobody,
    /// Two hosts at once; whether the one that does not count is one at all is not judged.
    Doubtful,
    /// This host, known or not.
    Host(Host),
}

/// A host in lower case.
pub(super) struct Host {
    name: String,
    pub(super) port: Option<u16>,
}

impl Host {
    pub(super) fn site(&self) -> Option<&'static Site> {
        SITES.iter().find(|site| site.host == self.name)
    }

    pub(super) fn counterpart(&self) -> Option<&'static Site> {
        let other = match self.name.strip_prefix("www.") {
            Some(bare) => bare.to_owned(),
            None => format!("www.{}", self.name),
        };
        SITES.iter().find(|site| site.host == other)
    }
}

/// Reads the head.
pub(super) fn named(head: &Parts) -> Named {
    let fields: Vec<_> = head.headers.get_all(HOST).iter().collect();
    let target = head.uri.authority().map(Authority::as_str);
    let text = match (target, &*fields) {
        (None, []) if head.version > Version::HTTP_10 => return Named::Nobody,
        (None, []) => "",
        (None, [field]) => field.to_str().unwrap_or(" "),
        (Some(target), []) if head.version <= Version::HTTP_10 => target,
        (Some(target), [field]) if *field == target => target,
        (Some(_), [_]) => return Named::Doubtful,
        _ => return Named::Nobody,
    };
    parse(text).map_or(Named::Nobody, Named::Host)
}

/// `None` where no name of a site can be meant.
fn parse(text: &str) -> Option<Host> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (text, ""),
    };
    let port = match port {
        "" => None,
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    Some(Host { name, port })
}
