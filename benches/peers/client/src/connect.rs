//! Connections to the server, in the clear or over TLS 1.3.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use crate::options::{Mode, Options};
use crate::tally::{Failure, Tally};

/// How long an answer may take before the load counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens connections.
#[derive(Clone, Debug)]
pub struct Connector {
    address: String,
    tls: Option<Arc<ClientConfig>>,
}

/// An open connection.
pub enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connector {
    /// Connections as `options` describe them, with HTTP/1.1 on them.
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let tls = configuration(options, b"http/1.1")?;
        Ok(Self { address: options.address.clone(), tls })
    }

    /// Opens one. The handshake is made with the first request.
    pub fn open(&self) -> Result<Stream, Failure> {
        let socket = TcpStream::connect(&self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(socket)) };
        let session = ClientConnection::new(Arc::clone(tls), server_name())?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket))))
    }
}

impl Stream {
    /// Notes what the handshake agreed on.
    pub fn tell(&self, tally: &mut Tally) {
        let Self::Tls(stream) = self else { return };
        if stream.conn.handshake_kind() == Some(HandshakeKind::Resumed) {
            tally.resumed += 1;
        }
        if tally.group.is_none() {
            let group = stream.conn.negotiated_key_exchange_group();
            tally.group = group.map(|group| format!("{:?}", group.name()));
        }
    }

    /// Closes with a reset: tens of thousands of short connections would otherwise use up the
    /// ports, each of them kept for a minute after its end (`TIME_WAIT`).
    pub fn abort(self) {
        let socket = match &self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        };
        // A socket that cannot be reset is closed in the ordinary way, which is as good.
        let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// TLS 1.3 alone, since browsers speak little else; `None` in the clear.
pub fn configuration(
    options: &Options,
    protocol: &[u8],
) -> Result<Option<Arc<ClientConfig>>, Failure> {
    let Some(certificate) = &options.certificate else { return Ok(None) };
    let mut provider = default_provider();
    provider.kx_groups = if options.hybrid {
        vec![kx_group::X25519MLKEM768, kx_group::X25519]
    } else {
        vec![kx_group::X25519]
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let mut configuration = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if options.mode != Mode::Resumed {
        configuration.resumption = Resumption::disabled();
    }
    configuration.alpn_protocols = vec![protocol.to_vec()];
    Ok(Some(Arc::new(configuration)))
}

/// The name that the site's certificate has.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a host name")
}
