use super::*;

fn input(bytes: &str) -> Input {
    let mut input = Input::default();
    input.push(bytes.as_bytes());
    input
}

#[track_caller]
fn check_refused(head: &str, expected: Refusal) {
    let found = input(head).take().map(|head| head.map(|head| head.parts));
    assert_eq!(found.unwrap_err(), expected, "{head:?}");
}

#[track_caller]
fn check_taken(head: &str, persists: bool) -> Parts {
    let taken = input(head).take().unwrap().expect("a whole head");
    assert_eq!(taken.persists, persists, "{head:?}");
    taken.parts
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    use Refusal::{Coding, Framing, Malformed, Version};
    let table = [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", Malformed),
        ("\nGET / HTTP/1.1\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\n A: b\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\n: a\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", Malformed),
        ("GET  / HTTP/1.1\r\n\r\n", Malformed),
        ("GET / /x HTTP/1.1\r\n\r\n", Malformed),
        ("GET /\r\n\r\n", Malformed),
        ("G\"T / HTTP/1.1\r\n\r\n", Malformed),
        ("GET / HTTP/2.0\r\n\r\n", Version),
        ("GET / HTTP/1.10\r\n\r\n", Malformed),
        ("GET / http/1.1\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", Framing),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", Framing),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Coding),
        ("\x16\x03\x01\x02", Malformed),
    ];
    for (head, expected) in table {
        check_refused(head, expected);
    }
}

#[test]
fn heads_have_their_bounds() {
    let fields = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    check_taken(&fields(HEAD_FIELDS), true);
    check_refused(&fields(HEAD_FIELDS + 1), Refusal::TooLarge);
    let long = |length| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(length));
    check_taken(&long(HEAD_BYTES - 23), true);
    check_refused(&long(HEAD_BYTES - 22), Refusal::TooLarge);
    check_refused(&format!("GET /{}", "b".repeat(HEAD_BYTES)), Refusal::TargetTooLong);
}

#[test]
fn a_connection_persists_as_its_version_says() {
    check_taken("GET / HTTP/1.1\r\n\r\n", true);
    check_taken("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", false);
    check_taken("GET / HTTP/1.0\r\n\r\n", false);
    check_taken("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true);
    check_taken("GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false);
}

#[test]
fn targets_keep_their_form() {
    let target = |text: &str| check_taken(&format!("GET {text} HTTP/1.1\r\n\r\n"), true).uri;
    assert_eq!(target("//a/b?c").path_and_query().unwrap(), "//a/b?c");
    assert_eq!(target("http://a.test/b").authority().unwrap(), "a.test");
    assert_eq!(target("/?x=\"y\"").path_and_query().unwrap(), "/?x=%22y%22");
    assert_eq!(target("*"), "*");
}

#[test]
fn heads_come_in_any_pieces() {
    let both = "\r\nGET /1 HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    for size in 1..both.len() {
        let mut input = Input::default();
        let mut paths = Vec::new();
        for piece in both.as_bytes().chunks(size) {
            input.push(piece);
            while let Some(head) = input.take().unwrap() {
                paths.push(head.parts.uri.to_string());
            }
        }
        assert_eq!(paths, ["/1", "/2"], "{size} bytes at a time");
        assert!(input.is_empty() && input.bytes.capacity() == 0, "nothing is kept while idle");
    }
}
