//! The paths, and hosts, that a rule is for.

use std::fmt;

use super::pattern::{Captures, InvalidPattern, Pattern, SPLAT, Subject};
use super::{Fault, escaping, fault};
use crate::semantics::host;
use crate::semantics::target::{Path, Resolved};

/// The names that a site answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// Every name, or every one beneath a domain: it is told by the request.
    Any,
    /// One name in normal form, and its counterpart with or without `www.`.
    Own(Box<str>),
}

impl Names {
    /// The names of the site that is called `name`: `*` for the only one, `*.` and a domain for one
    /// of many names.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name.starts_with('*') { Self::Any } else { Self::Own(name.into()) }
    }

    /// True if a host in normal form is certainly a name of the site.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Any => false,
            Self::Own(own) => {
                **own == *name || host::www_counterpart(own).is_some_and(|other| other == name)
            }
        }
    }

    fn matches(&self, pattern: &Pattern) -> bool {
        match self {
            Self::Any => true,
            Self::Own(own) => {
                let other = host::www_counterpart(own);
                let names = std::iter::once(&**own).chain(other.as_deref());
                names.into_iter().any(|name| pattern.captures(&Subject::host(name)).is_some())
            }
        }
    }
}

/// A pattern of a path, and one of a host if the rule names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    host: Option<Pattern>,
    path: Pattern,
}

/// A source, and the number of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The line, from one.
    pub line: usize,
    /// The requests that are meant.
    pub source: Source,
}

/// A host and a path, taken apart once for all rules.
#[derive(Debug)]
pub struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) path: Subject<'a>,
}

impl<'a> Asked<'a> {
    /// A host and a path, both in normal form.
    #[must_use]
    pub fn new(host: &'a str, path: &'a str) -> Self {
        Self { host, path: Subject::path(path) }
    }
}

/// The texts that the names of a source stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values<'a>(Vec<&'a str>);

impl<'a> Values<'a> {
    /// The text of a name, by its place in [`Source::names`].
    #[must_use]
    pub fn get(&self, at: usize) -> &'a str {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// The same text for each of so many names.
    #[must_use]
    pub fn sample(count: usize) -> Values<'static> {
        Values(vec!["x"; count])
    }
}

impl Source {
    /// Reads a path, or `https://` with a host of the site and a path. A query and a fragment are
    /// dropped: rules are for paths.
    ///
    /// # Errors
    /// The reason why no request of the site can be meant.
    pub fn read(written: &str, names: &Names) -> Result<Self, Fault> {
        let text = &written[..written.find(['?', '#']).unwrap_or(written.len())].trim_end();
        let Some((scheme, rest)) = text.split_once("://") else {
            let path = Pattern::path(text).map_err(InvalidPattern::told);
            return Ok(Self { host: None, path: path.map_err(|(why, mend)| fault(why, mend))? });
        };
        if scheme.contains('/') {
            return Err(fault("the path has an empty segment", "write one slash"));
        }
        if !scheme.eq_ignore_ascii_case("https") {
            let mend = "write https:// or the path alone: rules hold for both schemes";
            return Err(fault(format!("a source that begins with {scheme}://"), mend));
        }
        let rest = rest.trim_start_matches('/');
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let told = |invalid: InvalidPattern| {
            let (why, mend) = invalid.told();
            fault(why, mend)
        };
        let host = host_pattern(name)?;
        if !names.matches(&host) {
            let mend = "put the rule into the folder of that host";
            return Err(fault(format!("{name} is another host"), mend));
        }
        let source = Self { host: Some(host), path: Pattern::path(path).map_err(told)? };
        let mut shared = source.host.iter().flat_map(Pattern::names);
        match shared.find(|name| source.path.names().contains(name)) {
            Some(name) if **name == *SPLAT => return Err(told(InvalidPattern::TwoSplats)),
            Some(_) => return Err(told(InvalidPattern::SameName)),
            None => {}
        }
        drop(shared);
        Ok(source)
    }

    /// The names that a target may use, in the order of their values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let host = self.host.iter().flat_map(Pattern::names);
        host.chain(self.path.names()).map(|name| &**name)
    }

    /// The pattern of the path.
    #[must_use]
    pub fn path(&self) -> &Pattern {
        &self.path
    }

    /// The pattern of the host, if there is one.
    #[must_use]
    pub fn host(&self) -> Option<&Pattern> {
        self.host.as_ref()
    }

    /// A text that no source for other requests has.
    pub(super) fn key(&self) -> String {
        match (self.path.literal(), &self.host) {
            // No printed source begins so, and printing takes longer.
            (Some(path), None) => ["=", path].concat(),
            _ => self.to_string(),
        }
    }

    /// A path that is meant, with `splat` in the place of the `*`; `None` if no request can have it.
    #[must_use]
    pub fn example(&self, splat: &str) -> Option<Path<'static>> {
        let encoded: String = escaping::in_path(&self.path.example(splat)).collect();
        match Path::resolve(&encoded).ok()? {
            Resolved::Path(path) => Some(path.into_owned()),
            Resolved::Merge(_) => None,
        }
    }

    /// The path, if it is one alone.
    #[must_use]
    pub fn only_path(&self) -> Option<Path<'static>> {
        self.path.literal().and_then(|_| self.example(""))
    }

    /// A host that is meant, if the source names one.
    #[must_use]
    pub fn example_host(&self) -> Option<String> {
        self.host.as_ref().map(|host| host.example("x"))
    }

    /// True if requests for a host in normal form are meant, whatever their path.
    #[must_use]
    pub fn is_for_host(&self, name: &str) -> bool {
        self.host.as_ref().is_none_or(|host| host.captures(&Subject::host(name)).is_some())
    }

    /// True if the source names one path, and no wildcard in a host.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.names().next().is_none()
    }

    /// The values of the names, if the request is one that is meant.
    #[must_use]
    pub fn values<'a>(&self, asked: &Asked<'a>) -> Option<Values<'a>> {
        let path = self.path.captures(&asked.path)?;
        let Some(host) = &self.host else { return Some(values(asked.path.text(), path)) };
        let captured = host.captures(&Subject::host(asked.host))?;
        let mut all = values(asked.host, captured);
        all.0.extend(values(asked.path.text(), path).0);
        Some(all)
    }

    /// True if every request that `later` is for is one of these too, as far as can be told.
    #[must_use]
    pub fn covers(&self, later: &Self) -> bool {
        (self.host.is_none() || self.host == later.host) && self.path.covers(&later.path)
    }
}

fn values(text: &str, captures: Captures) -> Values<'_> {
    Values(captures.into_iter().map(|range| &text[range]).collect())
}

fn host_pattern(name: &str) -> Result<Pattern, Fault> {
    if name.contains('@') {
        return Err(fault("a user's name before the host", "leave it out"));
    }
    let port = name.rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(fault("a source with a port", "leave the port out: rules hold for all ports"));
    }
    let lower: String = if name.contains(['*', ':']) {
        name.to_ascii_lowercase()
    } else {
        match host::normal_form(name) {
            Ok(name) => name.into_owned(),
            Err(error) => return Err(fault(error.to_string(), "write the name of the site")),
        }
    };
    Pattern::host(&lower).map_err(|invalid| {
        let (why, mend) = invalid.told();
        fault(why, mend)
    })
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(formatter, "https://{host}{}", self.path),
            None => self.path.fmt(formatter),
        }
    }
}
