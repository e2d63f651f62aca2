//! The real binary, started as its user starts it, and stopped with the test.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::DEADLINE;
use super::client::{Connection, Request, Response};
use super::lines::Lines;
use super::site::Site;
use super::tls::{self, Trust};

/// The user that owns nothing, by the custom of every Linux distribution.
pub(crate) const NOBODY: u32 = 65534;

/// Sites and options of a server that is to be started.
pub(crate) struct Setup {
    folder: TempDir,
    trust: Trust,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    unprivileged: bool,
    launcher: Option<String>,
    inherited: Vec<OwnedFd>,
}

/// A server that is ready to answer; it ends when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    /// The address of plain HTTP, if it is on.
    pub(crate) http: Option<SocketAddr>,
    /// The address of HTTPS, if it is on.
    pub(crate) https: Option<SocketAddr>,
    /// The access log.
    pub(crate) stdout: Lines,
    /// The events.
    pub(crate) stderr: Lines,
    pub(crate) trust: Trust,
    folder: TempDir,
}

/// How a run ended that was to end by itself.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Setup {
    /// An empty sites folder on a free loopback port.
    pub(crate) fn new() -> Self {
        Self::bare().args(["--ip", "127.0.0.1", "--port", "0"]).with_sites()
    }

    /// The folder of sites added, for the addresses that are given.
    pub(crate) fn with_sites(self) -> Self {
        let sites = self.sites();
        std::fs::create_dir(&sites).expect("the sites folder can be made");
        self.args([OsStr::new("--sites"), sites.as_os_str()])
    }

    /// No options at all.
    pub(crate) fn bare() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder can be made"),
            trust: Trust::default(),
            arguments: Vec::new(),
            environment: vec![("SHOST_NO_WATCH".into(), "true".into())],
            unprivileged: false,
            launcher: None,
            inherited: Vec::new(),
        }
    }

    /// One folder for every host: the `DIR` of the command line.
    pub(crate) fn directory(fill: impl FnOnce(&Site) -> &Site) -> Self {
        let setup = Self::bare();
        let root = setup.folder.path().join("directory");
        fill(&Site::at(&root));
        setup.args(["--ip", "127.0.0.1", "--port", "0"]).args([root])
    }

    /// Adds a site.
    pub(crate) fn site(self, domain: &str, fill: impl FnOnce(&Site) -> &Site) -> Self {
        fill(&Site::at(self.sites().join(domain)));
        self
    }

    /// Adds a certificate for `domain` and turns HTTPS on.
    pub(crate) fn certificate(self, domain: &str) -> Self {
        self.certificate_for(domain, &[domain])
    }

    /// Adds a certificate for these names in the folder `folder` and turns HTTPS on.
    pub(crate) fn certificate_for(mut self, folder: &str, names: &[&str]) -> Self {
        self.trust.add(tls::write_pair(&self.tls().join(folder), names));
        if self.arguments.iter().any(|argument| argument == "--tls") {
            return self;
        }
        let tls = self.tls();
        self.args([OsStr::new("--tls"), tls.as_os_str()])
    }

    /// Adds a certificate that does not fit into three times what a client of QUIC sends first.
    pub(crate) fn large_certificate(self, domain: &str) -> Self {
        let names: Vec<_> = (0..200).map(|name| format!("name-{name}.{domain}")).collect();
        let names: Vec<_> = [domain].into_iter().chain(names.iter().map(String::as_str)).collect();
        self.certificate_for(domain, &names)
    }

    /// Adds arguments.
    pub(crate) fn args<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Takes up changes by itself, which would get ahead of the orders of other tests.
    pub(crate) fn watching(self) -> Self {
        self.env("SHOST_NO_WATCH", "false")
    }

    /// Runs as an ordinary user even when the tests run as root, whom no permission stops.
    pub(crate) fn unprivileged(mut self) -> Self {
        self.unprivileged = rustix::process::geteuid().is_root();
        self
    }

    /// Has a shell run `script` first, which is to `exec "$@"` in the end, as a service manager
    /// would.
    pub(crate) fn launched_by(mut self, script: impl Into<String>) -> Self {
        self.launcher = Some(script.into());
        self
    }

    /// Leaves these descriptors open in the server, under the numbers that they have.
    pub(crate) fn inheriting(mut self, descriptors: Vec<OwnedFd>) -> Self {
        self.inherited = descriptors;
        self
    }

    /// The temporary folder everything is in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of sites.
    pub(crate) fn sites(&self) -> PathBuf {
        self.folder.path().join("sites")
    }

    /// The folder of certificates.
    pub(crate) fn tls(&self) -> PathBuf {
        self.folder.path().join("tls")
    }

    /// Starts the server and waits until it says that it has started.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        self.start_with(Stdio::piped())
    }

    /// The same with something else as standard output; the access log cannot be read then.
    #[track_caller]
    pub(crate) fn start_with(self, stdout: impl Into<Stdio>) -> Server {
        let mut child = self.spawn(stdout.into());
        let (stdout, stderr) = outputs(&mut child);
        let started = stderr.nth(0, |line| is_event(line, "started"));
        Server {
            child,
            http: address(&started, "http="),
            https: address(&started, "https="),
            stdout,
            stderr,
            trust: self.trust,
            folder: self.folder,
        }
    }

    /// Runs the binary to its end: for `--check`, `--version` and starts that fail.
    #[track_caller]
    pub(crate) fn run(&self) -> Ended {
        let mut child = Reaped(self.spawn(Stdio::piped()));
        let (stdout, stderr) = outputs(&mut child.0);
        let (stdout, stderr) = (stdout.to_end(DEADLINE), stderr.to_end(DEADLINE));
        let code = child.0.wait().expect("the child can be waited for").code();
        Ended { code, stdout, stderr }
    }

    fn spawn(&self, stdout: Stdio) -> Child {
        let binary = env!("CARGO_BIN_EXE_shost");
        let mut command = match &self.launcher {
            None => Command::new(binary),
            Some(script) => {
                let mut command = Command::new("bash");
                command.args(["-c", script, "launcher", binary]);
                command
            }
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SHOST_") {
                command.env_remove(name);
            }
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.unprivileged {
            Site::at(self.folder.path()).mode("", 0o755);
            command.uid(NOBODY);
        }
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        self.start_alone(&mut command).expect("the binary was built with the tests")
    }

    /// Starts the command. Descriptors that it is to inherit are inherited by nobody whom another
    /// test starts meanwhile.
    fn start_alone(&self, command: &mut Command) -> io::Result<Child> {
        static INHERITANCE: RwLock<()> = RwLock::new(());
        if self.inherited.is_empty() {
            let _others_too = INHERITANCE.read().unwrap_or_else(PoisonError::into_inner);
            return command.spawn();
        }
        let _alone = INHERITANCE.write().unwrap_or_else(PoisonError::into_inner);
        let mark =
            |flags| self.inherited.iter().try_for_each(|descriptor| fcntl_setfd(descriptor, flags));
        mark(FdFlags::empty())?;
        let child = command.spawn();
        mark(FdFlags::CLOEXEC)?;
        child
    }
}

impl Server {
    /// A new plain connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.http())
    }

    /// A new TLS connection that asks for `name`.
    #[track_caller]
    pub(crate) fn connect_tls(&self, name: &str) -> Connection {
        self.trust.connect(self.https(), name)
    }

    /// One request on a plain connection of its own.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Response {
        self.connect().send(request)
    }

    /// One request on a TLS connection of its own to `name`, which is its Host too.
    #[track_caller]
    pub(crate) fn send_tls(&self, name: &str, request: Request) -> Response {
        self.connect_tls(name).send(&request.host(name))
    }

    /// The address of plain HTTP.
    #[track_caller]
    pub(crate) fn http(&self) -> SocketAddr {
        self.http.expect("the started event names an http address")
    }

    /// The address of HTTPS.
    #[track_caller]
    pub(crate) fn https(&self) -> SocketAddr {
        self.https.expect("the started event names an https address")
    }

    /// The folder of a site that is served.
    pub(crate) fn site(&self, domain: &str) -> Site {
        Site::at(self.sites().join(domain))
    }

    /// The folder of sites.
    pub(crate) fn sites(&self) -> PathBuf {
        self.folder.path().join("sites")
    }

    /// The folder of certificates.
    pub(crate) fn tls(&self) -> PathBuf {
        self.folder.path().join("tls")
    }

    /// A path beside the sites, on the same file system.
    pub(crate) fn folder_beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file at a path beside the sites.
    #[track_caller]
    pub(crate) fn write(&self, path: &str, content: &str) {
        std::fs::write(self.folder_beside(path), content).expect("the file can be written");
    }

    /// Renames something, both paths beside the sites.
    #[track_caller]
    pub(crate) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.folder_beside(from), self.folder_beside(to)).expect("it is there");
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// A number among the counters, which the server tells on `SIGUSR1`.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let is_report = |line: &str| line.contains("INFO counters");
        let before = self.stderr.count(is_report);
        self.signal(Signal::USR1);
        let line = self.stderr.nth(before, is_report);
        let mut fields = line.split(' ').filter_map(|word| word.split_once('='));
        let value = fields.find_map(|(told, value)| (told == name).then_some(value));
        value.and_then(|value| value.parse().ok()).expect("the report has it")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the server is there");
    }

    /// The outcome of `shost ORDER` for this server.
    #[track_caller]
    pub(crate) fn order(&self, order: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shost"));
        command.args([order, "--pid", &self.pid().as_raw_nonzero().to_string()]);
        command.output().expect("the binary was built with the tests")
    }

    /// Waits until the server has ended and returns its exit code.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.exit_code_within(DEADLINE)
    }

    /// The same with more patience.
    #[track_caller]
    pub(crate) fn exit_code_within(&mut self, within: Duration) -> Option<i32> {
        self.stderr.to_end(within);
        self.child.wait().expect("the child can be waited for").code()
    }
}

impl Drop for Server {
    /// `Child::kill` signals only a process that has not been waited for, so never a stranger.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A child that does not outlive a failed assertion.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// True if a line of standard error is this event: `[time] LEVEL event …`.
fn is_event(line: &str, event: &str) -> bool {
    line.split_whitespace().take(3).any(|word| word == event)
}

fn outputs(child: &mut Child) -> (Lines, Lines) {
    let stdout =
        child.stdout.take().map_or_else(|| Lines::collect(std::io::empty()), Lines::collect);
    let stderr = child.stderr.take().expect("standard error is a pipe");
    (stdout, Lines::collect(stderr))
}

/// The first address behind `label` in the started event.
fn address(started: &str, label: &str) -> Option<SocketAddr> {
    let addresses = started.split_whitespace().find_map(|word| word.strip_prefix(label))?;
    let first = addresses.split(',').next()?;
    Some(first.parse().expect("the event names a socket address"))
}
