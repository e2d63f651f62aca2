//! Budgets for actions of a client that are no requests: so much at once, and so much for each
//! second and for each bit of work that is done for it. A client that works never notices; a flood
//! runs dry.

use std::time::Duration;

use super::limits::{
    Allowance, CLIENT_RESET, CLIENT_RESETS, CONTROL, CONTROL_BYTES, CONTROL_PER_REQUEST,
    LOCAL_RESETS,
};
use crate::process::clock::Tick;

/// The budgets of a connection whose streams are requests. Each `take_` says whether there was
/// enough left.
#[derive(Debug)]
pub struct Budgets {
    control: Budget,
    client_resets: Budget,
    local_resets: Budget,
}

impl Budgets {
    /// Budgets of which nothing has been taken at `now`.
    #[must_use]
    pub fn new(now: Tick) -> Self {
        Self {
            control: Budget::new(CONTROL, now),
            client_resets: Budget::new(CLIENT_RESETS, now),
            local_resets: Budget::new(LOCAL_RESETS, now),
        }
    }

    /// A request has come, which allows for more of the rest.
    pub(super) fn give_request(&mut self) {
        self.control.give(CONTROL_PER_REQUEST);
        self.client_resets.give(1);
    }

    /// So many bytes of content are sent, of which the client may say that it has taken them.
    pub(super) fn give_content(&mut self, bytes: usize) {
        self.control.give(u32::try_from(bytes / CONTROL_BYTES).unwrap_or(u32::MAX));
    }

    /// The client has sent a frame that asks for nothing.
    #[must_use]
    pub(super) fn take_control(&mut self) -> bool {
        self.control.take(1)
    }

    /// The client has sent so many frames that ask for nothing more than before; or fewer, as some
    /// were of use after all.
    #[must_use]
    pub(super) fn settle_control(&mut self, more: i64) -> bool {
        let count = u32::try_from(more.unsigned_abs()).unwrap_or(u32::MAX);
        if more > 0 {
            return self.control.take(count);
        }
        self.control.give(count);
        true
    }

    /// The client has reset a stream.
    #[must_use]
    pub(super) fn take_client_reset(&mut self) -> bool {
        self.client_resets.take(CLIENT_RESET)
    }

    /// A stream has to be reset for an error of the client.
    #[must_use]
    pub(super) fn take_local_reset(&mut self) -> bool {
        self.local_resets.take(1)
    }
}

/// An allowance in use.
#[derive(Debug)]
struct Budget {
    allowance: Allowance,
    left: u32,
    /// When it was last filled up for the time that had passed. It is looked at only when nothing
    /// is left.
    filled: Tick,
}

impl Budget {
    fn new(allowance: Allowance, now: Tick) -> Self {
        Self { allowance, left: allowance.burst, filled: now }
    }

    /// Takes `cost` of it; `false` if it is used up.
    fn take(&mut self, cost: u32) -> bool {
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
    fn give(&mut self, count: u32) {
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
