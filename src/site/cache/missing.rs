//! Answers for missing paths without a look at the disk, by the names of the folder they would be
//! in.
//!
//! Scanners ask for thousands of paths that no site has, none of them twice. The names of the
//! folders on the way to the first of them are kept; for the others nothing is asked of the disk,
//! and nothing is kept.

use std::sync::Arc;

use super::super::lookup::{CLEAN_SUFFIX, DEEPEST, INDEXES, MISSING_PAGE, join};
use super::super::names::FolderNames;
use super::super::root::OpenRoot;
use super::super::{Found, Site};
use super::Cache;
use super::fill::Fill;
use super::key::{KeyRef, Question};
use super::known::{FactSource, Known, Recheck};
use crate::process::clock::Tick;

/// Folders of one path that a serving thread asks the file system about, at the most. Each takes
/// about a microsecond; a path with more of them is looked up where that holds up nobody.
const LOOKS: usize = 8;

impl Cache {
    /// The answer to `subject`, if the names of the folders on the way say that nothing is there.
    pub(super) fn known_missing(
        &self,
        site: &Site,
        root: &OpenRoot,
        subject: Question<&str>,
        now: Tick,
    ) -> Option<Found> {
        let (mut page, mut looks, mut has_twin) = (None, LOOKS, false);
        for (depth, step) in Steps::of(subject).enumerate() {
            if depth == DEEPEST {
                return None;
            }
            let known = self.folder(site, step.folder)?;
            if !known.is_trusted(root, now) {
                looks = looks.checked_sub(1)?;
                if !is_latest(site, root, step.folder) || !known.still_holds(root, now, |_, _| true)
                {
                    return None;
                }
            }
            let names = known.names()?;
            if names.has_missing_page() {
                page = Some(step.folder);
            }
            if !step.may_go_on(names) && !has_twin {
                let page = page.map(|folder| format!("/{}", join(folder, MISSING_PAGE)));
                return Some(Found::Missing(page.map(Into::into)));
            }
            has_twin = step.may_have_twin(names);
        }
        None
    }

    /// The entry of a folder's names, however old.
    pub(super) fn folder(&self, site: &Site, folder: &str) -> Option<Arc<Known>> {
        let key = KeyRef { site: site.id(), subject: Question::Names(folder) };
        self.slots.get(&key)?.slot.known.load_full()
    }
}

/// True if a deploy has not put another folder in the root's place. Before something is said to be
/// missing, it is looked for there.
fn is_latest(site: &Site, root: &OpenRoot, folder: &str) -> bool {
    let latest = || site.root().latest().map(|latest| latest.generation());
    !folder.is_empty() || latest() == Some(root.generation())
}

impl Fill {
    /// Keeps the names of the folders on the way to what is missing.
    pub(super) fn learn_names(&self, began: Tick) {
        for step in Steps::of(self.subject.borrowed()).take(DEEPEST) {
            let Some(known) = self.names_in(step.folder, began) else { return };
            if known.names().is_none_or(|names| !step.may_go_on(names)) {
                return;
            }
        }
    }

    pub(super) fn names_in(&self, folder: &str, began: Tick) -> Option<Arc<Known>> {
        if let Some(known) = self.cache.folder(&self.site, folder)
            && known.holds(FactSource::Anywhere, &self.root, began, |_| true)
        {
            return Some(known);
        }
        let (facts, names) = FolderNames::read(&self.root, folder)?;
        let weight = names.weight();
        let watch = Recheck::Folder { relative: folder.into(), facts, names };
        let known = self.known(began, Found::Folder, watch);
        let slot = self.cache.slot(&self.site, Question::Names(folder));
        self.keep(Question::Names(folder), &slot, Arc::clone(&known), weight);
        Some(known)
    }
}

/// A folder on the way, and what the way goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ancestor<'a> {
    folder: &'a str,
    next: Next<'a>,
}

/// The name that a folder must have for the way to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next<'a> {
    /// A folder of this name.
    Folder(&'a str),
    /// A file or folder of this name, or a file of it with [`CLEAN_SUFFIX`].
    Last(&'a str),
    /// A folder of this name, or a page of it that was asked for as if it were a folder.
    Asked(&'a str),
    /// The folder's own document.
    Index,
    /// Nothing: whatever is missing in this folder was asked about.
    Nothing,
}

impl Ancestor<'_> {
    /// True if the names in the folder leave it open that the way leads somewhere.
    fn may_go_on(&self, names: &FolderNames) -> bool {
        match self.next {
            Next::Folder(name) => names.may_have(name, ""),
            Next::Last(name) | Next::Asked(name) => {
                names.may_have(name, "") || names.may_have(name, CLEAN_SUFFIX)
            }
            Next::Index => INDEXES.iter().any(|index| names.may_have(index, "")),
            Next::Nothing => false,
        }
    }

    /// True if there may be a page of the name of the folder that was asked for.
    fn may_have_twin(&self, names: &FolderNames) -> bool {
        matches!(self.next, Next::Asked(name) if names.may_have(name, CLEAN_SUFFIX))
    }
}

/// The steps from the root to the subject of a question, downward.
struct Steps<'a> {
    relative: &'a str,
    end: Option<Next<'a>>,
    /// The place at which the next name begins; `None` behind the last one.
    next: Option<usize>,
}

impl<'a> Steps<'a> {
    fn of(subject: Question<&'a str>) -> Self {
        let (relative, end) = match subject {
            Question::Path(path) => {
                let relative = path.trim_start_matches('/');
                match relative.strip_suffix('/') {
                    Some(folder) => (folder, Some(Next::Index)),
                    None if relative.is_empty() => (relative, Some(Next::Index)),
                    None => (relative, None),
                }
            }
            Question::MissingPage(folder) | Question::Names(folder) => {
                (folder, Some(Next::Nothing))
            }
            Question::Former(name) => (name, None),
        };
        Self { relative, end, next: Some(0) }
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Ancestor<'a>;

    fn next(&mut self) -> Option<Ancestor<'a>> {
        let Some(start) = self.next else {
            return self.end.take().map(|next| Ancestor { folder: self.relative, next });
        };
        if self.relative.is_empty() {
            self.next = None;
            return self.next();
        }
        let folder = self.relative[..start].trim_end_matches('/');
        let rest = &self.relative[start..];
        let length = rest.find('/');
        self.next = length.map(|length| start + length + 1);
        let name = &rest[..length.unwrap_or(rest.len())];
        let next = match (length, self.end) {
            (None, None) => Next::Last(name),
            (None, Some(Next::Index)) => Next::Asked(name),
            _ => Next::Folder(name),
        };
        Some(Ancestor { folder, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_goes_downward() {
        let table = [
            (Question::Path("/"), " has an index?"),
            (Question::Path("/a"), " has a?"),
            (Question::Path("/a/"), " has a/?, a has an index?"),
            (Question::Path("/a/b"), " has a, a has b?"),
            (Question::Path("/a/b/c/"), " has a, a has b, a/b has c/?, a/b/c has an index?"),
            (Question::MissingPage(""), " has nothing"),
            (Question::MissingPage("a/b"), " has a, a has b, a/b has nothing"),
        ];
        for (subject, expected) in table {
            let say = |Ancestor { folder, next }| match next {
                Next::Folder(name) => format!("{folder} has {name}"),
                Next::Asked(name) => format!("{folder} has {name}/?"),
                Next::Last(name) => format!("{folder} has {name}?"),
                Next::Index => format!("{folder} has an index?"),
                Next::Nothing => format!("{folder} has nothing"),
            };
            let told: Vec<_> = Steps::of(subject).map(say).collect();
            assert_eq!(told.join(", "), expected, "{subject:?}");
        }
    }
}
