//! Dates: what is written is read again, and every time can be written.

use std::time::{Duration, UNIX_EPOCH};

use shost::semantics::date;

/// A date that is read is a whole second and is written back to itself.
pub(crate) fn date(field: &[u8]) {
    if let Some(time) = date::parse(field) {
        assert_eq!(date::to_seconds(time), time);
        assert_eq!(date::parse(date::format(time).as_bytes()), Some(time));
    }
}

/// Any time of a file, however far off, is written as its second.
pub(crate) fn time(seconds: i64, nanoseconds: u32) {
    let distance = Duration::new(seconds.unsigned_abs(), nanoseconds % 1_000_000_000);
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    let Some(time) = time else { return };
    assert_eq!(date::parse(date::format(time).as_bytes()), Some(date::to_seconds(time)));
}
