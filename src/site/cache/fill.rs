//! Filling one slot of the cache, on a thread that may block.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use super::super::content::{HELD_LIMIT, ReadError};
use super::super::lookup::{OpenFile, Unreadable};
use super::super::root::OpenRoot;
use super::super::{Found, Representation, Site};
use super::key::{KeyRef, Question};
use super::known::{FactSource, Known, Recheck};
use super::{Cache, Need, Slot, Weighed, entry_weight};
use crate::process::clock::{AtomicTick, Tick};

/// Attempts to read a file that changes meanwhile, before it is streamed as it is.
const READ_ATTEMPTS: usize = 4;

/// One filling of one slot.
pub(super) struct Fill {
    pub(super) cache: Arc<Cache>,
    pub(super) site: Arc<Site>,
    pub(super) root: Arc<OpenRoot>,
    pub(super) subject: Question<Box<str>>,
    pub(super) wanted: Need,
    pub(super) slot: Arc<Slot>,
    /// Held until the entry is there, also when the client that asked has gone.
    pub(super) _turn: OwnedMutexGuard<()>,
}

/// The files that a filling may read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that take no time. For any other, the filling ends without a result.
    Near,
    /// All that may be held.
    Far,
    /// Those that take no time. Any other is served as it lies on the disk.
    Nothing,
}

/// A file that takes no time to be read has at most this many bytes.
const NEAR: u64 = 64 * 1024;

impl Fill {
    /// Fills the slot on a thread that may block. Gives itself back if it needs to read a file that
    /// is out of `reach`.
    pub(super) async fn run_elsewhere(
        mut self,
        reach: Reach,
        lane: Option<OwnedSemaphorePermit>,
    ) -> Result<Found, Self> {
        let (site, subject) = (Arc::clone(&self.site), self.subject.clone());
        let filled = tokio::task::spawn_blocking(move || {
            // The turn lasts until whoever asked has what was read: content that nobody has taken yet
            // is bounded by it too.
            (self.run(reach).ok_or(self), lane)
        });
        match filled.await {
            Ok((found, _lane)) => found,
            Err(error) => {
                let path = subject.borrowed().name();
                tracing::error!(site = %site.name(), path, %error, "a look-up broke off, it is \
                    answered with 503");
                Ok(Found::Unavailable)
            }
        }
    }

    fn run(&mut self, reach: Reach) -> Option<Found> {
        let began = Tick::now();
        if let Some(known) = self.slot.known.load().as_ref()
            && known.suffices(self.wanted)
            && known.holds(FactSource::Anywhere, &self.root, began, |file| {
                self.has_its_siblings(file, began)
            })
        {
            return Some(known.found.clone());
        }
        for _ in 0..READ_ATTEMPTS {
            match self.look_up() {
                Ok(Found::File(file)) => match self.file(began, &file, reach) {
                    Ok(found) => return found,
                    Err(ReadError::Short) => {}
                    Err(ReadError::Failed(cause)) => {
                        let unreadable = Unreadable { relative: file.relative, cause };
                        return Some(self.unreadable(began, &unreadable));
                    }
                },
                found => return Some(self.without_content(began, found)),
            }
        }
        let found = self.look_up();
        Some(self.without_content(began, found))
    }

    /// Asks the disk. Before the answer is that nothing is there, the root is looked at again: a
    /// deploy may have renamed another folder there and removed this one. Before it is that a file
    /// may not be read, the root is asked whether it lets anybody in.
    fn look_up(&mut self) -> Result<Found<OpenFile>, Unreadable> {
        let found = self.subject.borrowed().look_up(&self.root);
        if matches!(found, Ok(Found::File(_))) {
            return found;
        }
        match self.site.root().latest() {
            Some(latest) if latest.generation() != self.root.generation() => {
                self.root = latest;
                self.subject.borrowed().look_up(&self.root)
            }
            _ if found.is_err() && self.site.root().shut_if_closed(&self.root) => {
                Ok(Found::Unavailable)
            }
            _ => found,
        }
    }

    /// Reads as much of `file` as is wanted and within reach; `None` if that is too little.
    fn file(&self, began: Tick, file: &OpenFile, reach: Reach) -> Result<Option<Found>, ReadError> {
        let now = SystemTime::now();
        let tags = self.cache.background.tags();
        let may_be_kept = !file.facts.may_hide_a_change(now);
        let known = if may_be_kept { tags.get(&file.facts) } else { None };
        let is_far = file.facts.size > NEAR;
        let hold = file.facts.size <= HELD_LIMIT
            && match self.wanted {
                Need::Content => !self.cache.is_overdrawn(),
                Need::Facts => known.is_none() && !is_far,
            };
        let has_tag = known.is_some() || file.facts.size > HELD_LIMIT;
        if is_far && (hold || !has_tag) && file.facts.size <= HELD_LIMIT {
            match reach {
                Reach::Far => {}
                Reach::Near => return Ok(None),
                Reach::Nothing => {
                    let file = Representation::unread(&self.root, file, known)?;
                    return Ok(Some(Found::File(Arc::new(file))));
                }
            }
        }
        let (representation, reading) = if hold {
            let (representation, reading) = Representation::read(&self.root, file, known)?;
            (representation, Some(reading))
        } else {
            let reading = if has_tag { known } else { Some(Representation::tell(file)?) };
            (Representation::unread(&self.root, file, reading)?, reading)
        };
        if let (None, Some(reading)) = (known, reading) {
            self.cache.background.counters().hashes().add();
            if may_be_kept {
                tags.keep(&file.facts, reading);
            }
        }
        Ok(Some(self.publish_file(began, file, representation, now)))
    }

    fn publish_file(
        &self,
        began: Tick,
        file: &OpenFile,
        read: Representation,
        now: SystemTime,
    ) -> Found {
        for sibling in read.empty_siblings() {
            let site = self.site.name();
            if self.cache.background.complaints().may_be_told(site, &sibling, began) {
                tracing::warn!(%site, sibling, "this compressed file is empty and not used, since the \
                    file beside it is not empty: compress it again");
            }
        }
        self.keep_former(began, &read);
        let representation = self.unless_known(read);
        let watch = if representation.may_hide_a_change(now) {
            Recheck::Anew
        } else {
            Recheck::File {
                relative: file.relative.clone(),
                facts: file.facts,
                shadows: file.shadows.clone(),
            }
        };
        if representation.inspection().is_none() && matches!(watch, Recheck::File { .. }) {
            let cache = Arc::downgrade(&self.cache);
            self.cache.background.hash(&representation, Arc::clone(&self.root), cache);
        }
        self.publish(began, Found::File(representation), watch)
    }

    /// The representation that was read, or the same as it is known already, with the forms that
    /// were made of it: a file that has to be read again, because its facts are too young, is
    /// mostly the same.
    fn unless_known(&self, read: Representation) -> Arc<Representation> {
        match self.slot.known.load().as_ref().map(|known| &known.found) {
            Some(Found::File(known))
                if known.is_the_same(&read) && known.is_unread() == read.is_unread() =>
            {
                Arc::clone(known)
            }
            _ => Arc::new(read),
        }
    }

    /// The outcome where no content is read. A file that did not hold still to be read is streamed
    /// this once, and found anew the next time.
    fn without_content(&self, began: Tick, found: Result<Found<OpenFile>, Unreadable>) -> Found {
        match found {
            Ok(Found::File(file)) => Found::File(Arc::new(Representation::streamed(&file))),
            Ok(found) => {
                if matches!(found, Found::Missing(_)) {
                    self.learn_names(began);
                }
                let found = found.map(|file| Arc::new(Representation::streamed(&file)));
                self.publish(began, found, Recheck::Anew)
            }
            Err(unreadable) => self.unreadable(began, &unreadable),
        }
    }

    /// Makes `found` known and counts its weight.
    fn publish(&self, began: Tick, found: Found, watch: Recheck) -> Found {
        let content = match &found {
            Found::File(file) => file.weight(),
            _ => 0,
        };
        let known = self.known(began, found.clone(), watch);
        self.keep(self.subject.borrowed(), &self.slot, known, content);
        found
    }

    /// A new answer for the slot.
    pub(super) fn known(&self, began: Tick, found: Found, watch: Recheck) -> Arc<Known> {
        Arc::new(Known {
            found,
            watch,
            generation: self.root.generation(),
            checked: AtomicTick::new(began),
            siblings_checked: AtomicTick::new(began),
        })
    }

    /// Keeps what is known of `subject`, and counts its weight.
    pub(super) fn keep(
        &self,
        subject: Question<&str>,
        slot: &Arc<Slot>,
        known: Arc<Known>,
        content: u64,
    ) {
        slot.known.store(Some(known));
        let weight = entry_weight(subject.name(), content);
        let key = KeyRef { site: self.site.id(), subject };
        self.cache.slots.insert(key.to_key(), Weighed { slot: Arc::clone(slot), weight });
    }

    /// Trouble is never made known: it may have passed when the next request comes.
    fn unreadable(&self, began: Tick, file: &Unreadable) -> Found {
        let found = file.outcome();
        let (site, path, error) = (self.site.name(), &*file.relative, file.cause);
        let is_told = self.cache.background.complaints().may_be_told(site, path, began);
        if !matches!(found, Found::Unavailable) {
            if is_told {
                tracing::warn!(%site, path, %error, "this file may not be read, it is answered \
                    with 403");
            }
            return self.publish(began, found, Recheck::Anew);
        }
        if is_told {
            tracing::error!(%site, path, %error, "this file cannot be read, it is answered with 503");
        }
        found
    }
}
