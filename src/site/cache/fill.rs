//! Filling one slot of the cache, on a thread that may block.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::content::ReadError;
use super::super::lookup::{self, OpenFile, Place};
use super::super::root::OpenRoot;
use super::super::{Found, Representation, Site};
use super::{Cache, Key, Known, Slot, Watch, Weighed, entry_weight};
use crate::clock::{AtomicTick, Tick};

/// How often a file that changes while it is read is tried again before it is streamed as it is.
const READ_ATTEMPTS: usize = 4;

/// One filling of one slot, on a thread that may block.
pub(super) struct Fill {
    pub(super) cache: Arc<Cache>,
    pub(super) site: Arc<Site>,
    pub(super) root: Arc<OpenRoot>,
    pub(super) path: Box<str>,
    pub(super) slot: Arc<Slot>,
}

impl Fill {
    pub(super) fn run(&self) -> Found {
        self.cache.background.counters().fills().add();
        let began = Tick::now();
        if let Some(known) = self.slot.known.load().as_ref()
            && known.holds(&self.root, began)
            && known.has_its_siblings(&self.root, began)
        {
            return known.found.clone();
        }
        for _ in 0..READ_ATTEMPTS {
            match self.attempt(began) {
                Ok(found) => return found,
                Err(ReadError::Short) => {}
                Err(ReadError::Failed(error)) => return self.unavailable(&error),
            }
        }
        match lookup::place(&self.root, &self.path) {
            Place::File(file) => Found::File(Arc::new(Representation::streamed(&file))),
            place => self.publish(began, self.settled(place), Watch::Anew),
        }
    }

    fn attempt(&self, began: Tick) -> Result<Found, ReadError> {
        match lookup::place(&self.root, &self.path) {
            Place::File(file) => self.file(began, &file),
            Place::Unavailable(error) => Err(ReadError::Failed(error)),
            place => Ok(self.publish(began, self.settled(place), Watch::Anew)),
        }
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

    fn settled(&self, place: Place) -> Found {
        match place {
            Place::File(file) => Found::File(Arc::new(Representation::streamed(&file))),
            Place::Folder => Found::Folder,
            Place::Index => Found::Index,
            Place::Missing(page) => Found::Missing(page),
            Place::Forbidden => Found::Forbidden,
            Place::Unavailable(error) => self.unavailable(&error),
        }
    }

    /// Makes `found` known and counts its weight.
    fn publish(&self, began: Tick, found: Found, watch: Watch) -> Found {
        let content = match &found {
            Found::File(file) => file.weight(),
            _ => 0,
        };
        let known = Known {
            found: found.clone(),
            watch,
            generation: self.root.generation(),
            checked: AtomicTick::new(began),
            siblings_checked: AtomicTick::new(began),
        };
        self.slot.known.store(Some(Arc::new(known)));
        let weight = entry_weight(&self.path, content);
        let key = Key { site: self.site.id(), path: self.path.clone() };
        self.cache.slots.insert(key, Weighed { slot: Arc::clone(&self.slot), weight });
        found
    }

    /// Never made known: the next request tries again.
    fn unavailable(&self, error: &std::io::Error) -> Found {
        tracing::error!(site = %self.site.name(), path = %self.path, %error, "cannot read");
        Found::Unavailable
    }
}
