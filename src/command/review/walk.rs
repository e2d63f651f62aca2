//! The way of a visitor through the redirects of a site, to its end.

use crate::rules::{Matched, Names, Redirects, is_rules_file};
use crate::semantics::host::Authority;
use crate::semantics::target::{Path, Resolved};
use crate::site::lookup;
use crate::site::root::OpenRoot;
use crate::site::{Found, OpenFile};

/// Redirects that browsers follow, one after another, before they give up (Fetch §4.4).
const MOST: usize = 20;

/// A site whose redirects are followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    pub(super) root: &'a OpenRoot,
    pub(super) redirects: &'a Redirects,
    pub(super) names: &'a Names,
}

/// The end of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WayEnd {
    /// A file that answers.
    File,
    /// Another host, where nothing is known.
    Elsewhere,
    /// No file, and no rule.
    Missing,
    /// A rule that answers with this status.
    Status(u16),
    /// A file that cannot be read.
    Unreadable,
    /// A circle: the paths of the way, the last of which came before.
    Circle(Vec<String>),
    /// More redirects than a browser follows.
    Endless(Vec<String>),
}

enum Step {
    To(Path<'static>),
    End(WayEnd),
}

impl Walk<'_> {
    /// Follows a browser that asks for `path` of `host`.
    pub(super) fn follow(&self, host: &str, path: &Path<'static>) -> WayEnd {
        let mut way: Vec<String> = Vec::new();
        let mut path = path.clone();
        loop {
            let is_circle = way.iter().any(|before| *before == path.as_str());
            way.push(path.as_str().to_owned());
            if is_circle {
                return WayEnd::Circle(way);
            }
            if way.len() > MOST {
                return WayEnd::Endless(way);
            }
            match self.step(host, &path) {
                Step::To(next) => path = next,
                Step::End(end) => return end,
            }
        }
    }

    fn step(&self, host: &str, path: &Path<'_>) -> Step {
        match self.redirects.find(host, path, None) {
            Some(Matched::Moved { location, .. }) => self.moved(host, &location),
            Some(Matched::Page { status, page, forced, .. }) => {
                if !forced && let Some(step) = self.own(path) {
                    return step;
                }
                match (status, page) {
                    (200, Some(page)) => Step::End(self.page(&page)),
                    (status, _) => Step::End(WayEnd::Status(status)),
                }
            }
            None => self.own(path).unwrap_or(Step::End(WayEnd::Missing)),
        }
    }

    fn moved(&self, host: &str, location: &str) -> Step {
        let rest = match location.split_once("://") {
            Some((_, rest)) if !location.starts_with('/') => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let is_own = Authority::parse(authority)
                    .is_ok_and(|to| *to.host == *host || self.names.has(&to.host));
                if !is_own {
                    return Step::End(WayEnd::Elsewhere);
                }
                path
            }
            _ => location,
        };
        match resolved(&rest[..rest.find(['?', '#']).unwrap_or(rest.len())]) {
            Some(path) => Step::To(path),
            None => Step::End(WayEnd::Missing),
        }
    }

    /// The answer without any rule; `None` if nothing is there.
    fn own(&self, path: &Path<'_>) -> Option<Step> {
        let moved = |to: String| resolved(&to).map(Step::To);
        match self.find(path) {
            Found::File(_) => Some(Step::End(WayEnd::File)),
            Found::Folder => moved(path.encode() + "/"),
            Found::Index => {
                let encoded = path.encode();
                let folder = encoded.rsplit_once('/').map_or("", |(folder, _)| folder);
                moved(format!("{folder}/"))
            }
            Found::Page => moved(path.encode().trim_end_matches('/').to_owned()),
            Found::Missing(_) => None,
            Found::Forbidden | Found::Unavailable => Some(Step::End(WayEnd::Unreadable)),
        }
    }

    /// The page that answers in the place of another path: one step, and no rule is asked again.
    pub(super) fn page(&self, path: &Path<'_>) -> WayEnd {
        let found = match self.own(path) {
            Some(Step::To(next)) => self.own(&next),
            found => found,
        };
        match found {
            Some(Step::End(end)) => end,
            Some(Step::To(_)) | None => WayEnd::Missing,
        }
    }

    /// The outcome of a look-up, without rules.
    pub(super) fn find(&self, path: &Path<'_>) -> Found<OpenFile> {
        if path.is_hidden() || is_rules_file(path.as_str()) {
            return Found::Missing(None);
        }
        lookup::find(self.root, path.as_str()).unwrap_or_else(|unreadable| unreadable.outcome())
    }

    /// True if there is such a folder.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        let relative = folder.trim_matches('/');
        relative.is_empty()
            || matches!(lookup::open(self.root, relative), Err(lookup::NotAFile::Folder))
    }
}

/// A percent-encoded path in normal form.
pub(super) fn resolved(encoded: &str) -> Option<Path<'static>> {
    let encoded = if encoded.is_empty() { "/" } else { encoded };
    match Path::resolve(encoded).ok()? {
        Resolved::Path(path) => Some(path.into_owned()),
        Resolved::Merge(merged) => match Path::resolve(&merged).ok()? {
            Resolved::Path(path) => Some(path.into_owned()),
            Resolved::Merge(_) => None,
        },
    }
}
