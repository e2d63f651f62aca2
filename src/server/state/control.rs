//! Orders from the command line: `shost reload` asks the running server, and waits for the answer.
//!
//! The server listens on a Unix socket with an abstract name, which needs no file and exists only
//! in its own network namespace: nobody outside of a container without network reaches it. Any user
//! of the machine may take such a name, so the server's own ends in digits that cannot be guessed,
//! and the client believes no name but asks the kernel whose socket it is. A request and its answer
//! are a line each:
//!
//! ```text
//! reload
//! ok 12 sites, 14 certificates; changed: sites +new.example
//! ```
//!
//! or `error`, and the reason. The kernel says who is at the other end; only the user that the
//! server runs as and root are obeyed.

pub mod client;

use std::future::pending;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::reload::{ReloadOutcome, Reloads};
use crate::log::one_line;
use crate::process::random::random;
use crate::process::reserve::{Reserve, is_out_of_descriptors};

/// The beginning of the name of a server's socket. Behind it stand the number of its process, a
/// hyphen and [random digits](SUFFIX_BYTES).
const NAME: &str = "shost-";

/// Random bytes at the end of the name. Nobody can take all names that the next server may choose.
const SUFFIX_BYTES: usize = 8;

/// The only request that there is.
const RELOAD: &str = "reload\n";

/// The beginning of an answer when all went well.
const OK: &str = "ok ";

/// The beginning of an answer when nothing was done.
const ERROR: &str = "error ";

/// Bytes of a request; the one that there is has seven.
const REQUEST_BYTES: u64 = 64;

/// Clients at a time. Reloads are rare, and those who ask at once share one.
const CLIENTS: usize = 8;

/// The time that a client has for a line, which it has ready before it connects.
const LINE_TIME: Duration = Duration::from_secs(5);

/// The pause before accepting again after the process ran out of something.
const BACK_OFF: Duration = Duration::from_millis(500);

/// Takes orders from now on, until the runtime ends.
///
/// # Errors
/// When the system refuses the socket.
pub fn start(reloads: Reloads, reserve: Reserve) -> io::Result<()> {
    let address = SocketAddr::from_abstract_name(own_name()?)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    tokio::spawn(accept(UnixListener::from_std(listener)?, reloads, reserve));
    Ok(())
}

fn own_name() -> io::Result<String> {
    let suffix = u64::from_ne_bytes(random::<SUFFIX_BYTES>()?);
    Ok(format!("{NAME}{}-{suffix:016x}", std::process::id()))
}

async fn accept(listener: UnixListener, reloads: Reloads, reserve: Reserve) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let (accepted, loan) = match listener.accept().await {
            Err(error) if is_out_of_descriptors(&error) => {
                let loan = reserve.lend();
                (listener.accept().await, Some(loan))
            }
            accepted => (accepted, None),
        };
        match accepted {
            Ok((stream, _)) => {
                let reloads = reloads.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, reloads).await {
                        tracing::debug!(%error, "an order was not heard or not answered");
                    }
                    drop((place, loan));
                });
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept orders");
                let _ = timeout(BACK_OFF, pending::<()>()).await;
            }
        }
    }
}

async fn serve(mut stream: UnixStream, reloads: Reloads) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let answer = if !obeys(peer, rustix::process::geteuid().as_raw()) {
        format!("{ERROR}it takes orders from its own user and from root only\n")
    } else if timeout(LINE_TIME, read_line(&mut stream)).await?? == RELOAD {
        answer(reloads.outcome().await)
    } else {
        format!("{ERROR}it knows no such order\n")
    };
    timeout(LINE_TIME, stream.write_all(answer.as_bytes())).await?
}

fn obeys(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(REQUEST_BYTES)).read_line(&mut line).await?;
    Ok(line)
}

fn answer(outcome: ReloadOutcome) -> String {
    match outcome {
        ReloadOutcome::Reloaded(summary, changes, out_of_reach) => {
            let but = out_of_reach.iter().map(|line| format!("; but {}", one_line(line)));
            format!("{OK}{summary}; changed: {changes}{}\n", but.collect::<String>())
        }
        ReloadOutcome::Failed(reason) => format!("{ERROR}{}\n", reason.replace('\n', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_user_and_root_are_obeyed() {
        let table = [(0, 0, true), (0, 65532, true), (65532, 65532, true), (1000, 65532, false)];
        for (peer, own, expected) in table {
            assert_eq!(obeys(peer, own), expected, "{peer} asks {own}");
        }
        assert!(!obeys(1000, 0), "an ordinary user asks root's server");
    }

    #[test]
    fn an_answer_is_one_line() {
        let failed = answer(ReloadOutcome::Failed("a\nb".into()));
        assert_eq!(failed, "error a b\n");
    }
}
