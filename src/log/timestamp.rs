//! The time of a line, in UTC, computed from the count of seconds without a lock or a call of the
//! C library: about as quick as looking into a cache would be.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 9999-12-31T23:59:59Z, the last second that four digits of a year can say.
const LAST_SECOND: u64 = 253_402_300_799;

const SECONDS_PER_DAY: u64 = 86_400;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `2026-11-24T05:53:23.123Z`: RFC 3339 with milliseconds.
pub(super) fn rfc3339(out: &mut Vec<u8>, time: SystemTime) {
    let utc = Utc::from(time);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(&mut text[0..4], utc.year);
    digits(&mut text[5..7], utc.month);
    digits(&mut text[8..10], utc.day);
    utc.clock(&mut text[11..19]);
    digits(&mut text[20..23], utc.millisecond);
    out.extend_from_slice(&text);
}

/// `24/Nov/2026:05:53:23 +0000`: the Common Log Format's.
pub(super) fn common(out: &mut Vec<u8>, time: SystemTime) {
    let utc = Utc::from(time);
    let mut text = *b"00/Mon/0000:00:00:00 +0000";
    digits(&mut text[0..2], utc.day);
    text[3..6].copy_from_slice(MONTHS[utc.month as usize - 1]);
    digits(&mut text[7..11], utc.year);
    utc.clock(&mut text[12..20]);
    out.extend_from_slice(&text);
}

/// A time between 1970 and 9999; one outside, from a clock that is far off, is the nearest end.
struct Utc {
    year: u32,
    month: u32,
    day: u32,
    second_of_day: u32,
    millisecond: u32,
}

impl From<SystemTime> for Utc {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = since.as_secs().min(LAST_SECOND);
        let days = u32::try_from(seconds / SECONDS_PER_DAY).expect("LAST_SECOND is in day 2932896");
        let (year, month, day) = civil(days);
        let second_of_day = (seconds % SECONDS_PER_DAY) as u32;
        Self { year, month, day, second_of_day, millisecond: since.subsec_millis() }
    }
}

impl Utc {
    /// Over a text like `00:00:00`.
    fn clock(&self, text: &mut [u8]) {
        digits(&mut text[0..2], self.second_of_day / 3600);
        digits(&mut text[3..5], self.second_of_day / 60 % 60);
        digits(&mut text[6..8], self.second_of_day % 60);
    }
}

/// Year, month and day of a count of days since 1970-01-01.
///
/// Counted from 1 March of the year 0, leap days come last in their year, century and era of 400
/// years, so that each step is one division.
fn civil(days: u32) -> (u32, u32, u32) {
    const DAYS_PER_ERA: u32 = 146_097;
    const FROM_MARCH_OF_YEAR_0_TO_1970: u32 = 719_468;
    let days = days + FROM_MARCH_OF_YEAR_0_TO_1970;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    // A leap day ends every 4 years (1,461 days) but the century's (36,524), save the era's.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months in a row have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + next_year, month, day)
}

/// Writes the number over all of `text`, with leading zeros.
fn digits(text: &mut [u8], mut number: u32) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(milliseconds: u64, expected_rfc3339: &str, expected_common: &str) {
        let time = UNIX_EPOCH + Duration::from_millis(milliseconds);
        let (mut out, mut line) = (Vec::new(), Vec::new());
        rfc3339(&mut out, time);
        common(&mut line, time);
        assert_eq!(String::from_utf8(out).unwrap(), expected_rfc3339);
        assert_eq!(String::from_utf8(line).unwrap(), expected_common);
    }

    #[test]
    fn times_are_utc() {
        check(0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z", "28/Feb/2000:23:59:59 +0000");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z", "29/Feb/2000:00:00:00 +0000");
        check(1_795_499_603_123, "2026-11-24T05:53:23.123Z", "24/Nov/2026:05:53:23 +0000");
        check(4_107_542_400_001, "2100-03-01T00:00:00.001Z", "01/Mar/2100:00:00:00 +0000");
        check(LAST_SECOND * 1000 + 1000, "9999-12-31T23:59:59.000Z", "31/Dec/9999:23:59:59 +0000");
    }

    #[test]
    fn a_clock_before_1970_is_at_1970() {
        let mut out = Vec::new();
        rfc3339(&mut out, UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(out, b"1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn days_follow_each_other_as_httpdate_has_them() {
        // The step shares no factor with the 146,097 days of an era: each day of one is met.
        for day in (0..2_932_896).step_by(5) {
            let time = UNIX_EPOCH + Duration::from_secs(day * SECONDS_PER_DAY);
            let mut out = Vec::new();
            common(&mut out, time);
            let text = String::from_utf8(out).unwrap();
            let expected = httpdate::fmt_http_date(time);
            assert_eq!(text[..11].replace('/', " "), expected[5..16]);
        }
    }
}
