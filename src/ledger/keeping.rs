//! Bytes that a connection keeps for its client, and the wait until it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bounds::SMALL_HEADS;
use super::queue::Rank;
use super::{Account, Ledger};

/// Bytes that a connection keeps of its own, beside those that are counted for every one, in the books
/// until this is dropped: a request that has not come whole, answers that are not taken, a handshake.
#[derive(Debug)]
pub struct Kept {
    account: Arc<Account>,
    bytes: AtomicUsize,
}

impl Kept {
    /// Takes into the books that there are so many bytes now. True if the client may keep them, which
    /// is as long as it [may ask](Account::may_ask).
    #[must_use]
    pub fn set(&self, bytes: usize) -> bool {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        if bytes <= before {
            self.account.take_heads(before - bytes);
            return true;
        }
        self.account.add(|tally| &tally.heads, bytes - before);
        self.account.may_ask()
    }

    /// Waits until the client may keep so many bytes, and takes them into the books. The connections
    /// of a client have their turns in the order in which they came, and hold nothing until then.
    pub async fn when_free(&self, bytes: usize) {
        let account = &self.account;
        let _turn = account.turn.lock().await;
        while !self.takes(bytes) {
            let _place = account.queue_up(bytes);
            if self.takes(bytes) {
                return;
            }
            account.freed.notified().await;
        }
    }

    /// Takes so many bytes into the books if the client may keep them. It asks first, so that a
    /// client which waits stands in nobody's way.
    fn takes(&self, bytes: usize) -> bool {
        if !self.account.may_keep(bytes) {
            return false;
        }
        let fits = self.set(bytes);
        if !fits {
            // Another connection has taken them at this moment.
            let _ = self.set(0);
        }
        fits
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.account.take_heads(self.bytes.load(Ordering::Relaxed));
    }
}

impl Account {
    /// The bytes that a connection of the client keeps of its own: none yet.
    #[must_use]
    pub fn keep(self: &Arc<Self>) -> Kept {
        Kept { account: Arc::clone(self), bytes: AtomicUsize::new(0) }
    }

    /// The bytes of heads that have to be free before the client may keep `more`: in the end it holds
    /// less of them than nobody does.
    fn needed(&self, more: usize) -> usize {
        self.own.heads.load(Ordering::Relaxed) + 2 * more
    }

    /// True if the client may ask when it keeps `more` bytes of heads.
    fn may_keep(&self, more: usize) -> bool {
        let small = self.own.heads.load(Ordering::Relaxed) + more < SMALL_HEADS;
        small || self.needed(more) < self.ledger.free_heads()
    }

    /// Lets go of bytes of heads, and wakes those who may go on with them.
    pub(super) fn take_heads(&self, count: usize) {
        self.take(|tally| &tally.heads, count);
        if count > 0 && !self.ledger.queue.is_empty() {
            self.freed.notify_one();
            self.ledger.queue.wake(self.ledger.free_heads());
        }
    }

    /// Waits in the queue for `more` bytes of heads until the place is dropped.
    fn queue_up(&self, more: usize) -> QueuePlace<'_> {
        let rank = self.ledger.queue.join(self.needed(more), Arc::clone(&self.freed));
        QueuePlace { ledger: &self.ledger, rank }
    }
}

/// A place in the queue, left when this is dropped.
#[derive(Debug)]
struct QueuePlace<'a> {
    ledger: &'a Ledger,
    rank: Rank,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.ledger.queue.leave(self.rank);
    }
}
