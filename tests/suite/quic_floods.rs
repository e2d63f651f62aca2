//! Floods over QUIC (docs/behaviour.md, "Limits"): each costs its own connection and little memory,
//! nobody is sent more for them than they took, and another client is served meanwhile. The packets are
//! written by hand, and know nothing of the reader.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;
use crate::support::client::Request;
use crate::support::http3::{Http3, config, request};
use crate::support::quic_flood::{Flood, PACE};
use crate::support::quic_packets::{
    Packets, bytes_until_silence, quic_frame, stream_frame, varint,
};
use crate::support::server::{Server, Setup};
use crate::support::site::pattern;

/// Datagrams that one connection of an attacker sends, if nobody stops it.
const DATAGRAMS: u32 = 3000;

/// Nothing more comes after so long.
const SILENCE: Duration = Duration::from_millis(300);

/// Bytes of frames that fit a datagram.
const ROOM: usize = 1150;

/// Bytes that may come for each that is sent, before an address has been shown to be the client's
/// (RFC 9000 §8).
const AMPLIFICATION: usize = 3;

/// The first request stream behind the one of the handshake.
const STREAM: u64 = 4;

/// Frames of a datagram, by its number.
type Round = fn(u64) -> Vec<u8>;

fn serve() -> Server {
    let setup = Setup::new().site("a.test", |site| {
        site.file("index.html", "index").file("big.bin", pattern(2 * 1024 * 1024))
    });
    setup.certificate("a.test").start()
}

/// As many of a frame as fit a datagram.
fn full(frame: &[u8]) -> Vec<u8> {
    frame.repeat(ROOM / frame.len())
}

/// `NEW_CONNECTION_ID`, which retires all before it (RFC 9000 §19.15).
fn new_id(number: u64) -> Vec<u8> {
    let mut frame = quic_frame(0x18, &[number, number, 8]);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&[7; 16]);
    frame
}

/// Frames that ask for nothing, or for an answer that nobody needs.
const ASIDES: &[(&str, Round)] = &[
    ("PING", |_| full(&[1])),
    ("PING, one to a datagram", |_| vec![1; 4]),
    ("NEW_CONNECTION_ID", |round| (30 * round + 1..).take(30).flat_map(new_id).collect()),
    ("NEW_CONNECTION_ID again", |_| full(&new_id(1))),
    ("RETIRE_CONNECTION_ID", |_| full(&quic_frame(0x19, &[1]))),
    ("RETIRE_CONNECTION_ID of all", |round| quic_frame(0x19, &[round + 1])),
    ("PATH_CHALLENGE", |_| full(b"\x1achalleng")),
    ("PATH_RESPONSE", |_| full(b"\x1bresponse")),
    ("MAX_DATA", |round| full(&quic_frame(0x10, &[1 << 30 | round]))),
    ("MAX_STREAM_DATA", |round| full(&quic_frame(0x11, &[STREAM, 1 << 30 | round]))),
    ("MAX_STREAMS", |round| full(&quic_frame(0x13, &[1 << 30 | round]))),
    ("DATA_BLOCKED", |_| full(&quic_frame(0x14, &[9]))),
    ("STREAM_DATA_BLOCKED", |_| full(&quic_frame(0x15, &[STREAM, 9]))),
    ("STREAMS_BLOCKED", |_| full(&quic_frame(0x16, &[9]))),
    ("CRYPTO with gaps", |round| crypto(1 + 2 * (round % 8000))),
    ("CRYPTO that is empty", |_| full(&quic_frame(0x6, &[0, 0]))),
    ("ACK of what was not sent", |_| quic_frame(2, &[1 << 40, 0, 0, 0])),
    ("IMMEDIATE_ACK", |_| full(&varint(0x1f))),
];

fn crypto(offset: u64) -> Vec<u8> {
    [&quic_frame(0x6, &[offset, 1])[..], b"x"].concat()
}

/// Frames of streams.
const STREAMS: &[(&str, Round)] = &[
    ("empty STREAM", |_| full(&stream_frame(STREAM, 0, b"", false))),
    ("STREAM again", |_| full(&stream_frame(STREAM, 0, b"\x01\x44", false))),
    ("STREAM with gaps", |round| gap(STREAM, round)),
    ("STREAM with gaps on a hundred", |round| gap(4 + 4 * (round % 100), round / 100)),
    ("STREAM with gaps on those of one way", |round| gap(2 + 4 * (round % 16), round / 16)),
    ("requests that are reset", |round| [ask(round), reset(round)].concat()),
    ("resets alone", |round| (8 * round..).take(8).flat_map(reset).collect()),
    ("STOP_SENDING of requests", |round| [ask(round), stop(round)].concat()),
    ("STOP_SENDING alone", |_| full(&stop(0))),
    ("answers that are not read", ask),
];

/// A byte that waits for those before it.
fn gap(id: u64, round: u64) -> Vec<u8> {
    stream_frame(id, 1 + 2 * (round % 8000), b"x", false)
}

fn id_of(round: u64) -> u64 {
    STREAM + 4 * round
}

fn ask(round: u64) -> Vec<u8> {
    stream_frame(id_of(round), 0, &request("GET", "a.test", "/big.bin"), true)
}

fn reset(round: u64) -> Vec<u8> {
    quic_frame(0x4, &[id_of(round), 0x10c, 0])
}

fn stop(round: u64) -> Vec<u8> {
    quic_frame(0x5, &[id_of(round), 0x10c])
}

#[track_caller]
fn check(rows: &[(&str, Round)]) {
    let server = serve();
    let mut honest = Http3::connect(&server, "a.test");
    for (name, round) in rows {
        let flood = Flood { name, server: &server, datagrams: DATAGRAMS };
        let mut over_quic = || assert_eq!(honest.get("/").content, b"index");
        let mut over_tls =
            || assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "index");
        let begin = || Packets::connect(&server);
        flood.check(&mut [&mut over_quic, &mut over_tls], begin, |packets, number| {
            packets.send(&round(number));
        });
    }
}

#[test]
fn frames_that_ask_for_nothing() {
    check(ASIDES);
}

#[test]
fn frames_of_streams() {
    check(STREAMS);
}

/// Bytes that one client may have the server keep, with [`MEMORY`]: half of an eighth.
const SHARE: u64 = 8 * 1024 * 1024;

/// Memory that the server may have, in KiB.
const MEMORY: usize = 128 * 1024;

#[test]
fn what_cannot_be_read_yet_is_in_the_account_of_its_client() {
    let setup = Setup::new().site("a.test", |site| site.file("index.html", "index"));
    let setup = setup.launched_by(format!("ulimit -d {MEMORY}; exec \"$@\""));
    let server = setup.certificate("a.test").start();
    let mut most = 0;
    let clients = (0..16).map(|_| {
        let mut packets = Packets::connect(&server);
        // A byte of each of a hundred streams, in whole datagrams, less often than is borne.
        for round in 0..800 {
            let mut frames = gap(4 + 4 * (round % 100), round / 100);
            frames.resize(ROOM, 0);
            packets.send(&frames);
            if round % u64::from(PACE) == 0 {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        most = most.max(server.counter("head_bytes"));
        packets
    });
    let clients: Vec<_> = clients.collect();
    assert!(most > SHARE / 2, "{} connections keep only {most} bytes", clients.len());
    // One datagram may be on its way over the bound, of each connection.
    assert!(most < SHARE + SHARE / 8, "{} connections keep {most} bytes", clients.len());
}

/// Sends each of `datagrams` out of a socket of its own, and checks what comes there.
#[track_caller]
fn check_amplification(name: &str, server: &Server, datagrams: impl Iterator<Item = Vec<u8>>) {
    let (mut sockets, mut sent) = (Vec::new(), 0);
    let address = server.https();
    for datagram in datagrams {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        sent += socket.send_to(&datagram, address).expect("it can be sent");
        sockets.push(socket);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    std::thread::park_timeout(SILENCE);
    let came = sockets.iter().map(|socket| bytes_until_silence(socket, Duration::from_millis(1)));
    let came = came.sum::<usize>();
    assert!(came <= AMPLIFICATION * sent, "{name}: {came} bytes for {sent}");
}

#[test]
fn whoever_may_be_elsewhere_is_sent_little() {
    let server = serve();
    let mut packets = Packets::connect(&server);
    let challenges: Vec<_> = (0..100).map(|_| packets.seal(b"\x1achalleng")).collect();
    check_amplification("PATH_CHALLENGE", &server, challenges.into_iter());
    let mut packets = Packets::connect(&server);
    let moves: Vec<_> = (0..100).map(|_| packets.seal(&[1; 4])).collect();
    check_amplification("addresses that change", &server, moves.into_iter());
    let junk: Vec<_> =
        (0..200_u32).map(|round| packets.of_a_stranger(round, 22 + round as usize)).collect();
    check_amplification("connections that nobody knows", &server, junk.into_iter());
    let versions = (0..100).map(|round| version(if round % 2 == 0 { 1200 } else { 60 }));
    check_amplification("versions that nobody knows", &server, versions);
    let hellos = (0..200).map(|_| Http3::begin(&server, &config(&server), "a.test").hello());
    check_amplification("hellos", &server, hellos);
    assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
}

#[test]
fn early_data_that_is_sent_again_is_not_answered() {
    let server = serve();
    let mut client = Http3::come_back(&server, "a.test");
    client.control(b"");
    let asked = client.ask("GET", "a.test", "/?early");
    assert_eq!(client.answer(asked).content, b"index");
    assert!(client.early_data_was_taken());
    // A client of the handshake before is there still.
    let open = server.counter("connections");
    client.close();
    let closed = Instant::now();
    while server.counter("connections") >= open {
        assert!(closed.elapsed() < DEADLINE, "it does not end");
    }
    // The hello, what was sent early, and whatever came of the server's answer.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let send = |datagram: &Vec<u8>| socket.send_to(datagram, server.https());
    let bytes: usize = client.sent.iter().map(|one| send(one).expect("it can be sent")).sum();
    let came = bytes_until_silence(&socket, SILENCE);
    assert!(came > 0 && came <= AMPLIFICATION * bytes, "{came} bytes for {bytes}");
    assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
    assert_eq!(server.stdout.count(|line| line.contains("/?early")), 1);
}

/// The first packet of a version that there is not (RFC 8999 §5.1).
fn version(length: usize) -> Vec<u8> {
    let mut datagram = vec![0xc0, 0x6a, 0x7a, 0x8a, 0x9a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    datagram.resize(length, 0);
    datagram
}

#[test]
fn a_client_that_moves_is_given_large_files() {
    let server = serve();
    let mut client = Http3::connect(&server, "a.test");
    for _ in 0..2 {
        client.get("/");
        client.move_elsewhere();
        assert!(client.get("/big.bin").content == pattern(2 * 1024 * 1024));
    }
}
