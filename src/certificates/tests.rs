//! Each row is a folder as a person might leave it, and what is said or served of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::fixtures::{
    DAY, ED448, ED25519, ENCRYPTED_PKCS8, ENCRYPTED_SEC1, P256_SEC1, P384_SEC1, RSA_PKCS1,
    RSA_PKCS8, SECP256K1, certificate, certificate_valid, certificates, folder, now,
};
use super::{Certificates, KeyKind};

#[track_caller]
fn loads(key: &str, kind: KeyKind) {
    let cert = certificate(key, &["A.example", "127.0.0.1", "2001:db8::1"]);
    let folder = folder(&[("a.example/cert.pem", &*cert), ("a.example/key.pem", key)]);
    let (certificates, findings) = Certificates::load(folder.path(), now()).unwrap();
    assert_eq!(findings.len(), 0, "{findings:?}");
    let certificate = certificates.iter().next().unwrap();
    assert_eq!(certificate.key_kind(), kind);
    assert_eq!(certificate.names(), ["a.example", "127.0.0.1", "2001:db8::1"]);
    assert_eq!(certificate.folder(), folder.path().join("a.example"));
}

#[test]
fn every_kind_and_encoding_of_key() {
    loads(RSA_PKCS1, KeyKind::Rsa);
    loads(RSA_PKCS8, KeyKind::Rsa);
    loads(P256_SEC1, KeyKind::EcdsaP256);
    loads(P384_SEC1, KeyKind::EcdsaP384);
    loads(ED25519, KeyKind::Ed25519);
    for (algorithm, kind) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, KeyKind::EcdsaP256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, KeyKind::EcdsaP384),
    ] {
        loads(&rcgen::KeyPair::generate_for(algorithm).unwrap().serialize_pem(), kind);
    }
}

#[track_caller]
fn refused(files: &[(&str, &str)], message: &str) {
    let folder = folder(files);
    let error = Certificates::load(folder.path(), now()).unwrap_err();
    assert_eq!(relative(folder.path(), &error.to_string()), message);
}

/// A message without the temporary folder that it begins with.
#[track_caller]
fn relative(folder: &Path, message: &str) -> String {
    assert!(!message.contains('\n'), "{message}");
    message.strip_prefix(&format!("{}/", folder.display())).unwrap_or(message).to_owned()
}

#[track_caller]
fn refused_pair(cert: &str, key: &str, message: &str) {
    refused(&[("a.example/cert.pem", cert), ("a.example/key.pem", key)], message);
}

#[test]
fn half_a_pair_is_an_error() {
    let cert = &*certificate(P256_SEC1, &["a.example"]);
    refused(
        &[("a.example/cert.pem", cert)],
        "a.example/key.pem: is missing, though cert.pem is there",
    );
    refused(
        &[("a.example/key.pem", P256_SEC1)],
        "a.example/cert.pem: is missing, though key.pem is there",
    );
}

#[test]
fn a_bad_certificate_is_an_error() {
    let cert = &*certificate(ED25519, &["a.example"]);
    let (start, rest) = cert.split_at(cert.len() / 2);
    let section =
        |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let rows = [
        (String::new(), "holds no certificate in PEM form"),
        (ED25519.to_owned(), "holds no certificate in PEM form"),
        (start.to_owned(), "is not valid PEM: a section has no END line"),
        (format!("{start}!{rest}"), "is not valid PEM: a section is not base64"),
        ("-----BEGIN CERTIFICATE\n".to_owned(), "is not valid PEM: a BEGIN line is malformed"),
        (section("MAMCAQE="), "the certificate is unusable: its encoding is broken"),
        (cert.to_owned() + &section("AAAA"), "the certificate is unusable: its encoding is broken"),
        (cert.to_owned() + &overlong(), "the certificate is unusable: there is data after it"),
        ("x".repeat(1024 * 1024 + 1), "is larger than 1024 KiB, so it is no PEM file"),
    ];
    for (text, message) in rows {
        refused_pair(&text, ED25519, &format!("a.example/cert.pem: {message}"));
    }
}

/// A certificate with three bytes after it: one whose length divides by three, and so ends
/// without padding, takes four more characters.
fn overlong() -> String {
    let unpadded = ["a.example", "aa.example", "aaa.example"]
        .map(|name| certificate(ED25519, &[name]))
        .into_iter()
        .find(|pem| !pem.contains('='))
        .unwrap();
    unpadded.replace("-----END", "AAAA\n-----END")
}

#[test]
fn a_bad_key_is_an_error() {
    let cert = certificate(P256_SEC1, &["a.example"]);
    let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let too_large = "x".repeat(1024 * 1024 + 1);
    let unsupported = "the key is damaged or of an unsupported kind (RSA, ECDSA P-256 or P-384, \
                       and Ed25519 work)";
    let encrypted = "the key is encrypted; it must be stored without a passphrase";
    let foreign = "the key does not belong to the certificate in cert.pem";
    let rows = [
        ("\n", "holds no private key in PEM form"),
        (&cert, "holds no private key in PEM form"),
        (&P256_SEC1[..P256_SEC1.len() / 2], "is not valid PEM: a section has no END line"),
        (garbage, unsupported),
        (ED448, unsupported),
        (SECP256K1, unsupported),
        (ENCRYPTED_PKCS8, encrypted),
        (ENCRYPTED_SEC1, encrypted),
        (P384_SEC1, foreign),
        (RSA_PKCS1, foreign),
        (&too_large, "is larger than 1024 KiB, so it is no PEM file"),
    ];
    for (key, message) in rows {
        refused_pair(&cert, key, &format!("a.example/key.pem: {message}"));
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_an_error() {
    let empty = folder::<&str>(&[("plain", "")]);
    for (path, reason) in [
        ("missing", "No such file or directory (os error 2)"),
        ("plain", "Not a directory (os error 20)"),
    ] {
        let error = Certificates::load(&empty.path().join(path), now()).unwrap_err();
        let message = relative(empty.path(), &error.to_string());
        assert_eq!(message, format!("{path}: cannot be read: {reason}"));
    }
}

#[test]
fn a_link_to_nowhere_is_an_error() {
    let folder = folder::<&str>(&[]);
    symlink("nowhere", folder.path().join("a.example")).unwrap();
    let error = Certificates::load(folder.path(), now()).unwrap_err().to_string();
    let message = "a.example: cannot be read: No such file or directory (os error 2)";
    assert_eq!(relative(folder.path(), &error), message);
}

#[test]
fn a_fifo_is_turned_away_and_not_waited_for() {
    let cert = certificate(P256_SEC1, &["a.example"]);
    let folder = folder(&[("a.example/cert.pem", &cert)]);
    let key = folder.path().join("a.example/key.pem");
    let (mode, kind) = (rustix::fs::Mode::RUSR, rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(rustix::fs::CWD, &key, kind, mode, 0).unwrap();
    let error = Certificates::load(folder.path(), now()).unwrap_err().to_string();
    assert_eq!(relative(folder.path(), &error), "a.example/key.pem: is not a regular file");
}

#[test]
fn two_folders_of_one_name_are_an_error() {
    let cert = certificate(P256_SEC1, &["a.example", "*.a.example"]);
    let pair = |a: &str, b: &str| {
        let files = [a, b].map(|name| {
            [(format!("{name}/cert.pem"), &*cert), (format!("{name}/key.pem"), P256_SEC1)]
        });
        let files: Vec<_> = files.iter().flatten().map(|(path, text)| (&**path, *text)).collect();
        let folder = folder(&files);
        let error = Certificates::load(folder.path(), now()).unwrap_err().to_string();
        let other = format!("{}/{a}", folder.path().display());
        assert_eq!(
            relative(folder.path(), &error),
            format!("{b}: means the same name as {other}: remove one")
        );
    };
    pair("A.example", "a.example");
    pair("*.a.example", "_wildcard.a.example");
}

#[track_caller]
fn warned(files: &[(&str, &str)], messages: &[&str]) {
    let folder = folder(files);
    let (_, findings) = Certificates::load(folder.path(), now()).unwrap();
    let found: Vec<_> =
        findings.iter().map(|it| relative(folder.path(), &it.to_string())).collect();
    assert_eq!(found, messages);
}

#[test]
fn what_clients_may_refuse_is_a_warning() {
    let pair = |folder: &str, names: &[&str], days: (i32, i32), messages: &[&str]| {
        let cert = certificate_valid(P256_SEC1, names, days);
        let (cert_path, key_path) = (format!("{folder}/cert.pem"), format!("{folder}/key.pem"));
        warned(&[(&cert_path, &cert), (&key_path, P256_SEC1)], messages);
    };
    let expired = "a.example/cert.pem: the certificate expired on Wed, 30 Jun 2027 00:00:00 GMT";
    let unnamed = "a.example/cert.pem: the certificate does not name a.example: clients will \
                   refuse it";

    pair("a.example", &["a.example"], (-1, 89), &[]);
    pair("a.b.example", &["*.b.example"], (-1, 89), &[]);
    pair("127.0.0.1", &["127.0.0.1"], (-1, 89), &[]);
    pair("_wildcard.b.example", &["*.b.example"], (-1, 89), &[]);
    pair("a.example", &["b.example"], (-1, 89), &[unnamed]);
    pair("a.example", &["b.example"], (-90, -1), &[unnamed, expired]);
    pair(
        "*.example",
        &["a.example", "example"],
        (-1, 89),
        &["*.example/cert.pem: the certificate does not name *.example: clients will refuse it"],
    );
    pair("a.example", &["a.example"], (-90, -1), &[expired]);
    pair("a.example", &["a.example"], (-76, 14), &[]);
    pair(
        "a.example",
        &["a.example"],
        (-77, 13),
        &[
            "a.example/cert.pem: the certificate expires on Wed, 14 Jul 2027 00:00:00 GMT, in 13 days",
        ],
    );
    pair("a.example", &["a.example"], (-4, 2), &[]);
    pair(
        "a.example",
        &["a.example"],
        (-5, 1),
        &[
            "a.example/cert.pem: the certificate expires on Fri, 02 Jul 2027 00:00:00 GMT, in 24 hours",
        ],
    );
    pair(
        "a.example",
        &["a.example"],
        (1, 90),
        &["a.example/cert.pem: the certificate is not valid before Fri, 02 Jul 2027 00:00:00 GMT"],
    );
}

#[test]
fn what_is_no_pair_is_skipped() {
    let skipped = "skipped: the folder's name is not a host name: rename it, or put a dot in front";
    warned(
        &[
            (".git/key.pem", ""),
            ("README", ""),
            ("a.example/notes", ""),
            ("not a host/cert.pem", ""),
            ("new\nline/cert.pem", ""),
        ],
        &[
            "a.example: skipped: there is neither cert.pem nor key.pem",
            &format!("new\\nline: {skipped}"),
            &format!("not a host: {skipped}"),
        ],
    );
}

#[test]
fn links_are_followed() {
    let cert = certificate(P256_SEC1, &["a.example"]);
    let elsewhere = folder(&[("x/1.pem", &*cert), ("x/2.pem", P256_SEC1)]);
    symlink("1.pem", elsewhere.path().join("x/cert.pem")).unwrap();
    symlink("2.pem", elsewhere.path().join("x/key.pem")).unwrap();
    let folder = folder::<&str>(&[]);
    symlink(elsewhere.path().join("x"), folder.path().join("a.example")).unwrap();
    let (certificates, _) = Certificates::load(folder.path(), now()).unwrap();
    assert!(certificates.resolve("a.example").is_some());
}

#[test]
fn the_nearest_name_answers() {
    let set = certificates(&[
        ("a.example", &["a.example", "www.a.example"]),
        ("b.example", &["b.example"]),
        ("c.b.example", &["c.b.example"]),
        ("_wildcard.b.example", &["*.b.example"]),
        ("e.example", &["*.e.example", "e.example"]),
        ("bücher.example", &["xn--bcher-kva.example"]),
    ]);
    let answers = |name: &str, folder: Option<&str>| {
        let key = set.resolve(name);
        let found = set.iter().find(|it| key.is_some_and(|key| std::ptr::eq(it.key(), key)));
        assert_eq!(found.map(|it| it.name().to_string()).as_deref(), folder, "{name}");
    };
    answers("a.example", Some("a.example"));
    answers("A.Example.", Some("a.example"));
    answers("www.a.example", Some("a.example"));
    answers("WWW.a.example", Some("a.example"));
    answers("www.www.a.example", None);
    answers("x.a.example", None);
    answers("b.example", Some("b.example"));
    answers("c.b.example", Some("c.b.example"));
    answers("d.b.example", Some("*.b.example"));
    answers("www.b.example", Some("*.b.example"));
    answers("x.d.b.example", None);
    answers("x.c.b.example", None);
    answers("www.c.b.example", None);
    answers("www.e.example", Some("e.example"));
    answers("x.e.example", None);
    answers("xn--bcher-kva.example", Some("xn--bcher-kva.example"));
    answers("example", None);
    answers("", None);
    answers("../a.example", None);
}

#[test]
fn the_set_knows_its_size_and_next_expiry() {
    assert!(Certificates::default().is_empty());
    assert_eq!(Certificates::default().next_expiry(), None);

    let (sooner, later) = ("a.example", "b.example");
    let cert = |name: &str, days| certificate_valid(P256_SEC1, &[name], days);
    let folder = folder(&[
        ("a.example/cert.pem", &*cert(sooner, (0, 60))),
        ("a.example/key.pem", P256_SEC1),
        ("b.example/cert.pem", &*cert(later, (0, 80))),
        ("b.example/key.pem", P256_SEC1),
    ]);
    let (set, _) = Certificates::load(folder.path(), now()).unwrap();
    assert_eq!((set.len(), set.is_empty()), (2, false));
    assert_eq!(set.next_expiry(), Some(now() + 60 * DAY));
}

/// A reload of a large folder must not take long: run with `--ignored`.
#[test]
#[ignore = "writes thousands of files to time their loading"]
fn two_thousand_pairs() {
    for key in [P256_SEC1, RSA_PKCS1] {
        let cert = certificate(key, &["*.b.example"]);
        let folder = folder::<&str>(&[]);
        for n in 0..2000 {
            let pair = folder.path().join(format!("{n}.b.example"));
            fs::create_dir(&pair).unwrap();
            fs::write(pair.join("cert.pem"), &cert).unwrap();
            fs::write(pair.join("key.pem"), key).unwrap();
        }
        let start = std::time::Instant::now();
        let (set, findings) = Certificates::load(folder.path(), now()).unwrap();
        assert_eq!((set.len(), findings.len()), (2000, 0));
        assert!(start.elapsed().as_secs() < 1, "{:?}", start.elapsed());
    }
}
