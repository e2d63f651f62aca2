//! `--certify`: runs of certify beside a server, for as long as the server lasts.
//!
//! The server starts this process before it enters its sandbox (`process::companion`), since later it
//! could start none that may connect. Each run is a process of its own with the sandbox of a run
//! (`rights`): one that dies takes nothing along, and memory is held only while there is work.
//!
//! This one only waits: for bytes from the server, which say that it answers now, or has new sites;
//! for the end of its input, which is the end of the server; and for the time of the next run.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio::time::timeout;

use super::messages::{complain, print};
use super::random;
use crate::process::companion::THIS_PROGRAM;
use crate::process::signals::Orders;

/// The shortest time between two runs that went well, and how much longer it may be: twice a day, at
/// times that no two servers share.
const INTERVAL: Duration = Duration::from_hours(9);
const SPREAD: Duration = Duration::from_hours(6);

/// The pause after a run that failed; it doubles with each that follows, up to [`INTERVAL`]. How
/// often an authority is asked is another matter, which is kept on the disk (`plan`).
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The part of the time that runs for new sites may take, one in so many: thousands of sites that
/// come one by one are few runs.
const REST: u32 = 5;

/// The shortest rest between two runs.
const SHORTEST_REST: Duration = Duration::from_secs(2);

/// The longest that a run may take; the units in `quadlet/` say the same.
const RUN_TIME: Duration = Duration::from_hours(1);

/// Keeps running `shost` with the command line `words` until the server has gone.
#[must_use]
pub fn keep(words: &[OsString]) -> ExitCode {
    let done =
        tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            runtime.block_on(async {
                // An order to stop that reaches every process of a service is for the server.
                let _orders = Orders::listen()?;
                let input = io::stdin().as_fd().try_clone_to_owned()?;
                let server = ServerPipe { pipe: Receiver::from_owned_fd(input)?, has_woken: false };
                Keeper { words, failures: 0 }.run(server).await;
                Ok(())
            })
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The server, as it is seen from here.
struct ServerPipe {
    pipe: Receiver,
    has_woken: bool,
}

impl ServerPipe {
    /// Waits for a byte that has not been heeded yet. False if there is no server any more.
    async fn wakes(&mut self) -> bool {
        if !self.has_woken {
            return self.next().await;
        }
        self.has_woken = false;
        true
    }

    /// Waits for the end of the server, and remembers whether there was a byte meanwhile.
    async fn ends(&mut self) {
        while self.next().await {
            self.has_woken = true;
        }
    }

    async fn next(&mut self) -> bool {
        // As many at once as there are: they all say the same.
        self.pipe.read(&mut [0; 64]).await.is_ok_and(|read| read > 0)
    }
}

/// The outcome of one run.
#[derive(Debug, PartialEq, Eq)]
enum RunOutcome {
    Done,
    /// Some names failed, and the run has said which.
    Failed,
    /// There was none, or it did not come to its end.
    Died(String),
}

struct Keeper<'a> {
    words: &'a [OsString],
    /// Runs that have failed since the last one that did not.
    failures: u32,
}

impl Keeper<'_> {
    async fn run(mut self, mut server: ServerPipe) {
        // Before that nobody answers what authorities ask.
        let mut is_there = server.wakes().await;
        while is_there {
            let began = Instant::now();
            let outcome = tokio::select! {
                outcome = self.one_run() => outcome,
                // The run ends with this future.
                () = server.ends() => return,
            };
            let pause = self.pause(&outcome, random());
            tell(&outcome, pause);
            let rest = SHORTEST_REST.max(began.elapsed() * REST).min(pause);
            if timeout(rest, server.ends()).await.is_ok() {
                return;
            }
            is_there = timeout(pause.saturating_sub(rest), server.wakes()).await.unwrap_or(true);
        }
    }

    async fn one_run(&self) -> RunOutcome {
        let mut command = Command::new(THIS_PROGRAM);
        command.arg(super::RUN_BESIDE).args(self.words).stdin(Stdio::null()).kill_on_drop(true);
        let run = async { command.spawn()?.wait().await };
        match timeout(RUN_TIME, run).await {
            Ok(Ok(status)) => RunOutcome::from(status),
            Ok(Err(error)) => RunOutcome::Died(error.to_string()),
            Err(_) => RunOutcome::Died(format!("not done after {}", spoken(RUN_TIME))),
        }
    }

    /// The time until the next run, with `drawn` as the random part of it.
    fn pause(&mut self, outcome: &RunOutcome, drawn: [u8; 2]) -> Duration {
        if *outcome == RunOutcome::Done {
            self.failures = 0;
            return INTERVAL + SPREAD * u32::from(u16::from_be_bytes(drawn)) / (1 << 16);
        }
        let pause =
            FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        pause.min(INTERVAL)
    }
}

impl From<ExitStatus> for RunOutcome {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(0) => Self::Done,
            Some(1) => Self::Failed,
            // As `exit status: 101` or `signal: 9 (SIGKILL)`.
            _ => Self::Died(status.to_string()),
        }
    }
}

fn tell(outcome: &RunOutcome, pause: Duration) {
    let next = spoken(pause);
    match outcome {
        RunOutcome::Done => {}
        RunOutcome::Failed => print(&format!("tried again in {next}")),
        RunOutcome::Died(how) => {
            complain(&format!(
                "error: a run did not come to its end ({how}): the next one is in {next}"
            ));
        }
    }
}

/// A length of time in its largest unit, for people.
fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn outcome(status: i32) -> RunOutcome {
        ExitStatus::from_raw(status).into()
    }

    #[test]
    fn runs_are_twice_a_day_and_sooner_after_a_failure() {
        let (done, failed, killed) = (0, 0x100, 9);
        let hours = Duration::from_hours;
        let seconds = Duration::from_secs;
        let table: [(&[i32], [u8; 2], Duration); 8] = [
            (&[done], [0, 0], hours(9)),
            (&[done], [0x80, 0], hours(12)),
            (&[failed], [0, 0], seconds(10)),
            (&[killed, failed], [0, 0], seconds(20)),
            (&[failed, failed, killed], [0xff, 0xff], seconds(40)),
            (&[failed; 13], [0, 0], hours(9)),
            (&[failed; 100], [0, 0], hours(9)),
            (&[failed, failed, done, failed], [0, 0], seconds(10)),
        ];
        for (runs, drawn, expected) in table {
            let mut keeper = Keeper { words: &[], failures: 0 };
            let pause = runs.iter().map(|&run| keeper.pause(&outcome(run), drawn)).last();
            assert_eq!(pause, Some(expected), "{runs:?}");
        }
    }

    #[test]
    fn how_a_run_ended_is_told() {
        let table = [
            (0, RunOutcome::Done),
            (0x100, RunOutcome::Failed),
            (101 << 8, RunOutcome::Died("exit status: 101".into())),
            (9, RunOutcome::Died("signal: 9 (SIGKILL)".into())),
        ];
        for (status, expected) in table {
            assert_eq!(outcome(status), expected, "{status}");
        }
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let table =
            [(10, "10 seconds"), (160, "2 minutes"), (5120, "85 minutes"), (32400, "9 hours")];
        for (seconds, expected) in table {
            assert_eq!(spoken(Duration::from_secs(seconds)), expected);
        }
    }
}
