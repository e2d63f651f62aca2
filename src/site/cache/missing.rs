//! What is known to be missing, since the names of the folder that it would be in are known.
//!
//! Scanners ask for thousands of paths that no site has, none of them twice. The names of the
//! folders on the way to the first of them are kept; for the others nothing is asked of the disk,
//! and nothing is kept.

use std::sync::Arc;

use super::super::lookup::{CLEAN_SUFFIX, INDEX, MISSING_PAGE, join};
use super::super::names::Names;
use super::super::root::OpenRoot;
use super::super::{Found, Site};
use super::fill::Fill;
use super::{Cache, KeyRef, Known, Watch};
use crate::clock::Tick;

/// The root's own name beneath itself.
const ROOT: &str = ".";

impl Cache {
    /// `path`, if the names of the folders on the way to it say that it leads nowhere.
    pub(super) fn known_missing(
        &self,
        site: &Site,
        root: &OpenRoot,
        path: &str,
        now: Tick,
    ) -> Option<Found> {
        let mut page = None;
        for step in Steps::of(path) {
            let known = self.folder(site, step.folder)?;
            let holds = || is_latest(site, root, step.folder) && known.still_holds(root, now);
            if !known.is_trusted(root, now) && !holds() {
                return None;
            }
            let names = known.names()?;
            if names.has_missing_page() {
                page = Some(step.folder);
            }
            if !step.may_go_on(names) {
                let page = page.map(|folder| format!("/{}", join(beneath(folder), MISSING_PAGE)));
                return Some(Found::Missing(page.map(Into::into)));
            }
        }
        None
    }

    /// What is known of a folder, at whatever time.
    fn folder(&self, site: &Site, folder: &str) -> Option<Arc<Known>> {
        // No path of a request is like this: those begin with a slash.
        self.slots.get(&KeyRef { site: site.id(), path: folder })?.slot.known.load_full()
    }
}

/// Whether a deploy has not put another folder in the root's place. Before something is said to be
/// missing, it is looked for there.
fn is_latest(site: &Site, root: &OpenRoot, folder: &str) -> bool {
    folder != ROOT || site.root().latest().generation() == root.generation()
}

impl Fill {
    /// Keeps the names of the folders on the way to what is missing.
    pub(super) fn learn_names(&self, began: Tick) {
        for step in Steps::of(&self.path) {
            let Some(known) = self.names_in(step.folder, began) else { return };
            if known.names().is_none_or(|names| !step.may_go_on(names)) {
                return;
            }
        }
    }

    fn names_in(&self, folder: &str, began: Tick) -> Option<Arc<Known>> {
        if let Some(known) = self.cache.folder(&self.site, folder)
            && known.holds(&self.root, began)
        {
            return Some(known);
        }
        let (facts, names) = Names::read(&self.root, folder)?;
        let weight = names.weight();
        let watch = Watch::Folder { relative: folder.into(), facts, names };
        let known = self.known(began, Found::Folder, watch);
        let slot = self.cache.slot(&self.site, folder);
        self.keep(folder, &slot, Arc::clone(&known), weight);
        Some(known)
    }
}

impl Known {
    fn names(&self) -> Option<&Names> {
        match &self.watch {
            Watch::Folder { names, .. } => Some(names),
            Watch::File { .. } | Watch::Anew => None,
        }
    }
}

/// A folder on the way to a path, and the name that the way goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step<'a> {
    folder: &'a str,
    name: &'a str,
    is_last: bool,
}

impl Step<'_> {
    /// Whether the names in the folder leave it open that the path leads somewhere.
    fn may_go_on(&self, names: &Names) -> bool {
        names.may_have(self.name, "") || self.is_last && names.may_have(self.name, CLEAN_SUFFIX)
    }
}

/// The steps from the root to what a path names, downward.
struct Steps<'a> {
    relative: &'a str,
    /// Where the next name begins; `None` behind the last one.
    next: Option<usize>,
}

impl<'a> Steps<'a> {
    fn of(path: &'a str) -> Self {
        Self { relative: path.trim_start_matches('/'), next: Some(0) }
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let start = self.next?;
        let folder = if start == 0 { ROOT } else { &self.relative[..start - 1] };
        let rest = &self.relative[start..];
        let length = rest.find('/');
        self.next = length.map(|length| start + length + 1);
        let name = match &rest[..length.unwrap_or(rest.len())] {
            "" => INDEX,
            name => name,
        };
        Some(Step { folder, name, is_last: length.is_none() })
    }
}

fn beneath(folder: &str) -> &str {
    if folder == ROOT { "" } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_goes_downward() {
        let table = [
            ("/", ". has index.html?"),
            ("/a", ". has a?"),
            ("/a/", ". has a, a has index.html?"),
            ("/a/b", ". has a, a has b?"),
            ("/a/b/c/", ". has a, a has b, a/b has c, a/b/c has index.html?"),
            ("/.", ". has .?"),
        ];
        for (path, expected) in table {
            let say = |Step { folder, name, is_last }| {
                format!("{folder} has {name}{}", if is_last { "?" } else { "" })
            };
            assert_eq!(Steps::of(path).map(say).collect::<Vec<_>>().join(", "), expected, "{path}");
        }
    }
}
