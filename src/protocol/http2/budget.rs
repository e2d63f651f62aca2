//! The budget for actions of a client that are no requests: so much at once, and so much for each
//! second and for each bit of work that is done for it. A client that works never notices; a flood
//! runs dry.

use std::time::Duration;

use super::super::limits::Allowance;
use crate::process::clock::Tick;

/// An allowance in use.
#[derive(Debug)]
pub(super) struct Budget {
    allowance: Allowance,
    left: u32,
    /// When it was last filled up for the time that had passed. It is looked at only when nothing
    /// is left.
    filled: Tick,
}

impl Budget {
    pub(super) fn new(allowance: Allowance, now: Tick) -> Self {
        Self { allowance, left: allowance.burst, filled: now }
    }

    /// Takes `cost` of it; `false` if it is used up.
    #[must_use]
    pub(super) fn take(&mut self, cost: u32) -> bool {
        self.take_at(cost, Tick::now)
    }

    fn take_at(&mut self, cost: u32, now: impl FnOnce() -> Tick) -> bool {
        if self.left < cost {
            let now = now();
            let passed = now.since(self.filled).min(WHILE);
            let millis = u32::try_from(passed.as_millis()).expect("at most a minute");
            self.filled = now;
            self.give(self.allowance.per_second * millis / 1000);
        }
        let enough = self.left >= cost;
        self.left = self.left.saturating_sub(cost);
        enough
    }

    /// Gives some of it back, for work that has been done.
    pub(super) fn give(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.allowance.burst);
    }
}

/// A budget is full after this time in any case.
const WHILE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { burst: 10, per_second: 2 };

    #[test]
    fn a_flood_runs_dry_and_time_fills_it_up() {
        let start = Tick::now();
        let at = |seconds| move || start.after(Duration::from_secs(seconds));
        let mut budget = Budget::new(ALLOWANCE, start);
        assert!((0..10).all(|_| budget.take_at(1, at(0))));
        assert!(!budget.take_at(1, at(0)));
        assert!(budget.take_at(2, at(1)), "a second later");
        assert!(!budget.take_at(1, at(1)));
        assert!(budget.take_at(10, at(1000)));
        assert!(!budget.take_at(1, at(1000)), "never more than the burst");
        budget.give(1);
        assert!(budget.take_at(1, at(1000)), "work was done");
    }
}
