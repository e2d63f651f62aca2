//! Turns for reading files of some size. Each takes milliseconds of a processor, so that without
//! turns a single client with a hundred streams would hold up all others.
//!
//! Requests that need the facts of a file alone, such as HEAD, have a lane of their own: they never
//! stand before one that needs content.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Need;

/// Files that are read into memory at a time: enough to keep a disk busy.
const CONTENTS: usize = 16;

/// The longest wait for a turn. Then the file is served as it lies on the disk, without its tag, as
/// one too large to hold is until it has been hashed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lanes of a cache.
#[derive(Debug)]
pub(super) struct Lanes {
    contents: Arc<Semaphore>,
    facts: Arc<Semaphore>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        // At least half of the processors go on with other things.
        let hashing = available_parallelism().map_or(1, |count| (count.get() / 2).max(1));
        Self {
            contents: Arc::new(Semaphore::new(CONTENTS)),
            facts: Arc::new(Semaphore::new(hashing)),
        }
    }

    /// A turn, if nobody waits for one.
    pub(super) fn at_once(&self, wanted: Need) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.lane(wanted)).try_acquire_owned().ok()
    }

    /// A turn, unless it takes too long until there is one.
    pub(super) async fn turn(&self, wanted: Need) -> Option<OwnedSemaphorePermit> {
        timeout(PATIENCE, Arc::clone(self.lane(wanted)).acquire_owned()).await.ok()?.ok()
    }

    fn lane(&self, wanted: Need) -> &Arc<Semaphore> {
        match wanted {
            Need::Content => &self.contents,
            Need::Facts => &self.facts,
        }
    }
}
