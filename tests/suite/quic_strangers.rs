//! Floods over QUIC by whoever has no connection, or is not where it says (docs/behaviour.md, "HTTP/3"):
//! clients are answered meanwhile on the connections that they have and on new ones, and nobody is sent
//! more than three bytes for each that came of his address.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::time::Duration;

use crate::support::client::Request;
use crate::support::http3::{Http3, config};
use crate::support::quic_flood::{Flood, Way};
use crate::support::quic_packets::{Packets, bytes_until_silence};
use crate::support::server::{Server, Setup};
use crate::support::versions::Random;

/// Datagrams of a flood; hellos, which are dear to make and come from as many sockets; and datagrams of a
/// client that moves.
const DATAGRAMS: u32 = 3000;
const HELLOS: u32 = 300;
const MOVES: u32 = 1000;

/// Sockets that other floods come from, and the addresses that sockets are on.
const SOCKETS: u32 = 64;
const ADDRESSES: u32 = 8;

/// The first of them.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Bytes that may come for each that is sent from an address that is not known to be the client's.
const AMPLIFICATION: usize = 3;

/// Nothing more comes after so long.
const SILENCE: Duration = Duration::from_millis(300);

fn serve() -> Server {
    let setup = Setup::new().site("a.test", |site| site.file("index.html", "index"));
    setup.certificate("a.test").start()
}

/// The sockets that a flood comes from, with the bytes that were sent and that came.
struct Elsewhere {
    server: SocketAddr,
    sockets: Vec<(UdpSocket, usize, usize)>,
}

impl Elsewhere {
    fn new(server: &Server, sockets: u32) -> Mutex<Self> {
        let sockets = (0..sockets).map(|number| {
            let address = Ipv4Addr::from(u32::from(STRANGER) + number % ADDRESSES);
            let socket = UdpSocket::bind((address, 0)).expect("a free port");
            socket.set_nonblocking(true).expect("it can be set");
            (socket, 0, 0)
        });
        Mutex::new(Self { server: server.https(), sockets: sockets.collect() })
    }

    /// Sends a datagram out of the next socket, and counts what has come to it.
    fn send(&mut self, number: u64, datagram: &[u8]) {
        let count = self.sockets.len() as u64;
        let index = usize::try_from(number % count).expect("a small number");
        let (socket, sent, came) = &mut self.sockets[index];
        let mut room = [0; 2048];
        *came += std::iter::from_fn(|| socket.recv(&mut room).ok()).sum::<usize>();
        // What the system does not take is lost, as on any network.
        *sent += socket.send_to(datagram, self.server).unwrap_or(0);
    }

    /// The bytes that were sent and that came, by socket.
    fn traffic(self) -> Vec<(usize, usize)> {
        std::thread::park_timeout(SILENCE);
        let all = self.sockets.into_iter().map(|(socket, sent, came)| {
            socket.set_nonblocking(false).expect("it can be set");
            (sent, came + bytes_until_silence(&socket, Duration::from_millis(1)))
        });
        all.collect()
    }
}

/// Floods the server out of many sockets, beside a client that has a connection, one that comes by TLS,
/// and new ones.
#[track_caller]
fn check(
    name: &str,
    server: &Server,
    (datagrams, sockets): (u32, u32),
    make: impl Fn(u64) -> Vec<Vec<u8>> + Sync,
) {
    let elsewhere = Elsewhere::new(server, sockets);
    let mut honest = Http3::connect(server, "a.test");
    let mut over_quic = || assert_eq!(honest.get("/").content, b"index");
    let mut over_tls = || assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "index");
    let mut anew = || {
        let mut client = Http3::connect(server, "a.test");
        assert_eq!(client.get("/").content, b"index");
        client.leave();
    };
    let ways: &mut [Way<'_>] = &mut [&mut over_quic, &mut over_tls, &mut anew];
    Flood { name, server, datagrams }.check(
        ways,
        || (),
        |(), number| {
            for datagram in make(number) {
                elsewhere.lock().expect("nobody panics with it").send(number, &datagram);
            }
        },
    );
    let elsewhere = elsewhere.into_inner().expect("nobody panics with it");
    for (number, (sent, came)) in elsewhere.traffic().into_iter().enumerate() {
        assert!(came <= AMPLIFICATION * sent, "{name}: {came} bytes for {sent}, socket {number}");
    }
}

/// Bytes that look random, the same at each run.
fn mixed(number: u64, length: usize) -> Vec<u8> {
    let mut random = Random(number << 16);
    let words = std::iter::repeat_with(|| random.next().to_le_bytes());
    words.flatten().take(length).collect()
}

/// A length from `least` to that of a full datagram.
fn length(number: u64, least: usize) -> usize {
    least + usize::try_from(number * 7919 % 1200).expect("a small number").min(1200 - least)
}

#[test]
fn datagrams_that_mean_nothing() {
    let server = serve();
    check("random bytes", &server, (DATAGRAMS, SOCKETS), |number| {
        vec![mixed(number, length(number, 1))]
    });
    check("versions that nobody knows", &server, (DATAGRAMS, SOCKETS), |number| {
        let mut datagram = mixed(number, length(number, 60));
        datagram[0] |= 0xc0;
        // A version, a connection ID of eight bytes, and one of none.
        datagram[1] |= 0x80;
        (datagram[5], datagram[14]) = (8, 0);
        vec![datagram]
    });
    check("connections that nobody knows", &server, (DATAGRAMS, SOCKETS), |number| {
        let mut datagram = mixed(number, length(number, 22));
        datagram[0] = 0x40 | datagram[0] & 0x3f;
        vec![datagram]
    });
    let mut ended = Packets::connect(&server);
    ended.close();
    check("a connection that has ended", &server, (DATAGRAMS, SOCKETS), |number| {
        vec![ended.unreadable(length(number, 22))]
    });
}

#[test]
fn hellos_from_addresses_of_others() {
    let setup = Setup::new().site("a.test", |site| site.file("index.html", "index"));
    let server = setup.large_certificate("a.test").start();
    let config = config(&server);
    let hello = |_| Http3::begin(&server, &config, "a.test").hello_in_full();
    check("hellos", &server, (HELLOS, HELLOS), hello);
}

#[test]
fn a_client_that_moves_with_each_datagram() {
    let server = serve();
    let elsewhere = Elsewhere::new(&server, SOCKETS);
    let mut honest = Http3::connect(&server, "a.test");
    let mut over_quic = || assert_eq!(honest.get("/").content, b"index");
    let mut over_tls = || assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "index");
    let mut walker = Http3::connect(&server, "a.test");
    let mut walks = 0;
    let mut on_its_way = || {
        // As often as a client is let that does not come back to where it was.
        walks += 1;
        if walks == 2 || walks == 4 {
            walker.move_elsewhere();
        }
        assert_eq!(walker.get("/").content, b"index");
    };
    let ways: &mut [Way<'_>] = &mut [&mut over_quic, &mut over_tls, &mut on_its_way];
    let flood = Flood { name: "moves", server: &server, datagrams: MOVES };
    let begin = || Packets::connect(&server);
    flood.check(ways, begin, |packets, number| {
        let datagram = packets.seal(&[1, 0, 0, 0]);
        elsewhere.lock().expect("nobody panics with it").send(number, &datagram);
        if number + 1 == u64::from(MOVES) {
            packets.close();
        }
    });
    let traffic = elsewhere.into_inner().expect("nobody panics with it").traffic();
    let (sent, came) = traffic.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    assert!(came > 0 && came <= AMPLIFICATION * sent, "{came} bytes for {sent}");
    assert_eq!(server.counter("connections"), 2, "those of the two that are honest");
}
