//! What faces the network: listeners, connections, TLS and certificates.

pub mod certificates;
pub mod handshake;
pub mod tls;
