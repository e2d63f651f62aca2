//! A flood over QUIC beside clients that are honest: what it costs the server, and what they notice of it.
//!
//! `FLOOD_SECONDS` makes each last longer, with one attacker after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::server::Server;

/// Datagrams a millisecond: what a debug build can take on a busy machine.
pub(crate) const PACE: u32 = 10;

/// The memory that a flood may make the server grow by, in KiB.
const GROWTH: u64 = 16 * 1024;

/// How long another client may wait for its answer: a debug build on a busy machine of two cores,
/// where nothing but the flood itself has reason to be slow.
const ANSWER: Duration = Duration::from_secs(2);

/// The handshakes of a flood that nobody ends are given up after so long.
const HANDSHAKES: Duration = Duration::from_secs(10);

/// A flood of a server.
pub(crate) struct Flood<'a> {
    pub(crate) name: &'a str,
    pub(crate) server: &'a Server,
    /// Datagrams that each attacker sends, if nobody stops it.
    pub(crate) datagrams: u32,
}

/// The outcomes of a flood for the others.
struct Outcome {
    datagrams: u32,
    times: Vec<Duration>,
}

/// A way in which an honest client is answered.
pub(crate) type Way<'a> = &'a mut dyn FnMut();

impl Flood<'_> {
    /// Sends what `send` makes of an attacker that `begin` makes, and a number. The honest clients go
    /// all of their ways meanwhile, again and again.
    #[track_caller]
    #[expect(clippy::print_stderr, reason = "the figures are for the person who runs this test")]
    pub(crate) fn check<A>(
        &self,
        ways: &mut [Way<'_>],
        begin: impl Fn() -> A + Sync,
        send: impl Fn(&mut A, u64) + Sync,
    ) {
        let Self { name, server, .. } = self;
        let (open, before, ticks) =
            (server.counter("connections"), server.memory(), server.processor_ticks());
        let Outcome { datagrams, times } = self.run(ways, begin, send);
        let ticks = server.processor_ticks() - ticks;
        let growth = server.memory().saturating_sub(before);
        let late = times[(times.len() * 99).div_ceil(100) - 1];
        let worst = times.last().expect("it was asked");
        eprintln!(
            "{name}: {datagrams} datagrams, {} µs of the server's each, grew by {growth} KiB; \
             {} answers beside them, 99 % within {late:?}, worst {worst:?}",
            ticks * 10_000 / u64::from(datagrams),
            times.len(),
        );
        assert!(growth < GROWTH, "{name}: {before} KiB grew by {growth} KiB");
        assert!(*worst < ANSWER, "{name}: another client waited {worst:?}");
        let asked = Instant::now();
        while server.counter("connections") > open {
            assert!(asked.elapsed() < HANDSHAKES + DEADLINE, "{name}: it goes on");
            ways[0]();
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn run<A>(
        &self,
        ways: &mut [Way<'_>],
        begin: impl Fn() -> A + Sync,
        send: impl Fn(&mut A, u64) + Sync,
    ) -> Outcome {
        let done = AtomicBool::new(false);
        let mut times = Vec::new();
        let datagrams = std::thread::scope(|scope| {
            let attack = scope.spawn(|| {
                let (started, mut count) = (Instant::now(), 0);
                loop {
                    let mut attacker = begin();
                    for round in 0..self.datagrams {
                        send(&mut attacker, round.into());
                        count += 1;
                        if round % PACE == 0 {
                            std::thread::park_timeout(Duration::from_millis(1));
                        }
                    }
                    drop(attacker);
                    if seconds().is_none_or(|seconds| started.elapsed() > seconds) {
                        done.store(true, Ordering::Release);
                        return count;
                    }
                }
            });
            while !done.load(Ordering::Acquire) && !attack.is_finished() {
                for way in &mut *ways {
                    let asked = Instant::now();
                    way();
                    times.push(asked.elapsed());
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
            attack.join().expect("the attacker does not panic")
        });
        times.sort_unstable();
        Outcome { datagrams, times }
    }
}

/// The time that floods last beyond one attacker.
fn seconds() -> Option<Duration> {
    let seconds = std::env::var("FLOOD_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
}
