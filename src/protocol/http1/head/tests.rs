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
    use Refusal::{Framing, Malformed, TransferCoding, Version};
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
        ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", TransferCoding),
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
    check_refused(&fields(HEAD_FIELDS + 1), Refusal::HeadTooLarge);
    let long = |length| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(length));
    check_taken(&long(HEAD_BYTES - 23), true);
    check_refused(&long(HEAD_BYTES - 22), Refusal::HeadTooLarge);
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
    assert_eq!(target("http://a.test/<b>?\"c\"").path_and_query().unwrap(), "/%3Cb%3E?%22c%22");
}

#[test]
fn a_target_has_the_form_of_its_method() {
    for (line, good) in [
        ("OPTIONS *", true),
        ("OPTIONS /", true),
        ("OPTIONS http://a.test", true),
        ("OPTIONS a.test", false),
        ("GET *", false),
        ("HEAD *", false),
        ("POST *", false),
        ("GET a.test", false),
        ("GET a.test:80", false),
        ("GET http://a.test", true),
        ("GET http:/a", false),
        ("CONNECT a.test:80", true),
        ("CONNECT a.test", true),
        ("CONNECT /", false),
        ("CONNECT *", false),
        ("CONNECT http://a.test/", false),
    ] {
        let taken = input(&format!("{line} HTTP/1.1\r\n\r\n")).take();
        let expected = if good { Ok(true) } else { Err(Refusal::Malformed) };
        assert_eq!(taken.map(|head| head.is_some()), expected, "{line}");
    }
}

/// The targets of the requests that are taken, and the refusal that ends them, of bytes that come
/// `size` at a time after the first `offset`.
fn outcome(bytes: &[u8], offset: usize, size: usize) -> (Vec<String>, Option<Refusal>) {
    let (first, rest) = bytes.split_at(offset);
    let mut input = Input::default();
    let mut targets = Vec::new();
    for piece in std::iter::once(first).chain(rest.chunks(size)) {
        input.push(piece);
        loop {
            match input.take() {
                Ok(Some(head)) => targets.push(head.parts.uri.to_string()),
                Ok(None) => break,
                Err(refusal) => return (targets, Some(refusal)),
            }
        }
    }
    (targets, input.end().err())
}

#[track_caller]
fn check_outcome(bytes: &str, sizes: &[usize], targets: &[&str], refusal: Option<Refusal>) {
    let shown = &bytes[..bytes.len().min(60)];
    for size in sizes {
        for offset in 0..bytes.len().min(*size) {
            let found = outcome(bytes.as_bytes(), offset, *size);
            let found = (found.0.iter().map(String::as_str).collect(), found.1);
            assert_eq!(found, (targets.to_vec(), refusal), "{shown:?}: {offset}, then {size}");
        }
    }
}

#[test]
fn the_outcome_does_not_depend_on_the_pieces() {
    use Refusal::{Framing, HeadTooLarge, Malformed, Version};
    let sizes: Vec<_> = (1..40).chain([64, 100, 8192]).collect();
    let fields = "A: b\r\n".repeat(HEAD_FIELDS + 1);
    let table: [(&str, &[&str], Option<Refusal>); 23] = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &["/"], None),
        ("\r\nGET / HTTP/1.1\r\n\r\n", &["/"], None),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n", &["/"], None),
        ("\r\nGET /1 HTTP/1.1\r\n\r\n\r\n\r\nGET /2 HTTP/1.1\r\n\r\n\r", &["/1", "/2"], None),
        ("\rGET / HTTP/1.1\r\n\r\n", &[], Some(Malformed)),
        ("\r\r\nGET / HTTP/1.1\r\n\r\n", &[], Some(Malformed)),
        ("\r\n\nGET / HTTP/1.1\r\n\r\n", &[], Some(Malformed)),
        ("GET / HTTP/1.1\r\n\r\n\nGET / HTTP/1.1\r\n\r\n", &["/"], Some(Malformed)),
        ("GET / HTTP/9.9\r\nfoo\n\r\n", &[], Some(Version)),
        ("GET / HTTP/2.0\r\n\r\n", &[], Some(Version)),
        ("GET / HTTP/2.0\n\r\n", &[], Some(Malformed)),
        ("GET / HTTP/2.0 x\r\n\r\n", &[], Some(Malformed)),
        ("GET / HTTP/2\r\n\r\n", &[], Some(Malformed)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[], Some(Version)),
        ("GET / HTTPS/1.1\r\n\r\n", &[], Some(Malformed)),
        ("GET / HTTP/1.1\r\nA\0: b\r\nfoo\n", &[], Some(Malformed)),
        ("GET / HTTP/1.1\r\nHost: a\r\nA b", &[], Some(Malformed)),
        ("GET / HTTP/1.1\r\nHost: a\r\nA: b", &[], None),
        ("GET / HTTP/2.0\r\nHost", &[], Some(Version)),
        ("GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", &[], Some(Malformed)),
        ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", &[], Some(Framing)),
        ("\x16\x03\x01\x02\n\r\n", &[], Some(Malformed)),
        (&format!("GET / HTTP/1.1\r\n{fields}\n\r\n"), &[], Some(HeadTooLarge)),
    ];
    for (bytes, targets, refusal) in table {
        check_outcome(bytes, &sizes, targets, refusal);
    }
}

#[test]
fn a_head_too_long_is_refused_alike_in_any_pieces() {
    use Refusal::{HeadTooLarge, Malformed, TargetTooLong};
    let long = "b".repeat(HEAD_BYTES);
    let table = [
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), TargetTooLong),
        (format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"), HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nA b: {long}\r\n\r\n"), Malformed),
        (format!("GET / HTTP/1.1\r\nA: {long}\n\r\n"), HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nA: {}\n\r\n", &long[100..]), Malformed),
    ];
    for (bytes, refusal) in table {
        for size in [1, 7, 1000, 8192, 2 * HEAD_BYTES] {
            let found = outcome(bytes.as_bytes(), 0, size);
            assert_eq!(found, (vec![], Some(refusal)), "{:?} by {size}", &bytes[..30]);
        }
    }
}

#[test]
fn pipelined_requests_come_in_any_pieces() {
    let all: String = (0..20)
        .map(|at| format!("GET /{at} HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(at * 199)))
        .collect::<Vec<_>>()
        .concat();
    let expected: Vec<_> = (0..20).map(|at| format!("/{at}")).collect();
    for size in [1, 10, 1000, 4096, 4097, 8192, all.len()] {
        assert_eq!(outcome(all.as_bytes(), 0, size), (expected.clone(), None), "by {size}");
    }
}

#[test]
fn nothing_is_kept_while_idle() {
    let both = "\r\nGET /1 HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    for size in 1..both.len() {
        let mut input = Input::default();
        for piece in both.as_bytes().chunks(size) {
            input.push(piece);
            while input.take().unwrap().is_some() {}
        }
        assert!(input.is_empty() && input.bytes.capacity() == 0, "{size} bytes at a time");
    }
}
