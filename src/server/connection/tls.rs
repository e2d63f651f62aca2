//! The TLS configuration: one for the life of the process, so that tickets outlive reloads.

use std::sync::Arc;

use rustls::compress::CompressionCache;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

pub mod encrypted_stream;
mod received_records;
mod record_key;
mod unsealed;
mod violation;

use super::compressed_chains::COMPRESSORS;
use super::tickets::Tickets;
use crate::process::secret::Secret;

/// The protocols spoken inside TLS, the preferred one first (RFC 7301).
const ALPN_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Tickets after a full TLS 1.3 handshake. A ticket is good for one connection, and a browser
/// opens a second one beside the first for requests without credentials, such as fonts; a third
/// would be bytes and an encryption on every handshake for nobody.
const TICKETS: usize = 2;

/// In the order of preference, which is the server's: AES-128 is as safe as anyone needs and
/// spares a sixth of a handshake against AES-256 with SHA-384, which OpenSSL's clients put first.
///
/// rustls lets either the server's order count or the client's, not "the server's, unless the
/// client puts CHACHA20 first for want of AES instructions". Processors without them have become
/// rare even in phones, so the gain of everyone else decides; a client that offers only CHACHA20
/// is served.
const CIPHER_SUITES: [SupportedCipherSuite; 9] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The hybrid group first: what is recorded today stays secret from the quantum computers of
/// later. Among these the client's own order decides, and browsers put the hybrid first too.
const KEY_EXCHANGE_GROUPS: [&dyn SupportedKxGroup; 4] =
    [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// Sessions of QUIC that may come back with early data, each once (RFC 8446 §8.1). One is some 200
/// bytes.
const SESSIONS: usize = 16 * 1024;

/// Random bytes that the warm-up asks for; the first one is what takes the time.
const WARM_UP_BYTES: usize = 32;

/// The configuration for every connection; `resolver` finds the certificates of the snapshot in
/// force, so that a reload needs no new configuration.
///
/// Tickets are good for a week, over reloads and, where `secret` is kept, over restarts. There is no
/// early data: a replayed request is not worth the round trip. Keys are never logged, whatever
/// `SSLKEYLOGFILE` says.
///
/// # Errors
///
/// When the system has no randomness for the ticketer's keys.
pub fn config(
    resolver: Arc<dyn ResolvesServerCert>,
    secret: Arc<Secret>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = common(&[&TLS13, &TLS12], resolver)?;
    config.alpn_protocols = ALPN_PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // The records behind the handshake are our own.
    config.enable_secret_extraction = true;
    // Tickets keep the state with the client, so that the server remembers no sessions at all.
    config.ticketer = Arc::new(Tickets::new(secret)?);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// The configuration of TLS within QUIC. Early data may be taken once, which needs a server that
/// remembers: there are sessions in memory and no tickets that hold them.
///
/// # Errors
///
/// When the provider has not what TLS 1.3 needs.
pub fn quic(
    resolver: Arc<dyn ResolvesServerCert>,
    early_data: bool,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = common(&[&TLS13], resolver)?;
    config.alpn_protocols = vec![b"h3".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    // RFC 9001 §4.6.1: the only sizes there are.
    config.max_early_data_size = if early_data { u32::MAX } else { 0 };
    Ok(config)
}

fn common(
    versions: &[&'static SupportedProtocolVersion],
    resolver: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = CryptoProvider {
        cipher_suites: CIPHER_SUITES.to_vec(),
        kx_groups: KEY_EXCHANGE_GROUPS.to_vec(),
        ..aws_lc_rs::default_provider()
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.ignore_client_order = true;
    config.send_tls13_tickets = TICKETS;
    config.max_early_data_size = 0;
    config.cert_compressors = COMPRESSORS.to_vec();
    // The compressors keep what they have made, and rustls would compare the same chains again.
    config.cert_compression_cache = Arc::new(CompressionCache::Disabled);
    config.key_log = Arc::new(rustls::NoKeyLog {});
    Ok(config)
}

/// The name of a protocol version, as logs show it.
#[must_use]
pub fn version_name(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => "TLS",
    }
}

/// Gathers the entropy of the cryptographic library, about 40 ms of work that the first client
/// would otherwise wait for.
pub fn warm_up() {
    // A failure here is no news: whoever needs randomness next meets it and reports it.
    let _ = ::aws_lc_rs::rand::fill(&mut [0; WARM_UP_BYTES]);
}

#[cfg(test)]
pub(super) mod in_memory;
#[cfg(test)]
mod tests;
