//! Panics: a mistake of ours that ends one task, and must be neither silent nor the end of others.
//!
//! A panic in a request ends the connection's task, one in a background job that job; the runtime
//! and `site::background` go on with the others. What is left to do is to tell and to count it.

use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Panics since the start of the process; the hook that counts them is the process's too.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Tells of every panic in one event from here on, and counts it. That of the main thread, which is
/// the end of the process, is also told in the usual way, since nobody may be left to write the
/// event; and so is one where nobody collects events.
pub fn watch() {
    let usual = panic::take_hook();
    let main = thread::current().id();
    panic::set_hook(Box::new(move |panic| {
        note(panic);
        if thread::current().id() == main || !tracing::dispatcher::has_been_set() {
            usual(panic);
        }
    }));
}

/// The number of panics so far.
#[must_use]
pub fn total() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

fn note(panic: &PanicHookInfo<'_>) {
    PANICS.fetch_add(1, Ordering::Relaxed);
    let reason = panic.payload_as_str().unwrap_or("unknown");
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        thread,
        place,
        reason,
        "a mistake in shost has ended one of its tasks, the others go on: please report it"
    );
}
