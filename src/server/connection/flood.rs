//! Events that may happen thousands of times a second, and are told of once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time between two lines about the same flood: nobody reads faster, and no log grows by a
/// flood.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// A count of events of one kind.
#[derive(Debug, Default)]
pub struct Flood {
    total: AtomicU64,
    untold: AtomicU64,
}

impl Flood {
    /// Counts one event. After the first since a quiet time, `tell` is called a second later with
    /// the number that there were by then.
    pub fn count(self: &Arc<Self>, tell: impl FnOnce(u64) + Send + 'static) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if self.untold.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let flood = Arc::clone(self);
        tokio::spawn(async move {
            sleep_until(Instant::now() + TOLD_EVERY).await;
            tell(flood.untold.swap(0, Ordering::Relaxed));
        });
    }

    /// The number of events so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_flood_is_one_line_a_second_and_nothing_is_left_out() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        runtime.block_on(async {
            let flood = Arc::new(Flood::default());
            for (events, lines) in [(500, 1), (1, 2)] {
                for _ in 0..events {
                    let told = Arc::clone(&told);
                    flood.count(move |count| told.lock().unwrap().push(count));
                }
                while told.lock().unwrap().len() < lines {
                    sleep_until(Instant::now() + TOLD_EVERY / 10).await;
                }
            }
            assert_eq!(flood.total(), 501);
        });
        assert_eq!(*told.lock().unwrap(), [500, 1]);
    }
}
