//! The service of shost, driven by hyper: the same sites, cache, fields and bodies, with another
//! author's HTTP/1 and HTTP/2 in place of `shost::protocol`.
//!
//! `peers-hyper SITES CERTIFICATE KEY PLAIN_PORT TLS_PORT`
//!
//! It has no deadlines, no limits and no ledger, so what it takes is the least that hyper does.

use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use shost::log::AccessLog;
use shost::service::{self, BotPolicy, Duty, Peer, Policy, Service};
use shost::site::{Background, Sites, SitesFolder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// As much as shost caches where no limit of memory is set.
const CACHE_BYTES: u64 = 256 * 1024 * 1024;

/// Streams of a connection, as in shost.
const STREAMS: u32 = 100;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The state that all connections share.
#[derive(Clone)]
struct Shared {
    service: Arc<Service>,
    sites: Arc<Sites>,
}

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [sites, certificate, key, plain, tls] = &arguments[..] else {
        return Err("usage: peers-hyper SITES CERTIFICATE KEY PLAIN_PORT TLS_PORT".into());
    };
    let folder =
        SitesFolder { folder: PathBuf::from(sites), single: false, cache_bound: CACHE_BYTES };
    let (sites, _) = Sites::load(&folder, Background::start()?)?;
    let policy = Policy { bots: BotPolicy::Block, log_bad_bots: false, dictionaries: true };
    let service = Arc::new(Service::new(policy, AccessLog::disabled()));
    let shared = Shared { service, sites: Arc::new(sites) };
    let acceptor = TlsAcceptor::from(Arc::new(config(certificate, key)?));
    let in_the_clear = TcpListener::bind((Ipv4Addr::LOCALHOST, plain.parse()?)).await?;
    let over_tls = TcpListener::bind((Ipv4Addr::LOCALHOST, tls.parse()?)).await?;
    loop {
        tokio::select! {
            accepted = in_the_clear.accept() => {
                let ((stream, peer), shared) = (accepted?, shared.clone());
                tokio::spawn(serve(stream, peer.ip(), None, shared));
            }
            accepted = over_tls.accept() => {
                let ((stream, peer), shared) = (accepted?, shared.clone());
                tokio::spawn(serve_tls(stream, peer.ip(), acceptor.clone(), shared));
            }
        }
    }
}

/// The order of shost: AES-128 first, and HTTP/2 before HTTP/1.
fn config(certificate: &str, key: &str) -> Result<ServerConfig> {
    let chain =
        CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| format!("{suite:?}").contains("AES_256"));
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.ignore_client_order = true;
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn serve_tls(stream: TcpStream, address: IpAddr, acceptor: TlsAcceptor, shared: Shared) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let session = stream.get_ref().1;
    if session.alpn_protocol() != Some(b"h2") {
        return serve(stream, address, Some("TLSv1.3"), shared).await;
    }
    let peer = Peer::new(shared.service, address, Some("TLSv1.3"), Duty::Serve);
    let (peer, sites) = (Arc::new(peer), shared.sites);
    let answer = service_fn(move |request| answer(Arc::clone(&peer), Arc::clone(&sites), request));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_concurrent_streams(STREAMS);
    // An error is the client's affair.
    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
}

async fn serve<S>(stream: S, address: IpAddr, tls: Option<&'static str>, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Arc::new(Peer::new(shared.service, address, tls, Duty::Serve));
    let sites = shared.sites;
    let answer = service_fn(move |request| answer(Arc::clone(&peer), Arc::clone(&sites), request));
    let mut builder = http1::Builder::new();
    builder.half_close(true);
    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(
    peer: Arc<Peer>,
    sites: Arc<Sites>,
    request: Request<Incoming>,
) -> std::result::Result<Response<service::Body>, Infallible> {
    let (head, _) = request.into_parts();
    Ok(service::call(peer, sites, head).await.into())
}
