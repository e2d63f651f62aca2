//! The answer in an entry, and the check that it still holds.

use std::time::Duration;

use rustix::io::Errno;

use super::super::Found;
use super::super::facts::{Facts, Kind};
use super::super::names::FolderNames;
use super::super::representation::Representation;
use super::super::root::OpenRoot;
use super::{Need, SIBLINGS_TRUST, TRUST};
use crate::process::clock::{AtomicTick, Tick};

/// An entry checked this recently has its names in the kernel's own cache, so that the next check
/// takes about a microsecond and may run on a serving thread. For an older one the kernel is asked to
/// say so if it has not: then it is checked where waiting for a disk holds up nobody.
const WARM: Duration = Duration::from_secs(30);

/// An answer, and how to tell whether it is still right.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) found: Found,
    pub(super) watch: Recheck,
    pub(super) generation: u64,
    pub(super) checked: AtomicTick,
    pub(super) siblings_checked: AtomicTick,
}

/// The part of the file system that an answer depends on.
#[derive(Debug)]
pub(super) enum Recheck {
    /// The answer holds as long as this name has these facts, and no shadow is that of a file.
    File { relative: Box<str>, facts: Facts, shadows: Vec<Box<str>> },
    /// The answer holds as long as this folder has these facts: then its names are still these.
    Folder { relative: Box<str>, facts: Facts, names: FolderNames },
    /// The answer has to be found anew each time.
    Anew,
}

/// The places where facts may be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FactSource {
    /// Wherever they are, also on a disk.
    Anywhere,
    /// In the kernel's memory alone.
    AtHand,
}

impl FactSource {
    fn at(self, root: &OpenRoot, relative: &str) -> rustix::io::Result<Facts> {
        match self {
            Self::Anywhere => Facts::at(root.folder(), relative),
            Self::AtHand => Facts::at_hand(root.folder(), relative),
        }
    }
}

impl Known {
    pub(super) fn is_trusted(&self, root: &OpenRoot, now: Tick) -> bool {
        self.is_younger_than(TRUST, root, now)
    }

    /// True if it was checked for this root, and not so long ago.
    pub(super) fn is_younger_than(&self, age: Duration, root: &OpenRoot, now: Tick) -> bool {
        self.generation == root.generation() && now.since(self.checked.load()) < age
    }

    /// As [`is_trusted`](Self::is_trusted), for a request that was there at `asked`: a filling that
    /// began after that is news to it, however long it took.
    pub(super) fn is_trusted_since(&self, root: &OpenRoot, asked: Tick) -> bool {
        self.generation == root.generation() && asked.since(self.checked.load()) < TRUST
    }

    /// True if the answer has in memory what a request needs of it.
    pub(super) fn suffices(&self, wanted: Need) -> bool {
        match &self.found {
            Found::File(file) => wanted == Need::Facts || !file.is_unread(),
            _ => true,
        }
    }

    /// As [`holds`](Self::holds), where asking takes so little that a serving thread may.
    /// `has_its_siblings` is told how it may ask.
    pub(super) fn still_holds(
        &self,
        root: &OpenRoot,
        now: Tick,
        has_its_siblings: impl FnOnce(&Representation, FactSource) -> bool,
    ) -> bool {
        let is_warm = now.since(self.checked.load()) < WARM;
        let source = if is_warm { FactSource::Anywhere } else { FactSource::AtHand };
        self.holds(source, root, now, |file| has_its_siblings(file, source))
    }

    /// Asks the file system as far as `source` lets; true renews the trust. `has_its_siblings` tells
    /// of a file whether the coded forms beside it are the same.
    pub(super) fn holds(
        &self,
        source: FactSource,
        root: &OpenRoot,
        now: Tick,
        has_its_siblings: impl FnOnce(&Representation) -> bool,
    ) -> bool {
        let has = |relative: &str, facts| source.at(root, relative).as_ref() == Ok(facts);
        let holds = self.generation == root.generation()
            && match &self.watch {
                Recheck::File { relative, facts, shadows } => {
                    has(relative, facts)
                        && shadows.iter().all(|name| is_no_file(source.at(root, name)))
                        && self.has_its_siblings(now, has_its_siblings)
                }
                Recheck::Folder { relative, facts, .. } => has(relative, facts),
                Recheck::Anew => false,
            };
        if holds {
            self.checked.store(now);
        }
        holds
    }

    /// Asks about the coded forms beside the file, if the last time is long enough ago.
    fn has_its_siblings(&self, now: Tick, ask: impl FnOnce(&Representation) -> bool) -> bool {
        let Found::File(representation) = &self.found else { return true };
        if now.since(self.siblings_checked.load()) < SIBLINGS_TRUST {
            return true;
        }
        let has = ask(representation);
        if has {
            self.siblings_checked.store(now);
        }
        has
    }

    /// The names in a folder, where that is what is known.
    pub(super) fn names(&self) -> Option<&FolderNames> {
        match &self.watch {
            Recheck::Folder { names, .. } => Some(names),
            Recheck::File { .. } | Recheck::Anew => None,
        }
    }
}

fn is_no_file(found: rustix::io::Result<Facts>) -> bool {
    match found {
        Ok(facts) => facts.kind() != Kind::File,
        Err(error) => matches!(error, Errno::NOENT | Errno::NOTDIR),
    }
}
