//! Filling one slot of the cache, on a thread that may block.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::content::ReadError;
use super::super::lookup::{OpenFile, Unreadable};
use super::super::root::OpenRoot;
use super::super::{Found, Representation, Site};
use super::key::{KeyRef, Subject};
use super::{Cache, Known, Slot, Watch, Weighed, entry_weight};
use crate::clock::{AtomicTick, Tick};

/// How often a file that changes while it is read is tried again before it is streamed as it is.
const READ_ATTEMPTS: usize = 4;

/// One filling of one slot, on a thread that may block.
pub(super) struct Fill {
    pub(super) cache: Arc<Cache>,
    pub(super) site: Arc<Site>,
    pub(super) root: Arc<OpenRoot>,
    pub(super) subject: Subject<Box<str>>,
    pub(super) slot: Arc<Slot>,
}

impl Fill {
    pub(super) fn run(mut self) -> Found {
        self.cache.background.counters().fills().add();
        let began = Tick::now();
        if let Some(known) = self.slot.known.load().as_ref()
            && known.holds(&self.root, began)
        {
            return known.found.clone();
        }
        for _ in 0..READ_ATTEMPTS {
            match self.look_up() {
                Ok(Found::File(file)) => match self.file(began, &file) {
                    Ok(found) => return found,
                    Err(ReadError::Short) => {}
                    Err(ReadError::Failed(cause)) => {
                        let unreadable = Unreadable { relative: file.relative, cause };
                        return self.unreadable(began, &unreadable);
                    }
                },
                found => return self.without_content(began, found),
            }
        }
        let found = self.look_up();
        self.without_content(began, found)
    }

    /// Asks the disk. Before the answer is that nothing is there, the root is looked at again: a
    /// deploy may have renamed another folder there and removed this one.
    fn look_up(&mut self) -> Result<Found<OpenFile>, Unreadable> {
        let found = self.subject.borrowed().look_up(&self.root);
        if matches!(found, Ok(Found::File(_))) {
            return found;
        }
        let latest = self.site.root().latest();
        if latest.generation() == self.root.generation() {
            return found;
        }
        self.root = latest;
        self.subject.borrowed().look_up(&self.root)
    }

    fn file(&self, began: Tick, file: &OpenFile) -> Result<Found, ReadError> {
        let now = SystemTime::now();
        let representation = self.unless_known(Representation::read(&self.root, file)?);
        let watch = if representation.may_hide_a_change(now) {
            Watch::Anew
        } else {
            Watch::File {
                relative: file.relative.clone(),
                facts: file.facts,
                shadow: file.shadow.clone(),
            }
        };
        if representation.inspection().is_none() && matches!(watch, Watch::File { .. }) {
            self.cache.background.inspect(&representation, Arc::clone(&self.root));
        }
        Ok(self.publish(began, Found::File(representation), watch))
    }

    /// What was read, or the same as it is known already, with the forms that were made of it: a
    /// file that has to be read again, because its facts are too young, is mostly the same.
    fn unless_known(&self, read: Representation) -> Arc<Representation> {
        match self.slot.known.load().as_ref().map(|known| &known.found) {
            Some(Found::File(known)) if known.is_the_same(&read) => Arc::clone(known),
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
                self.publish(began, found, Watch::Anew)
            }
            Err(unreadable) => self.unreadable(began, &unreadable),
        }
    }

    /// Makes `found` known and counts its weight.
    fn publish(&self, began: Tick, found: Found, watch: Watch) -> Found {
        let content = match &found {
            Found::File(file) => file.weight(),
            _ => 0,
        };
        let known = self.known(began, found.clone(), watch);
        self.keep(self.subject.borrowed(), &self.slot, known, content);
        found
    }

    /// What is known from now on.
    pub(super) fn known(&self, began: Tick, found: Found, watch: Watch) -> Arc<Known> {
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
        subject: Subject<&str>,
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
        if !matches!(found, Found::Unavailable) {
            return self.publish(began, found, Watch::Anew);
        }
        let (site, path) = (self.site.name(), &file.relative);
        tracing::error!(%site, %path, error = %file.cause, "cannot read");
        found
    }
}
