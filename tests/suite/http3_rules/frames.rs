//! Section 7: on which streams a frame may be, and how it is laid out; GOAWAY (5.2), and the frames of
//! priorities (RFC 9218 7).

use super::*;

/// What every frame but those of requests has on its own stream: an integer.
fn small(kind: u32) -> Vec<u8> {
    frame(kind, b"\0")
}

#[test]
fn frames_are_on_their_streams() {
    let unexpected = Closed(FRAME_UNEXPECTED);
    let mut rows = Vec::new();
    for kind in [
        CANCEL_PUSH,
        SETTINGS,
        PUSH_PROMISE,
        GOAWAY,
        MAX_PUSH_ID,
        PRIORITY_UPDATE,
        PRIORITY_UPDATE_OF_PUSH,
    ]
    .into_iter()
    .chain(OF_HTTP2)
    {
        let before = format!("7.2: {kind:#x} before a head");
        rows.push(request(&before, &[small(kind), get()], unexpected));
        let behind = format!("7.2: {kind:#x} behind a head");
        rows.push(request(&behind, &[get(), small(kind)], unexpected));
        let last = format!("7.2: {kind:#x} behind trailers");
        rows.push(request(&last, &[get(), headers(&[("x", "y")]), small(kind)], unexpected));
    }
    for kind in [DATA, HEADERS, PUSH_PROMISE, SETTINGS].into_iter().chain(OF_HTTP2) {
        let name = format!("7.2: {kind:#x} on the control stream");
        rows.push(control(&name, &[small(kind)], unexpected));
    }
    check(&rows);
}

#[test]
fn settings_come_first_and_are_those_of_http3() {
    let first = |name: &str, frame: Vec<u8>| {
        row(name, &[Uni([vec![0], frame].concat())], Closed(MISSING_SETTINGS))
    };
    let settings = |name: &str, payload: &[u8], outcome| {
        row(name, &[Uni([vec![0], frame(SETTINGS, payload)].concat())], outcome)
    };
    let many = |count: u8| (0..count).flat_map(|id| [0x41, id, 0]).collect::<Vec<_>>();
    let wrong = Closed(SETTINGS_ERROR);
    let mut rows: Vec<_> =
        [DATA, HEADERS, CANCEL_PUSH, GOAWAY, MAX_PUSH_ID, RESERVED, PRIORITY_UPDATE]
            .into_iter()
            .chain(OF_HTTP2)
            .map(|kind| first(&format!("6.2.1: {kind:#x} comes first"), small(kind)))
            .collect();
    rows.extend(
        [0, 2, 3, 4, 5]
            .map(|id: u8| settings(&format!("7.2.4.1: setting {id} of HTTP/2"), &[id, 1], wrong)),
    );
    rows.extend([
        settings("7.2.4: none", b"", Fine),
        settings(
            "7.2.4: those of a browser",
            b"\x01\x80\x01\0\0\x06\x80\x04\0\0\x07\x40\x64\x33\x01",
            Fine,
        ),
        settings("7.2.4.1: a reserved one", b"\x21\xff\xff\xff\xff\xff\xff\xff\xff", Fine),
        settings("7.2.4: one twice", b"\x06\0\x06\0", wrong),
        settings("7.2.4: an unknown one twice", b"\x40\x54\0\x40\x54\0", wrong),
        settings("7.1: a name without a value", b"\x06", Closed(FRAME_ERROR)),
        settings("7.1: half a value", b"\x06\x40", Closed(FRAME_ERROR)),
        settings("RFC 9220 3: extended CONNECT", b"\x08\x01", Fine),
        settings("RFC 9220 3: neither on nor off", b"\x08\x02", wrong),
        settings("RFC 9297 2.1.1: neither on nor off", b"\x33\x02", wrong),
        settings("7.2.4: a payload without end", &[0x3f; 1025], Closed(EXCESSIVE_LOAD)),
        settings("7.2.4: 64 settings", &many(64), Fine),
        settings("7.2.4: 65 settings", &many(65), Closed(EXCESSIVE_LOAD)),
    ]);
    check(&rows);
}

#[test]
fn frames_are_laid_out_as_their_type_is() {
    let broken = Closed(FRAME_ERROR);
    let mut rows = Vec::new();
    for kind in [CANCEL_PUSH, GOAWAY, MAX_PUSH_ID] {
        for payload in [&b""[..], b"\x40", b"\0\0"] {
            let name = format!("7.1: {kind:#x} of {payload:x?}");
            rows.push(control(&name, &[frame(kind, payload)], broken));
        }
    }
    for payload in [&b""[..], b"\x40"] {
        for kind in [PRIORITY_UPDATE, PRIORITY_UPDATE_OF_PUSH] {
            let name = format!("7.1: {kind:#x} of {payload:x?}");
            rows.push(control(&name, &[frame(kind, payload)], broken));
        }
    }
    let cut = |name: &str, bytes: &[u8]| row(name, &[Bidi(bytes.to_vec()), End], broken);
    let whole = [get(), frame(DATA, b"abc")].concat();
    rows.extend([
        cut("7.1: an end within a type", b"\x40"),
        cut("7.1: before a length", b"\x01"),
        cut("7.1: within a length", b"\x01\x40"),
        cut("7.1: within a head", &get()[..20]),
        cut("7.1: within content", &whole[..whole.len() - 1]),
        cut("7.1: within an unknown frame", &[&get()[..], b"\x21\x03ab"].concat()),
        cut("7.1: within an unknown type", &[&get()[..], b"\x80\0"].concat()),
        request(
            "7.1: integers in their longest form",
            &[b"\xc0\0\0\0\0\0\0\x21\xc0\0\0\0\0\0\0\x01x".to_vec(), get()],
            Answered(200),
        ),
        request(
            "9: a frame of the largest type",
            &[b"\xff\xff\xff\xff\xff\xff\xff\xff\x01x".to_vec(), get()],
            Answered(200),
        ),
        control("9: unknown frames", &[frame(RESERVED, &[0; 3000]), frame(0x5f, b"")], Fine),
        control(
            "10.5: a known frame without end",
            &[frame(GOAWAY, &[0; 1025])],
            Closed(EXCESSIVE_LOAD),
        ),
        row(
            "7.1: a reset within a frame",
            &[Bidi(get()[..20].to_vec()), Reset(0)],
            GivenUp(REQUEST_CANCELLED),
        ),
    ]);
    check(&rows);
}

#[test]
fn identifiers_move_in_one_direction() {
    let of = |kind, ids: &[u8]| ids.iter().map(|id| frame(kind, &[*id])).collect::<Vec<_>>();
    let wrong = Closed(ID_ERROR);
    check(&[
        control("5.2: the client goes", &of(GOAWAY, &[0]), Fine),
        control("5.2: of less and less", &of(GOAWAY, &[9, 9, 1]), Fine),
        control("5.2: of more", &of(GOAWAY, &[1, 2]), wrong),
        control("7.2.7: of more and more", &of(MAX_PUSH_ID, &[1, 1, 9]), Fine),
        control("7.2.7: of less", &of(MAX_PUSH_ID, &[9, 8]), wrong),
        control("7.2.3: a push that was not promised", &of(CANCEL_PUSH, &[0]), wrong),
        control(
            "7.2.3: though it was allowed",
            &[frame(MAX_PUSH_ID, b"\x09"), frame(CANCEL_PUSH, b"\x03")],
            wrong,
        ),
    ]);
}

#[test]
fn priorities_are_of_requests() {
    let update = |name: &str, payload: &[u8], outcome| {
        control(name, &[frame(PRIORITY_UPDATE, payload)], outcome)
    };
    let wrong = Closed(ID_ERROR);
    check(&[
        update("RFC 9218 7.2: of the first request", b"\0u=1, i", Fine),
        update("RFC 9218 7.2: of one to come", b"\x40\x40u=7", Fine),
        update("RFC 9218 7.2: the usual one", b"\0", Fine),
        update("RFC 9218 7.2: an unknown parameter", b"\0x=1;y", Fine),
        update("RFC 9218 7.2: no dictionary", b"\0=,", Fine),
        update("RFC 9218 7.2: of a stream of the server", b"\x01u=1", wrong),
        update("RFC 9218 7.2: of one in one direction", b"\x02u=1", wrong),
        update("RFC 9218 7.2: of the last that may be opened", b"\x41\x8cu=1", Fine),
        update("RFC 9218 7.2: of one beyond", b"\x41\x90u=1", wrong),
        update(
            "RFC 9218 7.2: of the last there could be",
            b"\xff\xff\xff\xff\xff\xff\xff\xfcu=1",
            wrong,
        ),
        row(
            "RFC 9218 7.2: requests make room for more",
            &[Uni(b"\0\x04\0".to_vec()), More(frame(PRIORITY_UPDATE, b"\x41\x90u=1"))],
            Fine,
        ),
        control("RFC 9218 7.2: of a push", &[frame(PRIORITY_UPDATE_OF_PUSH, b"\0u=1")], wrong),
    ]);
}
