//! Section 7: each type of frame, on which streams it may be, and how it is laid out; and those of
//! priorities (RFC 9218 §7.2).

use super::*;

#[test]
fn settings_come_first_and_once() {
    let missing = "H3_MISSING_SETTINGS, the first frame is not SETTINGS";
    let first = |frame: Vec<u8>| vec![(2, opened(stream_type::CONTROL, &[frame]), false)];
    for kind in [kind::GOAWAY, kind::MAX_PUSH_ID, kind::DATA, kind::PRIORITY_UPDATE, 0x21, 0x2] {
        check("6.2.1: another frame comes first", &first(frame(kind, b"\x00")), missing);
    }
    let second = "H3_FRAME_UNEXPECTED, SETTINGS for a second time";
    check("7.2.4: a second time", &[control(&[frame(kind::SETTINGS, b"")])], second);
}

/// SETTINGS with this payload.
#[track_caller]
fn check_settings(name: &str, payload: &[u8], expected: &str) {
    let stream = opened(stream_type::CONTROL, &[frame(kind::SETTINGS, payload)]);
    check(name, &[(2, stream, false)], expected);
}

/// QPACK with a table, a bound of field sections, and datagrams.
const BROWSER: &[u8] = b"\x01\x80\x01\x00\x00\x06\x80\x04\x00\x00\x07\x40\x64\x33\x01";

#[test]
fn settings_are_those_of_http3() {
    let ids_of_http2: [&[u8]; 6] =
        [b"\x00\x00", b"\x02\x00", b"\x03\x40\x64", b"\x04\x00", b"\x05\x00", b"\x40\x02\x00"];
    for payload in ids_of_http2 {
        check_settings("7.2.4.1", payload, "H3_SETTINGS_ERROR, a setting that only HTTP/2 has");
    }
    for payload in [b"\x06\x00\x06\x00", b"\x21\x00\x21\x01"] {
        check_settings("7.2.4", payload, "H3_SETTINGS_ERROR, a setting that is there twice");
    }
    for switch in [b"\x08\x02", b"\x33\x02"] {
        let expected = "H3_SETTINGS_ERROR, a setting that is neither 0 nor 1";
        check_settings("RFC 9220 3, RFC 9297 2.1.1", switch, expected);
    }
    for payload in [&b"\x06"[..], b"\x06\x40", b"\x06\x00\x40"] {
        check_settings("7.1", payload, "H3_FRAME_ERROR, SETTINGS that are cut off");
    }
    for good in [BROWSER, b"\x21\xff\xff\xff\xff\xff\xff\xff\xff\x4d\x44\x05", b"\x08\x01", b""] {
        check_settings("7.2.4", good, "");
    }
    let many = |count: u8| (0x40..0x40 + count).flat_map(|id| [0x40, id, 0]).collect::<Vec<_>>();
    check_settings("as many as may be", &many(64), "");
    check_settings("more", &many(65), "H3_EXCESSIVE_LOAD, settings without end");
    check_settings("and longer", &[0; 1025], "H3_EXCESSIVE_LOAD, a frame that is too long");
}

#[test]
fn frames_are_on_their_streams() {
    let of_control = "H3_FRAME_UNEXPECTED, a frame of the control stream on a request's";
    let of_requests = "H3_FRAME_UNEXPECTED, a frame of requests on the control stream";
    let of_http2 = "H3_FRAME_UNEXPECTED, a frame of HTTP/2";
    let push = "H3_FRAME_UNEXPECTED, a client pushes nothing";
    for (kind, on_request, on_control) in [
        (kind::DATA, "", of_requests),
        (kind::PUSH_PROMISE, push, of_requests),
        (kind::HEADERS, "", of_requests),
        (kind::CANCEL_PUSH, of_control, ""),
        (kind::SETTINGS, of_control, ""),
        (kind::GOAWAY, of_control, ""),
        (kind::MAX_PUSH_ID, of_control, ""),
        (kind::PRIORITY_UPDATE, of_control, ""),
        (kind::PRIORITY_UPDATE_OF_PUSH, of_control, ""),
        (0x2, of_http2, of_http2),
        (0x6, of_http2, of_http2),
        (0x8, of_http2, of_http2),
        (0x9, of_http2, of_http2),
    ] {
        let sent = frame(kind, b"\x00");
        if !on_control.is_empty() {
            check(
                "7.2: on the control stream",
                &[control(std::slice::from_ref(&sent))],
                on_control,
            );
        }
        if !on_request.is_empty() {
            let name = format!("7.2: {kind:#x} on a request stream");
            check(&name, &[request(&[sent.clone(), headers(&GET)])], on_request);
            check(&name, &[request(&[headers(&GET), sent])], on_request);
        }
    }
}

#[test]
fn unknown_frames_say_nothing() {
    let large = frame(0x21, &[0; 5000]);
    let longest = frame(varint::LARGEST, b"x");
    check_rows(&[
        ("7.2.8: on the control stream", vec![control(&[large.clone(), longest.clone()])], ""),
        ("9: on a request stream", vec![request(&[large, headers(&GET), longest])], ANSWERED),
    ]);
}

#[test]
fn frames_of_one_integer_are_that() {
    let not_one = "H3_FRAME_ERROR, a payload that is not one integer";
    for kind in [kind::GOAWAY, kind::MAX_PUSH_ID, kind::CANCEL_PUSH] {
        for payload in [&b""[..], b"\x40", b"\x00\x00"] {
            check("7.1: another payload", &[control(&[frame(kind, payload)])], not_one);
        }
    }
    let no_stream = "H3_FRAME_ERROR, PRIORITY_UPDATE of no stream";
    check("7.1", &[control(&[frame(kind::PRIORITY_UPDATE, b"")])], no_stream);
    check("7.1", &[control(&[frame(kind::PRIORITY_UPDATE, b"\x40")])], no_stream);
}

#[test]
fn identifiers_move_in_one_direction() {
    let all =
        |kind, ids: &[u8]| control(&ids.iter().map(|id| frame(kind, &[*id])).collect::<Vec<_>>());
    let more = "H3_ID_ERROR, GOAWAY of more than the one before";
    let less = "H3_ID_ERROR, MAX_PUSH_ID of less than the one before";
    let cancelled = "H3_ID_ERROR, CANCEL_PUSH of what was never promised";
    check_rows(&[
        ("5.2: of less and less", vec![all(kind::GOAWAY, &[8, 8, 3, 0])], ""),
        ("5.2: of more", vec![all(kind::GOAWAY, &[8, 3, 4])], more),
        ("7.2.7: of more and more", vec![all(kind::MAX_PUSH_ID, &[0, 3, 3, 9])], ""),
        ("7.2.7: of less", vec![all(kind::MAX_PUSH_ID, &[3, 2])], less),
        ("7.2.3: of any push", vec![all(kind::MAX_PUSH_ID, &[9]), cancel(3)], cancelled),
    ]);
}

/// `CANCEL_PUSH` behind what has come on the control stream.
fn cancel(push: u8) -> Sent {
    (2, frame(kind::CANCEL_PUSH, &[push]), false)
}

#[test]
fn priorities_are_of_requests() {
    let update = |payload: &[u8]| vec![control(&[frame(kind::PRIORITY_UPDATE, payload)])];
    let no_request = "H3_ID_ERROR, PRIORITY_UPDATE of a stream that is no request";
    check_rows(&[
        ("RFC 9218 7.2: a priority", update(b"\x04u=1, i"), "2: 4 has u=1, i"),
        ("RFC 9218 7.2: the usual one", update(b"\x00"), "2: 0 has u=3"),
        ("RFC 9218 7.2: what makes no sense", update(b"\x00=,"), "2: 0 has u=3"),
        ("RFC 9218 7.2: of a stream of ours", update(b"\x01u=1"), no_request),
        ("RFC 9218 7.2: of one in one direction", update(b"\x02u=1"), no_request),
        (
            "RFC 9218 7.2: of a push",
            vec![control(&[frame(kind::PRIORITY_UPDATE_OF_PUSH, b"\x00u=1")])],
            "H3_ID_ERROR, PRIORITY_UPDATE of what was never promised",
        ),
    ]);
}

#[test]
fn streams_end_between_frames() {
    let within = "H3_FRAME_ERROR, a stream that ends within a frame";
    let get = headers(&GET);
    for cut in 1..get.len() {
        check("7.1: within the head", &[(0, get[..cut].to_vec(), true)], within);
    }
    let content = [get.clone(), data(3)].concat();
    for cut in get.len() + 1..content.len() {
        check("7.1: within content", &[(0, content[..cut].to_vec(), true)], within);
    }
    let unknown = [get.clone(), frame(0x21, b"abc")].concat();
    check("7.1: within an unknown frame", &[(0, unknown[..get.len() + 3].to_vec(), true)], within);
}
