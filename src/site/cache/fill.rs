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
    pub(super) fn run(mut self) -> Found {
        self.cache.background.counters().fills().add();
        let began = Tick::now();
        if let Some(known) = self.slot.known.load().as_ref()
            && known.holds(&self.root, began)
        {
            return known.found.clone();
        }
        for _ in 0..READ_ATTEMPTS {
            match self.place() {
                Place::File(file) => match self.file(began, &file) {
                    Ok(found) => return found,
                    Err(ReadError::Short) => {}
                    Err(ReadError::Failed(error)) => return self.unavailable(&error),
                },
                place => return self.without_content(began, place),
            }
        }
        match self.place() {
            Place::File(file) => Found::File(Arc::new(Representation::streamed(&file))),
            place => self.without_content(began, place),
        }
    }

    /// What the path leads to. Before it is said to lead nowhere, the root is looked at again: a
    /// deploy may have renamed another folder there and removed this one.
    fn place(&mut self) -> Place {
        let place = lookup::place(&self.root, &self.path);
        if matches!(place, Place::File(_)) {
            return place;
        }
        let latest = self.site.root().latest();
        if latest.generation() == self.root.generation() {
            return place;
        }
        self.root = latest;
        lookup::place(&self.root, &self.path)
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

    fn without_content(&self, began: Tick, place: Place) -> Found {
        let found = match place {
            Place::File(file) => Found::File(Arc::new(Representation::streamed(&file))),
            Place::Folder => Found::Folder,
            Place::Index => Found::Index,
            Place::Missing(page) => {
                self.learn_names(began);
                Found::Missing(page)
            }
            Place::Forbidden => Found::Forbidden,
            Place::Unavailable(error) => return self.unavailable(&error),
        };
        self.publish(began, found, Watch::Anew)
    }

    /// Makes `found` known and counts its weight.
    fn publish(&self, began: Tick, found: Found, watch: Watch) -> Found {
        let content = match &found {
            Found::File(file) => file.weight(),
            _ => 0,
        };
        let known = self.known(began, found.clone(), watch);
        self.keep(&self.path, &self.slot, known, content);
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

    /// Keeps what is known under `path`, and counts its weight.
    pub(super) fn keep(&self, path: &str, slot: &Arc<Slot>, known: Arc<Known>, content: u64) {
        slot.known.store(Some(known));
        let weight = entry_weight(path, content);
        let key = Key { site: self.site.id(), path: path.into() };
        self.cache.slots.insert(key, Weighed { slot: Arc::clone(slot), weight });
    }

    /// Never made known: the next request tries again.
    fn unavailable(&self, error: &std::io::Error) -> Found {
        tracing::error!(site = %self.site.name(), path = %self.path, %error, "cannot read");
        Found::Unavailable
    }
}
