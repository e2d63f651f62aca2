//! The records beside those of rustls, and those that no client should send.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{ALL_CIPHER_SUITES, cipher_suite, default_provider};
use rustls::kernel::KernelConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{AlertDescription, ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::post_handshake::{FATAL, KEY_UPDATES, WARNING, WARNINGS};
use super::*;
use crate::certificates::Certificates;
use crate::certificates::fixtures::{
    FixedResolver, P256_SEC1, RSA_PKCS8, certificate, folder, now,
};
use crate::process::secret::Secret;
use crate::server::connection::handshake::{Choice, handshake};
use crate::server::connection::tls;
use crate::server::connection::tls::record_key::HEADER;

const NAME: &str = "a.example";

/// Time for what takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// Room in the pipe for whatever a test sends.
const WIDE: usize = 1024 * 1024;

/// A server, and a client that knows its certificate and one algorithm.
fn configs(suite: SupportedCipherSuite) -> (Arc<ServerConfig>, ClientConfig) {
    let is_rsa = format!("{:?}", suite.suite()).contains("RSA");
    let key = if is_rsa { RSA_PKCS8 } else { P256_SEC1 };
    let pair =
        folder(&[("a.example/cert.pem", &*certificate(key, &[NAME])), ("a.example/key.pem", key)]);
    let set = Certificates::load(pair.path(), now()).unwrap().0;
    let mut roots = RootCertStore::empty();
    for certificate in set.iter() {
        roots.add(certificate.key().cert[0].clone()).unwrap();
    }
    let secret = Arc::new(Secret::fresh().unwrap());
    let server = tls::config(Arc::new(FixedResolver(set)), secret).unwrap();
    let provider = CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
    let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.enable_secret_extraction = true;
    (server, client)
}

async fn accept(pipe: DuplexStream, config: Arc<ServerConfig>) -> EncryptedStream<DuplexStream> {
    handshake(pipe, config, |_, _| Choice::ByName).await.unwrap().stream
}

/// A server and rustls's client after their handshake, over a pipe with so much room.
async fn meet(
    suite: SupportedCipherSuite,
    room: usize,
) -> (EncryptedStream<DuplexStream>, TlsStream<DuplexStream>) {
    let (server, client) = configs(suite);
    let (near, far) = duplex(room);
    let connector = TlsConnector::from(Arc::new(client));
    let connect = connector.connect(NAME.try_into().unwrap(), far);
    let (server, client) = tokio::join!(accept(near, server), connect);
    (server, client.unwrap())
}

/// Bytes of which no stretch is like another.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(usize::to_le_bytes).map(|[a, b, c, ..]| a ^ b ^ c).collect()
}

/// The bytes that one side reads of those that the other writes.
async fn pass(
    sent: &[u8],
    from: &mut (impl AsyncWrite + Unpin),
    to: &mut (impl AsyncRead + Unpin),
) -> Vec<u8> {
    let mut received = vec![0; sent.len()];
    let write = async {
        from.write_all(sent).await?;
        from.flush().await
    };
    let (written, read) = tokio::join!(write, to.read_exact(&mut received));
    written.and(read).unwrap();
    received
}

#[tokio::test]
async fn bytes_arrive_by_every_algorithm_in_any_pieces() {
    let lengths = [0, 1, 2, 100, CONTENT - 1, CONTENT, CONTENT + 1, 2 * CONTENT, 200_000];
    for suite in ALL_CIPHER_SUITES {
        for room in [700, 3 * CONTENT, WIDE] {
            let (mut server, mut client) = meet(*suite, room).await;
            for length in lengths {
                let sent = content(length);
                let received = pass(&sent, &mut server, &mut client).await;
                assert!(received == sent, "{length} bytes to the client, {suite:?}");
                let received = pass(&sent, &mut client, &mut server).await;
                assert!(received == sent, "{length} bytes from the client, {suite:?}");
            }
        }
    }
}

#[tokio::test]
async fn slices_are_sealed_together() {
    for suite in [cipher_suite::TLS13_AES_128_GCM_SHA256, TLS12_GCM] {
        let all = content(100_000);
        let tables: [&[usize]; 7] = [
            &[],
            &[0, 0],
            &[10],
            &[0, 10, 0, 20, 0],
            &[100, CONTENT, 1],
            &[100, CONTENT - 100, 1, 0],
            &[3 * CONTENT, 40, 0, CONTENT],
        ];
        for lengths in tables {
            let (mut server, mut client) = meet(suite, WIDE).await;
            let mut rest = &all[..];
            let slices: Vec<_> = lengths
                .iter()
                .map(|length| IoSlice::new(rest.split_off(..*length).unwrap()))
                .collect();
            let whole: usize = lengths.iter().sum();
            let before = server.sealing.sequence();
            let written = server.write_vectored(&slices).await.unwrap();
            assert!(written == whole.min(RECORDS * CONTENT), "{written} of {lengths:?}");
            let records = written.div_ceil(CONTENT) as u64;
            assert_eq!(server.sealing.sequence(), before + records, "{lengths:?}");
            let mut received = vec![0; written];
            client.read_exact(&mut received).await.unwrap();
            assert!(received == all[..written], "{lengths:?}");
        }
    }
}

const TLS12_GCM: SupportedCipherSuite = cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;

#[tokio::test]
async fn a_connection_that_idles_has_no_memory_to_read_or_write() {
    let (mut server, mut client) = meet(cipher_suite::TLS13_AES_128_GCM_SHA256, WIDE).await;
    client.write_all(&content(50_000)).await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut vec![0; 50_000]).await.unwrap();
    server.write_all(&content(50_000)).await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut vec![0; 50_000]).await.unwrap();
    assert!(is_pending(&mut server).await);
    assert_eq!((server.received.bytes.capacity(), server.unsent.bytes.capacity()), (0, 0));
    // A part of a record is all that is kept.
    let mut part = Crafted::meet(cipher_suite::TLS13_AES_128_GCM_SHA256).await;
    let record = part.sealed(ContentType::ApplicationData, b"whole");
    part.pipe.write_all(&record[..7]).await.unwrap();
    assert!(is_pending(&mut part.server).await);
    assert_eq!(part.server.received.bytes.capacity(), 7);
}

/// True if nothing can be read now.
async fn is_pending(server: &mut EncryptedStream<DuplexStream>) -> bool {
    let mut byte = [0];
    poll_fn(|context| {
        Poll::Ready(Pin::new(&mut *server).poll_read(context, &mut ReadBuf::new(&mut byte)))
    })
    .await
    .is_pending()
}

#[tokio::test]
async fn both_sides_take_new_keys() {
    for suite in ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_some()) {
        let (mut server, mut client) = meet(*suite, WIDE).await;
        for round in 0..100 {
            client.get_mut().1.refresh_traffic_keys().unwrap();
            client.write_all(b"ping").await.unwrap();
            client.flush().await.unwrap();
            let mut bytes = [0; 4];
            server.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"ping", "{round}");
            assert_eq!(server.opening.sequence(), 1, "{round}");
            server.write_all(b"pong").await.unwrap();
            server.flush().await.unwrap();
            client.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"pong", "{round}");
            assert_eq!(server.sealing.sequence(), 1, "{round}");
        }
    }
}

#[tokio::test]
async fn a_key_seals_no_more_than_it_may() {
    let sent = content(100);
    let (mut server, mut client) = meet(cipher_suite::TLS13_AES_128_GCM_SHA256, WIDE).await;
    assert_eq!(server.most, 1 << 24);
    server.most = 20;
    for _ in 0..200 {
        server.write_all(&sent).await.unwrap();
        server.flush().await.unwrap();
        let mut received = [0; 100];
        client.read_exact(&mut received).await.unwrap();
        assert!(received[..] == sent);
        assert!(server.sealing.sequence() <= 20);
    }
    // TLS 1.2 has no other key.
    let (mut server, _client) = meet(TLS12_GCM, WIDE).await;
    server.most = 20;
    let mut written = 0;
    while server.write_all(&sent).await.is_ok() {
        written += 1;
        assert!(server.sealing.sequence() <= 20);
    }
    assert!(written > 5, "{written}");
}

#[tokio::test]
async fn the_end_is_told_and_seen() {
    for suite in [cipher_suite::TLS13_AES_128_GCM_SHA256, TLS12_GCM] {
        let (mut server, mut client) = meet(suite, WIDE).await;
        server.write_all(b"last").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(server.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut all = Vec::new();
        // rustls tells an end that was not told by an error.
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"last");
        client.write_all(b"reply").await.unwrap();
        client.shutdown().await.unwrap();
        all.clear();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"reply");
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "again");
        // One that is cut off.
        let (mut server, client) = meet(suite, WIDE).await;
        drop(client.into_inner());
        let error = server.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[tokio::test]
async fn nothing_follows_the_last_word() {
    for (suite, asks) in [
        (cipher_suite::TLS13_AES_128_GCM_SHA256, &b"\x18\0\0\x01\x01"[..]),
        (TLS12_GCM, b"\x01\0\0\x01\0"),
    ] {
        let mut crafted = Crafted::meet(suite).await;
        crafted.server.shutdown().await.unwrap();
        assert_eq!(crafted.answer().await, (ALERTS, CLOSE.1.to_vec()));
        crafted.send(MESSAGES, asks).await;
        if suite.tls13().is_some() {
            let next = crafted.keys.update_tx_secret().unwrap();
            crafted.sealing = RecordKey::new(ProtocolVersion::TLSv1_3, next).unwrap();
        }
        crafted.send(DATA, b"still read").await;
        crafted.send(MESSAGES, b"").await;
        let (all, error) = crafted.read().await;
        assert_eq!(all, b"still read");
        assert_eq!(error.unwrap().kind(), io::ErrorKind::InvalidData);
        assert!(crafted.server.unsent.bytes.is_empty());
        assert_eq!(crafted.pipe.read(&mut [0]).await.unwrap(), 0);
    }
}

/// A client that sends any records, and reads what comes back.
struct Crafted {
    server: EncryptedStream<DuplexStream>,
    pipe: DuplexStream,
    sealing: RecordKey,
    opening: RecordKey,
    keys: KernelConnection<ClientConnectionData>,
}

impl Crafted {
    async fn meet(suite: SupportedCipherSuite) -> Self {
        Self::meet_and_send(suite, &[]).await
    }

    /// The same with records that come with the last message of the handshake.
    async fn meet_and_send(suite: SupportedCipherSuite, records: &[(ContentType, &[u8])]) -> Self {
        let (server, client) = configs(suite);
        let (near, mut pipe) = duplex(WIDE);
        let server = tokio::spawn(accept(near, server));
        let name = NAME.try_into().unwrap();
        let mut client = UnbufferedClientConnection::new(Arc::new(client), name).unwrap();
        let (mut unread, mut flight) = (Vec::new(), Vec::new());
        loop {
            let UnbufferedStatus { discard, state } = client.process_tls_records(&mut unread);
            let mut is_over = false;
            match state.unwrap() {
                ConnectionState::EncodeTlsData(mut message) => {
                    let Err(EncodeError::InsufficientSize(size)) = message.encode(&mut []) else {
                        panic!("a message of nothing");
                    };
                    let at = flight.len();
                    flight.resize(at + size.required_size, 0);
                    message.encode(&mut flight[at..]).unwrap();
                    unread.drain(..discard);
                    continue;
                }
                ConnectionState::TransmitTlsData(sending) => sending.done(),
                ConnectionState::BlockedHandshake => {
                    pipe.write_all(&std::mem::take(&mut flight)).await.unwrap();
                    unread.drain(..discard);
                    assert_ne!(pipe.read_buf(&mut unread).await.unwrap(), 0);
                    continue;
                }
                ConnectionState::WriteTraffic(_) => is_over = true,
                other => panic!("{other:?}"),
            }
            unread.drain(..discard);
            if is_over {
                break;
            }
        }
        let (secrets, keys) = client.dangerous_into_kernel_connection().unwrap();
        let version = keys.protocol_version();
        let mut sealing = RecordKey::new(version, secrets.tx).unwrap();
        let mut opening = RecordKey::new(version, secrets.rx).unwrap();
        for (kind, content) in records {
            flight.extend(seal(&mut sealing, *kind, content));
        }
        pipe.write_all(&flight).await.unwrap();
        let server = server.await.unwrap();
        if version == ProtocolVersion::TLSv1_3 {
            for _ in 0..server.sealing.sequence() {
                let (kind, _) = answer(&mut pipe, &mut opening).await;
                assert_eq!(kind, ContentType::Handshake, "a ticket");
            }
        }
        Self { server, pipe, sealing, opening, keys }
    }

    fn sealed(&mut self, kind: ContentType, content: &[u8]) -> Vec<u8> {
        seal(&mut self.sealing, kind, content)
    }

    async fn send(&mut self, kind: ContentType, content: &[u8]) {
        let record = self.sealed(kind, content);
        self.pipe.write_all(&record).await.unwrap();
    }

    async fn answer(&mut self) -> (ContentType, Vec<u8>) {
        answer(&mut self.pipe, &mut self.opening).await
    }

    /// The content that the server reads up to the end, or to an error, and that one.
    async fn read(&mut self) -> (Vec<u8>, Option<io::Error>) {
        let mut all = Vec::new();
        let read = timeout(PATIENCE, self.server.read_to_end(&mut all));
        let result = read.await.unwrap_or_else(|_| panic!("no end behind {all:?}"));
        (all, result.err())
    }
}

fn seal(key: &mut RecordKey, kind: ContentType, content: &[u8]) -> Vec<u8> {
    let mut record = vec![0; SEALED];
    let length = key.seal(kind, content, &mut record);
    record.truncate(length);
    record
}

/// The next record of a server.
async fn answer(pipe: &mut DuplexStream, key: &mut RecordKey) -> (ContentType, Vec<u8>) {
    let mut record = vec![0; HEADER];
    let read = timeout(PATIENCE, pipe.read_exact(&mut record));
    read.await.expect("an answer").unwrap();
    let length = key.length(*record.first_chunk().unwrap()).unwrap();
    record.resize(length, 0);
    pipe.read_exact(&mut record[HEADER..]).await.unwrap();
    let (kind, content) = key.open(&mut record).unwrap();
    (kind, record[content].to_vec())
}

/// A record of a connection, for the tables below.
type Record = (ContentType, &'static [u8]);

const DATA: ContentType = ContentType::ApplicationData;
const ALERTS: ContentType = ContentType::Alert;
const MESSAGES: ContentType = ContentType::Handshake;
/// Behind what looks like a type, this is padding.
const PADDING: ContentType = ContentType::Unknown(0);

const CLOSE: Record = (ALERTS, &[WARNING, 0]);
const CANCELED: Record = (ALERTS, &[WARNING, 90]);

#[tokio::test]
async fn what_a_client_may_send_is_read() {
    let tls13: &[(&[Record], &[u8])] = &[
        (&[CLOSE], b""),
        (&[(DATA, b"a"), (DATA, b"b"), CLOSE, (DATA, b"c")], b"ab"),
        (&[(DATA, b""), (DATA, b"a"), (DATA, b""), CLOSE], b"a"),
        (&[(PADDING, b"a\x17\0\0\0\0"), CLOSE], b"a"),
        (&[(PADDING, b"\x17"), (DATA, b"a"), CLOSE], b"a"),
        (&[(PADDING, &[WARNING, 0, 21, 0, 0])], b""),
        (&[CANCELED, (DATA, b"a"), CLOSE], b"a"),
        // The level of an alert of TLS 1.3 says nothing.
        (&[(DATA, b"a"), (ALERTS, &[FATAL, 0])], b"a"),
    ];
    let tls12: &[(&[Record], &[u8])] = &[
        (&[(DATA, b"a"), (DATA, b"b"), CLOSE, (DATA, b"c")], b"ab"),
        (&[(DATA, b""), (DATA, b"a\x17\0"), CLOSE], b"a\x17\0"),
        (&[(ALERTS, &[WARNING, 100]), (DATA, b"a"), CLOSE], b"a"),
    ];
    for (suite, table) in [(cipher_suite::TLS13_AES_256_GCM_SHA384, tls13), (TLS12_GCM, tls12)] {
        for (records, expected) in table {
            // Beside the handshake's last message, and after it.
            let mut early = Crafted::meet_and_send(suite, records).await;
            let (all, error) = early.read().await;
            assert!(error.is_none() && all == *expected, "{records:?}: {all:?} {error:?}");
            let mut late = Crafted::meet(suite).await;
            for (kind, content) in *records {
                late.send(*kind, content).await;
            }
            let (all, error) = late.read().await;
            assert!(error.is_none() && all == *expected, "{records:?}: {all:?} {error:?}");
        }
    }
}

#[tokio::test]
async fn what_a_client_may_not_send_ends_the_connection_with_an_alert() {
    use AlertDescription::{DecodeError, IllegalParameter, UnexpectedMessage};
    let tls13: &[(&[Record], AlertDescription)] = &[
        (&[(ALERTS, &[WARNING])], DecodeError),
        (&[(ALERTS, &[WARNING, 0, 0])], DecodeError),
        (&[(ALERTS, &[])], DecodeError),
        (&[CANCELED, CANCELED, CANCELED, CANCELED, CANCELED], UnexpectedMessage),
        (&[(MESSAGES, b"")], UnexpectedMessage),
        (&[(MESSAGES, b"\x01\0\0\x01\0")], UnexpectedMessage),
        (&[(MESSAGES, b"\x04\0\0\x01\0")], UnexpectedMessage),
        (&[(MESSAGES, b"\x18\0\0\x01\x02")], IllegalParameter),
        (&[(MESSAGES, b"\x18\0\0\x02\0\0")], UnexpectedMessage),
        (&[(MESSAGES, b"\x18\0\0\x02\0")], DecodeError),
        (&[(MESSAGES, b"\x18\0\0\x01\0\x18")], UnexpectedMessage),
        (&[(MESSAGES, b"\x18\0"), (DATA, b"a")], UnexpectedMessage),
        (&[(MESSAGES, b"\x18\0"), (ALERTS, &[WARNING, 0])], UnexpectedMessage),
        (&[(ContentType::ChangeCipherSpec, b"\x01")], UnexpectedMessage),
        (&[(ContentType::Heartbeat, b"\x01")], UnexpectedMessage),
        (&[(PADDING, b"\0\0\0")], UnexpectedMessage),
    ];
    let tls12: &[(&[Record], AlertDescription)] = &[
        (&[(ALERTS, &[WARNING])], DecodeError),
        (&[(MESSAGES, b"")], UnexpectedMessage),
        (&[(MESSAGES, b"\x14\0\0\0")], UnexpectedMessage),
        (&[(MESSAGES, b"\x18\0\0\x01\0")], UnexpectedMessage),
        (&[(ContentType::ChangeCipherSpec, b"\x01")], UnexpectedMessage),
        (&[(PADDING, b"a")], UnexpectedMessage),
    ];
    for (suite, table) in
        [(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, tls13), (TLS12_GCM, tls12)]
    {
        for (records, expected) in table {
            let mut crafted = Crafted::meet(suite).await;
            crafted.send(DATA, b"before").await;
            for (kind, content) in *records {
                crafted.send(*kind, content).await;
            }
            crafted.send(DATA, b"behind").await;
            let (all, error) = crafted.read().await;
            assert_eq!(all, b"before", "{records:?}");
            let error = error.unwrap_or_else(|| panic!("{records:?}"));
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{records:?}: {error}");
            let told = (ALERTS, vec![FATAL, (*expected).into()]);
            assert_eq!(crafted.answer().await, told, "{records:?}");
            // It is over for both directions, and says so again.
            assert!(crafted.server.write(b"more").await.is_err());
            assert!(crafted.server.read(&mut [0]).await.is_err());
            crafted.server.shutdown().await.unwrap();
            assert_eq!(crafted.pipe.read(&mut [0]).await.unwrap(), 0, "a second alert");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_record_of_the_client_end_the_connection() {
    use AlertDescription::{BadRecordMac, DecodeError, RecordOverflow, UnexpectedMessage};
    /// Makes something else of a record.
    type Change = fn(&mut Vec<u8>);
    let both: &[(Change, AlertDescription)] = &[
        (|record| *record.last_mut().unwrap() ^= 1, BadRecordMac),
        (|record| record[HEADER] ^= 0x80, BadRecordMac),
        (|record| record[1] = 2, DecodeError),
        (|record| record[2] = 1, BadRecordMac),
        (|record| *record = record.repeat(2), BadRecordMac),
        (|record| *record = b"\x17\x03\x03\0\0".to_vec(), BadRecordMac),
        (|record| *record = b"\x17\x03\x03\0\x03abc".to_vec(), BadRecordMac),
        (|record| *record = [&b"\x17\x03\x03\0\x10"[..], &[0; 16]].concat(), BadRecordMac),
        (|record| *record = b"\x17\x03\x03\xff\xff".to_vec(), RecordOverflow),
        (|record| *record = b"GET / HTTP/1.1\r\n\r\n".to_vec(), DecodeError),
    ];
    let tls13: &[(Change, AlertDescription)] = &[
        (|record| record[0] = 22, UnexpectedMessage),
        (|record| *record = b"\x15\x03\x03\0\x02\x01\0".to_vec(), UnexpectedMessage),
        (|record| *record = b"\x14\x03\x03\0\x01\x01".to_vec(), UnexpectedMessage),
        (|record| *record = b"\x17\x03\x03\x41\x01".to_vec(), RecordOverflow),
    ];
    let tls12: &[(Change, AlertDescription)] = &[
        (|record| record[0] = 22, BadRecordMac),
        (|record| *record = b"\x17\x03\x03\x48\x01".to_vec(), RecordOverflow),
    ];
    for suite in ALL_CIPHER_SUITES {
        let of_version = if suite.tls13().is_some() { tls13 } else { tls12 };
        for (at, (change, expected)) in both.iter().chain(of_version).enumerate() {
            let mut crafted = Crafted::meet(*suite).await;
            let mut record = crafted.sealed(DATA, b"content");
            change(&mut record);
            crafted.pipe.write_all(&record).await.unwrap();
            let (_, error) = crafted.read().await;
            let error = error.unwrap_or_else(|| panic!("{at} of {suite:?}"));
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{at} of {suite:?}: {error}");
            let told = (ALERTS, vec![FATAL, (*expected).into()]);
            assert_eq!(crafted.answer().await, told, "{at} of {suite:?}");
        }
    }
}

#[tokio::test]
async fn what_the_client_has_given_up_is_not_answered() {
    for suite in [cipher_suite::TLS13_AES_128_GCM_SHA256, TLS12_GCM] {
        let mut crafted = Crafted::meet(suite).await;
        crafted.send(ALERTS, &[FATAL, AlertDescription::InternalError.into()]).await;
        let (_, error) = crafted.read().await;
        assert!(error.unwrap().to_string().contains("InternalError"));
        crafted.server.shutdown().await.unwrap();
        assert_eq!(crafted.pipe.read(&mut [0]).await.unwrap(), 0, "an alert");
    }
}

#[tokio::test]
async fn a_new_key_may_come_in_parts_and_is_answered_once() {
    let mut crafted = Crafted::meet(cipher_suite::TLS13_AES_128_GCM_SHA256).await;
    crafted.send(MESSAGES, b"\x18").await;
    crafted.send(MESSAGES, b"\0\0\x01").await;
    crafted.send(MESSAGES, b"\x01").await;
    let next = crafted.keys.update_tx_secret().unwrap();
    crafted.sealing = RecordKey::new(ProtocolVersion::TLSv1_3, next).unwrap();
    crafted.send(DATA, b"a").await;
    crafted.send(MESSAGES, b"\x18\0\0\x01\0").await;
    let next = crafted.keys.update_tx_secret().unwrap();
    crafted.sealing = RecordKey::new(ProtocolVersion::TLSv1_3, next).unwrap();
    crafted.send(DATA, b"b").await;
    crafted.send(ALERTS, CLOSE.1).await;
    let (all, error) = crafted.read().await;
    assert!(error.is_none() && all == b"ab", "{all:?} {error:?}");
    assert_eq!(crafted.answer().await, (MESSAGES, b"\x18\0\0\x01\0".to_vec()));
    let next = crafted.keys.update_rx_secret().unwrap();
    crafted.opening = RecordKey::new(ProtocolVersion::TLSv1_3, next).unwrap();
    crafted.server.write_all(b"c").await.unwrap();
    crafted.server.shutdown().await.unwrap();
    assert_eq!(crafted.answer().await, (DATA, b"c".to_vec()));
    assert_eq!(crafted.answer().await, (ALERTS, CLOSE.1.to_vec()));
}

#[tokio::test]
async fn new_keys_without_content_between_them_are_bounded() {
    let mut crafted = Crafted::meet(cipher_suite::TLS13_AES_128_GCM_SHA256).await;
    for count in 0.. {
        crafted.send(MESSAGES, b"\x18\0\0\x01\0").await;
        let next = crafted.keys.update_tx_secret().unwrap();
        crafted.sealing = RecordKey::new(ProtocolVersion::TLSv1_3, next).unwrap();
        if !is_pending(&mut crafted.server).await {
            assert_eq!(count, KEY_UPDATES);
            break;
        }
        assert!(count < KEY_UPDATES, "no bound");
    }
    let told = [FATAL, AlertDescription::UnexpectedMessage.into()];
    assert_eq!(crafted.answer().await, (ALERTS, told.to_vec()));
}

#[tokio::test]
async fn answers_to_new_keys_do_not_heap_up_for_a_client_that_reads_nothing() {
    let (mut server, mut client) = meet(cipher_suite::TLS13_AES_128_GCM_SHA256, 4 * 1024).await;
    // Nothing more fits into the pipe.
    let write = |context: &mut Context<'_>| {
        let written = Pin::new(&mut server).poll_write(context, &content(16 * 1024));
        Poll::Ready(written.is_ready())
    };
    assert!(poll_fn(write).await);
    let waits = server.unsent.bytes.len();
    assert_ne!(waits, 0);
    for _ in 0..50 {
        client.get_mut().1.refresh_traffic_keys().unwrap();
        client.write_all(b"a").await.unwrap();
        client.flush().await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    }
    assert!(server.unsent.bytes.len() < waits + 100, "{}", server.unsent.bytes.len());
    let mut received = vec![0; 16 * 1024];
    let (flushed, read) = tokio::join!(server.flush(), client.read_exact(&mut received));
    flushed.and(read.map(|_| ())).unwrap();
    assert!(received == content(16 * 1024));
}

#[tokio::test]
async fn there_is_no_renegotiation() {
    let mut crafted = Crafted::meet(TLS12_GCM).await;
    crafted.send(MESSAGES, b"\x01\0\0\x01\0").await;
    crafted.send(DATA, b"a").await;
    let mut byte = [0];
    crafted.server.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"a");
    let told = [WARNING, AlertDescription::NoRenegotiation.into()];
    assert_eq!(crafted.answer().await, (ALERTS, told.to_vec()));
    for _ in 0..WARNINGS {
        crafted.send(MESSAGES, b"\x01\0\0\x01\0").await;
    }
    assert!(crafted.read().await.1.unwrap().to_string().contains("too many warnings"));
}
