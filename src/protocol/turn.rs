//! Taking turns: a client that takes as much as it is given must not keep a thread to itself.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

/// Bytes that a connection sends before the others have their turn: over TLS 0.2 ms of work.
pub(super) const TURN: usize = 256 * 1024;

/// The weight of an answer beside its bytes, in bytes: about as much work.
const ANSWER: usize = 8 * 1024;

/// The bytes that a connection has sent in its turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    bytes: usize,
}

impl Turn {
    pub(super) fn begin(&mut self) {
        self.bytes = 0;
    }

    /// Counts bytes that were sent.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Counts an answer, however short it is.
    pub(super) fn count_answer(&mut self) {
        self.bytes += ANSWER;
    }

    /// True if others have their turn now.
    pub(super) fn is_over(&self) -> bool {
        self.bytes >= TURN
    }

    /// Ready while the turn lasts.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.bytes < TURN {
            return Poll::Ready(());
        }
        give_way(context);
        Poll::Pending
    }
}

/// Lets the others have their turn: the task goes on after the system has been asked which of their
/// connections are ready. A task that only wakes itself would be the next one again, many times.
pub(crate) fn give_way(context: &mut Context<'_>) {
    let _ = pin!(tokio::task::yield_now()).poll(context);
}
