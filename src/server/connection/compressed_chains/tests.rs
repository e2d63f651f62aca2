use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rustls::client::Resumption;
use rustls::compress::{CertDecompressor, DecompressionFailed};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::certificates::Certificates;
use crate::certificates::fixtures::{FixedResolver, P256_SEC1, RSA_PKCS8, chain, folder, now};
use crate::process::secret::Secret;
use crate::server::connection::tls;
use crate::server::connection::tls::in_memory::round;

const NAME: &str = "a.example";

/// The longest time that a form may take; it takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(30);

/// Bytes of these short chains that are saved at the least. A signature's length differs by less.
const SAVED: usize = 40;

/// The client's side of an algorithm, which counts the chains that came by it.
#[derive(Debug)]
struct Decompressor(CertificateCompressionAlgorithm, AtomicUsize);

impl Decompressor {
    fn count(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl CertDecompressor for Decompressor {
    fn decompress(&self, input: &[u8], output: &mut [u8]) -> Result<(), DecompressionFailed> {
        let plain = decompressed(self.0, input);
        if plain.len() != output.len() {
            return Err(DecompressionFailed);
        }
        output.copy_from_slice(&plain);
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        self.0
    }
}

fn decompressed(algorithm: CertificateCompressionAlgorithm, mut form: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match algorithm {
        CertificateCompressionAlgorithm::Brotli => {
            brotli::BrotliDecompress(&mut form, &mut plain).unwrap();
        }
        _ => {
            flate2::bufread::ZlibDecoder::new(&mut form).read_to_end(&mut plain).unwrap();
        }
    }
    assert!(form.is_empty(), "{algorithm:?}: something follows the end");
    plain
}

static DECOMPRESSORS: [Decompressor; 2] = [
    Decompressor(CertificateCompressionAlgorithm::Brotli, AtomicUsize::new(0)),
    Decompressor(CertificateCompressionAlgorithm::Zlib, AtomicUsize::new(0)),
];

/// A server with a certificate for this key and its chain, and what a client has to trust.
fn server(key: &str) -> (Arc<ServerConfig>, RootCertStore) {
    let [own, middle, root] = chain(key, &[NAME]);
    let pair = folder(&[("a.example/cert.pem", &*(own + &middle)), ("a.example/key.pem", key)]);
    let set = Certificates::load(pair.path(), now()).unwrap().0;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let secret = Arc::new(Secret::fresh().unwrap());
    (tls::config(Arc::new(FixedResolver(set)), secret).unwrap(), roots)
}

/// A client that offers these algorithms and knows no session.
fn client(offer: &[&'static dyn CertDecompressor], roots: &RootCertStore) -> Arc<ClientConfig> {
    let mut client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    client.cert_decompressors = offer.to_vec();
    Arc::new(client)
}

/// Bytes of the server's first flight in a handshake that succeeds.
fn flight(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> usize {
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), NAME.try_into().unwrap()).unwrap();
    let mut flights = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        flights.push(round(&mut client, &mut server));
    }
    assert_eq!(client.peer_certificates().unwrap().len(), 2);
    flights[0]
}

#[tokio::test]
async fn whoever_reads_an_algorithm_gets_the_chain_by_it() {
    let [brotli, zlib] = &DECOMPRESSORS;
    for key in [P256_SEC1, RSA_PKCS8] {
        let (server, roots) = server(key);
        let plain = flight(&server, &client(&[], &roots));
        let rows: [(&[&'static dyn CertDecompressor], _); 3] =
            [(&[brotli], brotli), (&[zlib], zlib), (&[zlib, brotli], brotli)];
        for (offer, expected) in rows {
            let client = client(offer, &roots);
            let (begun, before) = (Instant::now(), expected.count());
            // Who comes first gets the chain as it is, and nobody waits for the form.
            let mut bytes = flight(&server, &client);
            while expected.count() == before {
                assert!(begun.elapsed() < DEADLINE, "{offer:?}: no form was made");
                tokio::task::yield_now().await;
                bytes = flight(&server, &client);
            }
            assert!(bytes + SAVED < plain, "{offer:?}: {bytes} of {plain}");
        }
        let before = (brotli.count(), zlib.count());
        flight(&server, &client(&[], &roots));
        assert_eq!((brotli.count(), zlib.count()), before, "who reads none gets none");
    }
}

#[test]
fn a_form_is_made_once_and_gives_back_the_message() {
    for decompressor in &DECOMPRESSORS {
        let algorithm = decompressor.0;
        let chains: &'static CompressedChains =
            Box::leak(Box::new(CompressedChains::new(algorithm)));
        let message = b"a certificate and its issuer's certificate, ".repeat(50);
        let compress = |message: &[u8]| {
            (&chains).compress(message.to_owned(), CompressionLevel::Interactive).ok()
        };
        assert_eq!(compress(&message), None, "there is no thread to make it on");
        assert!(chains.begin(&message));
        assert!(!chains.begin(&message), "somebody makes it");
        assert_eq!(compress(&message), None);
        chains.make(message.clone());
        assert!(!chains.begin(&message), "it is made");
        assert_eq!(decompressed(algorithm, &compress(&message).unwrap()), message);

        assert!(chains.begin(b"short"));
        chains.make(b"short".to_vec());
        assert_eq!(compress(b"short"), None, "the form would be longer");
        assert!(!chains.begin(b"short"), "and is not made again");
    }
}

#[test]
fn forms_are_let_go_of_once_an_hour_where_there_are_too_many() {
    let mut known = KnownForms { forms: BTreeMap::new(), emptied: None };
    let start = Tick::default();
    let message = |number: usize| number.to_be_bytes();
    for number in 0..MOST_CHAINS {
        assert!(known.begin(&message(number), start), "{number}");
    }
    assert!(!known.begin(&message(0), start), "the last one filled it, and the first is known");
    let table =
        [(Duration::ZERO, true), (Duration::from_mins(59), false), (Duration::from_hours(1), true)];
    for (after, is_emptied) in table {
        for number in known.forms.len()..MOST_CHAINS {
            known.begin(&message(1_000_000 + number), start);
        }
        assert_eq!(known.forms.len(), MOST_CHAINS);
        let has_begun = known.begin(after.as_millis().to_string().as_bytes(), start.after(after));
        assert_eq!(has_begun, is_emptied, "{after:?}");
        assert_eq!(known.forms.len(), if is_emptied { 1 } else { MOST_CHAINS }, "{after:?}");
    }
}
