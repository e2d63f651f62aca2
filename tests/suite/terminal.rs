//! Standard error as a terminal: what somebody who starts the server by hand reads
//! (docs/behaviour.md, "Command line").

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::client::{Connection, Request};
use crate::support::lines::Lines;
use crate::support::site::Site;

/// A server that is started on a terminal.
struct Started {
    child: Child,
    lines: Lines,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The two ends of a terminal: the one that shows, and the one that a program writes to.
fn terminal() -> (OwnedFd, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let shown = openpt(flags).expect("there are terminals");
    grantpt(&shown).expect("it is ours");
    unlockpt(&shown).expect("it is ours");
    let name = ptsname(&shown, Vec::new()).expect("it has a name");
    let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let written = File::options().read(true).write(true).open(path).expect("it is there");
    (shown, written)
}

fn start(arguments: &[&str]) -> Started {
    let (shown, written) = terminal();
    let child = Command::new(env!("CARGO_BIN_EXE_shost"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(written)
        .spawn()
        .expect("the binary was built with the tests");
    Started { child, lines: Lines::collect(File::from(shown)) }
}

/// The URL in the line that invites to open it.
fn invitation(started: &Started) -> String {
    let line = started.lines.containing("open http");
    let url = &line[line.find("http").expect("it is in there")..];
    url.trim_end().to_owned()
}

#[test]
fn a_line_that_can_be_clicked_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    Site::at(folder.path()).file("index.html", "here").file("a.test/index.html", "site");
    let path = folder.path().to_str().expect("temporary folders have plain names");
    let rows: [(&[&str], &str, &str); 4] = [
        (&[path, "--port", "0"], "http://127.0.0.1:", "here"),
        (&[path, "--port", "0", "--ip", "0.0.0.0"], "http://127.0.0.1:", "here"),
        (&[path, "--port", "0", "--ip", "::1"], "http://[::1]:", "here"),
        (&["--sites", path, "--port", "0", "--ip", "127.0.0.1"], "http://a.test:", "site"),
    ];
    for (arguments, origin, content) in rows {
        let started = start(arguments);
        let url = invitation(&started);
        let port = url.strip_prefix(origin).and_then(|rest| rest.strip_suffix('/'));
        let port = port.unwrap_or_else(|| panic!("{url}"));
        let host = origin[..origin.len() - 1].rsplit('/').next().expect("a host");
        let address = if host == "a.test" { "127.0.0.1" } else { host };
        let at = format!("{address}:{port}").parse().expect("an address");
        let request = Request::get("/").host(&format!("{host}:{port}"));
        let answer = Connection::open(at).send(&request);
        assert_eq!((answer.status, answer.text().as_str()), (200, content), "{url}");
    }
}
