//! Bodies: byte for byte, at the length that was stated, whatever happens to the file meanwhile.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::freshness::await_change;
use crate::support::client::{Connection, Request};
use crate::support::http2::{self, Http2};
use crate::support::server::Setup;
use crate::support::site::{Site, pattern};
use crate::support::versions::FILE_PATIENCE;

/// Lengths around every bound a body could be cut at: buffers, the cacheable limit, frames.
const LENGTHS: [usize; 9] =
    [1, 16_383, 16_384, 16_385, 1_048_575, 1_048_576, 1_048_577, 2_097_153, 5_242_881];

/// More than the buffers of two loopback sockets hold, so that most of it is still to be read
/// from the file when the head has arrived.
const BIG: usize = 32 * 1024 * 1024;
/// The length that a test cuts such a file down to.
const CUT: usize = 1024 * 1024;

fn fill(site: &Site) -> &Site {
    LENGTHS.iter().fold(site, |site, length| site.file(&name(*length), pattern(*length)))
}

fn name(length: usize) -> String {
    format!("{length}.bin")
}

#[test]
fn every_length_is_exact_over_http1() {
    let server = Setup::new().site("a.test", fill).start();
    let mut connection = server.connect();
    // Twice: the second answer may come from the cache.
    for length in LENGTHS.into_iter().chain(LENGTHS) {
        let answer = connection.send(&Request::get(&format!("/{}", name(length))));
        assert_eq!((answer.status, answer.body.len()), (200, length));
        assert!(answer.body == pattern(length), "{length}: other bytes");
    }
}

#[test]
fn every_length_is_exact_over_tls() {
    let server = Setup::new().site("a.test", fill).certificate("a.test").start();
    let mut connection = server.connect_tls("a.test");
    for length in LENGTHS {
        let answer = connection.send(&Request::get(&format!("/{}", name(length))));
        assert!(answer.body == pattern(length), "{length}: other bytes");
    }
}

#[test]
fn every_length_is_exact_over_http2() {
    let server = Setup::new().site("a.test", fill).certificate("a.test").start();
    http2::run(async {
        let mut client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        for length in LENGTHS.into_iter().chain(LENGTHS) {
            let answer = client.send("https", &Request::get(&format!("/{}", name(length)))).await;
            assert_eq!((answer.status, answer.body.len()), (200, length));
            assert!(answer.body == pattern(length), "{length}: other bytes");
        }
    });
}

#[test]
fn requests_sent_together_are_answered_in_order() {
    let server = Setup::new().site("a.test", fill).start();
    let mut connection = server.connect();
    let requests: Vec<u8> = LENGTHS
        .iter()
        .flat_map(|length| Request::get(&format!("/{}", name(*length))).bytes())
        .collect();
    connection.write(&requests);
    for length in LENGTHS {
        assert!(connection.read("GET").body == pattern(length), "{length}");
    }
}

#[test]
fn an_answer_does_not_wait_for_the_bytes_behind_its_request() {
    let server = Setup::new().site("a.test", |site| site.file("index.html", "index")).start();
    let next = Request::get("/").bytes();
    let close = Request::get("/").field("Connection", "close");
    let rows: [(Request, u16, &[u8]); 8] = [
        (Request::get("/"), 200, &next[..10]),
        (Request::get("/"), 200, b"GET"),
        (close.clone(), 200, &next),
        (close, 200, &next[..10]),
        (Request::get("/").host("a test"), 400, &next),
        (Request::get("/").without("user-agent"), 403, &next),
        (Request::get("/").version("HTTP/1.0"), 200, &next),
        (Request::get("/"), 200, b"this is no request\r\n\r\n"),
    ];
    for (request, status, behind) in rows {
        let mut connection = server.connect();
        connection.write(&[&request.bytes(), behind].concat());
        let answer = connection.read(&request.method);
        assert_eq!(answer.status, status, "{:?} before {}", request.fields, behind.escape_ascii());
    }
}

fn big() -> Setup {
    Setup::new().site("a.test", |site| site.file("big.bin", pattern(BIG)))
}

/// Cuts the file down while it is being sent.
fn shrink(site: &Site) {
    let file = File::options().write(true).open(site.path("big.bin")).expect("it is there");
    file.set_len(CUT as u64).expect("it can be cut");
}

/// A body may be read to its end before the server looks at the file again.
#[track_caller]
fn await_length(connection: &mut Connection, length: usize) {
    await_change(connection, &Request::head("/big.bin"), FILE_PATIENCE, |answer| {
        answer.must("content-length") == length.to_string()
    });
}

#[test]
fn a_file_that_shrinks_closes_the_connection_short() {
    let server = big().start();
    let mut connection = server.connect();
    connection.write(&Request::get("/big.bin").bytes());
    let head = connection.read_head();
    assert_eq!((head.status, head.must("content-length")), (200, BIG.to_string().as_str()));
    shrink(&server.site("a.test"));
    let body = connection.read_to_close();
    assert!(body.len() < BIG, "padded to {} bytes", body.len());
    // Behind the cut the system empties its own pages, also those that are on their way already
    // (see `Stream::send_to`); the client is told by the end that came too soon.
    let expected = pattern(BIG);
    let (kept, cut) = body.split_at(body.len().min(CUT));
    assert!(kept == &expected[..kept.len()], "other bytes than the file has");
    let emptied = |(at, byte): (usize, &u8)| *byte == expected[kept.len() + at] || *byte == 0;
    assert!(cut.iter().enumerate().all(emptied), "other bytes than the file had");
    await_length(&mut server.connect(), CUT);
}

#[test]
fn a_file_that_shrinks_resets_only_its_stream() {
    let server = big().certificate("a.test").start();
    http2::run(async {
        let mut client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        let opened = client.start("https", &Request::get("/big.bin")).await.expect("answered");
        shrink(&server.site("a.test"));
        let (answer, end) = opened.read_until_end().await;
        assert!(end.is_some(), "the stream ended as if it were whole");
        assert!(answer.body == pattern(BIG)[..answer.body.len()], "other bytes");
        assert_eq!(client.send("https", &Request::head("/big.bin")).await.status, 200);
    });
}

#[test]
fn a_file_that_grows_is_answered_at_the_stated_length() {
    let server = big().start();
    let mut connection = server.connect();
    connection.write(&Request::get("/big.bin").bytes());
    assert_eq!(connection.read_head().must("content-length"), BIG.to_string());
    let mut file =
        File::options().append(true).open(server.site("a.test").path("big.bin")).unwrap();
    file.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    assert!(connection.read_exactly(BIG) == pattern(BIG));
    await_length(&mut connection, BIG + 19);
}

#[test]
fn a_file_that_is_replaced_is_answered_from_the_old_one_to_its_end() {
    let server = big().start();
    let mut connection = server.connect();
    connection.write(&Request::get("/big.bin").bytes());
    assert_eq!(connection.read_head().status, 200);
    server.site("a.test").replace("big.bin", "small");
    assert!(connection.read_exactly(BIG) == pattern(BIG));
}

#[test]
fn a_reader_that_stalls_costs_no_memory() {
    const HUGE: u64 = 512 * 1024 * 1024;
    /// Far below the file, far above what the server needs for two connections.
    const BOUND_KIB: u64 = 96 * 1024;
    const STALL: Duration = Duration::from_millis(1500);
    let server = Setup::new().site("a.test", |site| site.file("index.html", "index")).start();
    let file = File::create(server.site("a.test").path("huge.bin")).unwrap();
    file.set_len(HUGE).unwrap();
    let mut stalled = server.connect();
    stalled.write(&Request::get("/huge.bin").bytes());
    assert_eq!(stalled.read_head().status, 200);
    let mut other = server.connect();
    let started = Instant::now();
    while started.elapsed() < STALL {
        assert_eq!(other.send(&Request::get("/")).status, 200);
    }
    let resident = server.memory();
    assert!(resident < BOUND_KIB, "{resident} KiB for one reader that reads nothing");
}

#[test]
#[expect(clippy::print_stderr, reason = "the time is for the person who runs this test")]
fn a_thousand_small_files_wait_for_no_acknowledgement() {
    const FILES: usize = 1_000;
    /// Answers that leave in two small writes cost a delayed acknowledgement of 40 ms each: 40 s.
    const BOUND: Duration = Duration::from_secs(10);
    let server = Setup::new()
        .site("a.test", |site| {
            (0..FILES)
                .fold(site, |site, index| site.file(&format!("{index}.txt"), index.to_string()))
        })
        .start();
    let mut connection = server.connect();
    let started = Instant::now();
    for index in 0..FILES {
        let answer = connection.send(&Request::get(&format!("/{index}.txt")));
        assert_eq!(answer.text(), index.to_string());
    }
    let taken = started.elapsed();
    eprintln!("{FILES} small files one after another: {taken:?}");
    assert!(taken < BOUND, "{taken:?}");
}
