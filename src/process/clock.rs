//! The monotonic clock, read so cheaply that every request can afford it.
//!
//! All ages and deadlines of shost are measured in ticks of one millisecond. The kernel's coarse
//! clock advances with its timer interrupt (1 to 10 ms), which is fine for windows of 100 ms and
//! up, and reading it costs no system call and no look at the time stamp counter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A point in monotonic time, in milliseconds since the machine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(u64);

impl Tick {
    /// The present, at most one timer interrupt late.
    #[must_use]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let millis = u64::try_from(time.tv_nsec / 1_000_000).unwrap_or_default();
        Self(seconds * 1_000 + millis)
    }

    /// Time since `earlier`; zero if that is in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This point moved `by` into the future.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The wall clock, at most one timer interrupt late. The Date field goes by it, and so must every
/// time that may not be later than that field says.
#[must_use]
pub fn wall() -> SystemTime {
    let time = clock_gettime(ClockId::RealtimeCoarse);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}

/// A tick that threads share without a lock; zero means never.
#[derive(Debug, Default)]
pub struct AtomicTick(AtomicU64);

impl AtomicTick {
    /// A shared tick that starts at `tick`.
    #[must_use]
    pub fn new(tick: Tick) -> Self {
        Self(AtomicU64::new(tick.0))
    }

    /// The value last stored. Relaxed: a tick guards nothing but itself.
    pub fn load(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }

    /// Replaces the tick by another.
    pub fn store(&self, tick: Tick) {
        self.0.store(tick.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_that_of_the_system() {
        let (before, told, after) = (SystemTime::now(), wall(), SystemTime::now());
        let late = Duration::from_secs(1);
        assert!((before - late..=after).contains(&told), "{before:?} {told:?} {after:?}");
    }

    #[test]
    fn time_never_runs_backwards() {
        let earlier = Tick::now();
        let later = Tick::now();
        assert!(later >= earlier);
        assert_eq!(earlier.since(later.after(Duration::from_secs(1))), Duration::ZERO);
        assert_eq!(earlier.after(Duration::from_secs(2)).since(earlier), Duration::from_secs(2));
        // The end of time is far off, and not a panic.
        assert!(earlier.after(Duration::MAX) > later.after(Duration::from_hours(24)));
    }
}
