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

#[test]
fn settings_are_those_of_http3() {
    let of_http2 = "H3_SETTINGS_ERROR, a setting that only HTTP/2 has";
    let no_switch = "H3_SETTINGS_ERROR, a setting that is neither 0 nor 1";
    let twice = "H3_SETTINGS_ERROR, a setting that is there twice";
    let cut_off = "H3_FRAME_ERROR, SETTINGS that are cut off";
    let rows: [(&str, &[u8], &str); 17] = [
        (
            "7.2.4: those of a browser",
            b"\x01\x80\x01\x00\x00\x06\x80\x04\x00\x00\x07\x40\x64\x33\x01",
            "",
        ),
        ("7.2.4: unknown ones", b"\x21\xff\xff\xff\xff\xff\xff\xff\xff\x4d\x44\x05", ""),
        ("7.2.4.1: 0x0", b"\x00\x00", of_http2),
        ("7.2.4.1: 0x2", b"\x02\x00", of_http2),
        ("7.2.4.1: 0x3", b"\x03\x40\x64", of_http2),
        ("7.2.4.1: 0x4", b"\x04\x00", of_http2),
        ("7.2.4.1: 0x5", b"\x05\x00", of_http2),
        ("7.2.4.1: 0x2 in a longer form", b"\x40\x02\x00", of_http2),
        ("7.2.4: twice", b"\x06\x00\x06\x00", twice),
        ("7.2.4: twice, and unknown", b"\x21\x00\x06\x00\x21\x01", twice),
        ("RFC 9220 3: a switch", b"\x08\x01", ""),
        ("RFC 9220 3: neither on nor off", b"\x08\x02", no_switch),
        ("RFC 9297 2.1.1: neither on nor off", b"\x33\x02", no_switch),
        ("7.1: no value", b"\x06", cut_off),
        ("7.1: half a value", b"\x06\x40", cut_off),
        ("7.1: half a parameter", b"\x06\x00\x40", cut_off),
        ("7.2.4: none", b"", ""),
    ];
    for (name, payload, expected) in rows {
        check_settings(name, payload, expected);
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
