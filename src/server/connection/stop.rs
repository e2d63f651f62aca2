//! The order to stop, which every connection looks at before every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::protocol::limits::FIRST_REQUEST_TIME;

/// Given once, seen by all; clones are the same order.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    /// The same as the token's own state, without its lock.
    given: Arc<AtomicBool>,
    /// The order to end now, and those who tell their clients of it.
    cut: CancellationToken,
    farewells: TaskTracker,
}

/// The time that the last words have, at the most: they are a datagram each, for thousands of clients
/// on a busy processor.
const FAREWELLS_TIME: Duration = Duration::from_secs(2);

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

    /// Ends what goes on, and waits for the last words.
    pub async fn cut(&self) {
        self.cut.cancel();
        self.farewells.close();
        let _ = timeout(FAREWELLS_TIME, self.farewells.wait()).await;
    }

    /// Waits until all is to end now.
    pub async fn wait_for_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Has the end wait for a connection to tell its client, until this is dropped: the system tells of
    /// the end of a connection of TCP by itself.
    pub fn farewell(&self) -> TaskTrackerToken {
        self.farewells.token()
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
