//! The forms of one content: as it is, and in each content coding (RFC 9110 §8.4).

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use super::facts::Facts;
use crate::coding::FormCoding;
use crate::coding::encode::Effort;
use crate::semantics::field_block::FieldBlock;

/// Answers with a quickly made form after which the best one is worth its seconds of a processor.
const IN_DEMAND: u32 = 16;

/// Bytes that a form takes beside its content, nearly all of it the prepared fields, and what those
/// are in each protocol. With the entry's own it is 2 KiB, as measured with 15,000 files.
const FORM_OVERHEAD: u64 = 1024;

/// Content in one coding.
#[derive(Debug)]
pub struct Form {
    coding: FormCoding,
    content: ContentSource,
    fields: OnceLock<Arc<FieldBlock>>,
    /// The fields of answers that offer the content as a dictionary too.
    offering: OnceLock<Arc<FieldBlock>>,
}

/// The place of the bytes of a form.
#[derive(Clone, Debug)]
pub enum ContentSource {
    /// The bytes are in memory.
    Held(Bytes),
    /// In a file beneath the root, too large to hold.
    Streamed {
        /// Its name beneath the root.
        relative: Box<str>,
        /// Its facts when it was found.
        facts: Facts,
    },
}

impl Form {
    /// The form whose content is in `coding`.
    #[must_use]
    pub fn new(coding: impl Into<FormCoding>, content: ContentSource) -> Self {
        let coding = coding.into();
        Self { coding, content, fields: OnceLock::new(), offering: OnceLock::new() }
    }

    /// The coding of the content.
    #[must_use]
    pub fn coding(&self) -> FormCoding {
        self.coding
    }

    /// The place of its bytes.
    #[must_use]
    pub fn content(&self) -> &ContentSource {
        &self.content
    }

    /// The length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.content {
            ContentSource::Held(bytes) => bytes.len() as u64,
            ContentSource::Streamed { facts, .. } => facts.size,
        }
    }

    /// Bytes that it takes of memory.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match &self.content {
            ContentSource::Held(bytes) => bytes.len() as u64 + FORM_OVERHEAD,
            ContentSource::Streamed { .. } => FORM_OVERHEAD,
        }
    }

    /// The fields of an answer with it, `offering` it as a dictionary or not, which `build` makes once;
    /// again and again as long as they are not `settled`.
    pub fn fields(
        &self,
        settled: bool,
        offering: bool,
        build: impl FnOnce() -> FieldBlock,
    ) -> Arc<FieldBlock> {
        let fields = if offering { &self.offering } else { &self.fields };
        if settled {
            Arc::clone(fields.get_or_init(|| Arc::new(build())))
        } else {
            Arc::new(build())
        }
    }

    /// True if an answer with it offered it as a dictionary.
    pub(super) fn was_offered(&self) -> bool {
        self.offering.get().is_some()
    }
}

/// The form in one content coding: there, in the making, or not worth it.
#[derive(Debug, Default)]
pub struct Coded {
    form: ArcSwapOption<Form>,
    stage: AtomicU8,
    served: AtomicU32,
}

/// The state of a form for one request.
#[derive(Clone, Debug)]
pub enum Availability {
    /// The form is there.
    Ready(Arc<Form>),
    /// The form is being made.
    Coming,
    /// It is not worth it.
    Never,
}

/// The progress of a coded form. It only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Nobody has asked for it.
    Untried,
    /// The quick form is there or being made.
    Quick,
    /// The best form is there or being made, or there will be none: nothing is left to do.
    Final,
}

impl Coded {
    /// The state of the form; and the work that should be done for it now, which is given to
    /// one caller only, and only to one who `may_claim` it.
    #[must_use]
    pub fn ask(&self, may_claim: bool) -> (Availability, Option<Effort>) {
        let stage = self.stage.load(Ordering::Relaxed);
        if stage == Stage::Untried as u8 {
            let work = may_claim && self.claim(Stage::Untried, Stage::Quick);
            return (Availability::Coming, work.then_some(Effort::Quick));
        }
        let Some(form) = self.form.load_full() else {
            let never = stage == Stage::Final as u8;
            return (if never { Availability::Never } else { Availability::Coming }, None);
        };
        let work = stage == Stage::Quick as u8
            && self.served.fetch_add(1, Ordering::Relaxed) + 1 >= IN_DEMAND
            && self.claim(Stage::Quick, Stage::Final);
        (Availability::Ready(form), work.then_some(Effort::Best))
    }

    fn claim(&self, from: Stage, to: Stage) -> bool {
        let (from, to) = (from as u8, to as u8);
        self.stage.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Puts a form that was made in place, unless the one that is there is as small: more effort
    /// does not help all content.
    pub fn put(&self, form: Form) {
        let held = self.form.load();
        if held.as_ref().is_none_or(|held| form.length() < held.length()) {
            self.form.store(Some(Arc::new(form)));
        }
    }

    /// Takes a form that was found beside the file, and makes no other.
    pub fn settle(&self, form: Option<Form>) {
        self.form.store(form.map(Arc::new));
        self.stage.store(Stage::Final as u8, Ordering::Relaxed);
    }

    /// The length of the form in bytes, if it is there.
    pub(super) fn length(&self) -> Option<u64> {
        self.form.load().as_ref().map(|form| form.length())
    }

    /// True if an answer with the form offered it as a dictionary.
    pub(super) fn was_offered(&self) -> bool {
        self.form.load().as_ref().is_some_and(|form| form.was_offered())
    }

    /// Bytes that it takes of memory.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.form.load().as_ref().map_or(0, |form| form.weight())
    }
}

#[cfg(test)]
mod tests {
    use super::Availability::{Coming, Never, Ready};
    use super::*;
    use crate::coding::Coding;

    fn form() -> Form {
        Form::new(Coding::Gzip, ContentSource::Held(Bytes::from_static(b"coded")))
    }

    #[test]
    fn work_is_given_out_once() {
        let coded = Coded::default();
        assert!(matches!(coded.ask(false), (Coming, None)), "not asked to");
        assert!(matches!(coded.ask(true), (Coming, Some(Effort::Quick))), "the first makes it");
        assert!(matches!(coded.ask(true), (Coming, None)), "the others do not wait");
        coded.put(form());
        for _ in 1..IN_DEMAND {
            assert!(matches!(coded.ask(true), (Ready(_), None)), "served as it is");
        }
        assert!(matches!(coded.ask(true), (Ready(_), Some(Effort::Best))), "in demand");
        assert!(matches!(coded.ask(true), (Ready(_), None)), "served while it is made");
    }

    #[test]
    fn more_effort_that_gains_nothing_is_dropped() {
        let coded = Coded::default();
        coded.put(form());
        coded.put(Form::new(Coding::Gzip, ContentSource::Held(Bytes::from_static(b"longer form"))));
        assert_eq!(coded.form.load_full().unwrap().length(), 5);
    }

    #[test]
    fn what_was_found_is_not_made() {
        let coded = Coded::default();
        coded.settle(Some(form()));
        for _ in 0..2 * IN_DEMAND {
            assert!(matches!(coded.ask(true), (Ready(_), None)));
        }
        let none = Coded::default();
        none.settle(None);
        assert!(matches!(none.ask(true), (Never, None)));
    }
}
