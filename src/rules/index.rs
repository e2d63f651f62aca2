//! Rules with wildcards by the first segment of their paths, so that most are never tried.

use std::collections::HashMap;

use super::source::Source;

/// Numbers of rules. Those that are found are a superset of those that match.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Rules for one path each.
    paths: HashMap<Box<str>, Vec<u32>>,
    /// Rules for paths that begin with this segment.
    segments: HashMap<Box<str>, Vec<u32>>,
    others: Vec<u32>,
}

impl Index {
    /// Adds a rule; numbers come in ascending order.
    pub(super) fn add(&mut self, number: u32, source: &Source) {
        let path = source.path();
        let numbers = match (path.literal(), path.first_segment()) {
            (Some(path), _) => self.paths.entry(path.into()).or_default(),
            (None, Some(segment)) => self.segments.entry(segment.into()).or_default(),
            (None, None) => &mut self.others,
        };
        numbers.push(number);
    }

    /// The rules that may match a path, in ascending order.
    pub(super) fn candidates(&self, path: &str) -> impl Iterator<Item = u32> {
        let first = path.get(1..).and_then(|rest| rest.split_once('/'));
        let lists = [
            self.paths.get(path),
            first.and_then(|(segment, _)| self.segments.get(segment)),
            Some(&self.others),
        ];
        let mut lists = lists.map(|list| list.map_or(&[][..], Vec::as_slice));
        std::iter::from_fn(move || {
            let next =
                lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
            let (number, rest) = next.split_first()?;
            *next = rest;
            Some(*number)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.segments.is_empty() && self.others.is_empty()
    }
}
