//! Complaints about single files, told once a minute each: whoever asks for an unreadable file again
//! and again must not fill the log.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quick_cache::DefaultHashBuilder as RandomState;

use crate::process::clock::Tick;

/// The shortest time between two complaints about one file.
const PAUSE: Duration = Duration::from_mins(1);

/// Complaints told within one [`PAUSE`], at the most. Beyond that the operator knows enough.
const MOST: usize = 100;

/// The complaints that were told of late.
#[derive(Debug, Default)]
pub struct Complaints {
    told: Mutex<HashMap<u64, Tick>>,
    hasher: RandomState,
}

impl Complaints {
    /// True if it is time to complain about `file` of `site`, to be asked before each complaint.
    pub fn may_be_told(&self, site: &str, file: &str, now: Tick) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let complaint = self.hasher.hash_one((site, file));
        if told.get(&complaint).is_some_and(|last| now.since(*last) < PAUSE) {
            return false;
        }
        if told.len() >= MOST {
            told.retain(|_, last| now.since(*last) < PAUSE);
        }
        let has_room = told.len() < MOST;
        if has_room {
            told.insert(complaint, now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_told_once_a_minute() {
        let complaints = Complaints::default();
        let start = Tick::now();
        let table = [
            ("a.test", "x", 0, true),
            ("a.test", "x", 59, false),
            ("a.test", "y", 59, true),
            ("b.test", "x", 59, true),
            ("a.test", "x", 60, true),
            ("a.test", "x", 61, false),
            ("a.test", "y", 120, true),
        ];
        for (site, file, seconds, expected) in table {
            let now = start.after(Duration::from_secs(seconds));
            assert_eq!(
                complaints.may_be_told(site, file, now),
                expected,
                "{site} {file} {seconds}"
            );
        }
    }

    #[test]
    fn complaints_are_bounded() {
        let complaints = Complaints::default();
        let now = Tick::now();
        let told = |now| {
            (0..3 * MOST).filter(|file| complaints.may_be_told("", &file.to_string(), now)).count()
        };
        assert_eq!(told(now), MOST);
        assert_eq!(told(now.after(PAUSE)), MOST);
    }
}
