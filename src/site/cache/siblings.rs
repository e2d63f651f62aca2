//! The coded forms beside a file, told by the names in its folder.
//!
//! A file has three names beside it that a coded form could have, and most files have none. A look
//! at each would cost more than the look at the file itself; the names in the folder, which are
//! known to be the same with one look for all files of the folder, tell as much.

use std::sync::Arc;

use super::super::Site;
use super::super::lookup::folder_of;
use super::super::names::FolderNames;
use super::super::representation::Representation;
use super::super::root::OpenRoot;
use super::fill::Fill;
use super::key::Question;
use super::known::FactSource;
use super::{Cache, Need, SIBLINGS_TRUST};
use crate::process::clock::Tick;

impl Cache {
    /// True if the coded forms beside a file are the same. Names that are not known yet are read
    /// for the next time, where that holds up nobody. False where `source` does not tell.
    pub(super) fn has_its_siblings(
        self: &Arc<Self>,
        (site, root): (&Arc<Site>, &Arc<OpenRoot>),
        file: &Representation,
        (now, source): (Tick, FactSource),
    ) -> bool {
        let folder = folder_of(file.relative());
        let known = self.folder(site, folder).filter(|known| {
            known.is_younger_than(SIBLINGS_TRUST, root, now)
                || known.still_holds(root, now, |_, _| true)
        });
        if let Some(names) = known.as_ref().and_then(|known| known.names()) {
            return match source {
                FactSource::AtHand if file.may_have_siblings(names) => false,
                _ => are_the_same(names, file, root),
            };
        }
        if source == FactSource::AtHand {
            return false;
        }
        self.learn(site, root, folder);
        file.has_its_siblings(root)
    }

    /// Reads the names in a folder on a thread that may block, unless that is being done.
    fn learn(self: &Arc<Self>, site: &Arc<Site>, root: &Arc<OpenRoot>, folder: &str) {
        let subject = Question::Names(folder);
        let slot = self.slot(site, subject);
        let Ok(turn) = Arc::clone(&slot.turn).try_lock_owned() else { return };
        let fill = Fill {
            cache: Arc::clone(self),
            site: Arc::clone(site),
            root: Arc::clone(root),
            subject: subject.to_owned(),
            wanted: Need::Facts,
            slot,
            _turn: turn,
        };
        tokio::task::spawn_blocking(move || {
            fill.names_in(fill.subject.borrowed().name(), Tick::now());
        });
    }
}

impl Fill {
    /// True if the coded forms beside a file are the same.
    pub(super) fn has_its_siblings(&self, file: &Representation, now: Tick) -> bool {
        let folder = self.names_in(folder_of(file.relative()), now);
        match folder.as_ref().and_then(|folder| folder.names()) {
            Some(names) => are_the_same(names, file, &self.root),
            None => file.has_its_siblings(&self.root),
        }
    }
}

/// True if the coded forms beside `file` are the same, by the `names` in its folder as far as they
/// tell.
fn are_the_same(names: &FolderNames, file: &Representation, root: &OpenRoot) -> bool {
    if file.may_have_siblings(names) { file.has_its_siblings(root) } else { !file.has_siblings() }
}
