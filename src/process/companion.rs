//! A companion: another process of this program, for work that the sandbox forbids.
//!
//! It is started before the sandbox is entered, which holds for all that a process starts later on.
//! Both are joined by pipes alone: a byte from here wakes the companion, its lines come back, and
//! the end of this process is the end of its input.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The program that runs, also if another one has taken its place on the disk since.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// The beginning of the line about a new certificate, behind its name and a colon.
pub const ISSUED: &str = "certificate from ";

/// Variables by which the service manager speaks to one process, which the companion is not.
const SERVICE_MANAGER: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];

/// A companion that runs. Dropping it closes its input.
#[derive(Debug)]
pub struct Companion(pub Child);

impl Companion {
    /// Starts this program with the command line `words`.
    ///
    /// # Errors
    /// When the system refuses a process.
    pub fn start(words: &[OsString]) -> io::Result<Self> {
        let mut command = Command::new(THIS_PROGRAM);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // An interrupt from the terminal is for the server, which finishes what is in flight.
        command.process_group(0);
        for variable in SERVICE_MANAGER {
            command.env_remove(variable);
        }
        let failed = |error| {
            io::Error::other(format!("no second process can be started ({THIS_PROGRAM}): {error}"))
        };
        command.spawn().map(Self).map_err(failed)
    }
}
