//! A thousand changes of the rules under load: each answer is by an old file or by a new one.

use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::DEADLINE;
use crate::support::client::{Request, Response};
use crate::support::http2::{self, Http2};
use crate::support::server::Server;

use super::serve;

/// Changes of each of the two files.
const CHANGES: usize = 1000;

/// After so many changes the writer waits until the last is seen.
const WAVE: usize = 50;

/// A writer whose second half comes later may have been taken for one that is done.
const PAUSE: Duration = Duration::from_millis(8);

/// How long half a file may be seen after that, on a busy machine: while others are being written,
/// the last rules hold.
const SOON: Duration = Duration::from_secs(2);

/// The time between the halves of a file, so that they are not written at once.
const BETWEEN: usize = 20_000;

/// The halves of version `n` of both files. Each half is valid alone.
fn versions(n: usize) -> [(&'static str, [String; 2]); 2] {
    let between = format!("#{}\n", "-".repeat(BETWEEN));
    [
        ("_redirects", [format!("/one /{n}\n{between}"), format!("/two /{n}\n")]),
        ("_headers", [format!("/*\n  X-A: {n}\n{between}"), format!("  X-B: {n}\n")]),
    ]
}

/// Puts a version in the place of the one before.
trait Writer: Sync {
    /// Gives the time for which half of it lay there.
    fn write(&self, server: &Server, name: &str, halves: &[String; 2]) -> Duration;
}

/// Writes another file and renames it, as deploys do.
struct Rename;

/// Writes into the file, in two halves, between which a request is answered.
struct InPlace;

impl Writer for Rename {
    fn write(&self, server: &Server, name: &str, halves: &[String; 2]) -> Duration {
        server.site("a.test").replace(name, halves.concat());
        Duration::ZERO
    }
}

impl Writer for InPlace {
    fn write(&self, server: &Server, name: &str, [first, second]: &[String; 2]) -> Duration {
        let began = Instant::now();
        let mut file = File::create(server.site("a.test").path(name)).expect("a file");
        file.write_all(first.as_bytes()).expect("room for half of it");
        server.send(&Request::get("/one"));
        file.write_all(second.as_bytes()).expect("room for the other half");
        began.elapsed()
    }
}

/// Answers that may be by half of a file, and the times at which a writer was held up.
#[derive(Default)]
struct Doubts {
    answers: Mutex<Vec<(Instant, Response)>>,
    held_up: Mutex<Vec<(Instant, Instant)>>,
}

impl Doubts {
    /// Notes an answer that is not by whole files.
    fn judge(&self, answer: Response) {
        let is_whole = answer.status == 302
            && answer.field("location").is_some()
            && answer.field("x-a").is_some()
            && answer.field("x-a") == answer.field("x-b");
        if !is_whole {
            self.answers.lock().expect("nothing fails with it").push((Instant::now(), answer));
        }
    }

    /// Holds that each such answer came while a writer was held up, or soon after.
    fn settle(self) {
        let held_up = self.held_up.into_inner().expect("nothing failed with it");
        for (at, answer) in self.answers.into_inner().expect("nothing failed with it") {
            let is_excused = held_up.iter().any(|(from, to)| *from <= at && at <= *to + SOON);
            assert!(is_excused, "half a file: {answer:?}");
        }
    }
}

/// Changes the files while clients of both protocols ask.
fn change(writer: &impl Writer) {
    let first = versions(0).map(|(name, halves)| (name, halves.concat()));
    let server =
        serve(|site| first.iter().fold(site, |site, (name, content)| site.file(name, content)));
    let (is_over, doubts) = (AtomicBool::new(false), Doubts::default());
    let paths = ["/one", "/two", "/two", "/one"];
    std::thread::scope(|scope| {
        let (server, is_over, doubts) = (&server, &is_over, &doubts);
        let over_http1 = scope.spawn(move || {
            let mut connection = server.connect();
            for path in paths.iter().cycle() {
                doubts.judge(connection.send(&Request::get(path)));
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let over_http2 = scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                http2::run(ask(server, &paths, doubts));
            }
        });
        for n in 1..=CHANGES {
            for (name, halves) in versions(n) {
                let began = Instant::now();
                if writer.write(server, name, &halves) > PAUSE {
                    let mut held_up = doubts.held_up.lock().expect("nothing fails with it");
                    held_up.push((began, Instant::now()));
                }
            }
            if n.is_multiple_of(WAVE) {
                await_version(server, n);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        for client in [over_http1, over_http2] {
            client.join().expect("every request is answered");
        }
    });
    doubts.settle();
}

/// Requests on a connection, some at a time.
async fn ask(server: &Server, paths: &[&str], doubts: &Doubts) {
    let mut connection = Http2::open(server.http()).await;
    for _ in 0..100 {
        let mut opened = Vec::new();
        for path in paths {
            opened.push(connection.start("http", &Request::get(path)).await);
        }
        for answer in opened {
            doubts.judge(answer.expect("the request is answered").read().await);
        }
    }
}

/// Asks until both files are those of version `n`.
fn await_version(server: &Server, n: usize) {
    let (changed, version) = (Instant::now(), n.to_string());
    loop {
        let answer = server.send(&Request::get("/two"));
        let is_new = answer.field("location") == Some(&format!("/{n}"))
            && answer.field("x-b") == Some(&version);
        if is_new {
            return;
        }
        assert!(changed.elapsed() < DEADLINE, "version {n} is not seen: {answer:?}");
    }
}

#[test]
fn a_thousand_files_that_are_renamed_are_each_seen_whole() {
    change(&Rename);
}

#[test]
fn a_thousand_files_that_are_written_in_halves_are_each_seen_whole() {
    change(&InPlace);
}
