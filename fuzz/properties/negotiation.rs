//! Negotiation: there is always an answer, and it honours every refusal. A dictionary is one that could
//! have been offered.

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use shost::coding::Coding;
use shost::coding::negotiation::{preferences, prefers_dictionary};
use shost::semantics::dictionary::{AVAILABLE_DICTIONARY, AvailableDictionary, DictionaryScope};

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
    dictionary(field);
}

/// What a client may send as the field Available-Dictionary, as Dictionary-ID and in Accept-Encoding. A
/// name that is taken is one of an offer, and one that leads out of its folder is for no path there.
pub(crate) fn dictionary(field: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(field) else { return };
    let id = HeaderName::from_static("dictionary-id");
    let own = HeaderValue::from_static("\"/a/b.html\"");
    let hash = HeaderValue::from_static(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    for (digest, name) in [(&value, &own), (&hash, &value), (&value, &value)] {
        let fields = [(AVAILABLE_DICTIONARY, digest.clone()), (id.clone(), name.clone())];
        let fields = HeaderMap::from_iter(fields);
        let Some(available) = AvailableDictionary::of(&fields) else { continue };
        for scope in [DictionaryScope::Folder, DictionaryScope::Itself] {
            let offer = scope.offer(available.name).expect("the name is one of an offer");
            let offer = offer.to_str().expect("an offer is of ASCII");
            assert!(offer.contains(&format!("id=\"/{}\"", available.name)), "{offer}");
            let is_of_the_root = !available.name.contains('/');
            let covers = scope.covers(available.name, "/another folder/x");
            assert_eq!(covers, is_of_the_root && scope == DictionaryScope::Folder, "{offer}");
        }
    }
    let accepted = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
    if prefers_dictionary(&accepted) {
        assert!(field.to_ascii_lowercase().windows(3).any(|part| part == b"dcz"));
    }
}
