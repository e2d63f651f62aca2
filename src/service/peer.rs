//! What the service knows of the connection that a request came on.

use std::net::IpAddr;
use std::sync::Arc;

use super::Service;
use crate::ledger::Account;

/// The same for all requests of one connection.
#[derive(Debug)]
pub struct Connection {
    service: Arc<Service>,
    peer: IpAddr,
    port: u16,
    tls: Option<&'static str>,
    duty: Duty,
    account: Option<Arc<Account>>,
}

/// What a listener is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Serve sites.
    Serve,
    /// Answer ACME challenges (RFC 8555 §8.3) and send everybody else to HTTPS.
    Redirect {
        /// The port that HTTPS is served on.
        https_port: u16,
    },
}

impl Connection {
    /// A connection from `peer`; `tls` is the protocol version's name if it is encrypted.
    ///
    /// An IPv4 client on an IPv6 socket is known by its IPv4 address.
    #[must_use]
    pub fn new(service: Arc<Service>, peer: IpAddr, tls: Option<&'static str>, duty: Duty) -> Self {
        Self { service, peer: peer.to_canonical(), port: 0, tls, duty, account: None }
    }

    /// The same connection, to `port` of ours.
    #[must_use]
    pub fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The same connection, whose client has this account. Without one it is not bounded.
    #[must_use]
    pub fn charged_to(mut self, account: Arc<Account>) -> Self {
        self.account = Some(account);
        self
    }

    /// The account of the client.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        self.account.as_ref()
    }

    /// Our port; 0 if nobody said.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The service that answers.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The client's address.
    #[must_use]
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The name of the TLS version; `None` in the clear.
    #[must_use]
    pub fn tls(&self) -> Option<&'static str> {
        self.tls
    }

    /// What its listener is there for.
    #[must_use]
    pub fn duty(&self) -> Duty {
        self.duty
    }

    /// The scheme of the URIs that were asked for.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
