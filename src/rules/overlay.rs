//! The changes of rules to the fields of one answer.

use std::collections::HashMap;

use http::header::{HeaderName, HeaderValue, VARY};

use super::ADDED_LIMIT;
use super::headers::stands_alone;

/// Bytes of a field line beside its name and value: a colon, a space and the end of the line.
const LINE: usize = 4;

/// The number of names up to which they are looked through; of more, each is looked up.
const FEW: usize = 16;

/// Fields that are taken away, and fields in the place of those that the server has.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Each name once; without values it is taken away.
    changes: Vec<(HeaderName, Vec<String>)>,
    /// The places of the names, once there are more than a few.
    places: HashMap<HeaderName, usize>,
    added: usize,
    is_cut: bool,
}

impl Overlay {
    /// Takes a field away, whoever set it.
    pub(super) fn remove(&mut self, name: &HeaderName) {
        self.values(name).clear();
    }

    /// Sets a field in the place of the server's own; a later value is appended with a comma. Of
    /// Vary the server's own stays: caches rely on it.
    pub fn set(&mut self, name: &HeaderName, value: &str) {
        let added = self.added + name.as_str().len() + value.len() + LINE;
        if added > ADDED_LIMIT {
            self.is_cut = true;
            return;
        }
        self.added = added;
        let alone = stands_alone(name);
        let values = self.values(name);
        match values.first_mut() {
            Some(first) if !alone => {
                first.push_str(", ");
                first.push_str(value);
            }
            _ => values.push(value.to_owned()),
        }
    }

    /// Leaves a field as the server has it.
    pub fn forget(&mut self, name: &HeaderName) {
        self.places.clear();
        self.changes.retain(|(changed, _)| changed != name);
    }

    /// Leaves a field as the server has it, unless another value is set.
    pub fn keep(&mut self, name: &HeaderName) {
        self.places.clear();
        self.changes.retain(|(changed, values)| changed != name || !values.is_empty());
    }

    fn values(&mut self, name: &HeaderName) -> &mut Vec<String> {
        let at = self.place(name).unwrap_or_else(|| {
            self.changes.push((name.clone(), Vec::new()));
            self.changes.len() - 1
        });
        &mut self.changes[at].1
    }

    fn place(&mut self, name: &HeaderName) -> Option<usize> {
        if self.changes.len() <= FEW {
            return self.changes.iter().position(|(known, _)| known == name);
        }
        // Those that came since the last one was looked up.
        let names = self.changes.iter().enumerate().skip(self.places.len());
        self.places.extend(names.map(|(at, (name, _))| (name.clone(), at)));
        self.places.get(name).copied()
    }

    /// True if nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// True if fields were left out because there were too many.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// True if it says anything of a field.
    #[must_use]
    pub fn names(&self, name: &HeaderName) -> bool {
        self.changes.iter().any(|(changed, _)| changed == name)
    }

    /// The fields of an answer: those of the server that are left, then those that are set.
    pub fn apply(
        &self,
        fields: impl Iterator<Item = (HeaderName, HeaderValue)>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let keeps = |name: &HeaderName| *name == VARY || !self.names(name);
        let mut all: Vec<_> = fields.filter(|(name, _)| keeps(name)).collect();
        for (name, values) in &self.changes {
            for value in values {
                let own = (name == VARY)
                    .then(|| all.iter().position(|(known, _)| known == name))
                    .flatten();
                let value = match own.map(|at| all.remove(at)) {
                    Some((_, own)) => joined(&own, value),
                    None => value.clone(),
                };
                // A value was read without control characters, and what is put in is encoded.
                all.extend(
                    HeaderValue::from_str(&value)
                        .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
                        .ok()
                        .map(|value| (name.clone(), value)),
                );
            }
        }
        all
    }
}

/// A list with one more item, which it may have already.
fn joined(own: &HeaderValue, more: &str) -> String {
    let own = own.to_str().unwrap_or_default();
    if own.split(',').any(|item| item.trim().eq_ignore_ascii_case(more)) {
        return own.to_owned();
    }
    format!("{own}, {more}")
}
