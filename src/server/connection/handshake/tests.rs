//! Both ends of a handshake over a pipe in memory.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

use super::{Choice, HANDSHAKE_BYTES, HandshakeError, UNREAD, handshake, turn};
use crate::certificates::Certificates;
use crate::certificates::fixtures::{FixedResolver, certificates};
use crate::ledger::{Bounds, Kept, Ledger};
use crate::process::secret::Secret;
use crate::server::connection::tls;

/// Room in the pipe, in bytes, for a flight of either side.
const PIPE: usize = 16 * 1024;

fn secret() -> Arc<Secret> {
    Arc::new(Secret::fresh().unwrap())
}

fn set() -> Certificates {
    certificates(&[("a.example", &["a.example"]), ("192.0.2.1", &["192.0.2.1"])])
}

/// Sizes of the records that a client sends its messages in.
const RECORDS: [Option<usize>; 2] = [None, Some(40)];

/// The errors of the server and of the client in a handshake for a name, in records of a size.
async fn meet(
    name: &'static str,
    records: Option<usize>,
) -> (Option<HandshakeError>, Option<rustls::Error>) {
    let (set, mut roots) = (set(), RootCertStore::empty());
    for certificate in set.iter() {
        roots.add(certificate.key().cert[0].clone()).unwrap();
    }
    let mut client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    client.max_fragment_size = records;
    let connector = TlsConnector::from(Arc::new(client));
    let config = tls::config(Arc::new(FixedResolver(set)), secret()).unwrap();
    let lookup = self::set();

    let (near, far) = duplex(PIPE);
    // Who asks for an address connects to it.
    let address = name.parse().ok();
    let choose = |_: &DuplexStream, asked: Option<&str>| match asked {
        Some(asked) if lookup.resolve(asked).is_some() => Choice::ByName,
        Some(_) => Choice::Nothing,
        None => {
            let key = address.and_then(|address| lookup.resolve_address(address));
            key.cloned().map_or(Choice::Nothing, Choice::ByAddress)
        }
    };
    let (server, client) = tokio::join!(
        handshake(near, config, choose),
        connector.connect(ServerName::try_from(name).unwrap(), far),
    );
    (server.err(), client.err().map(of_rustls))
}

fn of_rustls(error: io::Error) -> rustls::Error {
    *error.into_inner().unwrap().downcast().unwrap()
}

#[tokio::test]
async fn a_known_name_is_served() {
    for name in ["a.example", "192.0.2.1"] {
        for records in RECORDS {
            let (server, client) = meet(name, records).await;
            assert!(server.is_none(), "{name} {records:?}: {server:?}");
            assert_eq!(client, None);
        }
    }
}

#[tokio::test]
async fn an_unknown_name_is_told_so() {
    // rustls sends no server name for an address (RFC 6066 §3).
    let names = [("b.example", Some("b.example")), ("127.0.0.1", None)];
    for ((name, seen), records) in names.into_iter().flat_map(|name| RECORDS.map(|r| (name, r))) {
        let (server, client) = meet(name, records).await;
        let alert = rustls::Error::AlertReceived(AlertDescription::UnrecognisedName);
        assert_eq!(client, Some(alert));
        match server {
            Some(HandshakeError::UnknownName(name)) => assert_eq!(name.as_deref(), seen),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_agreed_on_is_told() {
    let mut roots = RootCertStore::empty();
    roots.add(set().iter().next().unwrap().key().cert[0].clone()).unwrap();
    let mut client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![b"gopher".to_vec()];
    let connector = TlsConnector::from(Arc::new(client));
    let config = tls::config(Arc::new(FixedResolver(set())), secret()).unwrap();
    let (near, far) = duplex(PIPE);
    let (server, client) = tokio::join!(
        handshake(near, config, |_, _| Choice::ByName),
        connector.connect("a.example".try_into().unwrap(), far),
    );
    assert!(matches!(server, Err(HandshakeError::Failed(_))), "{server:?}");
    let told = rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert_eq!(of_rustls(client.unwrap_err()), told);
}

#[tokio::test]
async fn what_is_not_tls_fails() {
    for sent in ["GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "", "\x16\x03"] {
        let (near, mut far) = duplex(PIPE);
        far.write_all(sent.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        let config = tls::config(Arc::new(FixedResolver(set())), secret()).unwrap();
        let outcome = handshake(near, config, |_, _| Choice::ByName).await;
        assert!(matches!(outcome, Err(HandshakeError::Failed(_))), "{sent:?}");
        // The server lets go of the connection: its end is read, after an alert at most.
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
}

#[tokio::test]
async fn a_hello_without_end_fails() {
    // The beginning of the longest message, then records of a byte each of its content.
    let begin = b"\x16\x03\x01\0\x04\x01\0\xff\xff".to_vec();
    let sent = [begin, b"\x16\x03\x01\0\x01\0".repeat(UNREAD)].concat();
    let (near, far) = duplex(PIPE);
    let config = tls::config(Arc::new(FixedResolver(set())), secret()).unwrap();
    let (mut from_server, mut to_server) = tokio::io::split(far);
    let client = async {
        let written = to_server.write_all(&sent).await;
        drop(from_server.read(&mut [0; 7]).await);
        written
    };
    let (outcome, written) = tokio::join!(handshake(near, config, |_, _| Choice::ByName), client);
    let Err(HandshakeError::Failed(error)) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("too long"), "{error}");
    assert!(written.is_err(), "all of it was read");
}

#[tokio::test]
async fn a_client_with_many_handshakes_waits_for_its_own() {
    /// Handshakes that one client that is alone may have, and one of another.
    const HANDSHAKES: usize = 10;
    let bounds = Bounds { heads: 2 * HANDSHAKES * HANDSHAKE_BYTES, ..Bounds::NONE };
    let ledger = Ledger::new(bounds);
    let one = ledger.connect([192, 0, 2, 1].into()).unwrap();
    let other = ledger.connect([192, 0, 2, 2].into()).unwrap();
    let begins = |kept: &Kept| {
        let waker = Waker::noop();
        pin!(turn(kept)).poll(&mut Context::from_waker(waker)).is_ready()
    };
    let mut shaking: Vec<Kept> = Vec::new();
    while shaking.len() <= HANDSHAKES {
        let kept = one.account().keep();
        if !begins(&kept) {
            let held = shaking.len() * HANDSHAKE_BYTES;
            assert_eq!(ledger.holdings().heads, held, "who waits holds nothing");
            break;
        }
        shaking.push(kept);
    }
    assert_eq!(shaking.len(), HANDSHAKES - 1);
    assert!(begins(&other.account().keep()));
    shaking.pop();
    assert!(begins(&one.account().keep()));
}
