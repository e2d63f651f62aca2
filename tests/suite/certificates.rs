//! Pairs as people leave them: named by `--check` and at the start, and served as far as they can be
//! (docs/behaviour.md, "Certificates").

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CertifiedIssuer, CustomExtension, DnType, KeyPair};

use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::tls::Trust;

const DAY: Duration = Duration::from_hours(24);

/// A certificate of an authority that a root certifies, its key, and those two; and another of that
/// key that the root signed itself, as mkcert does.
struct Issued {
    own: String,
    by_root: String,
    authority: String,
    root: String,
    key: String,
}

/// A certificate for a.test that begins and ends so many days from now.
fn issue(begin: i64, end: i64) -> Issued {
    let authority = |name: &str| {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters
    };
    let key = || KeyPair::generate().expect("a key can be made");
    let root = CertifiedIssuer::self_signed(authority("Root"), key()).expect("it can sign");
    let middle =
        CertifiedIssuer::signed_by(authority("Middle"), key(), &root).expect("it can sign");
    let mut own = CertificateParams::new(["a.test".to_owned()]).expect("it is a name");
    let day = |days: i64| {
        let distance = DAY * u32::try_from(days.abs()).expect("tests last no longer");
        let now = SystemTime::now();
        if days < 0 { now - distance } else { now + distance }
    };
    (own.not_before, own.not_after) = (day(begin).into(), day(end).into());
    let key = key();
    let by_root = own.signed_by(&key, &root).expect("it can sign");
    own.custom_extensions.push(issuer_address(b"http://authority.test/"));
    let own = own.signed_by(&key, &middle).expect("it can sign");
    Issued {
        own: own.pem(),
        by_root: by_root.pem(),
        authority: middle.pem(),
        root: root.pem(),
        key: key.serialize_pem(),
    }
}

/// Authority Information Access with the address of the issuer's certificate, as public authorities
/// put it into theirs (RFC 5280 §4.2.2.1).
fn issuer_address(address: &[u8]) -> CustomExtension {
    let der = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).expect("it is short")], content].concat()
    };
    let ca_issuers = der(0x06, &[0x2b, 6, 1, 5, 5, 7, 48, 2]);
    let access = der(0x30, &[ca_issuers, der(0x86, address)].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], der(0x30, &access))
}

/// Checks that `--check` fails and the start warns with `told`, or both are content; and that the
/// pair is served all the same.
#[track_caller]
fn check(pem: &str, key: &str, told: Option<&str>) {
    let setup = || {
        let setup = Setup::new().site("a.test", |site| site.file("index.html", "a"));
        let setup = setup.certificate("a.test");
        std::fs::write(setup.tls().join("a.test/cert.pem"), pem).expect("it can be written");
        std::fs::write(setup.tls().join("a.test/key.pem"), key).expect("it can be written");
        setup
    };
    let checked = setup().args(["--check"]).run();
    let errors = checked.stderr.join("\n");
    assert_eq!(checked.code, Some(i32::from(told.is_some())), "{told:?}: {errors}");
    let server = setup().start();
    // The client trusts nobody who issued it: that it says so shows that it was sent.
    let config = server.trust.config(&["http/1.1"], true);
    let shaken = Trust::handshake(server.https(), "a.test", config).map(drop);
    assert!(matches!(shaken, Err(rustls::Error::InvalidCertificate(_))), "{told:?}: {shaken:?}");
    match told {
        Some(told) => {
            assert!(errors.starts_with("error: ") && errors.contains("/a.test/"), "{errors}");
            assert!(errors.contains(told), "{told}: {errors}");
            server.stderr.containing(told);
        }
        None => assert_eq!(errors, ""),
    }
}

#[test]
fn files_that_other_programs_would_not_take_are_named_and_served() {
    let Issued { own, by_root, authority, root, key } = &issue(-1, 89);
    let mark = "\u{feff}";
    let table = [
        (format!("{own}{authority}"), key.clone(), None),
        (format!("{own}{authority}{root}"), key.clone(), None),
        (by_root.clone(), key.clone(), None),
        (format!("{by_root}{root}"), key.clone(), None),
        (own.clone(), key.clone(), Some("without its chain")),
        (format!("{own}{root}"), key.clone(), Some("without its chain")),
        (format!("{authority}{own}"), key.clone(), Some("wrong order")),
        (format!("{root}{authority}{own}"), key.clone(), Some("wrong order")),
        (format!("{own}{own}{authority}"), key.clone(), Some("twice")),
        (format!("{}{authority}", own.trim_end()), key.clone(), Some("meet in one line")),
        (format!("{mark}{own}{authority}"), key.clone(), Some("byte order mark")),
        (format!("{own}{mark}{authority}"), key.clone(), Some("byte order mark")),
        (format!("{own}{authority}"), format!("{mark}{key}"), Some("byte order mark")),
    ];
    for (pem, key, told) in table {
        check(&pem, &key, told);
    }
}

#[test]
fn a_pair_whose_time_is_not_there_is_named_and_served() {
    let table = [
        ((-1, 89), None),
        ((-76, 15), None),
        ((-76, 14), Some("in 13 days")),
        ((-80, 5), Some("in 4 days")),
        ((-5, 1), Some("in 23 hours")),
        ((-90, -1), Some("expired on ")),
        ((-800, -400), Some("expired on ")),
        ((1, 90), Some("not valid before ")),
    ];
    for ((begin, end), told) in table {
        let Issued { own, authority, key, .. } = issue(begin, end);
        check(&format!("{own}{authority}"), &key, told);
    }
}

#[test]
fn utf_16_is_named() {
    let Issued { own, key, .. } = issue(-1, 89);
    let setup = Setup::new().site("a.test", |site| site).certificate("a.test").args(["--check"]);
    let wide: Vec<u8> =
        format!("\u{feff}{own}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(setup.tls().join("a.test/cert.pem"), wide).unwrap();
    std::fs::write(setup.tls().join("a.test/key.pem"), key).unwrap();
    let ended = setup.run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.join("\n").contains("a.test/cert.pem: is not valid PEM: it is UTF-16"));
}

#[test]
fn a_check_names_what_nobody_reaches() {
    let setup = Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .site("b.test", |site| site.file("index.html", "b"))
        .site("_wildcard.c.test", |site| site.file("index.html", "c"))
        .site("_wildcard.d.test", |site| site.file("index.html", "d"))
        .certificate_for("a.test", &["a.test"])
        .certificate_for("www.a.test", &["www.a.test"])
        .certificate_for("_wildcard.c.test", &["*.c.test"])
        .certificate_for("e.test", &["e.test"])
        .args(["--check"]);
    let ended = setup.run();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let mut warned: Vec<&String> =
        ended.stdout.iter().filter(|line| line.starts_with("warning ")).collect();
    warned.sort();
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert_eq!(
        *warned[0],
        "warning *.d.test: no certificate is for it, so HTTPS does not reach it"
    );
    assert!(warned[1].ends_with("/tls/e.test: there is no site for it"), "{warned:?}");
    assert_eq!(*warned[2], "warning b.test: no certificate is for it, so HTTPS does not reach it");
}

/// The names of the certificate that a client without a server name is shown at `address`.
#[track_caller]
fn shown(server: &Server, address: IpAddr) -> Result<Vec<u8>, rustls::Error> {
    let at = SocketAddr::new(address, server.https().port());
    let config = server.trust.config(&["http/1.1"], false);
    // rustls sends no server name for an address, as RFC 6066 has it.
    let stream = Trust::handshake(at, &address.to_string(), config)?;
    Ok(stream.conn.peer_certificates().expect("it was shown")[0].to_vec())
}

#[test]
fn a_connection_without_a_server_name_is_answered_by_its_address() {
    let server = Setup::bare()
        .args(["--port", "0", "--ip", "127.0.0.1", "--ip", "127.0.0.2", "--ip", "127.0.0.3"])
        .args(["--ip", "127.0.0.4", "--ip", "::1"])
        .with_sites()
        .site("127.0.0.1", |site| site.file("index.html", "one"))
        .site("a.test", |site| site.file("index.html", "a"))
        .certificate_for("127.0.0.1", &["127.0.0.1"])
        .certificate_for("127.0.0.2", &["127.0.0.2", "127.0.0.1"])
        .certificate_for("[::1]", &["::1"])
        .certificate_for("a.test", &["a.test", "127.0.0.3"])
        .start();
    let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"];
    let certificates = addresses.map(|address| shown(&server, address.parse().unwrap()).unwrap());
    for (index, certificate) in certificates.iter().enumerate() {
        assert!(!certificates[index + 1..].contains(certificate), "{}", addresses[index]);
    }
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName);
    assert_eq!(shown(&server, "127.0.0.4".parse().unwrap()), Err(alert));
    let request = Request::get("/").host("127.0.0.1");
    let answer = server.trust.connect(server.https(), "127.0.0.1").send(&request);
    assert_eq!((answer.status, answer.text().as_str()), (200, "one"));
    assert_eq!(answer.field("strict-transport-security"), None);
}

#[test]
fn one_folder_with_one_certificate_is_served_by_any_address() {
    let folder = || Setup::directory(|site| site.file("index.html", "a"));
    let server = folder().certificate_for("a.test", &["a.test", "127.0.0.1"]).start();
    shown(&server, "127.0.0.1".parse().unwrap()).unwrap();
    // The name is not in there: the client says so, as it was shown one.
    let server = folder().certificate("a.test").start();
    let refused = shown(&server, "127.0.0.1".parse().unwrap());
    assert!(matches!(refused, Err(rustls::Error::InvalidCertificate(_))), "{refused:?}");
    for only in ["_wildcard.b.test", "[::1]", "localhost"] {
        let server = folder().certificate_for(only, &["b.test", "127.0.0.1"]).start();
        shown(&server, "127.0.0.1".parse().unwrap()).expect(only);
    }
    // Of two, the one of the address.
    let server =
        folder().certificate("a.test").certificate_for("127.0.0.1", &["127.0.0.1"]).start();
    shown(&server, "127.0.0.1".parse().unwrap()).unwrap();
    let server = folder().certificate("a.test").certificate("b.test").start();
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName);
    assert_eq!(shown(&server, "127.0.0.1".parse().unwrap()), Err(alert));
}

#[test]
fn a_check_names_addresses_that_nobody_comes_to() {
    let setup = |arguments: &[&str]| {
        Setup::new()
            .site("127.0.0.1", |site| site.file("index.html", "a"))
            .site("192.0.2.1", |site| site.file("index.html", "b"))
            .site("[2001:db8::1]", |site| site.file("index.html", "c"))
            .site("127.0.0.9", |site| site.file("index.html", "d"))
            .certificate("127.0.0.1")
            .certificate("192.0.2.1")
            .certificate_for("[2001:db8::1]", &["2001:db8::1"])
            .certificate("127.0.0.9")
            .args(arguments.iter().copied())
            .args(["--check"])
            .run()
    };
    let ended = setup(&[]);
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let warned: Vec<_> = ended.stdout.iter().filter(|it| it.starts_with("warning ")).collect();
    assert_eq!(warned.len(), 3, "{warned:?}");
    for address in ["192.0.2.1", "2001:db8::1", "127.0.0.9"] {
        let is_told = |it: &&String| it.contains(address) && it.contains("not listened on");
        assert!(warned.iter().copied().any(|it| is_told(&it)), "{address}: {warned:?}");
    }
}

#[test]
fn each_fault_is_a_line() {
    let setup = Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .site("b.test", |site| site.file("index.html", "b"))
        .certificate_for("a.test", &["other.test"])
        .certificate_for("b.test", &["other.test"])
        .args(["--check"]);
    let ended = setup.run();
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 2), "{:?}", ended.stderr);
    assert!(ended.stderr.iter().all(|line| line.contains("does not name")), "{:?}", ended.stderr);
}
