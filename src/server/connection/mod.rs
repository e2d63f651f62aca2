//! Connections: from a listening socket to the end of the last answer.

pub mod activity;
pub mod client_socket;
pub mod compressed_chains;
pub mod drive;
pub mod first_bytes;
pub mod flood;
mod forwarding;
pub mod handshake;
pub mod inherited;
pub mod io;
pub mod limit;
pub mod listener;
pub mod proxied;
pub mod quic;
pub mod stop;
pub mod tickets;
pub mod tls;
