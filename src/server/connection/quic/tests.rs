//! A mistake of ours costs one connection, and not those beside it.

use std::net::{IpAddr, SocketAddr, UdpSocket as Client};
use std::time::Duration;

use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{ClientConfig, EndpointConfig, Event};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use socket2::{Domain, Socket, Type};

use super::*;
use crate::certificates::fixtures::{FixedResolver, certificates};
use crate::ledger::{Bounds, Ledger};
use crate::log::{AccessLog, panics};
use crate::server::connection::stop::Stop;
use crate::server::state::snapshot::{Live, Snapshot, Sources};
use crate::service::{BotPolicy, Policy, Service};
use crate::site::{Background, SitesFolder};

/// A client that hears nothing for so long will hear nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Panics when it is asked for one name.
#[derive(Clone, Debug)]
struct Mistaken(Arc<FixedResolver>);

impl ResolvesByAddress for Mistaken {
    fn at(&self, _: Option<IpAddr>) -> Arc<dyn ResolvesServerCert> {
        Arc::new(self.clone())
    }
}

impl ResolvesServerCert for Mistaken {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        assert_ne!(hello.server_name(), Some("panic.test"), "for the test");
        self.0.resolve(hello)
    }
}

/// The state of a server that has no site.
fn shared(folder: &std::path::Path) -> Shared {
    let sites = SitesFolder { folder: folder.to_owned(), single: false, cache_bound: 0 };
    let sources = Sources { sites, tls: None, state: None };
    let snapshot = Snapshot::load(&sources, Background::start().unwrap()).unwrap().0;
    let policy = Policy { bots: BotPolicy::Off, log_bad_bots: false, dictionaries: true };
    let service = Service::new(policy, AccessLog::disabled());
    Shared { live: Arc::new(Live::new(snapshot, Arc::new(service))), stop: Stop::default() }
}

/// True if the handshake for a name ends; with a hello of one datagram or of two.
fn is_served(server: SocketAddr, name: &str, group: &'static dyn SupportedKxGroup) -> bool {
    let set = certificates(&[("a.test", &["a.test"])]);
    let mut roots = rustls::RootCertStore::empty();
    for certificate in set.iter() {
        roots.add(certificate.key().cert[0].clone()).unwrap();
    }
    let provider = rustls::crypto::CryptoProvider { kx_groups: vec![group], ..default_provider() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider));
    let tls = tls.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut endpoint =
        quinn_proto::Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
    let (_, mut connection) = endpoint.connect(Instant::now(), config, server, name).unwrap();
    let socket = Client::bind("127.0.0.1:0").unwrap();
    let (begun, mut bytes) = (Instant::now(), Vec::new());
    // Other tests panic too, on purpose.
    let panicked = if name == "panic.test" { panics::total() } else { u64::MAX };
    while begun.elapsed() < PATIENCE {
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => return true,
                Event::ConnectionLost { .. } => return false,
                _ => {}
            }
        }
        while let Some(transmit) = connection.poll_transmit(Instant::now(), 1, &mut bytes) {
            socket.send_to(&bytes[..transmit.size], server).unwrap();
            bytes.clear();
        }
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut datagram = [0; 2048];
        if let Ok((count, from)) = socket.recv_from(&mut datagram) {
            let data = BytesMut::from(&datagram[..count]);
            let event = endpoint.handle(Instant::now(), from, None, None, data, &mut bytes);
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                connection.handle_event(event);
            }
        }
        connection.handle_timeout(Instant::now());
        if panics::total() > panicked {
            return false;
        }
    }
    false
}

#[test]
fn a_panic_costs_the_connection_that_it_is_in() {
    panics::watch();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ledger = Ledger::new(Bounds { connections: 100, ..Bounds::NONE });
    let limit = Limit::new(Arc::clone(&ledger));
    let set = certificates(&[("a.test", &["a.test"])]);
    let address = {
        let _runtime = runtime.enter();
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let resolver = Box::new(Mistaken(Arc::new(FixedResolver(set))));
        let secret = Secret::fresh().unwrap();
        let socket = DatagramSocket::new(socket).unwrap();
        let listener = QuicListener::new(socket, resolver, &secret, true).unwrap();
        runtime.spawn(listener.take(shared(folder.path()), limit, TaskTracker::new(), None));
        address
    };
    // A hello of one datagram is read where all datagrams are, one of two in its connection's task.
    for group in [kx_group::X25519, kx_group::X25519MLKEM768] {
        assert!(is_served(address, "a.test", group));
        assert!(!is_served(address, "panic.test", group));
        assert!(is_served(address, "a.test", group));
    }
}
