//! Reload and stop (docs/behaviour.md, "Reload" and "Stop").

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;
use crate::support::client::{Connection, Request, connect};
use crate::support::http2::{self, Http2};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use crate::support::tls::{self, Trust};
use rustix::process::Signal;
use rustls::{ClientConfig, HandshakeKind};

/// The longest time of a stop (docs/behaviour.md, "Stop").
const STOP: Duration = Duration::from_secs(10);
/// More than the buffers of two loopback sockets hold, so that a response stays in flight.
const BIG: usize = 16 * 1024 * 1024;

fn fill(site: &Site) -> &Site {
    site.file("index.html", "a").file("big.bin", pattern(BIG))
}

fn setup() -> Setup {
    Setup::new().site("a.test", fill).certificate("a.test")
}

fn plain() -> Server {
    Setup::new().site("a.test", fill).start()
}

/// True if a line tells of a reload, good or bad.
fn of_reload(line: &str) -> bool {
    line.to_lowercase().contains("reload")
}

/// Reloads and waits for the line that says what changed.
#[track_caller]
fn reload(server: &Server) -> String {
    let before = server.stderr.count(of_reload);
    server.signal(Signal::HUP);
    server.stderr.nth(before, of_reload)
}

#[test]
fn a_reload_sees_new_and_removed_sites() {
    let server = plain();
    server.site("b.test").file("index.html", "b");
    assert_eq!(server.send(&Request::get("/").host("b.test")).status, 421, "a signal is for this");
    let line = reload(&server);
    assert!(line.contains("INFO"), "{line}");
    assert_eq!(server.send(&Request::get("/").host("b.test")).text(), "b");

    fs::remove_dir_all(server.sites().join("b.test")).unwrap();
    reload(&server);
    assert_eq!(server.send(&Request::get("/").host("b.test")).status, 421);
    assert_eq!(server.send(&Request::get("/")).text(), "a");
}

#[test]
fn a_reload_sees_new_and_renewed_certificates() {
    let mut server = setup().start();
    let renewed = tls::write_pair(&server.tls().join("a.test"), &["a.test"]);
    let added = tls::write_pair(&server.tls().join("b.test"), &["b.test"]);
    server.trust.add(renewed.clone());
    server.trust.add(added.clone());
    reload(&server);
    for (name, expected) in [("a.test", renewed), ("b.test", added)] {
        let config = server.trust.config(&[], true);
        let stream = Trust::handshake(server.https(), name, config).unwrap();
        assert_eq!(stream.conn.peer_certificates().unwrap()[0], expected, "{name}");
    }
}

#[test]
fn a_reload_closes_nothing_and_fails_nothing() {
    let server = setup().start();
    let mut idle = server.connect_tls("a.test");
    assert_eq!(idle.send(&Request::get("/")).status, 200);
    let mut busy = server.connect_tls("a.test");
    busy.write(&Request::get("/big.bin").bytes());
    assert_eq!(busy.read_head().status, 200);
    for round in 0..5 {
        server.site("a.test").replace("index.html", format!("round {round}"));
        reload(&server);
        assert_eq!(idle.send(&Request::get("/")).text(), format!("round {round}"));
    }
    assert!(busy.read_exactly(BIG) == pattern(BIG), "the response in flight is whole");
    assert_eq!(busy.send(&Request::get("/")).status, 200);
}

#[test]
fn session_tickets_stay_good_over_a_reload() {
    let server = setup().start();
    let config = server.trust.config(&["http/1.1"], true);
    assert_eq!(kind(&server, &config), Some(HandshakeKind::Full));
    assert_eq!(kind(&server, &config), Some(HandshakeKind::Resumed));
    reload(&server);
    assert_eq!(kind(&server, &config), Some(HandshakeKind::Resumed));
}

/// The kind of the handshake of a client that asks for one page of `a.test`.
fn kind(server: &Server, config: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let config = Arc::clone(config);
    let stream = Trust::handshake(server.https(), "a.test", config).expect("a handshake");
    let kind = stream.conn.handshake_kind();
    // The ticket comes with the first bytes of the server.
    assert_eq!(Connection::over(stream).send(&Request::get("/")).status, 200);
    kind
}

#[test]
fn session_tickets_stay_good_over_a_restart_with_a_state_folder() {
    for (has_state, expected) in [(true, HandshakeKind::Resumed), (false, HandshakeKind::Full)] {
        let folder = setup();
        let certificate = tls::write_pair(&folder.tls().join("a.test"), &["a.test"]);
        let start = || {
            let setup = Setup::bare().args(["--ip", "127.0.0.1", "--port", "0"]);
            let setup = setup.env("SHOST_SITES", folder.sites()).env("SHOST_TLS", folder.tls());
            let state = folder.folder().join("state");
            if has_state { setup.env("SHOST_STATE", state).start() } else { setup.start() }
        };
        let mut server = start();
        server.trust.add(certificate);
        let config = server.trust.config(&["http/1.1"], true);
        assert_eq!(kind(&server, &config), Some(HandshakeKind::Full));
        server.signal(Signal::KILL);
        server.exit_code();
        assert_eq!(kind(&start(), &config), Some(expected), "state: {has_state}");
    }
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    type Spoil = fn(&Server);
    let rows: [(&str, Spoil); 5] = [
        ("tls/a.test/cert.pem", |server| server.write("tls/a.test/cert.pem", "not PEM")),
        ("tls/a.test/key.pem", |server| {
            tls::write_strange_key(&server.folder_beside("tls/a.test/key.pem"));
        }),
        ("tls/a.test/key.pem", |server| server.rename("tls/a.test/key.pem", "gone")),
        ("tls", |server| server.rename("tls", "gone")),
        ("sites", |server| server.rename("sites", "gone")),
    ];
    for (name, spoil) in rows {
        let server = setup().start();
        server.site("b.test").file("index.html", "b");
        spoil(&server);
        let before = server.stderr.count(|line| line.contains("ERROR"));
        server.signal(Signal::HUP);
        let line = server.stderr.nth(before, |line| line.contains("ERROR"));
        let path = server.folder_beside(name);
        let path = path.to_str().expect("temporary folders have plain names");
        assert!(line.contains(path), "{path} is not named: {line}");
        let mut connection = server.connect_tls("a.test");
        if name != "sites" {
            assert_eq!(connection.send(&Request::get("/")).text(), "a", "{name}");
        }
        let unknown = connection.send(&Request::get("/").host("b.test"));
        assert_eq!(unknown.status, 421, "{name}: nothing of the new state was published");
    }
}

#[test]
fn many_signals_are_few_reloads_and_the_last_state_wins() {
    const SIGNALS: usize = 200;
    let server = plain();
    for number in 0..SIGNALS {
        server.site(&format!("n{number}.test")).file("index.html", "n");
        server.signal(Signal::HUP);
    }
    let asked = Instant::now();
    let host = format!("n{}.test", SIGNALS - 1);
    while server.send(&Request::get("/").host(&host)).status != 200 {
        assert!(asked.elapsed() < DEADLINE, "the last state is never seen");
    }
    let reloads = server.stderr.count(of_reload);
    assert!(reloads <= SIGNALS, "{reloads} reloads for {SIGNALS} signals");
    assert_eq!(server.send(&Request::get("/")).text(), "a");
}

#[test]
fn requests_while_reloading_never_fail() {
    let server = plain();
    let address = server.http();
    std::thread::scope(|scope| {
        let clients = (0..2).map(|_| {
            scope.spawn(move || {
                let mut connection = Connection::open(address);
                for _ in 0..300 {
                    assert_eq!(connection.send(&Request::get("/")).text(), "a");
                    assert_eq!(Connection::open(address).send(&Request::get("/")).status, 200);
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        while clients.iter().any(|client| !client.is_finished()) {
            reload(&server);
        }
    });
}

/// Holds that nobody accepts connections any more: refused, or closed without an answer.
#[track_caller]
fn accepts_no_more(address: std::net::SocketAddr) {
    let asked = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            _ => assert!(asked.elapsed() < DEADLINE, "connections are still accepted"),
        }
    }
}

#[test]
fn a_stop_finishes_the_response_in_flight() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = plain();
        let address = server.http();
        let mut busy = server.connect();
        busy.write(&Request::get("/big.bin").bytes());
        assert_eq!(busy.read_head().status, 200);
        let mut idle = server.connect();
        assert_eq!(idle.send(&Request::get("/")).status, 200);

        let stopped = Instant::now();
        server.signal(signal);
        accepts_no_more(address);
        idle.expect_close();
        assert!(busy.read_exactly(BIG) == pattern(BIG), "the response is whole");
        busy.expect_close();
        assert_eq!(server.exit_code(), Some(0));
        assert!(stopped.elapsed() < STOP, "{:?}", stopped.elapsed());
    }
}

#[test]
fn a_stop_answers_the_request_that_is_being_sent_with_close() {
    let mut server = plain();
    let mut half = server.connect();
    let request = Request::get("/").bytes();
    let (first, second) = request.split_at(request.len() / 2);
    half.write(first);
    // Another request on a later connection shows that the half one has been accepted.
    assert_eq!(server.send(&Request::get("/")).status, 200);
    server.signal(Signal::TERM);
    accepts_no_more(server.http());
    half.write(second);
    let answer = half.read("GET");
    assert_eq!((answer.status, answer.must("connection")), (200, "close"));
    half.expect_close();
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_stop_says_goaway_and_finishes_the_streams() {
    let mut server = setup().start();
    http2::run(async {
        let mut client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        let opened = client.start("https", &Request::get("/big.bin")).await.expect("answered");
        server.signal(Signal::TERM);
        accepts_no_more(server.https());
        let answer = opened.read().await;
        assert!(answer.body == pattern(BIG), "the response in flight is whole");
        drop(client.start("https", &Request::get("/")).await.map(|_| ()));
        let Http2 { connection, sender } = client;
        drop(sender);
        let end = connection.await.expect("the task does not panic");
        assert!(end.is_ok() || end.is_err_and(|error| error.is_go_away()), "GOAWAY, not a reset");
    });
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_stop_does_not_wait_for_a_client_that_reads_nothing() {
    let mut server = plain();
    let mut stalled = connect(server.http());
    std::io::Write::write_all(&mut stalled, &Request::get("/big.bin").bytes()).unwrap();
    assert_eq!(stalled.read(&mut [0; 1]).unwrap(), 1);
    let stopped = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code_within(STOP + DEADLINE), Some(0));
    assert!(stopped.elapsed() < STOP + Duration::from_secs(1), "{:?}", stopped.elapsed());
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut server = plain();
    let mut stalled = connect(server.http());
    std::io::Write::write_all(&mut stalled, &Request::get("/big.bin").bytes()).unwrap();
    assert_eq!(stalled.read(&mut [0; 1]).unwrap(), 1);
    server.signal(Signal::TERM);
    accepts_no_more(server.http());
    let second = Instant::now();
    server.signal(Signal::TERM);
    server.exit_code();
    assert!(second.elapsed() < Duration::from_secs(3), "{:?}", second.elapsed());
}

#[test]
fn a_stop_with_nothing_to_do_is_quick() {
    let mut server = plain();
    let stopped = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
}
