//! The order to stop, which every connection looks at before every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::protocol::limits::FIRST_REQUEST_TIME;

/// Given once, seen by all; clones are the same order.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    /// The same as the token's own state, without its lock.
    given: Arc<AtomicBool>,
}

impl Stop {
    /// Orders everybody who waits to stop.
    pub fn give(&self) {
        self.given.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// True if it has been given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.given.load(Ordering::Acquire)
    }

    /// Waits until the order is given.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }

    /// The result of the beginning of a connection; `None` if the order came and the client was not
    /// done [in time](FIRST_REQUEST_TIME).
    pub async fn while_wanted<T>(&self, beginning: impl Future<Output = T>) -> Option<T> {
        let unwanted = async {
            self.wait().await;
            sleep_until(Instant::now() + FIRST_REQUEST_TIME).await;
        };
        tokio::select! {
            begun = beginning => Some(begun),
            () = unwanted => None,
        }
    }
}
