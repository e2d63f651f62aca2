//! Preconditions: whether the client's idea of a file still holds (RFC 9110 §13).

use std::time::SystemTime;

use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderValue};

use super::date;
use super::entity_tag::{self, Condition, EntityTag};
use crate::coding::FormCoding;

/// The validators of the selected representation.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// The hash of the content before any coding, once it is known.
    pub hash: Option<&'a str>,
    /// The coding that an answer would have.
    pub selected: FormCoding,
    /// The time of the file's last modification.
    pub last_modified: SystemTime,
}

impl Validators<'_> {
    /// The date of Last-Modified, if the file has one.
    pub(super) fn date(&self) -> Option<SystemTime> {
        date::of_change(self.last_modified)
    }

    /// The coding of this content that the tag names, if it names one.
    pub(super) fn coding_of(&self, tag: &EntityTag<'_>) -> Option<FormCoding> {
        entity_tag::coding_of(tag.opaque, self.hash?.as_bytes())
    }
}

/// The outcome of the preconditions of a GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client has this content, with this coding. It is the one of the tag that matched,
    /// so that the stored answer which the 304's tag names is refreshed (RFC 9111 §4.3.4).
    NotModified(FormCoding),
    /// 412: the content is not what the client said.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD in the order of RFC 9110 §13.2.2.
///
/// 1. If-Match is there: true goes on at step 3, false is 412.
/// 2. If-Unmodified-Since is there and If-Match is not: true goes on at step 3, false is 412.
/// 3. If-None-Match is there: true goes on at step 5, false is 304.
/// 4. If-Modified-Since is there and If-None-Match is not: true goes on at step 5, false is 304.
/// 5. Range and If-Range: see [`range::select`](super::range::select).
/// 6. The method is performed.
#[must_use]
pub fn evaluate(fields: &HeaderMap, validators: &Validators<'_>) -> Verdict {
    // Step 1 (§13.1.1).
    if fields.contains_key(IF_MATCH) {
        if !if_match(fields, validators) {
            return Verdict::Failed;
        }
    // Step 2 (§13.1.4).
    } else if only_date(fields, &IF_UNMODIFIED_SINCE)
        .is_some_and(|date| validators.date().is_some_and(|changed| changed > date))
    {
        return Verdict::Failed;
    }
    // Step 3 (§13.1.2). The date is not looked at even when no tag matches, or when the content has
    // no tag yet: a date is the weaker validator and could say 304 to content that has changed.
    if fields.contains_key(IF_NONE_MATCH) {
        return match matched_coding(fields, validators) {
            Some(coding) => Verdict::NotModified(coding),
            None => Verdict::Proceed,
        };
    }
    // Step 4 (§13.1.3).
    if only_date(fields, &IF_MODIFIED_SINCE)
        .is_some_and(|date| validators.date().is_some_and(|changed| changed <= date))
    {
        return Verdict::NotModified(validators.selected);
    }
    // Step 6.
    Verdict::Proceed
}

/// True if If-Match holds: `*`, or by strong comparison a tag of this content in any coding.
///
/// Content without a tag yet can match none: what cannot be proved must not be performed.
fn if_match(fields: &HeaderMap, validators: &Validators<'_>) -> bool {
    fields.get_all(IF_MATCH).iter().any(|line| match Condition::parse(line.as_bytes()) {
        Condition::Any => true,
        Condition::Tags(mut tags) => {
            tags.any(|tag| !tag.weak && validators.coding_of(&tag).is_some())
        }
    })
}

/// The coding of the tag in If-None-Match that names this content, by weak comparison.
///
/// A client may hold several codings of it: the one that would be sent now is preferred.
fn matched_coding(fields: &HeaderMap, validators: &Validators<'_>) -> Option<FormCoding> {
    let mut matched = None;
    for line in fields.get_all(IF_NONE_MATCH) {
        match Condition::parse(line.as_bytes()) {
            Condition::Any => return Some(validators.selected),
            Condition::Tags(tags) => {
                for coding in tags.filter_map(|tag| validators.coding_of(&tag)) {
                    if coding == validators.selected {
                        return Some(coding);
                    }
                    matched = matched.or(Some(coding));
                }
            }
        }
    }
    matched
}

/// The date of a field; `None` when there is none, or more than one line, or it is no date: then
/// the field must be ignored (§13.1.3, §13.1.4).
fn only_date(fields: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    only(fields, name).and_then(|value| date::parse(value.as_bytes()))
}

/// The value of a field that has exactly one line.
pub(super) fn only<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = fields.get_all(name).iter();
    let value = lines.next()?;
    lines.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::Coding;
    use Verdict::{Failed, Proceed};

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn not_modified(coding: Coding) -> Verdict {
        Verdict::NotModified(coding.into())
    }

    fn validators(hash: Option<&str>) -> Validators<'_> {
        // Between two seconds, as file times are: a date is compared to the second.
        let last_modified =
            date::parse(EXACT.as_bytes()).unwrap() + std::time::Duration::from_millis(500);
        Validators { hash, selected: Coding::Brotli.into(), last_modified }
    }

    #[track_caller]
    fn check_with(hash: Option<&str>, lines: &[(&str, &str)], expected: Verdict) {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(evaluate(&fields, &validators(hash)), expected, "{lines:?}");
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)], expected: Verdict) {
        check_with(Some("h"), lines, expected);
    }

    #[test]
    fn if_none_match() {
        let name = "if-none-match";
        check(&[], Proceed);
        check(&[(name, "\"h\"")], not_modified(Coding::Identity));
        check(&[(name, "W/\"h\"")], not_modified(Coding::Identity));
        check(&[(name, "\"h-gz\"")], not_modified(Coding::Gzip));
        check(&[(name, "\"h-br\"")], not_modified(Coding::Brotli));
        check(&[(name, "W/\"h-zst\"")], not_modified(Coding::Zstd));
        check(&[(name, "\"x\", \"h-gz\"")], not_modified(Coding::Gzip));
        check(&[(name, "\"h-gz\", \"h-br\"")], not_modified(Coding::Brotli));
        check(&[(name, "\"x\""), (name, "\"h\"")], not_modified(Coding::Identity));
        check(&[(name, "*")], not_modified(Coding::Brotli));
        check(&[(name, "\"x\"")], Proceed);
        check(&[(name, "\"h-xz\"")], Proceed);
        check(&[(name, "h")], Proceed);
        check(&[(name, "")], Proceed);
    }

    #[test]
    fn if_none_match_wins_over_the_date() {
        let date = ("if-modified-since", AFTER);
        check(&[("if-none-match", "\"x\""), date], Proceed);
        check(&[("if-none-match", ""), date], Proceed);
        check(
            &[("if-none-match", "\"h\""), ("if-modified-since", BEFORE)],
            not_modified(Coding::Identity),
        );
        check_with(None, &[("if-none-match", "\"h\""), date], Proceed);
        check_with(None, &[("if-none-match", "\"\""), date], Proceed);
        check_with(None, &[("if-none-match", "*"), date], not_modified(Coding::Brotli));
    }

    #[test]
    fn if_modified_since() {
        let name = "if-modified-since";
        check(&[(name, BEFORE)], Proceed);
        check(&[(name, EXACT)], not_modified(Coding::Brotli));
        check(&[(name, AFTER)], not_modified(Coding::Brotli));
        check(&[(name, "Sunday, 06-Nov-94 08:49:37 GMT")], not_modified(Coding::Brotli));
        check(&[(name, "Sun Nov  6 08:49:37 1994")], not_modified(Coding::Brotli));
        check(&[(name, "yesterday")], Proceed);
        check(&[(name, "")], Proceed);
        check(&[(name, EXACT), (name, EXACT)], Proceed);
        check_with(None, &[(name, EXACT)], not_modified(Coding::Brotli));
    }

    #[test]
    fn dates_are_ignored_without_a_date() {
        let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
        for seconds in [0, 1, 315_532_800] {
            let last_modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let validators = Validators { last_modified, ..validators(Some("h")) };
            for date in [epoch, "Tue, 01 Jan 1980 00:00:00 GMT", AFTER] {
                for name in [IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
                    let fields = HeaderMap::from_iter([(name, HeaderValue::from_static(date))]);
                    assert_eq!(evaluate(&fields, &validators), Proceed, "{seconds} {fields:?}");
                }
            }
        }
    }

    #[test]
    fn if_match() {
        let name = "if-match";
        check(&[(name, "\"h-br\"")], Proceed);
        check(&[(name, "\"h\"")], Proceed);
        check(&[(name, "\"x\", \"h\"")], Proceed);
        check(&[(name, "\"x\""), (name, "\"h\"")], Proceed);
        check(&[(name, "*")], Proceed);
        check(&[(name, "W/\"h\"")], Failed);
        check(&[(name, "\"x\"")], Failed);
        check(&[(name, "")], Failed);
        check_with(None, &[(name, "\"h\"")], Failed);
        check_with(None, &[(name, "*")], Proceed);
        check(&[(name, "\"h\""), ("if-none-match", "\"h\"")], not_modified(Coding::Identity));
        check(&[(name, "\"x\""), ("if-none-match", "\"h\"")], Failed);
        check(&[(name, "\"h\""), ("if-modified-since", EXACT)], not_modified(Coding::Brotli));
    }

    #[test]
    fn if_unmodified_since() {
        let name = "if-unmodified-since";
        check(&[(name, BEFORE)], Failed);
        check(&[(name, EXACT)], Proceed);
        check(&[(name, AFTER)], Proceed);
        check(&[(name, "never")], Proceed);
        check(&[("if-match", "\"h\""), (name, BEFORE)], Proceed);
        check(&[("if-match", "\"x\""), (name, AFTER)], Failed);
        check(&[(name, AFTER), ("if-none-match", "\"h\"")], not_modified(Coding::Identity));
    }
}
