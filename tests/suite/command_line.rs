//! The command line: options, output and exit codes (docs/behaviour.md, "Command line").

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::client::{Connection, Request};
use crate::support::server::{Ended, Setup};
use crate::support::tls;

/// Runs to the end and holds that it failed with one line that begins with `error: ` and names
/// every one of these things.
#[track_caller]
fn refuses(setup: &Setup, code: i32, names: &[&str]) {
    let Ended { code: actual, stdout, stderr } = setup.run();
    assert_eq!(actual, Some(code), "stderr: {stderr:#?}");
    assert_eq!(stdout, Vec::<String>::new(), "standard output is for the access log");
    assert_eq!(stderr.len(), 1, "one line: {stderr:#?}");
    assert!(stderr[0].starts_with("error: "), "{stderr:#?}");
    for name in names {
        assert!(stderr[0].contains(name), "{name} is not named: {stderr:#?}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

#[test]
fn version_is_printed_by_each_of_its_options() {
    for option in ["-V", "-v", "--version"] {
        let ended = Setup::bare().args([option]).run();
        assert_eq!(ended.code, Some(0), "{option}");
        let expected = format!("shost {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(ended.stdout, [expected], "{option}");
        assert_eq!(ended.stderr, Vec::<String>::new(), "{option}");
    }
}

#[test]
fn help_names_every_option() {
    const OPTIONS: [&str; 16] = [
        "--sites",
        "--state",
        "--tls",
        "--ip",
        "--port",
        "--http-port",
        "--log",
        "--no-timestamps",
        "--log-bad-bots",
        "--public-port",
        "--trusted-proxy",
        "--bots",
        "--cache-size",
        "--threads",
        "--check",
        "--version",
    ];
    for option in ["-h", "--help"] {
        let ended = Setup::bare().args([option]).run();
        assert_eq!(ended.code, Some(0), "{option}");
        let help = ended.stdout.join("\n");
        for expected in OPTIONS {
            assert!(help.contains(expected), "{option} does not name {expected}: {help}");
        }
    }
}

#[test]
fn wrong_values_are_one_line_and_code_2() {
    let rows: [(&[&str], &str); 13] = [
        (&["--port", "65536"], "65536"),
        (&["--port", "-1"], "-1"),
        (&["--port", "http"], "http"),
        (&["--http-port", "70000"], "70000"),
        (&["--ip", "nowhere"], "nowhere"),
        (&["--ip", "127.0.0.1:80"], "127.0.0.1:80"),
        (&["--log", "xml"], "xml"),
        (&["--bots", "maybe"], "maybe"),
        (&["--cache-size", "lots"], "lots"),
        (&["--threads", "many"], "many"),
        (&["--threads", "0"], "--threads"),
        (&["--unheard-of"], "--unheard-of"),
        (&["--port"], "--port"),
    ];
    for (arguments, name) in rows {
        refuses(&Setup::bare().args(arguments.iter().copied()), 2, &[name]);
    }
}

#[test]
fn wrong_values_in_the_environment_are_one_line_and_code_2() {
    let rows = [
        ("SHOST_PORT", "65536"),
        ("SHOST_HTTP_PORT", "x"),
        ("SHOST_IP", "nowhere"),
        ("SHOST_LOG", "xml"),
        ("SHOST_BOTS", "maybe"),
        ("SHOST_CACHE_SIZE", "lots"),
        ("SHOST_THREADS", "many"),
    ];
    for (name, value) in rows {
        refuses(&Setup::bare().env(name, value), 2, &[value]);
    }
}

#[test]
fn starts_without_their_folder_are_one_line_and_code_1() {
    let on_port_0 = || Setup::bare().args(["--ip", "127.0.0.1", "--port", "0"]);
    refuses(&on_port_0().args(["--sites", "/nowhere/sites"]), 1, &["/nowhere/sites"]);
    refuses(&on_port_0().args(["/nowhere/directory"]), 1, &["/nowhere/directory"]);
    refuses(&Setup::new().args(["--tls", "/nowhere/tls"]), 1, &["/nowhere/tls"]);
    let setup = on_port_0();
    let file = setup.folder().join("plain-file");
    std::fs::write(&file, "").unwrap();
    refuses(&setup.args([&file]), 1, &[text(&file)]);
}

#[test]
fn a_port_in_use_is_one_line_and_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let folder = Setup::new().site("a.test", |site| site);
    let sites = folder.sites();
    let setup = Setup::bare().args(["--ip", "127.0.0.1", "--port", &port, "--sites", text(&sites)]);
    refuses(&setup, 1, &[&address.to_string()]);
}

#[test]
fn certificates_that_cannot_be_used_are_one_line_and_code_1() {
    type Spoil = fn(&Path);
    let rows: [(&str, Spoil); 6] = [
        ("cert.pem", |pair| std::fs::write(pair.join("cert.pem"), "not a certificate").unwrap()),
        ("cert.pem", |pair| std::fs::remove_file(pair.join("cert.pem")).unwrap()),
        ("key.pem", |pair| std::fs::write(pair.join("key.pem"), "").unwrap()),
        ("key.pem", |pair| std::fs::remove_file(pair.join("key.pem")).unwrap()),
        ("key.pem", |pair| tls::write_strange_key(&pair.join("key.pem"))),
        ("cert.pem", |pair| {
            let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            std::fs::write(pair.join("cert.pem"), garbage).unwrap();
        }),
    ];
    for (file, spoil) in rows {
        let setup = Setup::new().site("a.test", |site| site).certificate("a.test");
        let pair = setup.tls().join("a.test");
        spoil(&pair);
        refuses(&setup, 1, &[text(&pair.join(file))]);
    }
}

#[test]
fn a_state_folder_that_cannot_be_used_is_one_line_and_code_1() {
    type Spoil = fn(&Path);
    let rows: [(&str, Spoil); 3] = [
        ("has 5 bytes", |secret| std::fs::write(secret, "short").unwrap()),
        ("others may know it", |secret| {
            std::fs::set_permissions(secret, Permissions::from_mode(0o644)).unwrap();
        }),
        ("not a file", |secret| {
            std::fs::remove_file(secret).unwrap();
            std::fs::create_dir(secret).unwrap();
        }),
    ];
    for (reason, spoil) in rows {
        let setup = Setup::new().site("a.test", |site| site);
        let state = setup.folder().join("state");
        std::fs::create_dir(&state).unwrap();
        let secret = state.join("secret");
        std::fs::write(&secret, [7; 32]).unwrap();
        std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        spoil(&secret);
        let setup = setup.args(["--state", text(&state)]);
        refuses(&setup, 1, &[text(&secret), reason, "remove it"]);
        refuses(&setup.args(["--check"]), 1, &[text(&secret), reason, "remove it"]);
    }
    let setup = Setup::new().site("a.test", |site| site.file("file", ""));
    let state = setup.sites().join("a.test/file");
    refuses(&setup.args(["--state", text(&state)]), 1, &[text(&state), "must belong to the user"]);
}

#[test]
fn check_makes_no_secret() {
    let setup = Setup::new().site("a.test", |site| site);
    let state = setup.folder().join("state");
    let setup = setup.args(["--check", "--state", text(&state)]);
    assert_eq!(setup.run().code, Some(0));
    assert!(!state.exists());
}

#[test]
fn a_certificate_for_another_name_only_warns() {
    let server = Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .certificate_for("a.test", &["other.test"])
        .start();
    let warning = server.stderr.containing("WARN");
    assert!(warning.contains("a.test"), "{warning}");
}

#[test]
fn check_prints_what_would_be_served() {
    let setup = Setup::new()
        .site("a.test", |site| site.file("index.html", "a").file("about.html", "b"))
        .site("b.test", |site| site.file("index.html", "b"))
        .certificate_for("a.test", &["a.test", "www.a.test"])
        .args(["--check"]);
    let ended = setup.run();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    let printed = ended.stdout.join("\n");
    let site = ended.stdout.iter().find(|line| line.contains("sites/a.test"));
    let site = site.expect("a.test is printed with its folder");
    let rest = site.replace(text(&setup.sites().join("a.test")), "");
    assert!(rest.contains('2'), "its two files are counted: {printed}");
    for expected in ["a.test", "b.test", "www.a.test", "4096"] {
        // rcgen's certificates end in the year 4096.
        assert!(printed.contains(expected), "{expected} is not printed: {printed}");
    }
}

#[test]
fn check_of_what_cannot_be_served_is_code_1() {
    let missing = Setup::bare().args(["--check", "--sites", "/nowhere/sites"]).run();
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.join("\n").contains("/nowhere/sites"), "{:#?}", missing.stderr);

    let setup = Setup::new().site("a.test", |site| site).certificate("a.test").args(["--check"]);
    let key = setup.tls().join("a.test/key.pem");
    tls::write_strange_key(&key);
    let mismatched = setup.run();
    assert_eq!(mismatched.code, Some(1));
    assert!(mismatched.stderr.join("\n").contains(text(&key)), "{:#?}", mismatched.stderr);
}

#[test]
fn check_needs_no_free_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Setup::new().site("a.test", |site| site);
    let sites = folder.sites();
    let setup = Setup::bare().args(["--check", "--ip", "127.0.0.1", "--port", &port]);
    assert_eq!(setup.args(["--sites", text(&sites)]).run().code, Some(0));
}

#[test]
fn every_option_reads_its_variable() {
    let folder = Setup::new().site("a.test", |site| site.file("index.html", "from a"));
    let sites = folder.sites();
    let server = Setup::bare()
        .env("SHOST_SITES", &sites)
        .env("SHOST_IP", "127.0.0.1")
        .env("SHOST_PORT", "0")
        .env("SHOST_LOG", "json")
        .env("SHOST_NO_TIMESTAMPS", "true")
        .env("SHOST_LOG_BAD_BOTS", "true")
        .env("SHOST_BOTS", "log")
        .env("SHOST_CACHE_SIZE", "1048576")
        .env("SHOST_THREADS", "1")
        .env("SHOST_STATE", folder.folder().join("state"))
        .start();
    assert!(folder.folder().join("state/secret").is_file());
    assert!(server.http().ip().is_loopback());
    let answer = server.send(&Request::get("/").without("user-agent"));
    assert_eq!((answer.status, answer.text()), (200, "from a".to_owned()));
    let line = server.stdout.containing("no-user-agent");
    let line: serde_json::Value = serde_json::from_str(&line).expect("the log is JSON");
    assert_eq!(line["status"], 200);
}

#[test]
fn the_variable_of_a_switch_takes_the_usual_words() {
    let folder = Setup::new().site("a.test", |site| site);
    let sites = folder.sites();
    let checked = |word| {
        let setup = Setup::bare().args(["--ip", "127.0.0.1", "--port", "0"]);
        setup.args(["--sites", text(&sites)]).env("SHOST_CHECK", word)
    };
    for word in ["true", "1", "yes", "on", "TRUE", "y"] {
        assert_eq!(checked(word).run().code, Some(0), "{word}");
    }
    for word in ["false", "0", "no", "off"] {
        // It serves, and does not check.
        assert!(checked(word).start().http().ip().is_loopback(), "{word}");
    }
    for word in ["maybe", "2", ""] {
        let ended = checked(word).run();
        assert_eq!(ended.code, Some(2), "{word}");
        let told = ended.stderr.join("\n");
        assert!(told.contains("--check"), "{word}: {told}");
    }
}

#[test]
fn the_folder_and_port_of_certificates_come_from_the_environment_too() {
    let folder = Setup::new().site("a.test", |site| site.file("index.html", "from a"));
    let folder = folder.certificate("a.test");
    let server = Setup::bare()
        .args(["--ip", "127.0.0.1", "--port", "0"])
        .env("SHOST_SITES", folder.sites())
        .env("SHOST_TLS", folder.tls())
        .env("SHOST_HTTP_PORT", "0")
        .start();
    assert!(server.http.is_some() && server.https.is_some());
}

#[test]
fn an_argument_wins_over_its_variable() {
    let server = Setup::new()
        .env("SHOST_SITES", "/nowhere/sites")
        .env("SHOST_PORT", "1")
        .site("a.test", |site| site.file("index.html", "from a"))
        .start();
    assert_eq!(server.send(&Request::get("/")).status, 200);
}

#[test]
fn short_options_are_the_long_ones() {
    let folder = Setup::new().site("a.test", |site| site.file("index.html", "from a"));
    let sites = folder.sites();
    let setup = Setup::bare().args(["-s", text(&sites), "-i", "127.0.0.1", "-p", "0"]);
    let server = setup.start();
    assert_eq!(server.send(&Request::get("/")).status, 200);
}

#[test]
fn a_directory_is_served_on_loopback_for_every_host() {
    let folder = Setup::directory(|site| site.file("index.html", "preview"));
    let directory = folder.folder().join("directory");
    let server = Setup::bare().args(["--port", "0"]).args([&directory]).start();
    assert_eq!(server.http().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST), "the default of --ip");
    for host in ["localhost", "127.0.0.1", "www.any.test", "any.test:8080", "[::1]"] {
        let answer = server.send(&Request::get("/").host(host));
        assert_eq!((answer.status, answer.text()), (200, "preview".to_owned()), "{host}");
    }
    let old = Request::get("/").version("HTTP/1.0").without("host");
    assert_eq!(server.send(&old).status, 200, "HTTP/1.0 needs no Host here");
}

#[test]
fn every_address_is_bound_by_default() {
    let folder = Setup::new().site("a.test", |site| site.file("index.html", "from a"));
    let sites = folder.sites();
    let server = Setup::bare().args(["--port", "0", "--sites", text(&sites)]).start();
    assert!(server.http().ip().is_unspecified());
    let port = server.http().port();
    let loopbacks = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for ip in loopbacks.into_iter().filter(|ip| TcpListener::bind((*ip, 0)).is_ok()) {
        let mut connection = Connection::open(SocketAddr::new(ip, port));
        assert_eq!(connection.send(&Request::get("/")).status, 200, "{ip}");
    }
}

#[test]
fn several_addresses_are_bound_and_named() {
    let setup = Setup::new().site("a.test", |site| site.file("index.html", "from a"));
    let server = setup.args(["--ip", "127.0.0.2"]).start();
    let started = server.stderr.containing("started");
    let addresses = started.split_whitespace().find_map(|word| word.strip_prefix("http="));
    let addresses: Vec<SocketAddr> =
        addresses.expect("http=").split(',').map(|address| address.parse().unwrap()).collect();
    assert_eq!(addresses.len(), 2, "{started}");
    for address in addresses {
        assert_eq!(Connection::open(address).send(&Request::get("/")).status, 200, "{address}");
    }
}

#[test]
fn sizes_and_threads_are_taken() {
    let rows: [&[&str]; 5] = [
        &["--cache-size", "0"],
        &["--cache-size", "1048576"],
        &["--cache-size", "64MiB"],
        &["--cache-size", "64M"],
        &["--threads", "1"],
    ];
    for arguments in rows {
        let setup = Setup::new().site("a.test", |site| site.file("index.html", "from a"));
        let server = setup.args(arguments.iter().copied()).start();
        let mut connection = server.connect();
        for _ in 0..3 {
            let answer = connection.send(&Request::get("/"));
            assert_eq!((answer.status, answer.text()), (200, "from a".to_owned()), "{arguments:?}");
        }
    }
}

#[test]
fn a_name_in_a_certificate_cannot_forge_a_line_of_the_report() {
    let names = ["a.test", "x\u{1b}[2j\nsite forged.test"];
    let ended = Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .certificate_for("a.test", &names)
        .args(["--check"])
        .run();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let lines = ended.stdout;
    let certificate = lines.iter().find(|line| line.starts_with("certificate ")).unwrap();
    assert!(certificate.contains(r"x\u{1b}[2j\nsite forged.test"), "{certificate}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("site ")).count(), 1, "{lines:?}");
}
