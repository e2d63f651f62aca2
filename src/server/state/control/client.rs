//! `shost reload`: finds the running server, asks it, and tells what it says.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::future::pending;
use std::io::{self, BufRead, BufReader};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{ERROR, NAME, OK, RELOAD};

/// The time to wait for the server. A reload of a thousand certificates takes less than a second; a
/// disk that spins up, or a network file system, some more.
const RELOAD_TIME: Duration = Duration::from_mins(1);

/// Attempts to reach the sockets while one of them has no room for who comes. Any user may fill its
/// queue for a moment, but the server empties it as fast.
const ATTEMPTS: usize = 100;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Bytes of an answer: a hundred names of the greatest length are a quarter of that.
const ANSWER_BYTES: u64 = 100 * 1024;

/// The sockets of this network namespace.
const SOCKETS: &str = "/proc/self/net/unix";

/// The message where no server is found.
const NO_SERVER: &str =
    "no shost runs in this network namespace: if it runs in a container, ask inside of that";

/// Why nothing was reloaded: one line.
#[derive(Debug)]
pub enum ReloadError {
    /// No server runs here.
    NoServer,
    /// More than one does.
    Several(BTreeSet<u32>),
    /// This process listens on no socket for orders.
    NotThere(u32),
    /// Each socket with the number of this process in its name belongs to another one.
    Stranger(u32),
    /// The sockets that might be the server's have no room for one more client.
    Busy,
    /// The server takes longer than a minute, or does not answer at all.
    TooLong,
    /// The server ended before it answered.
    Ended,
    /// The server could not reload, and says why.
    Failed(String),
    /// The system refuses something.
    System(io::Error),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => formatter.write_str(NO_SERVER),
            Self::Several(pids) => {
                let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
                write!(formatter, "several run here, say which with --pid: {}", pids.join(", "))
            }
            Self::NotThere(pid) => {
                write!(formatter, "process {pid} is no shost that can be asked: it takes no orders")
            }
            Self::Stranger(pid) => {
                write!(formatter, "another process poses as the shost with the number {pid}")
            }
            Self::Busy => formatter.write_str(
                "others keep the server's socket for orders full: try again, or send it SIGHUP",
            ),
            Self::TooLong => {
                write!(formatter, "no answer within {} seconds", RELOAD_TIME.as_secs())
            }
            Self::Ended => formatter.write_str("the server ended before it answered"),
            Self::Failed(reason) => formatter.write_str(reason),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ReloadError {}

impl From<io::Error> for ReloadError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Asks the server with the process number `pid`, or the only one, to reload, and waits for it.
/// Gives the line that says what it serves now and what has changed.
///
/// # Errors
/// Why there was no reload.
pub fn reload(pid: Option<u32>) -> Result<String, ReloadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async { timeout(RELOAD_TIME, find_and_ask(pid)).await });
    verdict(&asked.map_err(|_| ReloadError::TooLong)??)
}

async fn find_and_ask(pid: Option<u32>) -> Result<String, ReloadError> {
    let named = named(BufReader::new(File::open(SOCKETS)?), pid)?;
    let posed = !named.is_empty();
    let user = rustix::process::geteuid().as_raw();
    let (mut servers, busy) = reach(&named, user).await;
    if servers.is_empty() && busy {
        return Err(ReloadError::Busy);
    }
    match pid {
        None => ask(only(servers, user)?.stream).await,
        Some(pid) => match servers.pop() {
            Some(server) => ask(server.stream).await,
            None if posed => Err(ReloadError::Stranger(pid)),
            None => Err(ReloadError::NotThere(pid)),
        },
    }
}

/// The servers behind these names, asked anew for a while if a socket that had no room may be that of
/// `user`; and whether there still is one.
async fn reach(named: &BTreeSet<SocketName>, user: u32) -> (Vec<RunningServer>, bool) {
    for _ in 1..ATTEMPTS {
        let (servers, busy) = RunningServer::behind(named).await;
        if !busy || servers.iter().any(|server| server.user == user) {
            return (servers, busy);
        }
        let _ = timeout(PAUSE, pending::<()>()).await;
    }
    RunningServer::behind(named).await
}

/// A socket with a name of ours, whoever took that name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SocketName {
    pid: u32,
    name: String,
}

/// The sockets in the kernel's list (proc(5)) that listen on a name of ours; only those for the
/// process `wanted`, if one is.
///
/// ```text
/// Num               RefCount Protocol Flags    Type St Inode Path
/// 0000000000000000: 00000002 00000000 00010000 0001 01 15811 @shost-4711-0123456789abcdef
/// ```
fn named(sockets: impl BufRead, wanted: Option<u32>) -> io::Result<BTreeSet<SocketName>> {
    const LISTENS: &str = "00010000";
    let mut found = BTreeSet::new();
    for line in sockets.split(b'\n') {
        let Ok(line) = String::from_utf8(line?) else { continue };
        let mut columns = line.split_ascii_whitespace();
        let (flags, name) = (columns.nth(3), columns.nth(3));
        let Some(name) = name.and_then(|name| name.strip_prefix('@')) else { continue };
        let numbered = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next());
        let Some(pid) = numbered.and_then(|number| number.parse().ok()) else { continue };
        if flags == Some(LISTENS) && wanted.is_none_or(|wanted| wanted == pid) {
            found.insert(SocketName { pid, name: name.to_owned() });
        }
    }
    Ok(found)
}

/// A process that listens on a name with its own number, as the kernel confirms.
#[derive(Debug)]
struct RunningServer<S = UnixStream> {
    pid: u32,
    user: u32,
    /// True if it runs another program file than this process does.
    is_other_program: bool,
    stream: S,
}

impl RunningServer {
    /// The servers behind these names, and whether there was no room in the queue of a socket. A
    /// process counts once, however many names it took.
    async fn behind(named: &BTreeSet<SocketName>) -> (Vec<Self>, bool) {
        let (mut servers, mut busy) = (Vec::<Self>::new(), false);
        for SocketName { pid, name } in named {
            if servers.last().is_some_and(|last| last.pid == *pid) {
                continue;
            }
            match UnixStream::connect(format!("\0{name}")).await {
                Ok(stream) => servers.extend(Self::confirmed(*pid, stream)),
                Err(error) => busy |= error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        (servers, busy)
    }

    /// The server at the other end, if the kernel confirms that it is the process `pid`.
    fn confirmed(pid: u32, stream: UnixStream) -> Option<Self> {
        let peer = stream.peer_cred().ok()?;
        let is_named = peer.pid().is_some_and(|own| u32::try_from(own) == Ok(pid));
        let program = |process: &str| fs::metadata(format!("/proc/{process}/exe")).ok();
        let is_other_program = match (program(&pid.to_string()), program("self")) {
            (Some(its), Some(own)) => (its.dev(), its.ino()) != (own.dev(), own.ino()),
            // Nobody may look at the file of a process that hides its memory.
            _ => false,
        };
        is_named.then_some(Self { pid, user: peer.uid(), is_other_program, stream })
    }
}

/// The one server that `user` means who names none. Servers of other users count only where `user`
/// has none, or any of them could keep it from its own. Root may mean anybody's: first those of the
/// system's users, then those that run this very program.
fn only<S>(servers: Vec<RunningServer<S>>, user: u32) -> Result<RunningServer<S>, ReloadError> {
    let rank = |server: &RunningServer<S>| {
        let others = server.user != user;
        (others, others && !is_system(server.user), others && server.is_other_program)
    };
    let Some(first) = servers.iter().map(rank).min() else { return Err(ReloadError::NoServer) };
    let mut meant: Vec<_> = servers.into_iter().filter(|server| rank(server) == first).collect();
    match (meant.pop(), meant.is_empty()) {
        (None, _) => Err(ReloadError::NoServer),
        (Some(server), true) => Ok(server),
        (Some(last), false) => {
            let pids = meant.iter().chain([&last]).map(|server| server.pid).collect();
            Err(ReloadError::Several(pids))
        }
    }
}

/// Users that nobody logs in as: those of the system, and those that systemd makes for a service
/// (systemd.exec(5), `DynamicUser`).
fn is_system(user: u32) -> bool {
    const FIRST_PERSON: u32 = 1000;
    const DYNAMIC: RangeInclusive<u32> = 61_184..=65_519;
    user < FIRST_PERSON || DYNAMIC.contains(&user)
}

async fn ask(mut stream: UnixStream) -> Result<String, ReloadError> {
    // A server that refuses to listen closes early, and its answer says why.
    let written = stream.write_all(RELOAD.as_bytes()).await;
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES).read_to_end(&mut answer).await;
    if answer.is_empty() {
        written.and(read)?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn verdict(answer: &str) -> Result<String, ReloadError> {
    // What goes to a terminal must not drive it, whoever chose the names in it.
    let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect();
    match (answer.strip_prefix(OK), answer.strip_prefix(ERROR)) {
        (Some(text), _) => Ok(clean(text)),
        (_, Some(reason)) => Err(ReloadError::Failed(clean(reason))),
        _ => Err(ReloadError::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{geteuid, getpid};
    use socket2::{Domain, SockAddr, Socket, Type};

    /// A socket with the name of the server `pid`, whose queue others have filled.
    async fn full(pid: u32) -> (SocketName, Socket, Vec<UnixStream>) {
        let name = format!("{NAME}{pid}-full");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let mut others = Vec::new();
        while let Ok(other) = UnixStream::connect(format!("\0{name}")).await {
            others.push(other);
        }
        (SocketName { pid, name }, listener, others)
    }

    #[tokio::test]
    async fn a_socket_whose_queue_is_full_is_asked_again_until_there_is_room() {
        let (name, listener, others) = full(getpid().as_raw_nonzero().get().unsigned_abs()).await;
        let named = BTreeSet::from([name]);
        let (servers, busy) = RunningServer::behind(&named).await;
        assert!(servers.is_empty() && busy);
        let make_room = async {
            let _ = timeout(PAUSE, pending::<()>()).await;
            for _ in &others {
                drop(listener.accept().unwrap());
            }
        };
        let ((servers, busy), ()) = tokio::join!(reach(&named, geteuid().as_raw()), make_room);
        assert_eq!((servers.len(), busy), (1, false));
    }

    #[tokio::test]
    async fn a_socket_whose_queue_stays_full_is_told_as_such() {
        // No process has this number.
        let (name, _listener, _others) = full(u32::MAX).await;
        let outcome = find_and_ask(Some(name.pid)).await;
        assert!(matches!(outcome, Err(ReloadError::Busy)), "{outcome:?}");
    }

    #[test]
    fn names_are_those_of_sockets_that_listen() {
        let list = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15811 @shost-4711-0a\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15811 @shost-4711-0b\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 15812 @shost-4711-0a\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 15813 @shost-4712-0a\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15814 @shost-1\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15815 @shost-x\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15816 /run/shost-2\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15817 @other-3\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15818 @\xff\xfe\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15819\n";
        let all = ["shost-1", "shost-4711-0a", "shost-4711-0b"];
        let names = |wanted| {
            let found = named(&list[..], wanted).unwrap();
            found.into_iter().map(|named| named.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None), all);
        assert_eq!(names(Some(4711)), all[1..]);
        assert_eq!(names(Some(2)), [""; 0]);
    }

    #[test]
    fn nobody_else_keeps_a_user_from_its_server() {
        const ROOT: u32 = 0;
        const SYSTEM: u32 = 33;
        const DYNAMIC: u32 = 65_500;
        // Who asks; the servers, each a process, its user and whether its program is another; the
        // outcome.
        type Row<'a> = (u32, &'a [(u32, u32, bool)], &'a str);
        let table: [Row<'_>; 10] = [
            (ROOT, &[], NO_SERVER),
            (ROOT, &[(7, ROOT, false)], "7"),
            (ROOT, &[(8, ROOT, false), (7, ROOT, true)], "7, 8"),
            (ROOT, &[(7, ROOT, true), (8, 1000, false), (9, SYSTEM, false)], "7"),
            (ROOT, &[(7, SYSTEM, false), (8, 1000, false), (9, 65_534, false)], "7"),
            (ROOT, &[(7, DYNAMIC, true), (8, 1000, false)], "7"),
            (ROOT, &[(7, 1000, false), (8, 1001, true)], "7"),
            (1000, &[(7, 1000, true), (8, 1001, false), (9, ROOT, false)], "7"),
            (1000, &[(7, 1000, false), (8, 1000, false), (9, 1001, false)], "7, 8"),
            // It will be refused, and told why.
            (1000, &[(9, ROOT, false)], "9"),
        ];
        for (user, servers, expected) in table {
            let server = |&(pid, user, is_other_program)| RunningServer {
                pid,
                user,
                is_other_program,
                stream: (),
            };
            let told = match only(servers.iter().map(server).collect(), user) {
                Ok(server) => server.pid.to_string(),
                Err(error) => error.to_string(),
            };
            let several = "several run here, say which with --pid: ";
            assert_eq!(told.trim_start_matches(several), expected, "{user} of {servers:?}");
        }
    }

    #[test]
    fn an_answer_is_believed_but_not_trusted() {
        let table = [
            ("ok 1 site; changed: none\n", "1 site; changed: none"),
            ("error a: b\n", "a: b"),
            ("error \x1b[2Ja\n", "[2Ja"),
            ("", "the server ended before it answered"),
            ("o", "the server ended before it answered"),
        ];
        for (answer, expected) in table {
            let told = verdict(answer).unwrap_or_else(|error| error.to_string());
            assert_eq!(told, expected, "{answer:?}");
        }
    }
}
