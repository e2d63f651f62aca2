//! Preconditions: a client that says what it was told is believed, and no field makes trouble.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE,
};
use shost::coding::{Coding, DictionaryMark, FormCoding};
use shost::semantics::entity_tag;
use shost::semantics::entity_tag::Condition;
use shost::semantics::precondition::{Validators, Verdict, evaluate};
use shost::semantics::{date, range};

/// The hash of the content in question.
const HASH: &str = "0123456789abcdef";

/// The validators that an answer carried hold in the next request, beside any other tags.
pub(crate) fn validators(noise: &[u8], seconds: u32, coding: u8) {
    let last_modified = UNIX_EPOCH + Duration::from_secs(seconds.into());
    let selected = match Coding::ALL.get(usize::from(coding) % (Coding::ALL.len() + 1)) {
        Some(coding) => FormCoding::Plain(*coding),
        None => FormCoding::Dictionary(DictionaryMark::of(&[coding; 32])),
    };
    let validators = Validators { hash: Some(HASH), selected, last_modified };
    let verdict = |lines: &[(HeaderName, &HeaderValue)]| {
        let fields: HeaderMap = lines.iter().map(|(n, v)| (n.clone(), (*v).clone())).collect();
        evaluate(&fields, &validators)
    };
    let tag = tag(selected);
    let date = date::format(last_modified);

    assert_eq!(verdict(&[(IF_NONE_MATCH, &tag)]), Verdict::NotModified(selected));
    let by_date = match date::of_change(last_modified) {
        Some(_) => Verdict::NotModified(selected),
        None => Verdict::Proceed,
    };
    assert_eq!(verdict(&[(IF_MODIFIED_SINCE, &date)]), by_date);
    assert_eq!(verdict(&[(IF_MATCH, &tag)]), Verdict::Proceed);
    assert_eq!(verdict(&[(IF_UNMODIFIED_SINCE, &date)]), Verdict::Proceed);

    let Ok(noise) = HeaderValue::from_bytes(noise) else { return };
    // Whatever else is said, a matching tag wins over the date, and no tag means that the date
    // is not asked.
    let with_date = verdict(&[(IF_NONE_MATCH, &noise), (IF_MODIFIED_SINCE, &date)]);
    assert_eq!(with_date, verdict(&[(IF_NONE_MATCH, &noise)]));
    assert_eq!(
        verdict(&[(IF_NONE_MATCH, &tag), (IF_MODIFIED_SINCE, &noise)]),
        Verdict::NotModified(selected)
    );
    assert_eq!(verdict(&[(IF_MATCH, &tag), (IF_UNMODIFIED_SINCE, &noise)]), Verdict::Proceed);
    if_range(&noise, &validators);
    tags(noise.as_bytes());
}

/// A list walked is a list of tags that are each one tag again.
fn tags(field: &[u8]) {
    let Condition::Tags(list) = Condition::parse(field) else { return };
    for tag in list {
        let mut text = if tag.weak { b"W/\"".to_vec() } else { b"\"".to_vec() };
        text.extend_from_slice(tag.opaque);
        text.push(b'"');
        assert_eq!(entity_tag::parse(&text), Some(tag));
    }
}

/// Only the identity tag or the exact date lets a range be cut.
fn if_range(noise: &HeaderValue, validators: &Validators<'_>) {
    let now = SystemTime::now();
    let cut = |value: &HeaderValue| {
        let fields = HeaderMap::from_iter([
            (http::header::RANGE, HeaderValue::from_static("bytes=0-0")),
            (http::header::IF_RANGE, value.clone()),
        ]);
        range::select(&fields, 10, validators, now) == range::Selection::One(0..1)
    };
    assert!(cut(&tag(FormCoding::IDENTITY)));
    if cut(noise) {
        let is_tag = noise.as_bytes().trim_ascii() == tag(FormCoding::IDENTITY).as_bytes();
        assert!(is_tag || date::parse(noise.as_bytes()) == Some(validators.last_modified));
    }
}

fn tag(coding: FormCoding) -> HeaderValue {
    HeaderValue::try_from(format!("\"{HASH}{}\"", coding.tag_suffix())).expect("a tag")
}
