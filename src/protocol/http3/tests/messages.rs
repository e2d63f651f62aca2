//! Section 4: what a request is made of, in which order, and how it has to keep its promise.

use super::*;

/// A request of these fields and no content.
#[track_caller]
fn check_fields(name: &str, fields: &[(&str, &str)], expected: &str) {
    check(name, &[request(&[headers(fields)])], expected);
}

const MALFORMED: &str = "0: H3_MESSAGE_ERROR";

#[test]
fn frames_of_a_request_come_in_order() {
    let get = || headers(&GET);
    let trailers = || headers(&[("x", "y")]);
    let unknown = || frame(0x21, b"any");
    let unexpected = |what: &str| format!("H3_FRAME_UNEXPECTED, {what}");
    let before = unexpected("content before its head");
    let behind = unexpected("a frame behind the trailers");
    check_rows(&[
        ("4.1: a head alone", vec![request(&[get()])], ANSWERED),
        ("4.1: content", vec![request(&[get(), data(1), data(2000)])], ANSWERED),
        ("4.1: trailers", vec![request(&[get(), data(1), trailers()])], ANSWERED),
        ("4.1: trailers without content", vec![request(&[get(), trailers()])], ANSWERED),
        (
            "4.1: unknown frames between all others",
            vec![request(&[
                unknown(),
                get(),
                unknown(),
                data(1),
                unknown(),
                trailers(),
                unknown(),
            ])],
            ANSWERED,
        ),
        ("4.1: content before the head", vec![request(&[data(0), get()])], &before),
        ("4.1: a second head is trailers", vec![request(&[get(), get()])], MALFORMED),
        ("4.1: content behind trailers", vec![request(&[get(), trailers(), data(1)])], &behind),
        ("4.1: two trailers", vec![request(&[get(), trailers(), trailers()])], &behind),
        ("4.1: nothing at all", vec![request(&[])], "0: H3_REQUEST_INCOMPLETE"),
        ("4.1: no head", vec![request(&[unknown()])], "0: H3_REQUEST_INCOMPLETE"),
        ("4.1: the end does not come", vec![(0, [get(), data(1)].concat(), false)], ANSWERED),
        (
            "4.1: several requests",
            vec![request(&[get()]), (8, get(), true), (4, get(), false)],
            "0: GET https://a.test/; 4: GET https://a.test/; 8: GET https://a.test/",
        ),
        (
            "4.1.2: one is malformed",
            vec![request(&[headers(&GET[1..])]), (4, get(), true)],
            "0: H3_MESSAGE_ERROR; 4: GET https://a.test/",
        ),
    ]);
}

#[test]
fn fields_are_those_of_a_request() {
    let with = |name, value| [&GET[..], &[(name, value)]].concat();
    for (name, field, value) in [
        ("4.2: a field", "a", "b"),
        ("4.2: a field without a value", "a", ""),
        ("4.2: TE of trailers", "te", "trailers"),
        ("4.1.2: a promise that is kept", "content-length", "0"),
    ] {
        check_fields(name, &with(field, value), ANSWERED);
    }
    for (name, field, value) in [
        ("4.2: a name in upper case", "A", "b"),
        ("4.2: a name that is no token", "a b", "b"),
        ("4.2: no name", "", "b"),
        ("4.2: a value with a line feed", "a", "b\nc"),
        ("4.2: a value with a NUL", "a", "b\0c"),
        ("4.2: a value behind a space", "a", " b"),
        ("4.2: a field of the connection", "connection", "close"),
        ("4.2: Keep-Alive", "keep-alive", "5"),
        ("4.2: Proxy-Connection", "proxy-connection", "close"),
        ("4.2: Transfer-Encoding", "transfer-encoding", "chunked"),
        ("4.2: Upgrade", "upgrade", "websocket"),
        ("4.2: TE of more than trailers", "te", "trailers, gzip"),
        ("4.1.2: a length that is none", "content-length", "+0"),
        ("4.3: an unknown pseudo-field", ":x", "y"),
        ("4.3: a pseudo-field of responses", ":status", "200"),
        ("4.3: a pseudo-field of another extension", ":protocol", "websocket"),
        ("4.3.1: two methods", ":method", "GET"),
        ("4.3.1: two schemes", ":scheme", "https"),
        ("4.3.1: two authorities", ":authority", "a.test"),
        ("4.3.1: two paths", ":path", "/"),
    ] {
        check_fields(name, &with(field, value), MALFORMED);
    }
}

#[test]
fn pseudo_fields_make_a_target() {
    let [method, scheme, authority, path] = GET;
    check_fields("4.3: behind a field", &[("a", "b"), method, scheme, authority, path], MALFORMED);
    check_fields("4.3.1: no method", &[scheme, authority, path], MALFORMED);
    check_fields("4.3.1: no scheme", &[method, authority, path], MALFORMED);
    check_fields("4.3.1: no path", &[method, scheme, authority], MALFORMED);
    check_fields("4.3.1: an empty path", &[method, scheme, authority, (":path", "")], MALFORMED);
    check_fields("4.3.1: half a path", &[method, scheme, authority, (":path", "x")], MALFORMED);
    // The host may be that of Host; without any, the service answers it with 400.
    check_fields("4.3.1: no authority", &[method, scheme, path], "0: GET /");
    let connect = (":method", "CONNECT");
    check_fields("4.4: CONNECT", &[connect, authority], "0: CONNECT a.test");
    check_fields("4.4: CONNECT of a path", &[connect, authority, path], MALFORMED);
    check_fields("4.4: CONNECT of a scheme", &[connect, authority, scheme], MALFORMED);
    check_fields("4.4: CONNECT of nothing", &[connect], MALFORMED);
    let options = [(":method", "OPTIONS"), scheme, authority, (":path", "*")];
    check_fields("4.3.1: the server as a whole", &options, "0: OPTIONS https://a.test*");
}

#[test]
fn content_is_as_long_as_promised() {
    let promising = |length| headers(&[&GET[..], &[("content-length", length)]].concat());
    let trailers = || headers(&[("x", "y")]);
    check_rows(&[
        ("4.1.2: kept", vec![request(&[promising("5"), data(2), data(3)])], ANSWERED),
        (
            "4.1.2: kept, then trailers",
            vec![request(&[promising("2"), data(2), trailers()])],
            ANSWERED,
        ),
        ("4.1.2: none of it", vec![request(&[promising("5")])], MALFORMED),
        ("4.1.2: less", vec![request(&[promising("5"), data(4)])], MALFORMED),
        (
            "4.1.2: less, then trailers",
            vec![request(&[promising("5"), data(4), trailers()])],
            MALFORMED,
        ),
        ("4.1.2: more", vec![request(&[promising("5"), data(6)])], MALFORMED),
        ("4.1.2: more, bit by bit", vec![request(&[promising("5"), data(5), data(1)])], MALFORMED),
        (
            "4.1.2: more, before the end",
            vec![(0, [promising("5"), data(6)].concat(), false)],
            MALFORMED,
        ),
        ("4.1.2: still to come", vec![(0, [promising("5"), data(4)].concat(), false)], ANSWERED),
        (
            "4.1.2: trailers with a pseudo-field",
            vec![request(&[promising("0"), headers(&[(":path", "/")])])],
            MALFORMED,
        ),
        (
            "4.1.2: trailers that are malformed",
            vec![request(&[promising("0"), headers(&[("X", "y")])])],
            MALFORMED,
        ),
    ]);
}

#[test]
fn heads_that_are_too_large_are_answered() {
    let value = "x".repeat(1000);
    let large = [&GET[..], &[("a", value.as_str()); 33]].concat();
    check_fields("4.2.2: more than 32 KiB", &large, "0: 431");
    let many = [&GET[..], &[("a", "b"); 101]].concat();
    check_fields("4.2.2: more than 100 fields", &many, "0: 431");
    check_fields("4.2.2: as many as may be", &[&GET[..], &[("a", "b"); 100]].concat(), ANSWERED);
    let huge = vec![("a", value.as_str()); 70];
    let flood = "H3_EXCESSIVE_LOAD, a frame that is too long";
    check_fields("4.2.2: more than is read", &[&GET[..], &huge].concat(), flood);
}

#[test]
fn priority_and_method_are_told() {
    let told = |fields: &[(&str, &str)]| {
        let (mut stream, mut budgets) = (RequestStream::default(), Budgets::new(Tick::now()));
        let head = stream.receive(&headers(fields), true, &mut budgets).unwrap().unwrap();
        (head.priority.urgency, head.priority.incremental, head.wants_content)
    };
    assert_eq!(told(&GET), (3, true, true));
    assert_eq!(told(&[&GET[..], &[("priority", "u=1")]].concat()), (1, false, true));
    assert_eq!(told(&[&[(":method", "HEAD")], &GET[1..]].concat()), (3, true, false));
}

#[test]
fn heads_are_kept_while_they_come() {
    let (mut stream, mut budgets) = (RequestStream::default(), Budgets::new(Tick::now()));
    let head = headers(&GET);
    let (first, second) = head.split_at(20);
    assert!(stream.receive(first, false, &mut budgets).unwrap().is_none());
    assert!((18..100).contains(&stream.kept()), "{}", stream.kept());
    assert!(stream.receive(second, true, &mut budgets).unwrap().is_some());
    assert_eq!(stream.kept(), 0);
}
