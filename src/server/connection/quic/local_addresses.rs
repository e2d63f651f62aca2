//! The configurations of connections by the address of this machine that they come to: a client that
//! names no host gets the certificate for that address.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use quinn_proto::ServerConfig;
use quinn_proto::crypto::rustls::QuicServerConfig;
use rustls::server::ResolvesServerCert;

use crate::server::state::snapshot::Resolver;

/// Addresses whose configurations are kept. A machine has a few; of one that has a network of them, all
/// that clients come to at about the same time.
const ADDRESSES: usize = 256;

/// The certificates of connections to any address of this machine.
pub trait ResolvesByAddress: Debug + Send + Sync {
    /// Finds those of connections to `address`; without one, only those that clients name.
    fn at(&self, address: Option<IpAddr>) -> Arc<dyn ResolvesServerCert>;
}

impl ResolvesByAddress for Resolver {
    fn at(&self, address: Option<IpAddr>) -> Arc<dyn ResolvesServerCert> {
        Arc::new(Resolver::at(self, address))
    }
}

/// Configurations that differ by the certificates of an address alone, made as clients come.
#[derive(Debug)]
pub(super) struct LocalAddresses {
    resolver: Box<dyn ResolvesByAddress>,
    /// The configuration of TLS, with sessions that are good at every address.
    tls: rustls::ServerConfig,
    server: Arc<ServerConfig>,
    made: HashMap<IpAddr, Arc<ServerConfig>>,
}

impl LocalAddresses {
    /// Those of connections that are otherwise like `server`, whose TLS has this configuration.
    pub(super) fn new(
        resolver: Box<dyn ResolvesByAddress>,
        tls: rustls::ServerConfig,
        server: ServerConfig,
    ) -> Self {
        Self { resolver, tls, server: Arc::new(server), made: HashMap::new() }
    }

    /// The configuration for where the address is not known.
    pub(super) fn anywhere(&self) -> &Arc<ServerConfig> {
        &self.server
    }

    /// The configuration of connections to `address`, unless it is that for anywhere.
    pub(super) fn at(&mut self, address: Option<IpAddr>) -> Option<Arc<ServerConfig>> {
        let address = address?;
        if let Some(made) = self.made.get(&address) {
            return Some(Arc::clone(made));
        }
        let mut tls = self.tls.clone();
        tls.cert_resolver = self.resolver.at(Some(address));
        // It is as good as the one that the server has begun with.
        let crypto = QuicServerConfig::try_from(tls).ok()?;
        let mut server = ServerConfig::clone(&self.server);
        server.crypto = Arc::new(crypto);
        if self.made.len() >= ADDRESSES {
            self.made.clear();
        }
        let server = Arc::new(server);
        self.made.insert(address, Arc::clone(&server));
        Some(server)
    }
}
