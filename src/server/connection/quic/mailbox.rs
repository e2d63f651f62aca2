//! The mailbox of a connection: what the endpoint has for it until its task takes it.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use quinn_proto::ConnectionEvent;

/// Datagrams that wait for a connection. A connection that does not keep up loses what comes beyond
/// that, as on a network that does not.
const DATAGRAMS: usize = 512;

/// Events on their way to a connection.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Contents>);

/// An event, and of a datagram where it came from and how many bytes it has.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) event: ConnectionEvent,
    pub(super) from: Option<(SocketAddr, u64)>,
}

#[derive(Debug, Default)]
struct Contents {
    events: Vec<Delivery>,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Puts a datagram in, if there is room.
    pub(super) fn datagram(&self, event: ConnectionEvent, from: (SocketAddr, u64)) {
        self.put(Delivery { event, from: Some(from) }, DATAGRAMS);
    }

    /// Puts in what must not be lost.
    pub(super) fn word(&self, event: ConnectionEvent) {
        self.put(Delivery { event, from: None }, usize::MAX);
    }

    fn put(&self, event: Delivery, most: usize) {
        let mut contents = self.lock();
        if contents.events.len() >= most {
            return;
        }
        contents.events.push(event);
        // Whoever put in the first one has woken the task.
        let waker = if contents.events.len() == 1 { contents.waker.take() } else { None };
        drop(contents);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes all that is there, and leaves the room of `events`, which is empty; the task is woken when
    /// there is more.
    pub(super) fn take(&self, events: &mut Vec<Delivery>, context: &mut Context<'_>) {
        let mut contents = self.lock();
        match &mut contents.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none @ None => *none = Some(context.waker().clone()),
        }
        std::mem::swap(&mut contents.events, events);
    }

    /// Gives back room that nothing is in.
    pub(super) fn shrink(&self) {
        self.lock().events.shrink_to(0);
    }

    /// Each change is one statement, so a poisoned lock guards nothing broken.
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
