//! Counters of all caches since the start of the process, whatever snapshots came and went.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that only grow. Relaxed: they are read by people, one at a time.
#[derive(Debug, Default)]
pub struct CacheCounters {
    hits: Count,
    fills: Count,
    encodings: Count,
    evictions: Count,
    hashes: Count,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Raises the count by one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of them since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl CacheCounters {
    /// Look-ups that were answered from memory.
    #[must_use]
    pub fn hits(&self) -> &Count {
        &self.hits
    }

    /// Look-ups that asked the disk for more than a file's facts.
    #[must_use]
    pub fn fills(&self) -> &Count {
        &self.fills
    }

    /// Coded forms that were made.
    #[must_use]
    pub fn encodings(&self) -> &Count {
        &self.encodings
    }

    /// Files whose content was read for its tag.
    #[must_use]
    pub fn hashes(&self) -> &Count {
        &self.hashes
    }

    /// Entries that had to make room.
    #[must_use]
    pub fn evictions(&self) -> &Count {
        &self.evictions
    }
}
