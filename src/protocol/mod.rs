//! Protocols: bytes of a connection become requests, and responses become bytes.
//!
//! Knows nothing of sockets, TLS and where requests are answered: a protocol reads and writes any
//! [`transport`], and asks a [`handler`].

pub mod budget;
pub(crate) mod content_length;
pub(crate) mod date_field;
pub mod handler;
pub mod http1;
pub mod http2;
pub mod http3;
pub mod limits;
mod partial_head;
pub mod priority;
mod pseudo_fields;
pub(crate) mod tolerated;
pub mod transport;
pub(crate) mod turn;
