//! Those who run a server, beside its clients: orders, sockets that are passed on, the service
//! manager, the sandbox.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use crate::support::DEADLINE;
use crate::support::client::{Connection, Request};
use crate::support::held::Held;
use crate::support::server::{NOBODY, Server, Setup};
use crate::support::site::Site;
use crate::support::tls;
use rustix::process::Signal;

/// A user that is neither root nor whoever runs the tests.
const STRANGER: u32 = 65533;

fn fill(site: &Site) -> &Site {
    site.file("index.html", "a")
}

fn plain() -> Setup {
    Setup::new().site("a.test", fill)
}

fn secure() -> Setup {
    plain().certificate("a.test")
}

/// `shost reload`, to this server.
fn reload(server: &Server) -> Output {
    order(server).output().expect("the binary was built with the tests")
}

fn order(server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shost"));
    command.args(["reload", "--pid", &server.pid().as_raw_nonzero().to_string()]);
    // The environment of a container holds the server's options, which an order has no use for.
    command.env("SHOST_HTTP_PORT", "80");
    command
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_reload_on_order_tells_what_it_changed() {
    let server = secure().start();
    let unchanged = "1 site, 1 certificate, next expiry 4096-01-01; changed: none\n";
    assert_eq!(told(&reload(&server)), (Some(0), unchanged.into(), String::new()));

    server.site("b.test").file("index.html", "b");
    tls::write_pair(&server.tls().join("a.test"), &["a.test"]);
    tls::write_pair(&server.tls().join("b.test"), &["b.test"]);
    let (code, stdout, stderr) = told(&reload(&server));
    let expected = "2 sites, 2 certificates, next expiry 4096-01-01; \
                    changed: sites +b.test, certificates +b.test ~a.test\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), expected, ""));
    let line = server.stderr.nth(1, |line| line.contains("INFO reloaded"));
    assert!(line.contains("changes=\"sites +b.test, certificates +b.test ~a.test\""), "{line}");

    fs::remove_dir_all(server.sites().join("b.test")).unwrap();
    fs::remove_dir_all(server.tls().join("b.test")).unwrap();
    let (_, stdout, _) = told(&reload(&server));
    assert!(stdout.ends_with("changed: sites -b.test, certificates -b.test\n"), "{stdout}");
}

#[test]
fn a_reload_that_fails_says_why_and_serving_goes_on() {
    let server = secure().start();
    server.write("tls/a.test/cert.pem", "not PEM");
    let (code, stdout, stderr) = told(&reload(&server));
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.starts_with("error: /"), "{stderr}");
    assert!(stderr.contains("tls/a.test/cert.pem: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    server.stderr.containing("ERROR reload failed");
    assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "a");
}

#[test]
fn an_order_to_nobody_is_an_error() {
    let mut server = plain().start();
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let (code, stdout, stderr) = told(&reload(&server));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("error: process "), "{stderr}");
    assert!(stderr.contains("is no shost that can be asked"), "{stderr}");
}

#[test]
fn a_stranger_is_not_obeyed() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = plain().start();
    let output = order(&server).uid(STRANGER).output().expect("the binary may be run by all");
    let (code, _, stderr) = told(&output);
    assert_eq!(code, Some(1));
    assert_eq!(stderr, "error: it takes orders from its own user and from root only\n");
    assert_eq!(server.stderr.count(|line| line.contains("reloaded")), 0);
}

#[test]
fn the_user_of_an_unprivileged_server_and_root_are_obeyed() {
    let setup = secure().unprivileged();
    let server = setup.start();
    assert_eq!(told(&reload(&server)).0, Some(0));
}

/// A connection to the server's own socket, to say what the command never would.
fn speak(server: &Server) -> UnixStream {
    let own = format!("@shost-{}-", server.pid().as_raw_nonzero());
    let sockets = fs::read_to_string("/proc/self/net/unix").expect("the kernel tells");
    let names = sockets.lines().filter_map(|line| line.split_ascii_whitespace().nth(7));
    let mut names = names.filter(|name| name.starts_with(&own));
    let name = names.next().expect("the server listens").trim_start_matches('@');
    let address = UnixAddress::from_abstract_name(name).expect("the name is short");
    let stream = UnixStream::connect_addr(&address).expect("the server takes orders");
    stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
    stream
}

/// Names that a server with this process number might have, taken by another process.
fn taken_names(pid: i32) -> Vec<UnixListener> {
    let names = [format!("shost-{pid}"), format!("shost-{pid}-0"), format!("shost-{pid}-x-y")];
    let bind = |name: String| {
        let address = UnixAddress::from_abstract_name(name).expect("the name is short");
        UnixListener::bind_addr(&address).expect("nobody has taken it")
    };
    names.map(bind).into()
}

#[test]
fn a_name_that_another_process_took_is_not_believed() {
    let server = plain().start();
    let pid = server.pid().as_raw_nonzero().get();
    let _names = taken_names(pid);
    assert_eq!(told(&reload(&server)).0, Some(0));
    drop(server);
    let (code, _, stderr) = {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shost"));
        told(&command.args(["reload", "--pid", &pid.to_string()]).output().unwrap())
    };
    let expected = format!("error: another process poses as the shost with the number {pid}\n");
    assert_eq!((code, stderr), (Some(1), expected));
}

/// Another user's process, which listens on names that it might have as a server: more than a client
/// has descriptors for.
const POSE: &str = r#"
import os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
held = [socket.socket(socket.AF_UNIX) for _ in range(2000)]
for number, each in enumerate(held):
    each.bind(f"\0shost-{os.getpid()}-{number:016x}")
    each.listen()
print(flush=True)
sys.stdin.read()
"#;

/// Starts the server as nobody, in a network namespace of its own.
const IN_A_NAMESPACE: &str = "exec unshare --net -- sh -c 'ip link set lo up; \
    exec setpriv --clear-groups --reuid=65534 --regid=65534 -- \"$@\"' sh \"$@\"";

/// Needs root, to be two users; and a network namespace of its own, in which no other server runs.
#[test]
fn another_user_cannot_keep_a_plain_reload_from_its_server() {
    let namespace = ["--net", "--", env!("CARGO_BIN_EXE_shost")];
    let made = Command::new("unshare").args(namespace).arg("--version").output();
    if !made.is_ok_and(|output| output.status.success()) {
        let words = "not tried: this needs root, who may make a network namespace";
        writeln!(std::io::stderr(), "{words}").expect("there is a standard error");
        return;
    }
    let setup = plain().launched_by(IN_A_NAMESPACE);
    Site::at(setup.folder()).mode("", 0o755);
    let server = setup.start();
    let pid = server.pid().as_raw_nonzero().to_string();
    let inside = |uid: u32, program: &str| {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &pid, "setpriv", "--clear-groups"]);
        command.args([format!("--reuid={uid}"), format!("--regid={uid}"), program.to_owned()]);
        command
    };
    let mut posing = inside(STRANGER, "/usr/bin/python3");
    posing.args(["-c", POSE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut posing = posing.spawn().expect("Python runs");
    posing.stdout.as_mut().expect("it is piped").read_exact(&mut [0]).expect("it listens");
    for uid in [0, 65534] {
        let output = inside(uid, env!("CARGO_BIN_EXE_shost")).arg("reload").output().unwrap();
        assert_eq!(told(&output), (Some(0), "1 site; changed: none\n".into(), String::new()));
    }
    drop(posing.stdin.take());
    posing.wait().expect("it ends");
}

#[test]
fn a_client_that_misbehaves_is_no_matter() {
    let server = plain().start();
    for words in ["", "re", "reload\n", "reload\nreload\n"] {
        let mut stream = speak(&server);
        stream.write_all(words.as_bytes()).unwrap();
    }
    let flood = "x".repeat(1 << 20);
    for words in ["stop\n", "\n", flood.as_str()] {
        let mut stream = speak(&server);
        // The server may close before it has taken everything.
        let _ = stream.write_all(words.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.is_empty() || answer == "error it knows no such order\n", "{answer}");
    }
    assert_eq!(told(&reload(&server)).0, Some(0));
}

#[test]
fn orders_that_come_at_once_share_reloads() {
    const ORDERS: usize = 30;
    let server = plain().start();
    let orders: Vec<_> = (0..ORDERS)
        .map(|_| {
            let mut stream = speak(&server);
            stream.write_all(b"reload\n").unwrap();
            stream
        })
        .collect();
    for mut stream in orders {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ok 1 site; changed: none\n");
    }
    server.stderr.containing("INFO reloaded");
    let reloads = server.stderr.count(|line| line.contains("reloaded"));
    assert!((1..=ORDERS).contains(&reloads), "{reloads}");
}

#[test]
fn counters_are_told_on_sigusr1() {
    let server = secure().start();
    let mut connection = server.connect_tls("a.test");
    for _ in 0..3 {
        assert_eq!(connection.send(&Request::get("/")).status, 200);
    }
    server.signal(Signal::USR1);
    let line = server.stderr.containing("INFO counters");
    let fields = "requests=3 connections=1 unknown_names=0 bytes= hits= fills= encodings= \
                  evictions=0 cache_bytes= dropped_lines=0 dropped_events=0 panics=0 \
                  refused=0";
    for field in fields.split(' ') {
        assert!(line.contains(field), "{field} is not in {line}");
    }
}

#[test]
fn sockets_are_used_by_their_names() {
    let held = Held::new(2);
    let server = held.pass_to(secure(), "LISTEN_FDNAMES=shost-https.socket:http").start();
    assert_eq!((server.https(), server.http()), (held.address(0), held.address(1)));
    assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "a");
    let answer = server.send(&Request::get("/x"));
    assert_eq!(answer.status, 301);
    // Whoever hands sockets over may do so from any port: clients know the usual one.
    assert_eq!(answer.must("location"), "https://a.test/x");
    let held = Held::new(2);
    let setup = secure().args(["--public-port", "8443"]);
    let server = held.pass_to(setup, "LISTEN_FDNAMES=https:http").start();
    let answer = server.send(&Request::get("/x"));
    assert_eq!(answer.must("location"), "https://a.test:8443/x");
}

#[test]
fn a_socket_without_a_name_serves_what_there_is() {
    for secured in [false, true] {
        let held = Held::new(1);
        let setup = if secured { secure() } else { plain() };
        let server = held.pass_to(setup, "A=b").start();
        let bound = if secured { server.https } else { server.http };
        assert_eq!(bound, Some(held.address(0)));
        assert_eq!([server.http, server.https].iter().flatten().count(), 1, "no other is bound");
    }
}

#[test]
fn a_socket_that_nothing_speaks_on_is_skipped() {
    let held = Held::new(2);
    let server = held.pass_to(plain(), "LISTEN_FDNAMES=quic:http").start();
    assert_eq!(server.http(), held.address(1));
    server.stderr.containing("WARN socket \"quic\": nothing here speaks that");

    let ended = held.pass_to(plain(), "LISTEN_FDNAMES=quic:ssh").run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr[0].starts_with("error: none of the sockets passed on is of use: "));
    assert_eq!(ended.stderr.len(), 1);
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let held = Held::new(1);
    let server = held.pass_to(plain(), "LISTEN_FDNAMES=http LISTEN_PID=1").start();
    assert_ne!(server.http(), held.address(0));
    assert_eq!(server.send(&Request::get("/")).text(), "a");
}

#[test]
fn a_restart_refuses_nobody() {
    let held = Held::new(1);
    let mut server = held.pass_to(plain(), "LISTEN_FDNAMES=http").start();
    assert_eq!(server.send(&Request::get("/")).text(), "a");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    // Between the two servers the kernel holds the connection.
    let mut waiting = Connection::open(held.address(0));
    waiting.write(&Request::get("/").bytes());
    let _server = held.pass_to(plain(), "LISTEN_FDNAMES=http").start();
    assert_eq!(waiting.read("GET").text(), "a");
}

/// The service manager's end.
struct Manager(UnixDatagram);

impl Manager {
    fn new(setup: Setup) -> (Self, Setup) {
        let path = setup.folder().join("notify");
        let socket = UnixDatagram::bind(&path).expect("the path is free");
        socket.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        (Self(socket), setup.env("NOTIFY_SOCKET", path))
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).expect("the server tells something");
        String::from_utf8_lossy(&message[..length]).into_owned()
    }
}

#[test]
fn the_service_manager_hears_of_start_reload_and_stop() {
    let (manager, setup) = Manager::new(secure());
    let mut server = setup.start();
    let ready = "READY=1\nSTATUS=1 site, 1 certificate, next expiry 4096-01-01\n";
    assert_eq!(manager.next(), ready);

    server.site("b.test").file("index.html", "b");
    assert_eq!(told(&reload(&server)).0, Some(0));
    let reloading = manager.next();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(manager.next(), ready.replace("1 site,", "2 sites,"));

    server.write("tls/a.test/cert.pem", "not PEM");
    assert_eq!(told(&reload(&server)).0, Some(1));
    assert!(manager.next().starts_with("RELOADING=1\n"));
    assert_eq!(manager.next(), ready.replace("1 site,", "2 sites,"), "the old state stays");

    server.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=finishing what is in flight\n");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn the_watchdog_is_fed() {
    let (manager, setup) = Manager::new(plain().env("WATCHDOG_USEC", "100000"));
    let server = setup.start();
    // It may be fed before the start is told.
    let told: Vec<String> = (0..6).map(|_| manager.next()).collect();
    assert_eq!(told.iter().filter(|told| *told == "READY=1\nSTATUS=1 site\n").count(), 1);
    assert_eq!(told.iter().filter(|told| *told == "WATCHDOG=1\n").count(), 5);
    assert_eq!(server.send(&Request::get("/")).text(), "a");
}

/// True if the kernel of this machine has a sandbox.
fn is_sandboxed(server: &Server) -> bool {
    let started = server.stderr.containing("INFO started");
    let words: BTreeSet<&str> = started.split_whitespace().collect();
    let landlock = words.iter().any(|word| word.starts_with("sandbox=landlock-abi"));
    assert!(landlock || words.contains("sandbox=unsupported"), "{started}");
    landlock
}

#[test]
fn the_start_says_what_the_server_is_made_of() {
    let server = plain().args(["--threads", "3", "--cache-size", "1536K"]).start();
    is_sandboxed(&server);
    let started = server.stderr.containing("INFO started");
    for field in ["sites=1", "certificates=0", "threads=3", "cache=1.5M"] {
        assert!(started.contains(field), "{field} is not in {started}");
    }
    let open = plain().args(["--no-sandbox"]).start();
    assert!(open.stderr.containing("INFO started").contains("sandbox=off"));
}

#[test]
fn every_thread_gives_up_privileges() {
    let server = plain().start();
    assert_eq!(server.send(&Request::get("/")).status, 200);
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let mut threads = 0;
    for task in fs::read_dir(tasks).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
        threads += 1;
    }
    assert!(threads > 2, "{threads}");
}

/// Needs root, to be another process of the user that the server runs as.
#[test]
fn no_process_of_its_user_looks_into_its_memory() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let table: [(&[&str], bool); 2] = [(&[], false), (&["--no-sandbox"], true)];
    for (arguments, expected) in table {
        let server = plain().args(arguments.iter().copied()).unprivileged().start();
        // Whoever may read its environment may read its memory, as far as Linux itself says.
        let environment = format!("/proc/{}/environ", server.pid().as_raw_nonzero());
        let look = Command::new("cat").arg(environment).uid(NOBODY).output().expect("cat runs");
        assert_eq!(look.status.success(), expected, "{arguments:?}: {look:?}");
    }
}

#[test]
fn a_link_switches_between_siblings_inside_the_sandbox() {
    let setup = Setup::new();
    let releases = setup.folder().join("releases");
    Site::at(releases.join("1")).file("index.html", "one");
    Site::at(releases.join("2")).file("index.html", "two");
    let link = setup.sites().join("a.test");
    symlink(releases.join("1"), &link).unwrap();
    let server = setup.start();
    assert_eq!(server.send(&Request::get("/")).text(), "one");

    fs::remove_file(&link).unwrap();
    symlink(releases.join("2"), &link).unwrap();
    assert_eq!(told(&reload(&server)).0, Some(0));
    assert_eq!(server.send(&Request::get("/")).text(), "two");
}

#[test]
fn a_site_that_leads_out_of_the_sandbox_later_holds_up_no_other() {
    let setup = plain();
    let outside = setup.folder().join("elsewhere");
    Site::at(&outside).file("index.html", "b");
    let link = setup.sites().join("b.test");
    let server = setup.start();
    symlink(&outside, &link).unwrap();
    server.site("c.test").file("index.html", "c");
    let (code, stdout, stderr) = told(&reload(&server));
    assert_eq!(code, Some(0), "{stderr}");
    let ask = |host| server.send(&Request::get("/").host(host));
    assert_eq!((ask("a.test").text(), ask("c.test").text()), ("a".into(), "c".into()));
    if is_sandboxed(&server) {
        assert!(stdout.contains("; but ") && stdout.contains("b.test: leads to "), "{stdout}");
        server.stderr.containing("b.test: leads to ");
        assert_eq!(ask("b.test").status, 503);
    } else {
        assert_eq!(ask("b.test").text(), "b");
    }
}

#[test]
fn keys_are_not_kept_where_sites_are() {
    type Place = fn(&Setup) -> (std::path::PathBuf, std::path::PathBuf);
    let rows: [(&str, Place); 4] = [
        ("the same folder", |setup| (setup.sites(), setup.sites())),
        ("within a site", |setup| (setup.sites(), setup.sites().join("a.test/tls"))),
        ("a site within", |setup| (setup.sites(), setup.folder().to_owned())),
        ("a link to them", |setup| {
            let tls = setup.folder().join("keys");
            symlink(&tls, setup.sites().join("b.test")).unwrap();
            (setup.sites(), tls)
        }),
    ];
    for (name, place) in rows {
        let setup = plain();
        fs::create_dir_all(setup.folder().join("keys")).unwrap();
        let (_, keys) = place(&setup);
        fs::create_dir_all(&keys).unwrap();
        let mut setup = setup;
        for option in ["--state", "--tls"] {
            setup = setup.args([std::ffi::OsStr::new(option), keys.as_os_str()]);
            let ended = setup.run();
            assert_eq!(ended.code, Some(1), "{name}, {option}: {:?}", ended.stderr);
            let last = ended.stderr.last().unwrap();
            let expected = "its keys could be read through the site";
            assert!(last.contains(expected), "{name}, {option}: {last}");
        }
    }
}
