//! `shost reload`: finds the running server, asks it, and tells what it says.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{ERROR, NAME, OK, RELOAD};

/// How long to wait for the server. A reload of a thousand certificates takes less than a second;
/// a disk that spins up, or a network file system, some more.
const RELOAD_TIME: Duration = Duration::from_mins(1);

/// Bytes of an answer: a hundred names of the greatest length are a quarter of that.
const ANSWER_BYTES: u64 = 100 * 1024;

/// The sockets of this network namespace.
const SOCKETS: &str = "/proc/self/net/unix";

/// Bytes of that list; a hundred thousand sockets take less.
const SOCKETS_BYTES: u64 = 16 << 20;

/// Why nothing was reloaded: one line.
#[derive(Debug)]
pub enum ReloadError {
    /// No server runs here.
    NoServer,
    /// More than one does.
    Several(BTreeSet<u32>),
    /// This process is no server, or cannot be reached.
    NotThere(u32, io::Error),
    /// The socket belongs to another process than its name says.
    Stranger(u32),
    /// The server takes longer than a minute, or does not answer at all.
    TooLong,
    /// The server ended.
    Ended,
    /// The server could not reload, and says why.
    Failed(String),
    /// The system refuses something.
    System(io::Error),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => formatter.write_str("no shost runs in this network namespace"),
            Self::Several(pids) => {
                let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
                write!(formatter, "several run here, say which with --pid: {}", pids.join(", "))
            }
            Self::NotThere(pid, error) => {
                write!(formatter, "process {pid} is no shost that can be asked: {error}")
            }
            Self::Stranger(pid) => {
                write!(formatter, "another process poses as the shost with the number {pid}")
            }
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
    let pid = match pid {
        Some(pid) => pid,
        None => only(servers(File::open(SOCKETS)?)?)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async { timeout(RELOAD_TIME, ask(pid)).await });
    verdict(&asked.map_err(|_| ReloadError::TooLong)??)
}

fn only(servers: BTreeSet<u32>) -> Result<u32, ReloadError> {
    match servers.len() {
        0 => Err(ReloadError::NoServer),
        1 => servers.first().copied().ok_or(ReloadError::NoServer),
        _ => Err(ReloadError::Several(servers)),
    }
}

/// The servers in the kernel's list of Unix sockets (proc(5)): those that listen on a name of
/// ours.
///
/// ```text
/// Num               RefCount Protocol Flags    Type St Inode Path
/// 0000000000000000: 00000002 00000000 00010000 0001 01 15811 @shost-4711
/// ```
fn servers(list: impl Read) -> io::Result<BTreeSet<u32>> {
    /// `__SO_ACCEPTCON`: the socket listens.
    const LISTENS: &str = "00010000";
    let mut servers = BTreeSet::new();
    // Names are bytes that anybody may choose, so a line need not be text.
    for line in BufReader::new(list.take(SOCKETS_BYTES)).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let mut columns = line.split_ascii_whitespace();
        let (flags, name) = (columns.nth(3), columns.nth(3));
        let number: Option<u32> =
            name.and_then(|name| name.strip_prefix('@')?.strip_prefix(NAME)?.parse().ok());
        servers.extend(number.filter(|_| flags == Some(LISTENS)));
    }
    Ok(servers)
}

async fn ask(pid: u32) -> Result<String, ReloadError> {
    let name = format!("\0{NAME}{pid}");
    let connected = UnixStream::connect(name).await;
    let mut stream = connected.map_err(|error| ReloadError::NotThere(pid, error))?;
    // Anybody may take a name that is free; the kernel knows whose socket it is.
    if stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok()) != Some(pid) {
        return Err(ReloadError::Stranger(pid));
    }
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

    #[test]
    fn servers_are_the_sockets_that_listen_on_a_name_of_ours() {
        let list = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15811 @shost-4711\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 15812 @shost-4711\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 15813 @shost-4712\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15814 @shost-1\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15815 @shost-x\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15816 /run/shost-2\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15817 @other-3\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15818 @\xff\xfe\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 15819\n";
        assert_eq!(servers(&list[..]).unwrap(), BTreeSet::from([1, 4711]));
    }

    #[test]
    fn only_one_server_needs_no_number() {
        let table: [(&[u32], &str); 3] = [
            (&[], "no shost runs in this network namespace"),
            (&[7], "7"),
            (&[8, 7], "several run here, say which with --pid: 7, 8"),
        ];
        for (pids, expected) in table {
            let told = match only(pids.iter().copied().collect()) {
                Ok(pid) => pid.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(told, expected);
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
