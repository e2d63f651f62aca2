//! The configuration of QUIC and of its TLS.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::{
    EndpointConfig, HashedConnectionIdGenerator, IdleTimeout, ServerConfig, TransportConfig, VarInt,
};

use super::super::tls;
use super::local_addresses::{LocalAddresses, ResolvesByAddress};
use crate::process::secret::Secret;
use crate::protocol::limits::{IDLE_TIME, STREAMS, UNIDIRECTIONAL_STREAMS};

/// Bytes of a request that a client may send on a stream before they are read, and those that are
/// missing before they have come. A head has about 1 KiB.
const STREAM_WINDOW: u32 = 32 * 1024;

/// The same bytes of all streams together.
const WINDOW: u32 = 64 * 1024;

/// Bytes of answers that are held until their client says that they have arrived, on a connection
/// of whose network nothing is known yet.
pub(super) const FIRST_SEND_WINDOW: u64 = 64 * 1024;

/// The most of them on any network. It bounds what a client that is far away is sent at once: 25
/// Mbit/s at 300 ms.
pub(super) const SEND_WINDOW: u64 = 1024 * 1024;

/// The time between two datagrams that tell clients that their connections are gone: after a sudden end
/// all of them are to hear it by the first answer. There is none for an ID that was not made with the
/// same secret, and each has fewer bytes than what it answers, so that nobody gains by it and two servers
/// end soon that answer each other.
const RESET_INTERVAL: Duration = Duration::ZERO;

/// The configuration of an endpoint, and of its connections, whose certificates `resolver` finds.
///
/// With the same `secret` a server knows the connections of the one before it for what they are, and
/// tells their clients that they are gone (RFC 9000 §10.3).
pub(super) fn of(
    resolver: Box<dyn ResolvesByAddress>,
    secret: &Secret,
    early_data: bool,
) -> Result<(Arc<EndpointConfig>, LocalAddresses), Box<dyn std::error::Error + Send + Sync>> {
    let reset_key = hmac::Key::new(hmac::HMAC_SHA256, &secret.named::<32>("QUIC stateless resets"));
    let id_key = u64::from_ne_bytes(secret.named("QUIC connection IDs"));
    let mut endpoint = EndpointConfig::new(Arc::new(reset_key));
    endpoint.min_reset_interval(RESET_INTERVAL);
    endpoint.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id_key)));
    let tls = tls::quic(resolver.at(None), early_data)?;
    let crypto = Arc::new(QuicServerConfig::try_from(tls.clone())?);
    let mut server = ServerConfig::with_crypto(crypto);
    server.transport_config(Arc::new(transport()?));
    Ok((Arc::new(endpoint), LocalAddresses::new(resolver, tls, server)))
}

fn transport() -> Result<TransportConfig, quinn_proto::VarIntBoundsExceeded> {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(UNIDIRECTIONAL_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(FIRST_SEND_WINDOW)
        // One stream after the other, as priorities have it: HTTP/3 decides what comes next.
        .send_fairness(false)
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE_TIME + GRACE)?))
        .datagram_receive_buffer_size(None);
    Ok(transport)
}

/// A connection that is idle is ended by its own timer, as over TCP; QUIC's comes behind it.
const GRACE: Duration = Duration::from_secs(5);
