//! When a connection last did what, so that one coarse timer of its own can tell when it has done
//! nothing for too long.
//!
//! Reading and writing only note the time; nothing is armed and disarmed for each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::ledger::{Account, Kept};
use crate::process::clock::{AtomicTick, Tick};

use super::stop::Stop;
use crate::protocol::limits::{HEAD_TIME, IDLE_TIME, STALL_TIME};

/// The state of one connection, shared by its input/output, its requests and its timer.
#[derive(Debug)]
pub struct Activity {
    /// Requests whose answers have not been let go of yet.
    active: AtomicU32,
    /// True if bytes have come since the last request did.
    in_head: AtomicBool,
    /// True if there has been a request.
    begun: AtomicBool,
    /// The time at which the head began, the last answer ended, or the connection was accepted.
    since: AtomicTick,
    /// The time at which the client last took bytes.
    progress: AtomicTick,
    /// True if the connection is to end after the answers in flight, whatever the others do.
    closing: AtomicBool,
    stop: Stop,
    account: Option<Arc<Account>>,
    kept: Option<Kept>,
}

/// The next action of the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Look again at this time.
    Later(Tick),
    /// The connection has been idle too long: let it end politely.
    Idle,
    /// A head or an answer has stalled: end it now.
    Stalled,
}

impl Activity {
    /// A connection that was accepted just now, and ends at the order to `stop`.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        let now = Tick::now();
        Self {
            active: AtomicU32::new(0),
            // The first head is due at once: a silent client holds a connection for nobody.
            in_head: AtomicBool::new(true),
            begun: AtomicBool::new(false),
            since: AtomicTick::new(now),
            progress: AtomicTick::new(now),
            closing: AtomicBool::new(false),
            stop,
            account: None,
            kept: None,
        }
    }

    /// The same connection, whose client has this account.
    #[must_use]
    pub fn charged_to(mut self, account: Option<Arc<Account>>) -> Self {
        self.kept = account.as_ref().map(Account::keep);
        self.account = account;
        self
    }

    /// The account of the client.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        self.account.as_ref()
    }

    /// Notes the bytes that the connection keeps and that are counted for its client. False if the
    /// client may not have it keep them.
    #[must_use]
    pub fn keeps(&self, bytes: usize) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.set(bytes))
    }

    /// Bytes came in. Says whether they are the first since the last answer ended.
    pub fn read(&self) -> bool {
        let begins =
            self.active.load(Ordering::Relaxed) == 0 && !self.in_head.load(Ordering::Relaxed);
        if begins {
            self.in_head.store(true, Ordering::Relaxed);
            self.since.store(Tick::now());
        }
        begins
    }

    /// The client took bytes.
    pub fn written(&self) {
        self.progress.store(Tick::now());
    }

    /// A request is complete and will be answered.
    pub fn request(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
        self.begun.store(true, Ordering::Relaxed);
        self.progress.store(Tick::now());
    }

    /// An answer has been let go of.
    pub fn answered(&self) {
        let now = Tick::now();
        self.since.store(now);
        self.progress.store(now);
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asks for the connection to end after the answers in flight.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// True if the connection is to end after the answers in flight.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed) || self.stop.is_given()
    }

    /// True if the first request has yet to come.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.begun.load(Ordering::Relaxed)
    }

    /// Waits for the order to stop.
    pub async fn told_to_stop(&self) {
        self.stop.wait().await;
    }

    /// The action that is due at `now`.
    #[must_use]
    pub fn due(&self, now: Tick) -> Due {
        let (since, limit, past) = if self.active.load(Ordering::Relaxed) > 0 {
            (self.progress.load(), STALL_TIME, Due::Stalled)
        } else if self.in_head.load(Ordering::Relaxed) {
            (self.since.load(), HEAD_TIME, Due::Stalled)
        } else {
            (self.since.load(), IDLE_TIME, Due::Idle)
        };
        if now.since(since) >= limit {
            return past;
        }
        // A head may begin at any moment and is then due sooner than an idle connection.
        Due::Later(since.after(limit).min(now.after(HEAD_TIME)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_own_deadline() {
        let activity = Activity::new(Stop::default());
        let start = Tick::now();
        assert_eq!(activity.due(start.after(HEAD_TIME * 2)), Due::Stalled, "silent from the start");
        activity.request();
        assert!(matches!(activity.due(start.after(HEAD_TIME * 2)), Due::Later(_)), "answering");
        assert_eq!(activity.due(Tick::now().after(STALL_TIME)), Due::Stalled, "no byte was taken");
        activity.written();
        activity.answered();
        assert!(matches!(activity.due(Tick::now().after(STALL_TIME)), Due::Later(_)), "idle");
        assert_eq!(activity.due(Tick::now().after(IDLE_TIME)), Due::Idle, "idle for too long");
        activity.read();
        assert_eq!(activity.due(Tick::now().after(HEAD_TIME)), Due::Stalled, "half a head");
    }

    #[test]
    fn a_trickling_head_is_not_progress() {
        let activity = Activity::new(Stop::default());
        activity.request();
        activity.answered();
        activity.read();
        let began = Tick::now();
        activity.read();
        assert_eq!(activity.due(began.after(HEAD_TIME)), Due::Stalled);
    }
}
