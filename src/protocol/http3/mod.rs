//! HTTP/3 (RFC 9114): the bytes of a client's streams become requests, without a socket, a clock or a
//! QUIC connection in sight.
//!
//! Whoever has the QUIC connection hands over what comes: of streams that the client opens in one
//! direction to [`UnidirectionalStreams`], of each request to its own [`RequestStream`]. Both say
//! what came of it, or which [`Fault`] ends the stream or the connection. What a client may send that
//! is no request is taken off the same budgets as in HTTP/2 ([`Budgets`](super::budget::Budgets)).

mod answers;
mod connection;
mod control_stream;
mod error_code;
mod exchange;
mod farewell;
mod frames;
mod request_stream;
mod settings;
mod stream_transport;
#[cfg(test)]
mod tests;
mod unidirectional;
mod varint;

pub use connection::{Broken, Connection};
pub use error_code::{ErrorCode, Fault};
pub use farewell::Farewell;
pub use request_stream::{RequestHead, RequestStream};
pub use settings::greet;
pub use stream_transport::{Incoming, StreamEvent, StreamTransport, WriteOutcome};
pub use unidirectional::{Continuation, UnidirectionalStreams};
