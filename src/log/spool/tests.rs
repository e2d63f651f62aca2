//! The spool against outputs that stall, fail and come back. No test sleeps: each step waits for
//! a word from the writer thread.

use super::*;
use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, Sender, channel},
};

/// Far more than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The outcome of one `write` to an output.
enum Step {
    /// Says that it was entered, and takes everything once the other end has gone or sent.
    Stall(Sender<()>, Receiver<()>),
    /// Takes this many bytes.
    Take(usize),
    Fail(io::ErrorKind),
}

/// An output that follows a script, and takes everything after its end.
struct Scripted {
    steps: VecDeque<Step>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match self.steps.pop_front() {
            Some(Step::Stall(entered, released)) => {
                entered.send(()).ok();
                released.recv().ok();
                bytes.len()
            }
            Some(Step::Take(count)) => count,
            Some(Step::Fail(kind)) => return Err(kind.into()),
            None => bytes.len(),
        };
        lock(&self.taken).extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Rig {
    spool: Spool,
    taken: Arc<Mutex<Vec<u8>>>,
    troubles: Receiver<Trouble>,
}

impl Rig {
    fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let output = Scripted { steps: steps.into_iter().collect(), taken: Arc::clone(&taken) };
        let (report, troubles) = channel();
        let spool = Spool::start_reporting("test", output, move |trouble| {
            report.send(trouble).ok();
        })
        .unwrap();
        Self { spool, taken, troubles }
    }

    /// A spool whose writer is stuck in its first write until the sender is dropped.
    fn stalled() -> (Self, Sender<()>) {
        let (entered, is_stuck) = channel();
        let (release, released) = channel();
        let rig = Self::start([Step::Stall(entered, released)]);
        rig.line("first");
        is_stuck.recv_timeout(PATIENCE).unwrap();
        (rig, release)
    }

    fn line(&self, text: &str) {
        self.spool.append(|line| line.extend_from_slice(text.as_bytes()));
    }

    /// Closes, and gives what the output took.
    fn finish(&self) -> String {
        self.spool.close(PATIENCE);
        assert!(lock(&self.spool.owner.shared.state).finished, "the writer ended in time");
        String::from_utf8(lock(&self.taken).clone()).unwrap()
    }
}

#[test]
fn a_stalled_output_stops_nobody_and_its_losses_are_told_when_it_works_again() {
    let (rig, release) = Rig::stalled();
    let line = "x".repeat(1000);
    let sent = 2 * SPOOL_BYTES / line.len();
    for _ in 0..sent {
        rig.line(&line);
    }
    let dropped = rig.spool.dropped();
    assert!(dropped > 0, "the bound holds");
    let held: usize = rig
        .spool
        .owner
        .shared
        .shards
        .iter()
        .map(|shard| lock(&shard.lines).buffer.capacity())
        .sum();
    assert!(held <= SPOOL_BYTES, "{held} bytes are held");
    assert!(rig.troubles.try_recv().is_err(), "nothing is told while the output is stuck");

    drop(release);
    let Trouble::Lost(lost) = rig.troubles.recv_timeout(PATIENCE).unwrap() else {
        panic!("a stall is no error");
    };
    assert_eq!(lost, dropped);
    rig.line("last");
    let taken = rig.finish();
    assert_eq!(taken.lines().count() as u64 + dropped, sent as u64 + 2);
    assert!(taken.lines().all(|taken| taken == line || taken == "first" || taken == "last"));
    assert!(taken.ends_with("last\n"));
}

#[test]
fn closing_waits_for_a_stalled_output_no_longer_than_told() {
    let (rig, release) = Rig::stalled();
    rig.spool.close(Duration::from_millis(1));
    assert!(!lock(&rig.spool.owner.shared.state).finished);
    drop(release);
    assert_eq!(rig.finish(), "first\n");
}

#[test]
fn closing_flushes_and_later_lines_are_counted() {
    let rig = Rig::start([]);
    for number in 0..1000 {
        rig.line(&number.to_string());
    }
    let expected = (0..1000).fold(String::new(), |lines, number| lines + &format!("{number}\n"));
    assert_eq!(rig.finish(), expected);
    rig.line("late");
    assert_eq!((rig.finish(), rig.spool.dropped()), (expected, 1));
}

/// The output's steps for the batch `one two`, and then for the batch `three`.
#[track_caller]
fn check(steps: impl IntoIterator<Item = Step>, taken: &str, troubles: &[&str]) {
    let (entered, is_stuck) = channel();
    let (release, released) = channel();
    let stall = Step::Stall(entered, released);
    let rig = Rig::start([stall].into_iter().chain(steps));
    rig.line("zero");
    is_stuck.recv_timeout(PATIENCE).unwrap();
    rig.line("one");
    rig.line("two");
    drop(release);
    // The first trouble, if any is to come, ends the first batch.
    let first = (!troubles.is_empty()).then(|| rig.troubles.recv_timeout(PATIENCE).unwrap());
    rig.line("three");
    assert_eq!(rig.finish(), taken);
    let told: Vec<_> = first
        .into_iter()
        .chain(rig.troubles.try_iter())
        .map(|trouble| match trouble {
            Trouble::Failed(error) => format!("{:?}", error.kind()),
            Trouble::Lost(lines) => format!("lost {lines}"),
        })
        .collect();
    assert_eq!(told, troubles);
}

#[test]
fn failures_are_told_once_and_tried_again() {
    use io::ErrorKind::{BrokenPipe, Interrupted, StorageFull, WouldBlock};
    check([], "zero\none\ntwo\nthree\n", &[]);
    check([Step::Fail(Interrupted), Step::Take(2)], "zero\none\ntwo\nthree\n", &[]);
    check([Step::Fail(WouldBlock), Step::Fail(WouldBlock)], "zero\none\ntwo\nthree\n", &[]);
    check([Step::Fail(BrokenPipe)], "zero\nthree\n", &["BrokenPipe", "lost 2"]);
    check(
        [Step::Take(4), Step::Fail(StorageFull)],
        "zero\none\nthree\n",
        &["StorageFull", "lost 1"],
    );
    // A line that was cut ends where it was cut.
    check(
        [Step::Take(2), Step::Fail(StorageFull)],
        "zero\non\nthree\n",
        &["StorageFull", "lost 2"],
    );
    check(
        [Step::Take(6), Step::Fail(StorageFull)],
        "zero\none\ntw\nthree\n",
        &["StorageFull", "lost 1"],
    );
    check([Step::Take(0)], "zero\nthree\n", &["WriteZero", "lost 2"]);
    check([Step::Fail(BrokenPipe), Step::Fail(BrokenPipe)], "zero\n", &["BrokenPipe"]);
}

#[test]
fn threads_mix_their_lines_but_never_within_one() {
    let rig = Rig::start([]);
    thread::scope(|scope| {
        for name in ["a", "bb", "ccc", "dddd", "eeeee"] {
            let rig = &rig.spool;
            scope.spawn(move || {
                for number in 0..500 {
                    rig.append(|line| {
                        line.extend_from_slice(format!("{name} {number}").as_bytes());
                    });
                }
            });
        }
    });
    let taken = rig.finish();
    for name in ["a", "bb", "ccc", "dddd", "eeeee"] {
        let own = taken.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert!(own.eq((0..500).map(|number| number.to_string())), "{name} is whole and in order");
    }
    assert_eq!(taken.lines().count(), 2500);
}

#[test]
fn a_panic_while_a_line_is_made_loses_that_line_only() {
    let rig = Rig::start([]);
    let spool = rig.spool.clone();
    let panicked = thread::spawn(move || {
        spool.append(|line| {
            line.extend_from_slice(b"half");
            panic!("on purpose");
        });
    });
    assert!(panicked.join().is_err());
    rig.line("whole");
    assert_eq!(rig.finish(), "whole\n");
}

#[test]
fn the_last_handle_ends_the_writer() {
    let (report, troubles) = channel::<Trouble>();
    let spool = Spool::start_reporting("test", io::sink(), move |trouble| {
        report.send(trouble).ok();
    })
    .unwrap();
    drop(spool.clone());
    spool.append(|line| line.push(b'x'));
    drop(spool);
    // The sender lives in the writer, so its end is seen here.
    assert!(
        troubles
            .recv_timeout(PATIENCE)
            .is_err_and(|error| { error == std::sync::mpsc::RecvTimeoutError::Disconnected })
    );
}
