//! The loads over HTTP/1.1: a thread for every connection, so that no scheduling of ours blurs
//! what is timed.

use std::io::{Read, Write};
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

use crate::connect::{Connector, Stream};
use crate::http1::{self, Answer, Content};
use crate::options::{Mode, Options};
use crate::tally::{Failure, Tally};

/// Bytes of a read from the socket.
const BUFFER: usize = 64 * 1024;

/// The same for large files.
const BULK_BUFFER: usize = 1024 * 1024;

/// By how much the kernel may let a sleeping thread oversleep, in nanoseconds. Its default of 50
/// microseconds would be most of the latency that is measured.
const TIMER_SLACK: u64 = 1000;

/// A new connection for every request.
pub fn fresh(options: &Options) -> Result<Tally, Failure> {
    let request = http1::request(options, true);
    on_threads(options, |connector, _, end| {
        let (mut tally, mut buffer) = (Tally::default(), vec![0; BUFFER]);
        while Instant::now() < end {
            let start = Instant::now();
            let mut stream = connector.open()?;
            let answer = http1::exchange(&mut stream, &request, &mut buffer, Content::Read);
            let answer = count(&mut tally, answer.ok());
            if options.mode == Mode::Resumed && answer {
                // The tickets for the next handshake may follow the answer.
                let _ = stream.read(&mut buffer);
            }
            stream.tell(&mut tally);
            tally.latencies.push(start.elapsed());
            stream.abort();
        }
        Ok(tally)
    })
}

/// The same large file over and over, on connections that are kept.
pub fn bulk(options: &Options) -> Result<Tally, Failure> {
    let request = http1::request(options, false);
    on_threads(options, |connector, _, end| {
        let (mut tally, mut buffer) = (Tally::default(), vec![0; BULK_BUFFER]);
        let mut stream = connector.open()?;
        loop {
            let start = Instant::now();
            let answer = http1::exchange(&mut stream, &request, &mut buffer, Content::Drop);
            if !count(&mut tally, answer.ok()) {
                break;
            }
            tally.latencies.push(start.elapsed());
            if Instant::now() > end {
                break;
            }
        }
        Ok(tally)
    })
}

/// Requests at a fixed rate. An answer that comes late makes the ones behind it late as well, as
/// it would for the people who wait for them: time counts from when a request was due.
pub fn paced(options: &Options) -> Result<Tally, Failure> {
    let request = http1::request(options, false);
    let step = Duration::from_secs_f64(f64::from(options.connections) / options.rate);
    on_threads(options, |connector, index, end| {
        rustix::thread::set_current_timer_slack(NonZeroU64::new(TIMER_SLACK))?;
        let (mut tally, mut buffer) = (Tally::default(), vec![0; BUFFER]);
        let mut stream = connector.open()?;
        http1::exchange(&mut stream, &request, &mut buffer, Content::Read)?;
        let mut due =
            Instant::now() + step.mul_f64(f64::from(index) / f64::from(options.connections));
        while due < end {
            let sent = wait_until(due);
            // Less than one step is this client's own oversleeping, and not the server's doing.
            let from = if sent - due > step { due } else { sent };
            let answer = http1::exchange(&mut stream, &request, &mut buffer, Content::Read);
            if !count(&mut tally, answer.ok()) {
                break;
            }
            tally.latencies.push(from.elapsed());
            due += step;
        }
        Ok(tally)
    })
}

/// Opens connections, asks once on each, tells so, and keeps them.
pub fn idle(options: &Options) -> Result<Tally, Failure> {
    let connector = Connector::new(options)?;
    let request = http1::request(options, false);
    let (mut tally, mut buffer) = (Tally::default(), vec![0; BUFFER]);
    let mut streams: Vec<Stream> = Vec::new();
    for _ in 0..options.connections {
        let mut stream = connector.open()?;
        let answer = http1::exchange(&mut stream, &request, &mut buffer, Content::Read);
        count(&mut tally, answer.ok());
        streams.push(stream);
    }
    writeln!(std::io::stdout().lock(), "open")?;
    wait_until(Instant::now() + options.duration);
    Ok(tally)
}

/// Runs `work` on a thread for every connection; it is told its number and when to end.
fn on_threads(
    options: &Options,
    work: impl Fn(&Connector, u32, Instant) -> Result<Tally, Failure> + Sync,
) -> Result<Tally, Failure> {
    let connector = Connector::new(options)?;
    let start = Instant::now();
    let end = start + options.duration;
    let mut total = Tally::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..options.connections)
            .map(|index| {
                scope.spawn({
                    let (work, connector) = (&work, &connector);
                    move || work(connector, index, end)
                })
            })
            .collect();
        for thread in threads {
            total.merge(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok(())
    })
    .map_err(|failure: Failure| failure)?;
    total.elapsed = start.elapsed();
    Ok(total)
}

/// Counts an answer; whether it was a good one.
fn count(tally: &mut Tally, answer: Option<Answer>) -> bool {
    let good = answer.is_some_and(|answer| (200..300).contains(&answer.status));
    tally.bad += u64::from(!good);
    tally.bytes += answer.map_or(0, |answer| answer.bytes);
    good
}

/// Sleeps until `due`, and gives the time that it then is.
#[expect(clippy::disallowed_methods, reason = "a load at a fixed rate waits for time to pass")]
fn wait_until(due: Instant) -> Instant {
    let now = Instant::now();
    if due > now {
        thread::sleep(due - now);
    }
    Instant::now()
}
