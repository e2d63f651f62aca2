//! The beginning of a connection from a trusted proxy: the PROXY header, if there is one.

use std::io;
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::client_socket::ClientSocket;
use super::stop::Stop;
use crate::protocol::limits::HEAD_TIME;
use crate::visitor::proxy::header::{Beginning, Malformed, read};

/// Bytes looked at a time: more than a header that has no more than addresses in it.
const LOOK: usize = 512;

/// The particulars of a connection before it begins.
#[derive(Debug, Default)]
pub struct Introduced {
    /// The client, unless the proxy speaks for itself.
    pub source: Option<IpAddr>,
    /// Bytes that were read and are no header.
    pub ahead: Bytes,
}

/// Reads the header. `None` if the connection ends with it: it is malformed or late, or the server
/// stops.
pub async fn introduce(
    socket: &mut ClientSocket,
    proxy: IpAddr,
    stop: &Stop,
) -> Option<Introduced> {
    let introduced = stop.while_wanted(timeout(HEAD_TIME, header(socket))).await?;
    let introduced = introduced.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    introduced.inspect_err(|error| tracing::debug!(%proxy, %error, "no PROXY header")).ok()
}

/// Looks at what comes without taking it, for what follows the header belongs to TLS or HTTP, and
/// takes what can be nothing else than the header.
async fn header(socket: &mut ClientSocket) -> io::Result<Introduced> {
    let stream = socket.polled()?;
    let mut taken = BytesMut::new();
    loop {
        let mut look = [0; LOOK];
        let count = stream.peek(&mut look).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = taken.len();
        taken.extend_from_slice(&look[..count]);
        let (length, found) = match read(&taken) {
            Ok(Beginning::Partial) => (taken.len(), None),
            // What was taken already begins like a header, as `P` does, and goes on unlike one.
            Ok(Beginning::Other) => {
                taken.truncate(before);
                return Ok(Introduced { source: None, ahead: taken.freeze() });
            }
            Ok(Beginning::Header(header)) => (header.length, Some(header.source)),
            Err(malformed @ Malformed) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, malformed));
            }
        };
        stream.read_exact(&mut look[..length - before]).await?;
        if let Some(source) = found {
            return Ok(Introduced { source, ahead: Bytes::new() });
        }
    }
}
