//! The forms of one content that are coded with a dictionary (RFC 9842): another page of the site, or the
//! version before.
//!
//! A form is made for the first client that has its dictionary, in the background. Clients have all kinds
//! of dictionaries, so that few forms are kept, and one takes the place of another only if nobody asked
//! for that in a while: the work that clients can cause is bounded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::digest;

use super::cache::{Cache, Key};
use super::content;
use super::counters::CacheCounters;
use super::form::{Availability, Coded, ContentSource, Form};
use super::representation::Representation;
use crate::coding::encode::{Effort, encode, encode_with_dictionary};
use crate::coding::{Coding, DictionaryMark, FormCoding};
use crate::process::clock::Tick;
use crate::semantics::dictionary::Digest;

/// The number of dictionaries that one content has forms with. Visitors come from the page before, the
/// first page and the version before; a fourth is for one more way in.
const MOST: usize = 4;

/// The time for which nobody has asked for a form that gives way to one with another dictionary.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// A form must save this part of what it takes in plain Zstandard, one in so many.
const LEAST_SAVING: u64 = 3;

/// The forms of one content with dictionaries.
#[derive(Debug, Default)]
pub struct DictionaryForms {
    forms: Mutex<Vec<DictionaryForm>>,
}

/// The form with one dictionary.
#[derive(Debug)]
struct DictionaryForm {
    digest: Digest,
    coded: Arc<Coded>,
    asked: Tick,
}

/// A form with a dictionary that is to be made.
#[derive(Debug)]
pub struct DictionaryEncoding {
    /// The representation that gets the form.
    pub representation: Weak<Representation>,
    /// The representation whose content is the dictionary.
    pub dictionary: Weak<Representation>,
    /// The SHA-256 of the dictionary, as the client told it.
    pub digest: Digest,
    /// The place of the form.
    pub coded: Arc<Coded>,
    /// The effort of the compressor.
    pub effort: Effort,
    /// The cache that counts its bytes.
    pub cache: Weak<Cache>,
    /// The entry that it is part of.
    pub key: Key,
}

impl DictionaryForms {
    fn lock(&self) -> MutexGuard<'_, Vec<DictionaryForm>> {
        // A vector is whole after every step.
        self.forms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of the form with this dictionary. One that has none yet gets one if there is room, and
    /// if it `is_known`.
    pub(super) fn place(
        &self,
        digest: &Digest,
        now: Tick,
        is_known: impl FnOnce() -> bool,
    ) -> Option<Arc<Coded>> {
        let mut forms = self.lock();
        if let Some(form) = forms.iter_mut().find(|form| form.digest == *digest) {
            form.asked = now;
            return Some(Arc::clone(&form.coded));
        }
        if forms.len() >= MOST {
            let oldest = forms.iter().position(|form| now.since(form.asked) >= FORGOTTEN)?;
            if !is_known() {
                return None;
            }
            forms.swap_remove(oldest);
        } else if !is_known() {
            return None;
        }
        let coded = Arc::new(Coded::default());
        forms.push(DictionaryForm { digest: *digest, coded: Arc::clone(&coded), asked: now });
        Some(coded)
    }

    /// True if an answer with one of them offered its content as a dictionary.
    pub(super) fn were_offered(&self) -> bool {
        self.lock().iter().any(|form| form.coded.was_offered())
    }

    /// Bytes that they take of memory.
    pub(super) fn weight(&self) -> u64 {
        self.lock().iter().map(|form| form.coded.weight()).sum()
    }
}

/// True if a form with a dictionary of `length` bytes is worth it beside one of `plain` bytes.
pub(super) fn is_worth_it(length: u64, plain: u64) -> bool {
    plain.checked_sub(length).is_some_and(|saved| saved * LEAST_SAVING >= plain)
}

impl DictionaryEncoding {
    /// Makes the form and puts it in its place.
    pub(super) fn run(self, counters: &CacheCounters) {
        let Some(representation) = self.representation.upgrade() else { return };
        counters.encodings().add();
        match (self.make(&representation), self.effort) {
            (Some(bytes), _) => {
                let coding = FormCoding::Dictionary(DictionaryMark::of(&self.digest));
                self.coded.put(Form::new(coding, ContentSource::Held(content::hold(bytes))));
                if let Some(cache) = self.cache.upgrade() {
                    cache.weigh(&self.key, &representation);
                }
            }
            (None, Effort::Quick) => self.coded.settle(None),
            // The quick form stays.
            (None, Effort::Best) => {}
        }
    }

    /// The form; `None` if its dictionary has gone or is another one, or it is not worth it.
    fn make(&self, representation: &Representation) -> Option<Vec<u8>> {
        let dictionary = self.dictionary.upgrade()?;
        let ContentSource::Held(content) = representation.identity().content() else { return None };
        let ContentSource::Held(dictionary) = dictionary.identity().content() else { return None };
        if digest::digest(&digest::SHA256, dictionary).as_ref() != self.digest {
            return None;
        }
        let made = encode_with_dictionary(self.effort, content, dictionary, &self.digest).ok()?;
        let plain =
            representation.coded(Coding::Zstd).and_then(Coded::length).unwrap_or_else(|| {
                encode(Coding::Zstd, self.effort, content).map_or(content.len(), |made| made.len())
                    as u64
            });
        is_worth_it(made.len() as u64, plain).then_some(made)
    }
}

/// The form that is ready, if it is worth it beside the plain one as that is now.
pub(super) fn worthwhile(form: Availability, representation: &Representation) -> Option<Arc<Form>> {
    let Availability::Ready(form) = form else { return None };
    let plain = representation.coded(Coding::Zstd).and_then(Coded::length);
    plain.is_none_or(|plain| is_worth_it(form.length(), plain)).then_some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_saves_a_third() {
        let table = [
            (0, 0, true),
            (66, 100, true),
            (67, 100, false),
            (2, 3, true),
            (3, 3, false),
            (9, 3, false),
        ];
        for (length, plain, expected) in table {
            assert_eq!(is_worth_it(length, plain), expected, "{length} of {plain}");
        }
    }

    #[test]
    fn few_dictionaries_have_a_place_until_nobody_asks_for_them() {
        let forms = DictionaryForms::default();
        let now = Tick::now();
        let known = || true;
        let digest = |first: usize| [u8::try_from(first).unwrap(); 32];
        assert!(forms.place(&digest(0), now, || false).is_none(), "nobody knows it");
        for first in 0..MOST {
            assert!(forms.place(&digest(first), now, known).is_some(), "{first}");
        }
        assert!(forms.place(&digest(MOST), now, known).is_none(), "there is no room");
        let later = now.after(FORGOTTEN);
        let asked = || unreachable!("it has a place");
        assert!(forms.place(&digest(1), later, asked).is_some());
        assert!(forms.place(&digest(MOST), later, || false).is_none(), "nobody knows it");
        for first in MOST..2 * MOST - 1 {
            assert!(forms.place(&digest(first), later, known).is_some(), "{first}");
        }
        assert!(forms.place(&digest(2 * MOST), later, known).is_none(), "all were asked for");
        assert!(forms.place(&digest(1), later, asked).is_some(), "this one too");
    }
}
