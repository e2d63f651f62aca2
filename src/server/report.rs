//! SIGUSR1: what was counted since the start, in one line.

use super::state::snapshot::Live;
use crate::ledger::Holdings;
use crate::log::{diagnostics, panics};
use crate::site::Background;

/// The numbers of connections.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// Connections that are open now.
    pub open: usize,
    /// Connections that have been refused, because there were too many.
    pub refused: u64,
    /// The sum of what they hold.
    pub held: Holdings,
}

/// Writes the report to the log.
pub fn write(live: &Live, background: &Background, connections: Connections) {
    let (requests, unknown_names) = live.counters().totals();
    let cache = background.counters();
    tracing::info!(
        requests,
        bytes = live.counters().total_bytes(),
        connections = connections.open,
        refused = connections.refused,
        answers = connections.held.answers,
        files = connections.held.files,
        content_bytes = connections.held.content,
        head_bytes = connections.held.heads,
        unknown_names,
        hits = cache.hits().total(),
        fills = cache.fills().total(),
        encodings = cache.encodings().total(),
        evictions = cache.evictions().total(),
        cache_bytes = live.load().sites.cache().weight(),
        dropped_lines = live.service().log().dropped(),
        dropped_events = diagnostics::dropped(),
        panics = panics::total(),
        "counters"
    );
}
