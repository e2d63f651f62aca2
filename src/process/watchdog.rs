//! The watchdog: tells the service manager that the server is alive, as long as all of it is.
//!
//! The beat is a task among those that serve, so it comes only if the runtime gets around to its
//! tasks at all. Before each one it looks at every serving thread by the runtime's own books: a
//! thread is alive if it is parked, waiting for work; or has been parked since the last beat; or
//! has finished a stretch of tasks since then. One that hangs in a task does none of that, though
//! its siblings may do its work: then there is no beat, and the service manager starts the server
//! anew. A stopped process makes no beat either.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::{MissedTickBehavior, interval};

use super::notify::Notifier;

/// Beats in the time that the service manager waits for one; `sd_watchdog_enabled(3)` advises two.
const BEATS: u32 = 2;

/// Starts the beat, if the service manager wants one.
pub fn start(notifier: &Notifier) {
    if let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) {
        tokio::spawn(beat(notifier.clone(), limit / BEATS));
    }
}

async fn beat(notifier: Notifier, every: Duration) {
    let mut beats = interval(every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut threads = Threads::new(Handle::current().metrics());
    loop {
        beats.tick().await;
        match threads.stuck() {
            None => notifier.alive(),
            Some(thread) => {
                tracing::error!(
                    thread,
                    "a serving thread hangs: the service manager restarts shost \
                    unless it goes on soon"
                );
            }
        }
    }
}

/// The serving threads as they were at the last look.
#[derive(Debug)]
struct Threads {
    runtime: RuntimeMetrics,
    seen: Vec<ThreadFigures>,
}

/// The runtime's figures of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ThreadFigures {
    /// Counts each parking and each waking, so it is even while the thread runs.
    parking: u64,
    /// Grows with each stretch of tasks.
    busy: Duration,
}

impl Threads {
    fn new(runtime: RuntimeMetrics) -> Self {
        let seen =
            (0..runtime.num_workers()).map(|thread| ThreadFigures::now(&runtime, thread)).collect();
        Self { runtime, seen }
    }

    /// A thread that has not moved since the last look.
    fn stuck(&mut self) -> Option<usize> {
        let mut stuck = None;
        for (thread, seen) in self.seen.iter_mut().enumerate() {
            let now = ThreadFigures::now(&self.runtime, thread);
            if !now.is_parked() && now == *seen {
                stuck = Some(thread);
            }
            *seen = now;
        }
        stuck
    }
}

impl ThreadFigures {
    fn now(runtime: &RuntimeMetrics, thread: usize) -> Self {
        Self {
            parking: runtime.worker_park_unpark_count(thread),
            busy: runtime.worker_total_busy_duration(thread),
        }
    }

    fn is_parked(self) -> bool {
        self.parking % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Instant;

    /// Looks until the answer is `wanted`; a thread takes a moment to fall asleep.
    #[track_caller]
    fn until(threads: &mut Threads, wanted: impl Fn(Option<usize>) -> bool) {
        let began = Instant::now();
        while !wanted(threads.stuck()) {
            assert!(began.elapsed() < Duration::from_secs(10), "{threads:?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_thread_that_hangs_is_seen_among_those_that_do_not() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut threads = Threads::new(runtime.metrics());
        until(&mut threads, |stuck| stuck.is_none());

        let (go_on, wait) = mpsc::channel::<()>();
        let hanging = runtime.spawn(async move { wait.recv() });
        until(&mut threads, |stuck| stuck.is_some());
        let sibling = runtime.block_on(runtime.spawn(async { 1 })).unwrap();
        assert_eq!(sibling, 1, "the other thread still serves");
        until(&mut threads, |stuck| stuck.is_some());

        go_on.send(()).unwrap();
        runtime.block_on(hanging).unwrap().unwrap();
        until(&mut threads, |stuck| stuck.is_none());
    }
}
