//! Readings that outlive the content: a file is hashed once for each version of it, not once for
//! each stay in the cache.
//!
//! A reading is kept by a fingerprint of the file's facts, in a few dozen bytes. It belongs to no
//! snapshot, since the facts name the file on this machine: a reload hashes nothing again.

use std::hash::BuildHasher;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder as RandomState, Weighter};

use super::facts::Facts;
use super::inspection::Reading;

/// Most readings that are kept: with some 70 bytes for each, 4.5 MiB.
const MOST: usize = 64 * 1024;

/// Readings to make room for at the start, in number. There is more as they come.
const FIRST: usize = 1024;

/// Readings by the facts of the file.
#[derive(Debug)]
pub struct Tags {
    readings: Cache<u128, Reading, One>,
    hashers: [RandomState; 2],
}

/// Each reading counts as one.
#[derive(Clone, Debug)]
struct One;

impl Weighter<u128, Reading> for One {
    fn weight(&self, _: &u128, _: &Reading) -> u64 {
        1
    }
}

impl Default for Tags {
    fn default() -> Self {
        let readings = Cache::with_weighter(FIRST, MOST as u64, One);
        Self { readings, hashers: [RandomState::default(), RandomState::default()] }
    }
}

impl Tags {
    /// The reading of the file with these facts, if it is known.
    #[must_use]
    pub fn get(&self, facts: &Facts) -> Option<Reading> {
        self.readings.get(&self.fingerprint(facts))
    }

    /// Keeps the reading of a file that had these facts before and after it was read. They must
    /// not [hide a change](Facts::may_hide_a_change).
    pub fn keep(&self, facts: &Facts, reading: Reading) {
        self.readings.insert(self.fingerprint(facts), reading);
    }

    /// 128 bits under keys that nobody else knows: no two files of one machine share them.
    fn fingerprint(&self, facts: &Facts) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one(facts));
        u128::from(high) << u64::BITS | u128::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts_of(folder: &std::path::Path, name: &str) -> Facts {
        std::fs::write(folder.join(name), name).unwrap();
        Facts::at(std::fs::File::open(folder).unwrap(), name).unwrap()
    }

    #[test]
    fn a_reading_belongs_to_one_version_of_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| facts_of(folder.path(), name));
        let tags = Tags::default();
        assert_eq!(tags.get(&a), None);
        tags.keep(&a, Reading::of(b"a"));
        assert_eq!(tags.get(&a), Some(Reading::of(b"a")));
        assert_eq!(tags.get(&b), None);
        let next = loop {
            let next = facts_of(folder.path(), "a");
            if next != a {
                break next;
            }
        };
        assert_eq!(tags.get(&next), None);
    }

    #[test]
    fn readings_are_bounded() {
        let tags = Tags::default();
        for number in 0..2 * MOST as u128 {
            tags.readings.insert(number, Reading::of(b""));
        }
        assert!((MOST / 2..=MOST).contains(&tags.readings.len()), "{}", tags.readings.len());
    }
}
