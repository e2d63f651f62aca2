//! Negotiation: there is always an answer, and it honours every refusal.

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use shost::coding::Coding;
use shost::coding::negotiation::preferences;

/// Each coding comes at most once, identity always, and the others only if accepted; how the list
/// is cut into lines changes nothing.
pub(crate) fn negotiation(field: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(field) else { return };
    let acceptable = preferences(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]));
    let order: Vec<_> = acceptable.order().collect();
    for coding in Coding::ALL {
        let times = order.iter().filter(|other| **other == coding).count();
        let expected = acceptable.accepts(coding) || coding == Coding::Identity;
        assert_eq!(times, usize::from(expected), "{coding:?}");
    }
    if !acceptable.accepts(Coding::Identity) {
        assert_eq!(order.last(), Some(&Coding::Identity));
    }
    let lines = field.split(|byte| *byte == b',').rev();
    let fields: HeaderMap = lines
        .filter_map(|line| Some((ACCEPT_ENCODING, HeaderValue::from_bytes(line).ok()?)))
        .collect();
    if !fields.is_empty() {
        assert_eq!(preferences(&fields), acceptable);
    }
}
