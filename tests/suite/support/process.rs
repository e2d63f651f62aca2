//! The server's process as the kernel tells of it (proc(5)): memory, time, descriptors.

use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::await_background;
use super::server::Server;

impl Server {
    /// Takes every descriptor from the server that it does not have yet, until the guard is
    /// dropped.
    #[track_caller]
    pub(crate) fn leave_no_descriptor(&self) -> Descriptors {
        let pid = self.pid();
        // The limit is on the numbers: with the lowest free one as the limit nothing can be opened.
        let limit = lowest_free(pid);
        Descriptors { pid, limit, before: limit_files(pid, limit) }
    }

    /// Resident memory in KiB.
    #[track_caller]
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The same without what is the program's own file.
    #[track_caller]
    pub(crate) fn memory_of_its_own(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// A number of proc(5)'s `status`.
    #[track_caller]
    fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the server is there");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("proc(5) has the field")
    }

    /// Processor time used so far, in the clock ticks of proc(5), 10 ms each.
    #[track_caller]
    pub(crate) fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("the server is there");
        // The name in parentheses may hold anything; user and system time are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").expect("proc(5) has the name in parentheses");
        let times = fields.split(' ').skip(11).take(2);
        times.map(|time| time.parse::<u64>().expect("a number of ticks")).sum()
    }
}

/// While this lives, a server can open nothing.
pub(crate) struct Descriptors {
    pid: Pid,
    limit: Option<u64>,
    before: Option<u64>,
}

impl Descriptors {
    /// Waits until the server has again what it lent for an order.
    #[track_caller]
    pub(crate) fn await_lent(&self) {
        await_background("the end of an order", || lowest_free(self.pid) >= self.limit);
    }
}

/// The lowest number that a descriptor of a process may have next.
fn lowest_free(pid: Pid) -> Option<u64> {
    (0..1 << 20).find(|number| !Path::new(&format!("/proc/{pid}/fd/{number}")).exists())
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        limit_files(self.pid, self.before);
    }
}

/// Sets how many files a process may have open; returns the bound that was before.
fn limit_files(pid: Pid, current: Option<u64>) -> Option<u64> {
    let before = prlimit(Some(pid), Resource::Nofile, with_soft(pid, current));
    before.expect("its own child").current
}

/// The bound of a process with this as the soft one.
fn with_soft(pid: Pid, current: Option<u64>) -> Rlimit {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"));
    let limits = limits.expect("the server is there");
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let maximum = line.and_then(|line| line.split_whitespace().nth(4)?.parse().ok());
    Rlimit { current, maximum }
}
