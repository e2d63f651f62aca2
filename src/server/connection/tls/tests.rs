//! The configuration as a client meets it: rustls on both ends, no sockets.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion,
    RootCertStore, ServerConfig, ServerConnection,
};

use super::in_memory::round;
use super::{config, version_name};
use crate::certificates::fixtures::{FixedResolver, certificates};
use crate::process::secret::Secret;

const NAME: &str = "a.example";

/// A server whose tickets are its own.
fn server() -> (Arc<ServerConfig>, RootCertStore) {
    let ([server], roots) = servers([Arc::new(Secret::fresh().unwrap())]);
    (server, roots)
}

/// Servers with one certificate, each with one of these secrets.
fn servers<const N: usize>(secrets: [Arc<Secret>; N]) -> ([Arc<ServerConfig>; N], RootCertStore) {
    let set = certificates(&[(NAME, &[NAME])]);
    let mut roots = RootCertStore::empty();
    for certificate in set.iter() {
        roots.add(certificate.key().cert[0].clone()).unwrap();
    }
    let resolver = Arc::new(FixedResolver(set));
    (secrets.map(|secret| config(Arc::clone(&resolver) as _, secret).unwrap()), roots)
}

fn client(provider: CryptoProvider, alpn: &[&str], roots: RootCertStore) -> Arc<ClientConfig> {
    let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
    client.resumption = Resumption::in_memory_sessions(4);
    Arc::new(client)
}

/// Both ends of a connection after their handshake, tickets delivered.
fn connect(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> (ServerConnection, ClientConnection) {
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), NAME.try_into().unwrap()).unwrap();
    while client.wants_write() || server.wants_write() {
        round(&mut client, &mut server);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (server, client)
}

/// A client's provider with only these suites, or these groups; everything if none is given.
fn provider(suites: &[CipherSuite], groups: &[NamedGroup]) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if !suites.is_empty() {
        let all = provider.cipher_suites;
        provider.cipher_suites = suites
            .iter()
            .map(|suite| *all.iter().find(|it| it.suite() == *suite).unwrap())
            .collect();
    }
    if !groups.is_empty() {
        provider.kx_groups.retain(|it| groups.contains(&it.name()));
    }
    provider
}

#[test]
fn suites_and_versions() {
    use CipherSuite as C;
    let (server, roots) = server();
    let agrees = |offer: &[CipherSuite], suite: CipherSuite, version: &str| {
        let client = client(provider(offer, &[]), &[], roots.clone());
        let (server, _) = connect(&server, &client);
        assert_eq!(server.negotiated_cipher_suite().unwrap().suite(), suite);
        assert_eq!(version_name(server.protocol_version().unwrap()), version);
    };
    let (aes128, aes256) = (C::TLS13_AES_128_GCM_SHA256, C::TLS13_AES_256_GCM_SHA384);
    let chacha = C::TLS13_CHACHA20_POLY1305_SHA256;
    let old_aes128 = C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let old_aes256 = C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;

    agrees(&[], aes128, "TLSv1.3");
    agrees(&[aes256, chacha, aes128], aes128, "TLSv1.3");
    agrees(&[chacha, aes256], aes256, "TLSv1.3");
    agrees(&[chacha], chacha, "TLSv1.3");
    agrees(&[old_aes256, old_aes128], old_aes128, "TLSv1.2");
    assert_eq!(version_name(ProtocolVersion::Unknown(0x0305)), "TLS");
}

#[test]
fn key_exchange() {
    let (server, roots) = server();
    let agrees = |offer: &[NamedGroup], group: NamedGroup| {
        let client = client(provider(&[], offer), &[], roots.clone());
        let (server, _) = connect(&server, &client);
        assert_eq!(server.negotiated_key_exchange_group().unwrap().name(), group);
    };
    agrees(&[], NamedGroup::X25519MLKEM768);
    agrees(&[NamedGroup::X25519], NamedGroup::X25519);
    agrees(&[NamedGroup::secp256r1], NamedGroup::secp256r1);
    agrees(&[NamedGroup::secp384r1], NamedGroup::secp384r1);
}

#[test]
fn application_protocol() {
    let (server, roots) = server();
    let agrees = |offer: &[&str], protocol: Option<&str>| {
        let client = client(aws_lc_rs::default_provider(), offer, roots.clone());
        let (server, _) = connect(&server, &client);
        assert_eq!(server.alpn_protocol(), protocol.map(str::as_bytes));
    };
    agrees(&["h2", "http/1.1"], Some("h2"));
    agrees(&["http/1.1", "h2"], Some("h2"));
    agrees(&["http/1.1"], Some("http/1.1"));
    agrees(&[], None);
}

#[test]
fn a_known_client_resumes() {
    let (server, roots) = server();
    for suite in [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        let client = client(provider(&[suite], &[]), &[], roots.clone());
        let kinds: Vec<_> = (0..3).map(|_| connect(&server, &client).0.handshake_kind()).collect();
        let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
        assert_eq!(kinds, [full, resumed, resumed], "{suite:?}");
    }
}

#[test]
fn a_client_is_known_after_a_restart_by_whoever_has_the_secret() {
    let secret = Arc::new(Secret::fresh().unwrap());
    let strange = Arc::new(Secret::fresh().unwrap());
    let (servers, roots) = servers([Arc::clone(&secret), secret, strange]);
    let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
    let table = [
        (CipherSuite::TLS13_AES_128_GCM_SHA256, [full, resumed, full]),
        // The keys of these tickets are forgotten with the process.
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, [full, full, full]),
    ];
    for (suite, expected) in table {
        let client = client(provider(&[suite], &[]), &[], roots.clone());
        let kinds = servers.each_ref().map(|server| connect(server, &client).0.handshake_kind());
        assert_eq!(kinds, expected, "{suite:?}");
    }
}
