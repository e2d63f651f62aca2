//! Byte ranges: which part of a file a client asks for (RFC 9110 §14).
//!
//! ```text
//! Range: bytes=0-499, 1000-, -500
//!              |      |      `- suffix-range: the last 500 bytes
//!              |      `-------- int-range, open: from byte 1000 on
//!              `--------------- int-range: both ends are included
//! ```

use std::ops::Range;
use std::time::{Duration, SystemTime};

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};

use super::precondition::{Validators, only};
use super::{date, entity_tag};
use crate::coding::FormCoding;

/// Ranges in one request that may be as much as the whole file; players and PDF viewers ask for a
/// handful, and each one costs a part with its own fields (RFC 9110 §17.15).
pub const FEW_RANGES: usize = 16;

/// Most ranges in one request. Updates by difference (zsync) and maps (`PMTiles`) ask for many small
/// ones; more than [`FEW_RANGES`] must be less than half of the file, or the whole of it is cheaper.
pub const MAX_RANGES: usize = 100;

/// The age from which on a date is a strong validator: a file could have changed twice within the
/// second that it names (RFC 9110 §8.8.2.2).
const STRONG_AGE: Duration = Duration::from_secs(1);

/// The part of the file to send; byte ranges are half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// 200 with all of it: there is no range, or it is to be ignored.
    Whole,
    /// 206 with one range.
    One(Range<u64>),
    /// 206 with `multipart/byteranges`: disjoint ranges, in the order of their first mention.
    Many(Vec<Range<u64>>),
    /// 416: no range touches the file.
    Unsatisfiable,
}

/// Selects the ranges that a GET asks of a file with this length, in its identity coding.
///
/// An empty file is sent whole whatever the range: no Content-Range can tell of zero bytes.
#[must_use]
pub fn select(
    fields: &HeaderMap,
    length: u64,
    validators: &Validators<'_>,
    now: SystemTime,
) -> Selection {
    let Some(range) = only(fields, &RANGE) else { return Selection::Whole };
    if length == 0 || !if_range(fields, validators, now) {
        return Selection::Whole;
    }
    // A malformed field, an unknown unit and an abusive set may all be ignored (§14.2).
    parse(range.as_bytes(), length).unwrap_or(Selection::Whole)
}

/// The Content-Range of a part: `bytes 0-499/1234` (§14.4).
///
/// The range is not empty, as [`select`] never gives an empty one.
#[must_use]
pub fn content_range(range: &Range<u64>, length: u64) -> HeaderValue {
    let last = range.end.saturating_sub(1);
    HeaderValue::try_from(format!("bytes {}-{last}/{length}", range.start))
        .expect("digits and punctuation are a field value")
}

/// The Content-Range of a 416: `bytes */1234` (§14.4).
#[must_use]
pub fn unsatisfied(length: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes */{length}"))
        .expect("digits and punctuation are a field value")
}

/// True if If-Range lets the Range count (§13.1.5); it does when there is none.
///
/// Only a strong validator will do, as the client joins the part to bytes it already has: the tag
/// of the identity coding, which ranges are cut from, or the exact date.
fn if_range(fields: &HeaderMap, validators: &Validators<'_>, now: SystemTime) -> bool {
    if !fields.contains_key(IF_RANGE) {
        return true;
    }
    let Some(value) = only(fields, &IF_RANGE).map(HeaderValue::as_bytes) else { return false };
    if let Some(tag) = entity_tag::parse(value) {
        return !tag.weak && validators.coding_of(&tag) == Some(FormCoding::IDENTITY);
    }
    let Some(last_modified) = validators.date() else { return false };
    date::parse(value) == Some(last_modified)
        && now.duration_since(last_modified).is_ok_and(|age| age >= STRONG_AGE)
}

/// Reads `bytes=` and the set of ranges; `None` when the field is to be ignored.
fn parse(field: &[u8], length: u64) -> Option<Selection> {
    let (unit, set) = std::str::from_utf8(field).ok()?.split_once('=')?;
    // Range units are case-insensitive (§14.1).
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut ranges = Vec::new();
    let mut asked = 0;
    let mut bytes_left = length;
    // Empty members of a list are skipped (§5.6.1.2).
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|s| !s.is_empty())
    {
        asked += 1;
        if asked > MAX_RANGES {
            return None;
        }
        let range = parse_spec(spec, length)?;
        if !range.is_empty() {
            bytes_left = bytes_left.checked_sub(range.end - range.start)?;
            insert(&mut ranges, range);
        }
    }
    match ranges.len() {
        0 if asked == 0 => None,
        0 => Some(Selection::Unsatisfiable),
        1 => ranges.pop().map(Selection::One),
        _ if asked > FEW_RANGES && length - bytes_left >= length.div_ceil(2) => None,
        _ => Some(Selection::Many(ranges)),
    }
}

/// One range of the set, cut to the file; empty when it does not touch it, `None` when malformed.
fn parse_spec(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        return Some(length.saturating_sub(parse_position(last)?)..length);
    }
    let first = parse_position(first)?;
    if last.is_empty() {
        return Some(first.min(length)..length);
    }
    let last = parse_position(last)?;
    if last < first {
        return None;
    }
    Some(first.min(length)..last.saturating_add(1).min(length))
}

/// `1*DIGIT`. A number too big to hold is past the end of any file, and so is the biggest one.
fn parse_position(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Adds a range to a disjoint set, merging those that it overlaps or adjoins (§15.3.7.2) at the
/// place of the first of them.
fn insert(ranges: &mut Vec<Range<u64>>, mut added: Range<u64>) {
    let mut place = ranges.len();
    while let Some(index) =
        ranges.iter().position(|range| range.start <= added.end && added.start <= range.end)
    {
        let range = ranges.remove(index);
        added = range.start.min(added.start)..range.end.max(added.end);
        place = place.min(index);
    }
    ranges.insert(place, added);
}

#[cfg(test)]
mod tests {
    use super::*;
    use Selection::{Many, One, Unsatisfiable, Whole};

    const EXACT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn selected(lines: &[(&str, &str)], length: u64, age: Duration) -> Selection {
        let fields: HeaderMap = lines.iter().fold(HeaderMap::new(), |mut fields, (name, value)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_str(value).unwrap());
            fields
        });
        let second = date::parse(EXACT.as_bytes()).unwrap();
        let last_modified = second + Duration::from_millis(500);
        let validators =
            Validators { hash: Some("h"), selected: FormCoding::IDENTITY, last_modified };
        select(&fields, length, &validators, second + age)
    }

    #[track_caller]
    fn check(range: &str, length: u64, expected: &Selection) {
        let selection = selected(&[("range", range)], length, Duration::from_mins(1));
        assert_eq!(&selection, expected, "{range:?} of {length}");
    }

    #[test]
    fn one_range() {
        check("bytes=0-499", 10_000, &One(0..500)); // RFC 9110 §14.1.2
        check("bytes=500-999", 10_000, &One(500..1000)); // RFC 9110 §14.1.2
        check("bytes=-500", 10_000, &One(9500..10_000)); // RFC 9110 §14.1.2
        check("bytes=9500-", 10_000, &One(9500..10_000)); // RFC 9110 §14.1.2
        check("bytes=0-0", 10, &One(0..1));
        check("bytes=9-", 10, &One(9..10));
        check("bytes=9-9", 10, &One(9..10));
        check("bytes=0-", 10, &One(0..10));
        check("bytes=5-99", 10, &One(5..10));
        check("bytes=-1", 10, &One(9..10));
        check("bytes=-10", 10, &One(0..10));
        check("bytes=-11", 10, &One(0..10));
        check("Bytes=0-0", 10, &One(0..1));
        check("bytes= 0-0 ,", 10, &One(0..1));
        check("bytes=00-01", 10, &One(0..2));
    }

    #[test]
    fn many_ranges() {
        check("bytes=0-0,-1", 10_000, &Many(vec![0..1, 9999..10_000])); // RFC 9110 §14.1.2
        check("bytes=0-0, 2-2", 10, &Many(vec![0..1, 2..3]));
        check("bytes=8-9,0-1", 10, &Many(vec![8..10, 0..2]));
        check("bytes=, 0-0,,2-2,", 10, &Many(vec![0..1, 2..3]));
        check("bytes=0-0,99-", 10, &One(0..1));
    }

    #[test]
    fn overlapping_and_adjacent_ranges_are_merged() {
        check("bytes=500-600,601-999", 10_000, &One(500..1000)); // RFC 9110 §14.1.2
        check("bytes=500-700,601-999", 10_000, &One(500..1000)); // RFC 9110 §14.1.2
        check("bytes=0-3,2-5", 10, &One(0..6));
        check("bytes=8-8,0-1,1-2", 10, &Many(vec![8..9, 0..3]));
        check("bytes=0-0,8-8,4-4,1-7", 100, &One(0..9));
        check("bytes=6-6,20-20,2-2,3-5", 100, &Many(vec![2..7, 20..21]));
    }

    #[test]
    fn ranges_past_the_end() {
        check("bytes=10-", 10, &Unsatisfiable);
        check("bytes=10-10", 10, &Unsatisfiable);
        check("bytes=99-999,10-", 10, &Unsatisfiable);
        check("bytes=-0", 10, &Unsatisfiable);
        check("bytes=18446744073709551615-", 10, &Unsatisfiable);
        check("bytes=99999999999999999999999-", 10, &Unsatisfiable);
    }

    #[test]
    fn huge_numbers_do_not_overflow() {
        check("bytes=1-18446744073709551615", 10, &One(1..10));
        check("bytes=1-99999999999999999999999", 10, &One(1..10));
        check("bytes=-18446744073709551616", 10, &One(0..10));
        check("bytes=-18446744073709551616,0-0", 10, &Whole);
        check("bytes=0-18446744073709551614", u64::MAX, &One(0..u64::MAX));
        check("bytes=0-,0-,0-", u64::MAX, &Whole);
    }

    #[test]
    fn what_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--1",
            "bytes=1",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=0-0,5-4",
            "bytes=0-0,x",
            "bytes=1 - 2",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes =0-1",
            "bytes:0-1",
            "lines=0-1",
            "0-1",
            "bytes=0-1;2-3",
            "bytes=0x0-1",
        ] {
            check(range, 10, &Whole);
        }
        for range in ["bytes=0-", "bytes=-1", "bytes=-0", "bytes=0-0", "bytes=5-"] {
            check(range, 0, &Whole);
        }
        let twice = [("range", "bytes=0-0"), ("range", "bytes=2-2")];
        assert_eq!(selected(&twice, 10, Duration::from_mins(1)), Whole);
        assert_eq!(selected(&[], 10, Duration::from_mins(1)), Whole);
    }

    #[test]
    fn too_many_ranges_or_bytes() {
        let ranges = |count: u64| {
            let specs: Vec<_> = (0..count).map(|i| format!("{}-{}", i * 2, i * 2)).collect();
            format!("bytes={}", specs.join(","))
        };
        check(&ranges(16), 100, &Many((0..16).map(|i| i * 2..i * 2 + 1).collect()));
        let many = |count: u64| Many((0..count).map(|i| i * 2..i * 2 + 1).collect());
        for count in [17, 18, 20, 33, 60, 64, 99, 100] {
            check(&ranges(count), 2 * count + 1, &many(count));
            check(&ranges(count), 10_000, &many(count));
            check(&ranges(count), 2 * count, &Whole);
        }
        check(&ranges(16), 32, &many(16));
        check(&ranges(101), 10_000, &Whole);
        check(&ranges(1000), 1_000_000, &Whole);
        check(&ranges(17), 1, &One(0..1));
        check(&format!("bytes=0-0{}", ",0-0".repeat(16)), 100, &One(0..1));
        check(&format!("bytes=99-{}", ",99-".repeat(16)), 10, &Unsatisfiable);
        check(&format!("bytes=99-{}", ",99-".repeat(100)), 10, &Whole);
        check("bytes=0-,0-0", 10, &Whole);
        check("bytes=0-4,5-9", 10, &One(0..10));
    }

    #[track_caller]
    fn check_if_range(value: &str, age: Duration, expected: &Selection) {
        let selection = selected(&[("range", "bytes=0-0"), ("if-range", value)], 10, age);
        assert_eq!(&selection, expected, "{value:?} at {age:?}");
    }

    #[test]
    fn if_range_wants_a_strong_validator() {
        let minute = Duration::from_mins(1);
        check_if_range("\"h\"", minute, &One(0..1));
        check_if_range("\"h\"", Duration::ZERO, &One(0..1));
        check_if_range("W/\"h\"", minute, &Whole);
        check_if_range("\"h-gz\"", minute, &Whole);
        check_if_range("\"x\"", minute, &Whole);
        check_if_range("\"h\", \"x\"", minute, &Whole);
        check_if_range("*", minute, &Whole);
        check_if_range("", minute, &Whole);
        check_if_range(EXACT, minute, &One(0..1));
        check_if_range(EXACT, Duration::from_secs(1), &One(0..1));
        check_if_range(EXACT, Duration::from_millis(999), &Whole);
        check_if_range("Sunday, 06-Nov-94 08:49:37 GMT", minute, &One(0..1));
        check_if_range("Sun, 06 Nov 1994 08:49:36 GMT", minute, &Whole);
        check_if_range("Sun, 06 Nov 1994 08:49:38 GMT", minute, &Whole);
        let past_the_end = [("range", "bytes=10-"), ("if-range", "\"x\"")];
        assert_eq!(selected(&past_the_end, 10, minute), Whole);
    }

    #[test]
    fn content_ranges() {
        assert_eq!(content_range(&(0..500), 1234), "bytes 0-499/1234");
        assert_eq!(content_range(&(1233..1234), 1234), "bytes 1233-1233/1234");
        assert_eq!(unsatisfied(1234), "bytes */1234");
    }
}
