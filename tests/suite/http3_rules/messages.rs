//! Sections 4.1 to 4.4: the frames of a request, its fields, and how one is broken off.

use super::*;

#[test]
fn requests_are_frames_in_order() {
    let data = |length| frame(DATA, &vec![b'.'; length]);
    let trailers = || headers(&[("x", "y")]);
    let unknown = || frame(RESERVED, b"any");
    check(&[
        request("4.1: a head", &[get()], Answered(200)),
        request("4.1: content", &[get(), data(0), data(600)], Answered(200)),
        request("4.1: trailers", &[get(), data(1), trailers()], Answered(200)),
        request("4.1: trailers without content", &[get(), trailers()], Answered(200)),
        request(
            "4.1: unknown frames between",
            &[unknown(), get(), unknown(), data(1), unknown(), trailers(), unknown()],
            Answered(200),
        ),
        row("4.1: its end does not come", &[Bidi(get())], Answered(200)),
        row("4.1: and then no more is wanted", &[Bidi(get())], Unwanted(NO_ERROR)),
        request("4.1: content before the head", &[data(0), get()], Closed(FRAME_UNEXPECTED)),
        request("4.1: a second head", &[get(), get()], GivenUp(MESSAGE_ERROR)),
        request(
            "4.1: content behind trailers",
            &[get(), trailers(), data(1)],
            Closed(FRAME_UNEXPECTED),
        ),
        request(
            "4.1: trailers behind trailers",
            &[get(), trailers(), trailers()],
            Closed(FRAME_UNEXPECTED),
        ),
        request("4.1: nothing", &[], GivenUp(REQUEST_INCOMPLETE)),
        request("4.1: no head", &[unknown()], GivenUp(REQUEST_INCOMPLETE)),
        row("4.1: one after the other", &[Bidi(get()), End, Bidi(get()), End], Answered(200)),
        row("4.1: the second is there first", &[Bidi(Vec::new()), Bidi(get()), End], Answered(200)),
    ]);
}

#[test]
fn requests_are_broken_off() {
    let big = || headers(&[&GET[..3], &[(":path", "/big.bin")], &GET[4..]].concat());
    let half = || get()[..20].to_vec();
    check(&[
        row("4.1.1: within the head", &[Bidi(half()), Reset(0x10c)], GivenUp(REQUEST_CANCELLED)),
        row(
            "4.1.1: for a reason unknown",
            &[Bidi(half()), Reset(0x1f4)],
            GivenUp(REQUEST_CANCELLED),
        ),
        row("4.1.1: before anything", &[Bidi(Vec::new()), Reset(0x10c)], Fine),
        row("4.1.1: the answer", &[Bidi(big()), End, Stop(0, 0x10c)], Fine),
        row("4.1.1: both", &[Bidi(big()), Reset(0x10c), Stop(0, 0x10c)], Fine),
        row("8: for a reason unknown", &[Bidi(big()), End, Stop(0, 0x3fff_ffff)], Fine),
    ]);
}

#[test]
fn malformed_requests_are_given_up() {
    let bad = |name: &str, fields: &[(&str, &str)]| {
        request(name, &[headers(fields)], GivenUp(MESSAGE_ERROR))
    };
    let with = |field: (&'static str, &'static str)| [&GET[..], &[field]].concat();
    let without = |name| GET.into_iter().filter(|field| field.0 != name).collect::<Vec<_>>();
    let but = |name, value| {
        let other = |field: (&'static str, &'static str)| {
            if field.0 == name { (name, value) } else { field }
        };
        GET.map(other)
    };
    let connect = (":method", "CONNECT");
    check(&[
        bad("4.2: a name in upper case", &with(("X-Y", "z"))),
        bad("4.2: a name that is no token", &with(("x y", "z"))),
        bad("4.2: a name of nothing", &with(("", "z"))),
        bad("4.2: a name with a colon", &with(("x:y", "z"))),
        bad("4.2: a value with a line feed", &with(("x", "y\nz"))),
        bad("4.2: with a carriage return", &with(("x", "y\rz"))),
        bad("4.2: with a NUL", &with(("x", "y\0z"))),
        bad("4.2: Connection", &with(("connection", "close"))),
        bad("4.2: Keep-Alive", &with(("keep-alive", "5"))),
        bad("4.2: Proxy-Connection", &with(("proxy-connection", "close"))),
        bad("4.2: Transfer-Encoding", &with(("transfer-encoding", "chunked"))),
        bad("4.2: Upgrade", &with(("upgrade", "h2c"))),
        bad("4.2: TE of another", &with(("te", "gzip"))),
        bad("4.3: an unknown pseudo-field", &with((":x", "y"))),
        bad("4.3: one of responses", &with((":status", "200"))),
        bad("4.3: one behind a field", &[&[("x", "y")], &GET[..]].concat()),
        bad("4.3.1: no method", &without(":method")),
        bad("4.3.1: no scheme", &without(":scheme")),
        bad("4.3.1: no path", &without(":path")),
        bad("4.3.1: two methods", &with((":method", "GET"))),
        bad("4.3.1: two schemes", &with((":scheme", "https"))),
        bad("4.3.1: two authorities", &with((":authority", "a.test"))),
        bad("4.3.1: two paths", &with((":path", "/"))),
        bad("4.3.1: a method that is no token", &but(":method", "G T")),
        bad("4.3.1: a path of nothing", &but(":path", "")),
        bad("4.3.1: a path without its slash", &but(":path", "x")),
        bad("4.3.1: a path that is a URI", &but(":path", "https://a.test/")),
        bad("4.3.1: the server as a whole by GET", &but(":path", "*")),
        bad("4.3.1: an authority of nothing", &but(":authority", "")),
        bad("4.4: CONNECT with a path", &[&[connect], &GET[2..]].concat()),
        bad("4.4: CONNECT with a scheme", &[&[connect], &GET[1..3]].concat()),
        bad("4.4: CONNECT of nothing", &[connect]),
        bad(
            "RFC 9220: extended CONNECT, which was not offered",
            &[connect, (":protocol", "websocket"), GET[1], GET[2], GET[3]],
        ),
    ]);
}

#[test]
fn good_requests_are_answered() {
    let good = |name: &str, fields: &[(&str, &str)], status| {
        request(name, &[headers(fields)], Answered(status))
    };
    let with = |field: (&'static str, &'static str)| [&GET[..], &[field]].concat();
    let method = |name| [&[(":method", name)], &GET[1..]].concat();
    let of_host = |authority: &[(&'static str, &'static str)], host| {
        [&GET[..2], authority, &GET[3..], &[("host", host)]].concat()
    };
    let long = "x".repeat(300);
    let many = |count, value| [&GET[..], &vec![("x", value); count]].concat();
    check(&[
        good("4.2: TE of trailers", &with(("te", "trailers")), 200),
        good("4.2: a value of nothing", &with(("x", "")), 200),
        good("4.2: a value of UTF-8", &with(("x", "é")), 200),
        good("4.2.1: a cookie in pieces", &[&GET[..], &[("cookie", "a=b"); 2]].concat(), 200),
        good("4.2.2: a head of several packets", &many(60, long.as_str()), 200),
        good("4.2.2: more than is taken", &many(99, long.as_str()), 431),
        good("4.2.2: more fields", &many(101, "y"), 431),
        request(
            "4.2.2: more than is read",
            &[[&b"\x01\x80\x01\x11\x70"[..], &[0; 1000]].concat()],
            Closed(EXCESSIVE_LOAD),
        ),
        good("4.3.1: another scheme", &[GET[0], (":scheme", "ftp"), GET[2], GET[3], GET[4]], 200),
        good(
            "4.3.1: the server as a whole",
            &[(":method", "OPTIONS"), GET[1], GET[2], (":path", "*"), GET[4]],
            204,
        ),
        good("4.3.1: a host alone", &of_host(&[], "a.test"), 200),
        good("4.3.1: the same twice", &of_host(&GET[2..3], "a.test"), 200),
        good("4.3.1: neither", &[GET[0], GET[1], GET[3], GET[4]], 400),
        good("4.3.1: a host of nothing", &of_host(&[], ""), 400),
        good("4.3.1: two that differ", &of_host(&GET[2..3], "b.test"), 400),
        good("4.3.1: a user", &[GET[0], GET[1], (":authority", "u@a.test"), GET[3], GET[4]], 400),
        good("4.4: CONNECT", &[(":method", "CONNECT"), GET[2], GET[4]], 405),
        good("RFC 9110 9.3.2: HEAD", &method("HEAD"), 200),
        good("RFC 9110 9.3.7: OPTIONS", &method("OPTIONS"), 204),
        good("RFC 9110 9.3.3: POST", &method("POST"), 405),
        good("RFC 9110 9.1: an unknown method", &method("BREW"), 405),
    ]);
}

#[test]
fn content_is_as_long_as_promised() {
    let promising = |length| headers(&[&GET[..], &[("content-length", length)]].concat());
    let data = |length| frame(DATA, &vec![b'.'; length]);
    let trailers = |name| headers(&[(name, "y")]);
    let bad = |name: &str, frames: &[Vec<u8>]| request(name, frames, GivenUp(MESSAGE_ERROR));
    check(&[
        request("4.1.2: kept", &[promising("5"), data(2), data(3)], Answered(200)),
        request(
            "4.1.2: kept, with trailers",
            &[promising("5"), data(5), trailers("x")],
            Answered(200),
        ),
        bad("4.1.2: less", &[promising("5"), data(4)]),
        bad("4.1.2: none", &[promising("5")]),
        bad("4.1.2: less, then trailers", &[promising("5"), data(4), trailers("x")]),
        bad("4.1.2: more", &[promising("5"), data(6)]),
        bad("4.1.2: bit by bit", &[promising("5"), data(5), data(1)]),
        bad("4.1.2: a length that is none", &[promising("+5"), data(5)]),
        bad(
            "4.1.2: two lengths",
            &[
                headers(&[&GET[..], &[("content-length", "5"), ("content-length", "4")]].concat()),
                data(5),
            ],
        ),
        bad("4.3: a pseudo-field in trailers", &[get(), trailers(":path")]),
        bad("4.2: a field of the connection in trailers", &[get(), trailers("connection")]),
        bad("4.2: upper case in trailers", &[get(), trailers("X")]),
    ]);
}
