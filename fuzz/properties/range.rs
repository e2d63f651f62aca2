//! Ranges: in bounds, disjoint, and never more than the file.

use std::time::SystemTime;

use http::header::{HeaderMap, HeaderValue, RANGE};
use shost::coding::FormCoding;
use shost::semantics::precondition::Validators;
use shost::semantics::range::{self, FEW_RANGES, MAX_RANGES, Selection};

/// For any field and length, what is selected lies within the file and is sent once.
pub(crate) fn range(field: &[u8], length: u64) {
    let Ok(value) = HeaderValue::from_bytes(field) else { return };
    let fields = HeaderMap::from_iter([(RANGE, value)]);
    let time = SystemTime::UNIX_EPOCH;
    let validators = Validators { hash: None, selected: FormCoding::IDENTITY, last_modified: time };
    let ranges = match range::select(&fields, length, &validators, time) {
        Selection::Whole => return,
        Selection::Unsatisfiable => return assert!(length > 0),
        Selection::One(range) => vec![range],
        Selection::Many(ranges) => {
            assert!((2..=MAX_RANGES).contains(&ranges.len()));
            ranges
        }
    };
    let mut sorted = ranges.clone();
    sorted.sort_by_key(|range| range.start);
    for range in &sorted {
        assert!(range.start < range.end && range.end <= length, "{range:?} of {length}");
    }
    for pair in sorted.windows(2) {
        assert!(pair[0].end < pair[1].start, "{pair:?} overlap or touch");
    }
    again(&ranges, length, &validators);
}

/// Asking for the ranges that were given gives them again: no byte is lost or made up.
fn again(ranges: &[std::ops::Range<u64>], length: u64, validators: &Validators<'_>) {
    let specs: Vec<_> =
        ranges.iter().map(|range| format!("{}-{}", range.start, range.end - 1)).collect();
    let value = HeaderValue::try_from(format!("bytes={}", specs.join(","))).expect("digits");
    let fields = HeaderMap::from_iter([(RANGE, value)]);
    let selection = range::select(&fields, length, validators, validators.last_modified);
    match ranges {
        [range] => assert_eq!(selection, Selection::One(range.clone())),
        _ => assert_eq!(selection, Selection::Many(ranges.to_vec())),
    }
}

/// A set of ranges selects exactly the bytes that a simple reading of it selects.
pub(crate) fn range_set(specs: &[(Option<u8>, Option<u8>)], length: u8) {
    let mut asked = vec![false; usize::from(length)];
    let mut total = 0;
    let mut members = Vec::new();
    for spec in specs {
        let (first, end) = match *spec {
            (Some(first), Some(last)) if last < first => continue,
            (Some(first), Some(last)) => (usize::from(first), usize::from(last) + 1),
            (Some(first), None) => (usize::from(first), asked.len()),
            (None, Some(suffix)) => (usize::from(length.saturating_sub(suffix)), asked.len()),
            (None, None) => continue,
        };
        let text = |number: Option<u8>| number.map_or(String::new(), |n| n.to_string());
        members.push(format!("{}-{}", text(spec.0), text(spec.1)));
        for byte in asked.iter_mut().take(end).skip(first) {
            *byte = true;
            total += 1;
        }
    }
    let value = HeaderValue::try_from(format!("bytes={}", members.join(", "))).expect("digits");
    let fields = HeaderMap::from_iter([(RANGE, value)]);
    let time = SystemTime::UNIX_EPOCH;
    let validators = Validators { hash: None, selected: FormCoding::IDENTITY, last_modified: time };
    let selection = range::select(&fields, u64::from(length), &validators, time);
    let ranges = match selection {
        Selection::Whole => {
            let ignored = members.is_empty()
                || members.len() > MAX_RANGES
                || members.len() > FEW_RANGES && 2 * total >= usize::from(length)
                || length == 0
                || total > usize::from(length);
            return assert!(ignored, "{members:?} of {length}");
        }
        Selection::Unsatisfiable => vec![],
        Selection::One(range) => vec![range],
        Selection::Many(ranges) => ranges,
    };
    for (index, asked) in (0..).zip(asked) {
        let given = ranges.iter().any(|range| range.contains(&index));
        assert_eq!(given, asked, "byte {index} in {members:?} of {length}");
    }
}
