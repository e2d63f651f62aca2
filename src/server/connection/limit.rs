//! The limit on connections: those beyond it are closed, counted and told of.

use std::net::IpAddr;
use std::sync::Arc;

use super::flood::Flood;
use crate::ledger::{Connected, Full, Ledger};

/// The limit that each connection passes before it is served.
#[derive(Debug)]
pub struct Limit {
    ledger: Arc<Ledger>,
    refused: Arc<Flood>,
}

impl Limit {
    /// The limit that `ledger` sets.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self { ledger, refused: Arc::default() })
    }

    /// Takes a connection from `peer` into the books; `None` if there are too many, which is counted
    /// and told of in one line a second.
    #[must_use]
    pub fn admit(&self, peer: IpAddr) -> Option<Connected> {
        self.ledger.connect(peer).map_err(|full| self.refuse(peer, full)).ok()
    }

    fn refuse(&self, peer: IpAddr, full: Full) {
        tracing::debug!(%peer, ?full, "a connection was refused");
        let bounds = self.ledger.bounds();
        let (all, client) = (bounds.connections, bounds.client_connections);
        self.refused.count(move |refused| {
            tracing::warn!(
                refused,
                all,
                client,
                "more connections than there may be, these were \
                closed: more descriptors or memory make room for more"
            );
        });
    }

    /// The number of connections that have been refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.total()
    }

    /// The books of what all clients hold.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
}
