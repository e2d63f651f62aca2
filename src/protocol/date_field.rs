//! The Date field (RFC 9110 §6.6.1), made once a second on each thread.

use std::cell::RefCell;
use std::time::SystemTime;

use http::HeaderValue;

use crate::process::clock;
use crate::semantics::date;

thread_local! {
    static LATEST: RefCell<(u64, HeaderValue)> =
        const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
}

/// The present, to the second, by the clock that costs least: it is behind by the length of a timer
/// interrupt at the most.
pub(super) fn now() -> HeaderValue {
    let now = clock::wall();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    LATEST.with_borrow_mut(|latest| {
        if latest.0 != second {
            *latest = (second, date::format(now));
        }
        latest.1.clone()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_field_is_the_present() {
        // The coarse clock may still be in the second before.
        let before = date::to_seconds(SystemTime::now()) - Duration::from_secs(1);
        let told = date::parse(now().as_bytes()).unwrap();
        assert!((before..=SystemTime::now()).contains(&told));
    }
}
