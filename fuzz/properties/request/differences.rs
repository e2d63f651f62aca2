//! Where other readers may come to something else, each by its name and the section that allows it.
//! A difference that none of these explains is a fault.

use std::fmt;

use http::Version;
use http::header::HOST;

use super::engines::Outcome;

/// A place in the bytes of a connection, where two readers part.
pub(crate) struct Place<'a> {
    /// The head, as far as it has come, and all that comes from there on.
    pub(super) head: &'a [u8],
    pub(super) rest: &'a [u8],
    pub(super) ours: &'a Outcome,
    pub(super) theirs: &'a Outcome,
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rest, ours, theirs, .. } = self;
        write!(formatter, "at \"{}\" we: {ours:#?}, they: {theirs:#?}", rest.escape_ascii())
    }
}

/// A difference that is known and right.
pub(crate) struct Difference {
    /// The outcome in our engines.
    pub(crate) name: &'static str,
    /// Why that is right.
    pub(crate) section: &'static str,
    /// Bytes of a client that show it.
    pub(crate) example: &'static str,
    pub(super) explains: fn(&Place<'_>) -> bool,
}

use Outcome::{Closed, Refused, Served};

/// The beginning of a request whose target is longer than any head.
static LONG_TARGET: &str = {
    static BYTES: [u8; 33 * 1024] = {
        let mut bytes = [b'a'; 33 * 1024];
        (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]) = (b'G', b'E', b'T', b' ', b'/');
        bytes
    };
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("ASCII"),
    }
};

/// Those between our HTTP/1 and hyper's.
pub(crate) static HYPER: &[Difference] = &[
    Difference {
        name: "a line ends with CR LF, never with LF alone",
        section: "RFC 9112 §2.2: a recipient MAY recognize a single LF",
        example: "GET / HTTP/1.1\nHost: example.com\n\n",
        explains: |place| *place.ours == Refused(400) && has_bare_line_feed(place.rest),
    },
    Difference {
        name: "a version that is not spoken has a status of its own",
        section: "RFC 9110 §15.6.6",
        example: "GET / HTTP/2.0\r\nHost: example.com\r\n\r\n",
        explains: |place| {
            *place.ours == Refused(505) && matches!(place.theirs, Refused(400) | Closed)
        },
    },
    Difference {
        name: "a request that breaks off is refused once a line of it shows a fault",
        section: "RFC 9112 §8: a server MAY send an error response before it closes",
        example: "POST / HTTP=",
        explains: |place| match (place.ours, place.theirs) {
            (Closed, Refused(400)) => !place.head.contains(&b'\n'),
            (Refused(_), Closed) => !place.head.ends_with(b"\r\n\r\n"),
            _ => false,
        },
    },
    Difference {
        name: "a length is named once, even if it is the same one again",
        section: "RFC 9110 §8.6: a recipient MUST either reject or replace it",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        explains: |place| *place.ours == Refused(400) && count(place.head, b"content-length") > 1,
    },
    Difference {
        name: "a length beside a coding is refused",
        section: "RFC 9112 §6.1: a server MAY reject such a request",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        explains: |place| {
            *place.ours == Refused(400)
                && count(place.head, b"content-length") > 0
                && count(place.head, b"transfer-encoding") > 0
        },
    },
    Difference {
        name: "codings are on one line",
        section: "RFC 9112 §11.2: two readers may take another line for the last",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        explains: |place| {
            *place.ours == Refused(400) && count(place.head, b"transfer-encoding") > 1
        },
    },
    Difference {
        name: "no coding but chunked is known",
        section: "RFC 9112 §6.1: a server SHOULD respond with 501",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        explains: |place| {
            *place.ours == Refused(501) && count(place.head, b"transfer-encoding") == 1
        },
    },
    Difference {
        name: "what links in the wild have is encoded in a path",
        section: "RFC 9112 §3.2: a recipient SHOULD respond with 400 or a redirect",
        example: "GET /<a> HTTP/1.1\r\nHost: example.com\r\n\r\n",
        explains: |place| {
            matches!(place.ours, Served(_) | Refused(400))
                && target(place.head).iter().any(|byte| b"\"<>`".contains(byte))
        },
    },
    Difference {
        name: "bytes beyond ASCII are encoded in a target",
        section: "RFC 9112 §3.2: a recipient SHOULD respond with 400 or a redirect",
        example: "GET /\u{e9} HTTP/1.1\r\nHost: example.com\r\n\r\n",
        explains: |place| {
            // hyper takes those that are UTF-8 and refuses others, whatever is wrong besides.
            let as_told = matches!(place.ours, Served(_) | Refused(400) | Closed);
            (as_told || *place.theirs == Refused(400)) && !target(place.head).is_ascii()
        },
    },
    Difference {
        name: "a target has the form of its method",
        section: "RFC 9112 §3.2.3, §3.2.4: an authority for CONNECT only, an asterisk for OPTIONS",
        example: "GET example.com HTTP/1.1\r\nHost: example.com\r\n\r\n",
        explains: |place| {
            let (connect, options) =
                (place.head.starts_with(b"CONNECT "), place.head.starts_with(b"OPTIONS "));
            let target = target(place.head);
            let has_form = match target {
                b"*" => options,
                _ if connect => !target.starts_with(b"/") && !target.contains(&b'/'),
                _ => target.contains(&b'/'),
            };
            *place.ours == Refused(400) && !has_form
        },
    },
    Difference {
        name: "a target without end is too long, and not the head",
        section: "RFC 9112 §3: a server MUST respond with 414",
        example: LONG_TARGET,
        explains: |place| *place.ours == Refused(414) && *place.theirs == Refused(431),
    },
];

/// Those between our HTTP/1 and our HTTP/2.
pub(crate) static HTTP2: &[Difference] = &[
    Difference {
        name: "a malformed request is a stream error",
        section: "RFC 9113 §8.1.1",
        example: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        explains: |place| status(place.ours) == Some(400) && *place.theirs == Closed,
    },
    Difference {
        name: "a Host is one, even if the target names another",
        section: "RFC 9112 §3.2: a server MUST respond with 400; an intermediary replaces it",
        example: "GET http://example.com/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        explains: |place| matches!(place.ours, Served(served) if served.answer.status == 400 && served.uri.authority().is_some()),
    },
    Difference {
        name: "HTTP/1.0 needs no Host",
        section: "RFC 9112 §3.2: a client sends it in HTTP/1.1 requests",
        example: "DELETE / HTTP/1.0\r\n\r\n",
        explains: |place| matches!(place.ours, Served(served) if served.version == Version::HTTP_10 && !served.fields.contains_key(HOST) && status(place.theirs) == Some(400)),
    },
    Difference {
        name: "a Host is one, even if it is the same one again",
        section: "RFC 9112 §3.2: a server MUST respond with 400; an intermediary hands on one authority",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nHost: example.com\r\n\r\n",
        explains: |place| matches!(place.ours, Served(served) if served.answer.status == 400 && served.fields.get_all(HOST).iter().count() > 1),
    },
];

fn status(outcome: &Outcome) -> Option<u16> {
    match outcome {
        Served(served) => Some(served.answer.status),
        Refused(status) => Some(*status),
        Closed => None,
    }
}

fn has_bare_line_feed(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'\n') || bytes.windows(2).any(|two| two[1] == b'\n' && two[0] != b'\r')
}

/// The target, as far as the request line has come.
fn target(head: &[u8]) -> &[u8] {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.split(|byte| *byte == b' ').nth(1).unwrap_or_default()
}

/// Lines of fields with this name, which is in lower case.
fn count(head: &[u8], name: &[u8]) -> usize {
    let is_named = |line: &&[u8]| {
        let colon = line.iter().position(|byte| *byte == b':');
        colon.is_some_and(|colon| line[..colon].trim_ascii().eq_ignore_ascii_case(name))
    };
    head.split(|byte| *byte == b'\n').filter(is_named).count()
}
