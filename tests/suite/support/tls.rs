//! Certificates made for the test, and clients that trust only them.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::Connection;

/// Writes `<folder>/cert.pem` and `<folder>/key.pem` for these names, ECDSA P-256, and returns the
/// certificate for the client to trust.
pub(crate) fn write_pair(folder: &Path, names: &[&str]) -> CertificateDer<'static> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).expect("the names are host names");
    fs::create_dir_all(folder).expect("the certificate's folder can be made");
    fs::write(folder.join("cert.pem"), cert.pem()).expect("the certificate can be written");
    write_key(&folder.join("key.pem"), &signing_key);
    cert.der().clone()
}

/// Writes a key that belongs to no certificate.
pub(crate) fn write_strange_key(path: &Path) {
    write_key(path, &KeyPair::generate().expect("a key can be made"));
}

fn write_key(path: &Path, key: &KeyPair) {
    fs::write(path, key.serialize_pem()).expect("the key can be written");
}

/// Settings of a TLS client, and the certificates that it trusts.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    roots: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Trusts one more certificate.
    pub(crate) fn add(&mut self, certificate: CertificateDer<'static>) {
        self.roots.push(certificate);
    }

    /// A client configuration that offers `protocols` and sends the server's name if `sni`.
    pub(crate) fn config(&self, protocols: &[&str], sni: bool) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.roots {
            roots.add(certificate.clone()).expect("the certificate is well formed");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.enable_sni = sni;
        Arc::new(config)
    }

    /// Shakes hands with `address` as a client that asks for `name`; the error is rustls's own.
    pub(crate) fn handshake(
        address: SocketAddr,
        name: &str,
        config: Arc<ClientConfig>,
    ) -> Result<StreamOwned<ClientConnection, TcpStream>, rustls::Error> {
        let socket = super::client::connect(address);
        let connection = ClientConnection::new(config, server_name(name))?;
        let mut stream = StreamOwned::new(connection, socket);
        match stream.conn.complete_io(&mut stream.sock) {
            Ok(_) => Ok(stream),
            Err(error) => Err(into_tls_error(error)),
        }
    }

    /// An HTTP/1.1 connection over TLS to `name`.
    #[track_caller]
    pub(crate) fn connect(&self, address: SocketAddr, name: &str) -> Connection {
        match Self::handshake(address, name, self.config(&["http/1.1"], true)) {
            Ok(stream) => Connection::over(stream),
            Err(error) => panic!("the handshake for {name} failed: {error}"),
        }
    }
}

/// The name a client asks for, as rustls wants it.
pub(crate) fn server_name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).expect("the test asks for a host name")
}

fn into_tls_error(error: std::io::Error) -> rustls::Error {
    match error.downcast::<rustls::Error>() {
        Ok(error) => error,
        Err(error) => rustls::Error::General(error.to_string()),
    }
}
