//! The queue of clients that wait until they may keep more. Who holds least comes first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The clients that wait, one place for each.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The number of places, for those who only want to know that there are none.
    length: AtomicUsize,
    places: Mutex<BTreeMap<Rank, Arc<Notify>>>,
    number: AtomicU64,
}

/// The bytes that must be free for a client to go on, and the number of its place.
pub(super) type Rank = (usize, u64);

impl Queue {
    /// Takes a place for a client that goes on when more than `needed` bytes are free, and hears of
    /// it by `notice`. It has to ask once more after that, since bytes may have been freed before.
    pub(super) fn join(&self, needed: usize, notice: Arc<Notify>) -> Rank {
        let rank = (needed, self.number.fetch_add(1, Ordering::Relaxed));
        self.lock().insert(rank, notice);
        self.length.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence in `is_empty`: either this client sees what was freed, or whoever
        // frees it sees this client.
        fence(Ordering::SeqCst);
        rank
    }

    /// Gives the place up.
    pub(super) fn leave(&self, rank: Rank) {
        self.lock().remove(&rank);
        self.length.fetch_sub(1, Ordering::Relaxed);
    }

    /// True if nobody waits for what the caller has just freed.
    pub(super) fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.length.load(Ordering::Relaxed) == 0
    }

    /// Wakes all those who can go on with `free` bytes, each as if it were alone. Who comes too late
    /// takes another place.
    pub(super) fn wake(&self, free: usize) {
        let mut places = self.lock();
        while let Some(first) = places.first_entry().filter(|first| first.key().0 < free) {
            first.remove().notify_one();
        }
    }

    /// The places are right between any two statements, so a poisoned lock guards nothing broken.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Rank, Arc<Notify>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
