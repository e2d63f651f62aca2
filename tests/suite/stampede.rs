//! Many clients at once, and more files than the cache holds: one read, one making of each form,
//! and memory stays within its bound.
#![allow(clippy::print_stdout, reason = "the figures are for whoever reads the run")]
#![allow(clippy::unwrap_used, reason = "a file operation that fails is the test's own failure")]

use std::time::Instant;

use crate::support::await_background;
use crate::support::client::{Request, Response};
use crate::support::decoded::{CODINGS, decode, prose};
use crate::support::http2::{self, Http2};
use crate::support::server::{Server, Setup};
use rustix::process::Signal;

/// Clients that ask at once: connections, and streams on each.
const CONNECTIONS: usize = 10;
const STREAMS: usize = 20;
/// Just below what is held in memory, in bytes.
const LARGE: usize = 900 * 1024;
/// The smallest bound that people may set, in bytes.
const BOUND: u64 = 2 * 1024 * 1024;
/// Files that together are four times the bound, and the bytes of one.
const FILES: usize = 2_000;
const SMALL: usize = 4096;
/// Memory of a process beside its cache while it serves a few connections, at the most, in KiB:
/// buffers, and what its allocator keeps for later.
const BESIDE_CACHE_KIB: u64 = 6 * 1024;

/// A file younger than 250 ms is read again each 90 ms, for its facts could hide a change.
const YOUNG: u64 = 3;

/// One of the server's own counts, as it stands now.
#[track_caller]
fn count(server: &Server, name: &str) -> u64 {
    let is_report = |line: &str| line.contains(" counters ");
    let before = server.stderr.count(is_report);
    server.signal(Signal::USR1);
    let line = server.stderr.nth(before, is_report);
    let prefix = format!("{name}=");
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(&prefix));
    let value = value.and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not counted: {line}"))
}

/// Asks for the same thing from every client at once.
fn rush(server: &Server, accepted: &str) -> Vec<Response> {
    let request = Request::get("/page.html").field("Accept-Encoding", accepted);
    http2::run(async {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let connection = Http2::open(server.http()).await;
            for _ in 1..STREAMS {
                clients.push(connection.share());
            }
            clients.push(connection);
        }
        let asked = clients.into_iter().map(|mut client| {
            let request = request.clone();
            tokio::spawn(async move { client.send("http", &request).await })
        });
        let asked: Vec<_> = asked.collect();
        let mut answers = Vec::new();
        for answer in asked {
            answers.push(answer.await.expect("every client is answered"));
        }
        answers
    })
}

#[test]
fn a_stampede_reads_once_and_codes_once() {
    let page = prose(LARGE);
    let server = Setup::new().site("a.test", |site| site.file("page.html", &page)).start();
    let began = Instant::now();
    for accepted in ["identity", "zstd", "br", "gzip"] {
        for answer in rush(&server, accepted) {
            assert_eq!(answer.status, 200);
            assert!(decode(&answer) == page, "{accepted}: not the file");
        }
    }
    // The form is there, and wanted often enough that it was or will be made better once.
    for (coding, ..) in CODINGS {
        let request = Request::get("/page.html").field("Accept-Encoding", coding);
        await_background(coding, || {
            server.send(&request).field("content-encoding") == Some(coding)
        });
    }
    let encodings = count(&server, "encodings");
    let most = 2 * CODINGS.len() as u64;
    assert!(encodings <= most, "{encodings} compressions: one quick and one best for each coding");
    // After the read it is only looked at, once a second, whether a form lies beside the file.
    let (fills, seconds) = (count(&server, "fills"), began.elapsed().as_secs());
    assert!(fills <= 1 + YOUNG + seconds, "{fills} reads in {seconds} s");
    println!("{} clients: {fills} fills, {encodings} compressions", 4 * CONNECTIONS * STREAMS);
}

#[test]
fn a_cold_file_is_read_once_for_all() {
    let page = prose(LARGE);
    let server = Setup::new().site("a.test", |site| site.file("page.html", &page)).start();
    let began = Instant::now();
    rush(&server, "identity");
    let fills = count(&server, "fills");
    let looks = began.elapsed().as_secs();
    assert!(fills <= 1 + YOUNG + looks, "{fills} reads for {} clients", CONNECTIONS * STREAMS);
    assert_eq!(count(&server, "encodings"), 0, "nobody wanted a form");
}

#[test]
fn more_files_than_fit_are_all_served_and_memory_stays_bounded() {
    let content = |number: usize| {
        let mut content = format!("file {number}\n").into_bytes();
        content.extend(prose(SMALL - content.len()));
        content
    };
    let server = Setup::new()
        .args(["--cache-size", "2M"])
        .site("a.test", |site| {
            (0..FILES)
                .fold(site, |site, number| site.file(&format!("{number}.txt"), content(number)))
        })
        .start();
    let mut connection = server.connect();
    for number in 0..FILES / 10 {
        connection.send(&Request::get(&format!("/{number}.txt")));
    }
    let before = server.memory_of_its_own();
    for accepted in ["identity", "gzip, deflate, br, zstd"] {
        for number in 0..FILES {
            let request = Request::get(&format!("/{number}.txt"));
            let answer = connection.send(&request.field("Accept-Encoding", accepted));
            assert!(decode(&answer) == content(number), "{number}.txt is not the file");
        }
    }
    let (after, held) = (server.memory_of_its_own(), count(&server, "cache_bytes"));
    println!("{before} KiB before, {after} KiB after, {held} bytes held");
    assert!(held <= BOUND, "{held} bytes held of {BOUND}");
    assert!(held > BOUND / 2, "the cache is in use");
    assert!(count(&server, "evictions") > FILES as u64, "most had to make room");
    let most = before + BOUND / 1024 + BESIDE_CACHE_KIB;
    assert!(after <= most, "{after} KiB of memory instead of {most}");
}
