//! HTTP dates: whole seconds, three forms read, one written (RFC 9110 §5.6.7).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// The last second that four digits of a year can name, 9999-12-31T23:59:59Z, in seconds since
/// 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// 1980-01-02T00:00:00Z in seconds since 1970. Stores and archives that are to come out the same each
/// time give their files a time of 0 or 1 (Nix, `OSTree`) or the first day of ZIP, 1980-01-01 in any
/// time zone: it does not change when the content does.
const FIRST_SECOND: u64 = 315_619_200;

/// The time in whole seconds, if it can be that of a change.
#[must_use]
pub fn of_change(time: SystemTime) -> Option<SystemTime> {
    let time = to_seconds(time);
    (time >= UNIX_EPOCH + Duration::from_secs(FIRST_SECOND)).then_some(time)
}

/// Reads a date in any of the three forms; `None` when it is not one.
#[must_use]
pub fn parse(field: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(field).ok()?).ok()
}

/// Writes a date in the preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`.
#[must_use]
pub fn format(time: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(to_seconds(time)))
        .expect("a date is ASCII letters, digits and punctuation")
}

/// The time as a date can carry it: whole seconds, between 1970 and 9999.
///
/// File times are the file system's business: one before 1970 or after 9999 is moved to the edge,
/// here and so also in comparisons, instead of being a panic in the formatter.
#[must_use]
pub fn to_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_three_forms_and_nothing_else() {
        for (field, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)), // RFC 9110 §5.6.7
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)), // RFC 9110 §5.6.7
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),      // RFC 9110 §5.6.7
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LAST_SECOND)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("", None),
            ("0", None),
            ("784111777", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 06 Nov 1994 08:49:37 +0000", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None), // it was a Sunday
            ("Thu, 30 Feb 2024 12:00:00 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT, x", None),
            ("1994-11-06T08:49:37Z", None),
        ] {
            assert_eq!(parse(field.as_bytes()), expected.map(at), "{field:?}");
        }
        assert_eq!(parse(b"Sun, 06 Nov 1994 08:49:37 GMT\xff"), None);
    }

    #[test]
    fn a_time_before_1980_tells_of_no_change() {
        let day = Duration::from_hours(24);
        for time in [at(0), at(1), UNIX_EPOCH - day, at(315_532_800), at(FIRST_SECOND - 1)] {
            assert_eq!(of_change(time), None, "{time:?}");
        }
        for time in [at(FIRST_SECOND), at(784_111_777), at(LAST_SECOND)] {
            assert_eq!(of_change(time + Duration::from_millis(5)), Some(time), "{time:?}");
        }
        assert_eq!(format(at(FIRST_SECOND)), "Wed, 02 Jan 1980 00:00:00 GMT");
    }

    #[test]
    fn every_time_can_be_written() {
        let day = Duration::from_hours(24);
        for (time, expected) in [
            (at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (at(784_111_777) + Duration::from_nanos(999_999_999), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (UNIX_EPOCH - day, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (at(LAST_SECOND) + day, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(format(time), expected);
        }
    }
}
