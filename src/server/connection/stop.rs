//! The order to stop, which every connection looks at before every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Given once, seen by all; clones are the same order.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    /// The same as the token's own state, without its lock.
    given: Arc<AtomicBool>,
}

impl Stop {
    /// Gives the order.
    pub fn give(&self) {
        self.given.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Whether it has been given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.given.load(Ordering::Acquire)
    }

    /// Waits for it.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }
}
