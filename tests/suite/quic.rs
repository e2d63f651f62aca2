//! HTTP/3 as a part of the server: who hears of it, whose sockets it is on, and what a reload, a stop
//! and a sudden end mean to its clients.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use quinn_proto::ConnectionError;
use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::client::Request;
use crate::support::held::Held;
use crate::support::http3::{Http3, config, narrow_config};
use crate::support::quic_packets::{Packets, bytes_until_silence};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use crate::support::tls;

/// Bytes of a full datagram, and of the shortest stateless reset.
const FULL: usize = 1200;
const LEAST_RESET: usize = 21;

/// Nothing more comes after so long.
const SILENCE: Duration = Duration::from_millis(300);

/// Bytes that a client leaves room for, on all streams together.
const WINDOW: u32 = 200_000;

/// Above the cacheable limit, so that it is streamed.
const BIG: usize = 2 * 1024 * 1024 + 3;

/// More than is sent at once.
const SOME: usize = 100_000;

fn fill(site: &Site) -> &Site {
    site.file("index.html", "index").file("some.bin", pattern(SOME)).file("big.bin", pattern(BIG))
}

fn secure() -> Setup {
    Setup::new().site("a.test", fill).certificate("a.test")
}

/// The offers of HTTP/3 in the first two answers of a connection to `host` over TLS.
fn offers(server: &Server, host: &str) -> [Option<String>; 2] {
    let mut connection = server.connect_tls("a.test");
    let request = Request::get("/").host(host);
    [(); 2].map(|()| connection.send(&request).field("alt-svc").map(str::to_owned))
}

#[test]
fn http3_is_offered_once_on_a_connection_and_for_longer_once_it_was_reached() {
    let server = secure().start();
    let port = server.https().port();
    let host = format!("a.test:{port}");
    assert_eq!(offers(&server, &host), [Some(format!("h3=\":{port}\"; ma=300")), None]);
    assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
    assert_eq!(offers(&server, &host), [Some(format!("h3=\":{port}\"; ma=86400")), None]);
    // Whoever came by another port came through a firewall, which may not let UDP through.
    assert_eq!(offers(&server, "a.test"), [None, None]);
}

#[test]
fn http3_is_offered_at_the_port_that_clients_know() {
    let server = secure().args(["--public-port", "443"]).start();
    assert_eq!(offers(&server, "a.test")[0].as_deref(), Some("h3=\":443\"; ma=300"));
}

#[test]
fn http3_is_not_offered_where_there_is_none() {
    let server = secure().args(["--no-http3"]).start();
    let host = format!("a.test:{}", server.https().port());
    assert_eq!(offers(&server, &host), [None, None]);
    // In the clear nobody would believe it.
    let server = secure().args(["--http-port", "0"]).start();
    let request = Request::get("/").host(&format!("a.test:{}", server.https().port()));
    assert_eq!(server.send(&request).field("alt-svc"), None);
}

#[test]
fn a_site_decides_itself_about_the_offer() {
    for (rules, expected) in
        [("/*\n  Alt-Svc: clear\n", Some("clear")), ("/*\n  ! Alt-Svc\n", None)]
    {
        let server = secure().site("a.test", |site| site.file("_headers", rules)).start();
        let host = format!("a.test:{}", server.https().port());
        let answer = server.send_tls("a.test", Request::get("/").host(&host));
        let said: Vec<_> = answer.fields.iter().filter(|(name, _)| name == "alt-svc").collect();
        let said: Vec<_> = said.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(said, expected.into_iter().collect::<Vec<_>>(), "{rules}");
    }
}

#[test]
fn a_port_that_is_taken_costs_http3_alone() {
    let (tcp, udp) = both(ELSEWHERE);
    let port = tcp.local_addr().expect("it is bound").port();
    drop(tcp);
    let setup = Setup::bare().with_sites().args(["--ip", ELSEWHERE, "--port"]);
    let setup = setup.args([port.to_string()]).site("a.test", fill).certificate("a.test");
    let server = setup.start();
    server.stderr.containing("WARN no HTTP/3: cannot listen on UDP 127.0.0.77:");
    assert_eq!(offers(&server, &format!("a.test:{port}")), [None, None]);
    drop(udp);
}

/// An address at which no other test takes a port.
const ELSEWHERE: &str = "127.0.0.77";

/// A port of TCP and the same of UDP.
fn both(address: &str) -> (TcpListener, UdpSocket) {
    loop {
        let tcp = TcpListener::bind((address, 0)).expect("a port is free");
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().expect("it is bound")) {
            return (tcp, udp);
        }
    }
}

/// Both, as a service manager would hold them.
fn held() -> (Held, SocketAddr) {
    let (tcp, udp) = both("127.0.0.1");
    let address = tcp.local_addr().expect("it is bound");
    (Held(vec![OwnedFd::from(tcp), OwnedFd::from(udp)]), address)
}

#[test]
fn a_socket_that_is_passed_on_takes_http3() {
    let (held, address) = held();
    for names in
        ["LISTEN_FDNAMES=shost-https.socket:shost-quic.socket", "LISTEN_FDNAMES=https:https"]
    {
        let server = held.pass_to(secure(), names).start();
        assert_eq!(server.https(), address);
        assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
        let host = format!("a.test:{}", address.port());
        assert!(offers(&server, &host)[0].is_some());
    }
    let server = held.pass_to(secure().args(["--no-http3"]), "LISTEN_FDNAMES=https:quic").start();
    server.stderr.containing("WARN socket \"quic\": no HTTP/3 is spoken");
    assert_eq!(offers(&server, &format!("a.test:{}", address.port())), [None, None]);
    // Beside a socket of TCP that is passed on, none of UDP is bound.
    let alone = Held(vec![OwnedFd::from(both("127.0.0.1").0)]);
    let server = alone.pass_to(secure(), "LISTEN_FDNAMES=https").start();
    assert_eq!(offers(&server, &format!("a.test:{}", server.https().port())), [None, None]);
}

#[test]
fn a_request_before_the_end_of_the_handshake_is_marked_in_the_log() {
    let server = secure().start();
    let mut second = Http3::come_back(&server, "a.test");
    second.control(b"");
    second.get("/?early");
    assert!(second.early_data_was_taken());
    second.get("/?late");
    let line = |target: &str| server.stdout.containing(target);
    assert!(line("/?early").ends_with(" TLSv1.3+early"), "{}", line("/?early"));
    assert!(line("/?late").ends_with(" TLSv1.3"), "{}", line("/?late"));
}

#[test]
fn without_early_data_a_client_waits_for_the_handshake() {
    let server = secure().args(["--no-early-data"]).start();
    let second = Http3::come_back(&server, "a.test");
    assert!(!second.may_ask_early());
}

#[test]
fn reloads_and_a_new_certificate_cost_no_request() {
    let server = secure().start();
    let mut client = Http3::connect(&server, "a.test");
    for round in 0..5 {
        let asked: Vec<_> = (0..50).map(|_| client.ask("GET", "a.test", "/some.bin")).collect();
        client.step();
        if round == 3 {
            tls::write_pair(&server.tls().join("a.test"), &["a.test"]);
        }
        assert!(server.order("reload").status.success());
        for id in asked {
            assert!(client.answer(id).content == pattern(SOME), "{id} of round {round}");
        }
    }
    assert_eq!(client.get("/").content, b"index");
}

/// The sockets and the state folder that a server finds again.
struct Kept {
    held: Held,
    state: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let state = tempfile::TempDir::new().expect("a temporary folder can be made");
        Self { held: held().0, state }
    }

    fn start(&self) -> Server {
        let setup = secure().args(["--state".into(), self.state.path().as_os_str().to_owned()]);
        self.held.pass_to(setup, "LISTEN_FDNAMES=https:quic").start()
    }
}

#[test]
fn after_a_sudden_end_clients_are_told_by_whoever_has_the_same_secret() {
    let kept = Kept::new();
    let mut server = kept.start();
    let mut client = Http3::connect(&server, "a.test");
    client.get("/");
    server.signal(Signal::KILL);
    server.exit_code();
    let _second = kept.start();
    client.ask("GET", "a.test", "/");
    client.until("the connection is reset", |client| client.lost.is_some());
    assert!(matches!(client.lost, Some(ConnectionError::Reset)), "{:?}", client.lost);
}

#[test]
fn a_client_that_names_no_host_is_served_at_the_address() {
    let server = secure().site("127.0.0.1", fill).certificate("127.0.0.1").start();
    let mut client = Http3::connect(&server, "127.0.0.1");
    let asked = client.ask("GET", "127.0.0.1", "/");
    assert_eq!(client.answer(asked).content, b"index");
    assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
}

#[test]
fn names_without_a_certificate_are_counted_as_over_tcp() {
    let server = secure().start();
    for name in ["nowhere.test", "127.0.0.1"] {
        let mut client = Http3::begin(&server, &config(&server), name);
        client.until("the handshake is refused", |client| client.lost.is_some());
    }
    server.signal(Signal::USR1);
    server.stderr.containing(" unknown_names=2 ");
}

#[test]
fn all_clients_are_told_of_a_sudden_end_by_the_first_answer() {
    let kept = Kept::new();
    let mut server = kept.start();
    let mut clients: Vec<_> = (0..16).map(|_| Packets::connect(&server)).collect();
    server.signal(Signal::KILL);
    server.exit_code();
    for client in &clients {
        bytes_until_silence(&client.socket, Duration::from_millis(10));
    }
    let _second = kept.start();
    for client in &mut clients {
        client.send(&[1; 30]);
    }
    for (number, client) in clients.iter().enumerate() {
        client.socket.set_read_timeout(Some(DEADLINE)).expect("a time");
        let answer = client.socket.recv(&mut [0; 2048]);
        assert!(answer.is_ok_and(|bytes| bytes < 60), "client {number} hears nothing");
    }
}

/// A server, and a connection that it has had and forgotten.
fn with_a_connection_that_has_ended() -> (Server, Packets) {
    let server = secure().start();
    let mut packets = Packets::connect(&server);
    packets.close();
    let told = Instant::now();
    while server.counter("connections") > 0 {
        assert!(told.elapsed() < DEADLINE, "it does not end");
    }
    bytes_until_silence(&packets.socket, Duration::from_millis(10));
    (server, packets)
}

/// Carries a datagram to the first server, its answer to the second, and so on until there is none; each
/// is changed by `change` before. Gives the lengths of the answers.
fn answers_in_turn(
    ends: [&Packets; 2],
    mut datagram: Vec<u8>,
    change: impl Fn(&Packets, &mut [u8]),
) -> Vec<usize> {
    let mut lengths = Vec::new();
    for end in ends.into_iter().cycle() {
        change(end, &mut datagram);
        end.send_from(&end.socket, &datagram);
        end.socket.set_read_timeout(Some(SILENCE)).expect("a time");
        let mut room = [0; 2048];
        let Ok(length) = end.socket.recv(&mut room) else { break };
        assert!(length < datagram.len(), "{length} bytes to {}, {lengths:?}", datagram.len());
        lengths.push(length);
        datagram = room[..length].to_vec();
    }
    lengths
}

#[test]
fn two_servers_that_reset_each_other_come_to_an_end() {
    let (_one, first) = with_a_connection_that_has_ended();
    let (_two, second) = with_a_connection_that_has_ended();
    let ends = [&first, &second];
    // A reset has an ID that nobody has given, and the other server has nothing to say to it.
    let lengths = answers_in_turn(ends, first.unreadable(FULL), |_, _| ());
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    // Somebody between them may write one that was given: each answer is shorter than the one before,
    // down to the least that can be a reset (RFC 9000 §10.3).
    let lengths = answers_in_turn(ends, first.unreadable(FULL), Packets::address_here);
    assert!((2..=FULL - LEAST_RESET).contains(&lengths.len()), "{lengths:?}");
    assert!(lengths.iter().all(|length| *length >= LEAST_RESET), "{lengths:?}");
}

#[test]
fn a_client_that_changes_its_address_is_served_on() {
    let server = secure().start();
    let mut client = Http3::connect(&server, "a.test");
    client.get("/");
    let asked = client.ask("GET", "a.test", "/big.bin");
    client.until("the answer begins", |client| client.heard.contains_key(&asked));
    client.move_elsewhere();
    assert!(client.answer(asked).content == pattern(BIG));
    assert_eq!(client.get("/").content, b"index");
}

#[test]
fn clients_that_read_nothing_hold_little_and_stand_in_nobodys_way() {
    let server = secure().start();
    let config = narrow_config(&server, WINDOW);
    let clients = (0..8).map(|_| {
        let mut client = Http3::connect_by(&server, &config, "a.test");
        client.is_deaf = true;
        for _ in 0..100 {
            client.ask("GET", "a.test", "/big.bin");
        }
        client
    });
    let mut clients: Vec<_> = clients.collect();
    for client in &mut clients {
        client.until("all has come that there is room for", |client| {
            client.traffic.1 > WINDOW as usize
        });
    }
    assert_eq!(Http3::connect(&server, "a.test").get("/").content, b"index");
    assert!(server.counter("answers") <= 8 * 100);
    // Each of the 800 would hold a piece of 64 KiB; no client holds more than half of all there is.
    assert!(server.counter("content_bytes") <= 32 * 1024 * 1024);
    assert!(server.counter("head_bytes") < 8 * 1024 * 1024);
}
