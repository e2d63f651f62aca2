//! Dictionaries among the entries: the page at a path as it is, and as it was before.
//!
//! Only what is in memory is a dictionary, so that nothing is read for one. The version before is an
//! entry of its own, which nobody asks for but clients that have it: it is the first to make room.

use std::sync::Arc;

use super::super::dictionary_forms::{DictionaryEncoding, worthwhile};
use super::super::form::{ContentSource, Form};
use super::super::lookup;
use super::super::representation::Representation;
use super::super::{Found, Site};
use super::fill::Fill;
use super::key::{KeyRef, Question};
use super::known::Recheck;
use super::{Cache, WantedForm};
use crate::process::clock::Tick;
use crate::semantics::dictionary::AvailableDictionary;

impl Cache {
    /// The form with the dictionary that a client has, if it is there and worth it. One that is not there
    /// yet is made, if its dictionary is known.
    #[must_use]
    pub fn form_with_dictionary(
        self: &Arc<Self>,
        wanted: &WantedForm<'_>,
        available: &AvailableDictionary<'_>,
    ) -> Option<Arc<Form>> {
        let WantedForm { site, path, representation, .. } = *wanted;
        representation.scope()?;
        let ContentSource::Held(_) = representation.identity().content() else { return None };
        let find = || self.dictionary(site, path, available);
        let forms = representation.with_dictionaries();
        let mut found = None;
        let coded = forms.place(&available.digest, Tick::now(), || {
            found = find();
            found.is_some()
        })?;
        let (form, work) = coded.ask(true);
        if let Some(effort) = work
            && let Some(dictionary) = found.or_else(find)
        {
            self.background.encode_with_dictionary(DictionaryEncoding {
                representation: Arc::downgrade(representation),
                dictionary: Arc::downgrade(&dictionary),
                digest: available.digest,
                coded,
                effort,
                cache: Arc::downgrade(self),
                key: KeyRef { site: site.id(), subject: Question::Path(path) }.to_key(),
            });
        }
        worthwhile(form, representation)
    }

    /// The content that a client has as its dictionary for `path`, if that is in memory.
    fn dictionary(
        &self,
        site: &Site,
        path: &str,
        available: &AvailableDictionary<'_>,
    ) -> Option<Arc<Representation>> {
        let AvailableDictionary { digest, name } = available;
        let paths = lookup::paths_of(name);
        let subjects = paths.iter().map(|path| Question::Path(&**path));
        subjects.chain([Question::Former(*name)]).find_map(|subject| {
            let held = self.slots.get(&KeyRef { site: site.id(), subject })?;
            let known = held.slot.known.load();
            let Found::File(file) = &known.as_ref()?.found else { return None };
            let is_it = file.relative() == *name
                && file.scope().is_some_and(|scope| scope.covers(name, path))
                && file.inspection().is_some_and(|inspection| inspection.may_be(digest))
                && matches!(file.identity().content(), ContentSource::Held(_));
            is_it.then(|| Arc::clone(file))
        })
    }
}

impl Fill {
    /// Keeps the version before the one that was `read`, if clients may have it as a dictionary.
    pub(super) fn keep_former(&self, began: Tick, read: &Representation) {
        let known = self.slot.known.load();
        let Some(Found::File(before)) = known.as_ref().map(|known| &known.found) else { return };
        let hash =
            |one: &Representation| one.inspection().map(|inspection| inspection.hash.clone());
        let is_held = matches!(before.identity().content(), ContentSource::Held(_));
        if is_held && before.was_offered() && hash(before) != hash(read) {
            let weight = before.identity().weight();
            let alone = self.known(began, Found::File(Arc::new(before.alone())), Recheck::Anew);
            self.keep(Question::Former(before.relative()), &Arc::default(), alone, weight);
        }
    }
}
