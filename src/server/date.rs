//! The Date field (RFC 9110 §6.6.1), made once a second on each thread.

use std::cell::RefCell;
use std::time::SystemTime;

use http::HeaderValue;

use crate::http::date;

thread_local! {
    static LATEST: RefCell<(u64, HeaderValue)> =
        const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
}

/// The present, to the second.
pub(super) fn now() -> HeaderValue {
    let now = SystemTime::now();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LATEST.with_borrow_mut(|latest| {
        if latest.0 != second {
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
        let before = date::to_seconds(SystemTime::now());
        let told = date::parse(now().as_bytes()).unwrap();
        assert!((before..=SystemTime::now()).contains(&told));
    }
}
