//! Actions that are no requests, as many as are borne and more.

use super::*;
use crate::protocol::limits::{CONTROL, CONTROL_PER_REQUEST, LOCAL_RESETS};

const BURST: usize = CONTROL.burst as usize;

/// `count` times the same on a stream; `true` if it is more than is borne.
fn is_flood(id: u64, first: &[u8], again: &[u8], count: usize) -> bool {
    let mut test = Test::new();
    let sent = [first, &again.repeat(count)].concat();
    test.exchange(&[(id, sent, false)], usize::MAX).starts_with("H3_EXCESSIVE_LOAD")
}

/// A flood is one from so many on.
#[track_caller]
fn check_flood(id: u64, first: &[u8], again: &[u8], most: usize) {
    assert!(!is_flood(id, first, again, most), "{again:x?}");
    assert!(is_flood(id, first, again, most + most / 2), "{again:x?}");
}

#[test]
fn frames_that_ask_for_nothing_are_counted() {
    let (_, control, _) = control(&[]);
    // SETTINGS is one of them.
    let rest = BURST - 1;
    check_flood(2, &control, &frame(0x21, b""), rest);
    check_flood(2, &control, &frame(kind::GOAWAY, b"\x00"), rest);
    check_flood(2, &control, &frame(kind::MAX_PUSH_ID, b"\x00"), rest);
    check_flood(2, &control, &frame(kind::PRIORITY_UPDATE, b"\x00u=1"), rest);
    let get = headers(&GET);
    check_flood(0, &get, &frame(0x21, b""), BURST);
    check_flood(0, &get, &data(0), BURST);
    check_flood(0, &get, &data(511), BURST);
    check_flood(0, b"", &frame(0x21, b""), BURST);
    assert!(!is_flood(0, &get, &data(512), 2 * BURST), "frames of content");
    check_flood(2, b"\x02", b"\x20", BURST);
    check_flood(2, b"\x03", b"\x44", BURST);
}

#[test]
fn requests_allow_for_more() {
    let mut test = Test::new();
    let unknown = |count| frame(0x21, b"").repeat(count);
    let count = u64::from(CONTROL.burst / CONTROL_PER_REQUEST);
    let mut sent = vec![(0, unknown(BURST), false)];
    sent.extend((1..=count).map(|request| {
        let all = CONTROL_PER_REQUEST as usize;
        (request * 4, [headers(&GET), unknown(all)].concat(), true)
    }));
    assert!(test.exchange(&sent, usize::MAX).ends_with("GET https://a.test/"));
}

#[test]
fn errors_of_streams_are_counted() {
    let most = u64::from(LOCAL_RESETS.burst);
    let value = "x".repeat(1000);
    let large = headers(&[&GET[..], &[("a", value.as_str()); 33]].concat());
    for (bad, outcome) in [
        (headers(&GET[1..]), "H3_MESSAGE_ERROR"),
        (frame(0x21, b""), "H3_REQUEST_INCOMPLETE"),
        (large, "431"),
    ] {
        let sent = |count| (0..count).map(|id| (id * 4, bad.clone(), true)).collect::<Vec<_>>();
        assert!(Test::new().exchange(&sent(most), usize::MAX).ends_with(outcome), "{outcome}");
        let more = Test::new().exchange(&sent(most + most / 2), usize::MAX);
        assert!(more.starts_with("H3_EXCESSIVE_LOAD"), "{more}");
    }
}

#[test]
fn streams_that_say_nothing_are_few() {
    let untyped = |count| (0..count).map(|id| (id * 4 + 2, b"\x40".to_vec(), false));
    let sent: Vec<_> = untyped(16).collect();
    check("as many as may be", &sent, "");
    let sent: Vec<_> = untyped(17).collect();
    check("more", &sent, "H3_EXCESSIVE_LOAD, streams that say nothing");
    let ended: Vec<_> = untyped(100).map(|(id, bytes, _)| (id, bytes, true)).collect();
    check("those that have ended are no more", &ended, "");
    // Those that are of no type that is known cost as much as a frame.
    let unknown = (0..2 * CONTROL.burst).map(|id| (u64::from(id) * 4 + 2, vec![0x21], false));
    let sent: Vec<_> = unknown.collect();
    let outcome = Test::new().exchange(&sent, usize::MAX);
    assert_eq!(outcome, "H3_EXCESSIVE_LOAD, instructions that ask for nothing");
}
