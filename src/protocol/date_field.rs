//! The Date field (RFC 9110 §6.6.1), made once a second on each thread.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use rustix::time::{ClockId, clock_gettime};

use crate::semantics::date;

thread_local! {
    static LATEST: RefCell<(u64, HeaderValue)> =
        const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
}

/// The present, to the second, by the clock that costs least: it is behind by the length of a timer
/// interrupt at the most.
pub(super) fn now() -> HeaderValue {
    let second = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
    let second = u64::try_from(second).unwrap_or_default();
    LATEST.with_borrow_mut(|latest| {
        if latest.0 != second {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            *latest = (second, date::format(now));
        }
        latest.1.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_the_present() {
        // The coarse clock may still be in the second before.
        let before = date::to_seconds(SystemTime::now()) - Duration::from_secs(1);
        let told = date::parse(now().as_bytes()).unwrap();
        assert!((before..=SystemTime::now()).contains(&told));
    }
}
