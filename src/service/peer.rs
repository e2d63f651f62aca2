//! The peer of a connection, as the service knows it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use super::Service;
use crate::ledger::Account;
use crate::visitor::proxy::Proxies;
use crate::visitor::proxy::forwarded::Forwarded;

/// The client at the other end of a connection, and the connection's properties: the same for all
/// requests that come on it.
#[derive(Debug)]
pub struct Peer {
    service: Arc<Service>,
    address: IpAddr,
    port: u16,
    tls: Option<&'static str>,
    secure: bool,
    duty: Duty,
    account: Option<Arc<Account>>,
    proxies: Option<Arc<Proxies>>,
    /// True once the client has been offered HTTP/3, or is not to be.
    is_offered: AtomicBool,
}

/// The task of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Serve the files of sites.
    Serve,
    /// Answer ACME challenges (RFC 8555 §8.3) and send everybody else to HTTPS.
    Redirect {
        /// The port that HTTPS is served on.
        https_port: u16,
    },
}

impl Peer {
    /// The peer at `address`; `tls` is the name of the TLS version if the connection is encrypted.
    ///
    /// An IPv4 client on an IPv6 socket is known by its IPv4 address.
    #[must_use]
    pub fn new(
        service: Arc<Service>,
        address: IpAddr,
        tls: Option<&'static str>,
        duty: Duty,
    ) -> Self {
        Self {
            service,
            address: address.to_canonical(),
            port: 0,
            tls,
            secure: tls.is_some(),
            duty,
            account: None,
            proxies: None,
            is_offered: AtomicBool::new(tls.is_none()),
        }
    }

    /// The same peer, which is one of these trusted `proxies`, if there are any.
    #[must_use]
    pub fn among(mut self, proxies: Option<Arc<Proxies>>) -> Self {
        self.proxies = proxies;
        self
    }

    /// The client on whose behalf this proxy asks, charged to `account`.
    #[must_use]
    pub fn on_behalf_of(&self, origin: Forwarded, account: Option<Arc<Account>>) -> Self {
        Self {
            service: Arc::clone(&self.service),
            address: origin.address,
            port: self.port,
            tls: self.tls,
            secure: origin.secure.unwrap_or(self.secure),
            duty: self.duty,
            account,
            proxies: None,
            is_offered: AtomicBool::new(true),
        }
    }

    /// The same peer, connected to this local port.
    #[must_use]
    pub fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The same peer, charged to this account. Without one it is not bounded.
    #[must_use]
    pub fn charged_to(mut self, account: Arc<Account>) -> Self {
        self.account = Some(account);
        self
    }

    /// The account that the peer's answers are charged to.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        self.account.as_ref()
    }

    /// The local port; 0 if it is not known.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The offer of HTTP/3 to a client that asks at this port, once on each connection: that is all
    /// that a browser needs, and costs nothing behind it.
    pub(super) fn offer(&self, asked: u16) -> Option<HeaderValue> {
        if self.is_offered.load(Ordering::Relaxed) || self.is_offered.swap(true, Ordering::Relaxed)
        {
            return None;
        }
        self.service.alternative().offer(self.port, asked)
    }

    /// The service that answers the peer.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The client's address, an IPv4 one in its own form.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The trusted proxies, if this is one of them.
    #[must_use]
    pub fn proxies(&self) -> Option<&Proxies> {
        self.proxies.as_deref()
    }

    /// True if the client asked by `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The name of the TLS version; `None` in the clear.
    #[must_use]
    pub fn tls(&self) -> Option<&'static str> {
        self.tls
    }

    /// The task of the listener that accepted it.
    #[must_use]
    pub fn duty(&self) -> Duty {
        self.duty
    }

    /// The scheme of the URIs that were asked for.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}
