//! The TLS handshake, begun only for names that have a certificate.
//!
//! rustls ends a handshake without a certificate with `access_denied`, which tells a client
//! nothing. RFC 6066 §3 has an alert for a name that is not served here, so the name is looked up
//! between the client's hello and the rest, and that alert is sent from here.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

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
    stream: S,
    config: Arc<ServerConfig>,
    choose: impl Fn(&S, Option<&str>) -> Choice,
) -> Result<TlsStream<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let hello = start.client_hello();
    let name = hello.server_name();
    let config = match choose(&start.io, name) {
        Choice::ByName => config,
        Choice::ByAddress(key) => only(&config, key),
        Choice::Nothing => {
            let name = name.map(str::to_owned);
            turn_away(&mut start.io).await;
            return Err(HandshakeError::UnknownName(name));
        }
    };
    Ok(start.into_stream(config).await?)
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

/// Bytes that are counted for a handshake, beside those of every connection: a hello may come in
/// records of which rustls keeps 64 KiB.
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
