//! The TLS handshake, begun only for names that have a certificate.
//!
//! rustls ends a handshake without a certificate with `access_denied`, which tells a client
//! nothing. RFC 6066 §3 has an alert for a name that is not served here: where a first message has
//! led to nothing, its name is looked up, and that alert is sent from here.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::server::{Accepted, Acceptor, UnbufferedServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::tls::encrypted_stream::{Behind, EncryptedStream};
use crate::ledger::Kept;

/// The whole record of the alert. Nothing is encrypted yet when it is sent.
///
/// ```text
/// alert(21)  legacy version  length  fatal(2)  unrecognized_name(112)    RFC 8446 §5.1, §6
/// ```
const UNRECOGNIZED_NAME: [u8; 7] = [21, 0x03, 0x03, 0, 2, 2, 112];

/// Why there is no TLS connection.
#[derive(Debug)]
pub enum HandshakeError {
    /// The client asked for no name, or for one without a certificate; it has been told.
    UnknownName(Option<String>),
    /// The client went away, or what it sent is not TLS, or nothing could be agreed on.
    Failed(io::Error),
}

/// A stream of bytes behind a handshake, and what was agreed on.
#[derive(Debug)]
pub struct Established<S> {
    /// A stream of what is in its records.
    pub stream: EncryptedStream<S>,
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// The protocol within it (RFC 7301).
    pub protocol: Option<Vec<u8>>,
}

/// Bytes of a handshake that wait until they can be read as a message, twice of the first one. Clients
/// send some 2 KiB, other servers take 16; there is room for a message in records of a few bytes each.
const UNREAD: usize = 32 * 1024;

/// Bytes that are read at a time: a hello with a key of the hybrid group has some 1,800.
const READ: usize = 4 * 1024;

/// Takes `stream` through the handshake; `choose` says which certificate there is for the server name
/// that a client sent, or sent none.
///
/// There is no deadline in here: the caller sets one for the whole.
///
/// # Errors
///
/// [`HandshakeError::UnknownName`] once the alert is written and the write side is shut down,
/// [`HandshakeError::Failed`] for everything else that ends a handshake.
pub async fn handshake<S>(
    mut stream: S,
    config: Arc<ServerConfig>,
    choose: impl Fn(&S, Option<&str>) -> Choice,
) -> Result<Established<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut hello = Vec::new();
    let mut failed = match shake(&mut stream, Arc::clone(&config), &mut hello).await? {
        Ok(shaken) => return Ok(shaken.over(stream)?),
        Err(failed) => failed,
    };
    // Most names have a certificate. Only of a client that got none is it asked what the name was.
    if let Some(accepted) = failed.is_first.then(|| accepted(&hello)).flatten() {
        let name = accepted.client_hello().server_name().map(str::to_owned);
        match choose(&stream, name.as_deref()) {
            Choice::ByName => {}
            Choice::ByAddress(key) => {
                failed = match shake(&mut stream, only(&config, key), &mut hello).await? {
                    Ok(shaken) => return Ok(shaken.over(stream)?),
                    Err(failed) => failed,
                };
            }
            Choice::Nothing => {
                turn_away(&mut stream).await;
                return Err(HandshakeError::UnknownName(name));
            }
        }
    }
    stream.write_all(&failed.alert).await?;
    Err(invalid(failed.error).into())
}

/// A client's first message, if it is one.
fn accepted(mut hello: &[u8]) -> Option<Accepted> {
    let mut acceptor = Acceptor::default();
    while !hello.is_empty() {
        acceptor.read_tls(&mut hello).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            return Some(accepted);
        }
    }
    None
}

/// A handshake that is over.
struct Shaken {
    connection: UnbufferedServerConnection,
    behind: Behind,
}

impl Shaken {
    fn over<S>(self, stream: S) -> io::Result<Established<S>> {
        let Self { connection, behind } = self;
        let version = connection.protocol_version();
        let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
        let keys = connection.dangerous_into_kernel_connection().map_err(invalid)?;
        let stream = EncryptedStream::new(stream, keys, behind).map_err(invalid)?;
        Ok(Established { stream, version, protocol })
    }
}

/// A handshake that can lead to nothing any more.
struct FailedHandshake {
    error: rustls::Error,
    /// The records that tell the client.
    alert: Vec<u8>,
    /// True if the client has not been answered yet.
    is_first: bool,
}

/// Shakes hands. Until the client is answered what it sends is kept in `hello`; a client whose
/// message is there already is not waited for.
async fn shake<S>(
    stream: &mut S,
    config: Arc<ServerConfig>,
    hello: &mut Vec<u8>,
) -> io::Result<Result<Shaken, FailedHandshake>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = UnbufferedServerConnection::new(config).map_err(invalid)?;
    let mut behind = Behind::default();
    let mut unread = hello.clone();
    let (mut flight, mut is_first) = (Vec::new(), true);
    loop {
        let UnbufferedStatus { discard, state } = connection.process_tls_records(&mut unread);
        let mut is_ready = false;
        match state {
            Ok(ConnectionState::EncodeTlsData(message)) => {
                is_first = false;
                encode(message, &mut flight)?;
                unread.drain(..discard);
                continue;
            }
            Ok(ConnectionState::TransmitTlsData(sending)) => sending.done(),
            Ok(ConnectionState::BlockedHandshake) => {}
            // A server may write before the client has said its last word; this one waits for it.
            Ok(ConnectionState::WriteTraffic(_)) => is_ready = true,
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    behind.content.extend_from_slice(record.map_err(invalid)?.payload);
                }
                unread.drain(..discard);
                continue;
            }
            Ok(ConnectionState::PeerClosed) => {
                behind.is_ended = true;
                unread.drain(..discard);
                continue;
            }
            Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => {
                while let Ok(ConnectionState::EncodeTlsData(alert)) =
                    connection.process_tls_records(&mut []).state
                {
                    encode(alert, &mut flight)?;
                }
                return Ok(Err(FailedHandshake { error, alert: flight, is_first }));
            }
        }
        unread.drain(..discard);
        if !flight.is_empty() {
            stream.write_all(&flight).await?;
            flight.clear();
            continue;
        }
        if is_ready && !connection.is_handshaking() {
            behind.records = unread;
            return Ok(Ok(Shaken { connection, behind }));
        }
        let seen = unread.len();
        read(stream, &mut unread).await?;
        if is_first {
            make_room(hello, unread.len() - seen);
            hello.extend_from_slice(&unread[seen..]);
        }
    }
}

/// Reads something behind what is unread.
async fn read(stream: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> io::Result<()> {
    if unread.len() >= UNREAD {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is too long"));
    }
    make_room(unread, 1);
    match stream.read_buf(unread).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Makes room for `least` bytes, and for no more than a read beyond that.
fn make_room(bytes: &mut Vec<u8>, least: usize) {
    if bytes.capacity() - bytes.len() < least {
        bytes.reserve_exact(least.max(READ));
    }
}

/// Puts a message of the server behind the others of its flight.
fn encode<D>(mut message: EncodeTlsData<'_, D>, flight: &mut Vec<u8>) -> io::Result<()> {
    let at = flight.len();
    let length = match message.encode(&mut []) {
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        outcome => return outcome.map(|_| ()).map_err(io::Error::other),
    };
    flight.resize(at + length, 0);
    message.encode(&mut flight[at..]).map(|_| ()).map_err(io::Error::other)
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The certificate of a handshake.
#[derive(Debug)]
pub enum Choice {
    /// The one that the configuration finds by the name.
    ByName,
    /// This one: there is no name, and it is for the address that the client connected to.
    ByAddress(Arc<CertifiedKey>),
    /// No certificate: the handshake is refused.
    Nothing,
}

/// The same configuration with one certificate. Tickets are those of the others, and as good.
fn only(config: &ServerConfig, key: Arc<CertifiedKey>) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
    Arc::new(config)
}

/// Bytes that are counted for a handshake, beside those of every connection: of a hello that does not
/// end 64 KiB are kept.
pub const HANDSHAKE_BYTES: usize = 48 * 1024;

/// Waits until the client may have one more handshake, which is counted as what its connection keeps:
/// a client with a thousand that go nowhere waits for the end of its own.
pub async fn turn(kept: &Kept) {
    kept.when_free(HANDSHAKE_BYTES).await;
}

/// Tells the client why. If it no longer listens, there is nobody left to tell.
async fn turn_away(stream: &mut (impl AsyncWrite + Unpin)) {
    if stream.write_all(&UNRECOGNIZED_NAME).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        HandshakeError::Failed(error)
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::UnknownName(None) => f.write_str("the client sent no server name"),
            HandshakeError::UnknownName(Some(name)) => write!(f, "no certificate for {name}"),
            HandshakeError::Failed(error) => write!(f, "the handshake failed: {error}"),
        }
    }
}

impl std::error::Error for HandshakeError {}

#[cfg(test)]
mod tests;
