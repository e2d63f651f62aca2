//! SIGUSR1: what was counted since the start, in one line.

use super::snapshot::Live;
use crate::site::Background;

/// Writes the line; `connections` are those that are open.
pub fn write(live: &Live, background: &Background, connections: usize) {
    let (requests, unknown_names) = live.counters().totals();
    let cache = background.counters();
    tracing::info!(
        requests,
        bytes = live.counters().total_bytes(),
        connections,
        unknown_names,
        hits = cache.hits().total(),
        fills = cache.fills().total(),
        encodings = cache.encodings().total(),
        evictions = cache.evictions().total(),
        cache_bytes = live.load().sites.cache().weight(),
        dropped_lines = live.service().log().dropped(),
        "counters"
    );
}
