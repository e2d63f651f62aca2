//! A representation as a dictionary of later answers (RFC 9842).

use std::sync::{Arc, OnceLock};

use super::super::content::HELD_LIMIT;
use super::super::dictionary_forms::DictionaryForms;
use super::super::facts::Facts;
use super::super::form::Coded;
use super::Representation;
use crate::semantics::dictionary::DictionaryScope;
use crate::semantics::media_type::MediaType;

/// Content shorter than this, in bytes, is no dictionary and has none: what it could save is hardly more
/// than the fields for it.
const DICTIONARY_MINIMUM: u64 = 1024;

/// The requests that content of this type and length may be offered to as a dictionary.
pub(super) fn scope(media_type: &MediaType, facts: &Facts) -> Option<DictionaryScope> {
    DictionaryScope::of(media_type.essence)
        .filter(|_| (DICTIONARY_MINIMUM..=HELD_LIMIT).contains(&facts.size))
}

impl Representation {
    /// The requests that the content may be offered to as a dictionary, and may be coded with one for;
    /// `None` if it is too small or large, or of a type that has none.
    #[must_use]
    pub fn scope(&self) -> Option<DictionaryScope> {
        self.scope
    }

    /// The forms with dictionaries.
    pub(crate) fn with_dictionaries(&self) -> &DictionaryForms {
        self.with_dictionaries.get_or_init(Box::default)
    }

    /// True if a client may have the content as a dictionary.
    pub(crate) fn was_offered(&self) -> bool {
        let coded = || self.coded.iter().any(Coded::was_offered);
        let with_dictionaries =
            || self.with_dictionaries.get().is_some_and(|all| all.were_offered());
        self.identity.was_offered() || coded() || with_dictionaries()
    }

    /// The content alone, without its coded forms.
    pub(crate) fn alone(&self) -> Self {
        let inspection = OnceLock::new();
        if let Some(known) = self.inspection.get() {
            inspection.get_or_init(|| known.clone());
        }
        Self {
            relative: self.relative.clone(),
            facts: self.facts,
            media_type: self.media_type,
            last_modified: self.last_modified,
            utf8: self.utf8,
            read: self.read,
            own_coding: self.own_coding,
            empty_siblings: self.empty_siblings,
            inspection,
            identity: Arc::clone(&self.identity),
            coded: Default::default(),
            with_dictionaries: OnceLock::new(),
            scope: self.scope,
            siblings: self.siblings,
            unchanged: Default::default(),
        }
    }
}
