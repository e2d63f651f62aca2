//! Certificates for tests: made on the spot from the keys in `tests/fixtures/keys`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::sign::CertifiedKey;
use tempfile::TempDir;

use super::Certificates;

pub(crate) const RSA_PKCS1: &str = include_str!("../../tests/fixtures/keys/rsa-2048.pkcs1.pem");
pub(crate) const RSA_PKCS8: &str = include_str!("../../tests/fixtures/keys/rsa-2048.pkcs8.pem");
pub(crate) const P256_SEC1: &str = include_str!("../../tests/fixtures/keys/p256.sec1.pem");
pub(crate) const P384_SEC1: &str = include_str!("../../tests/fixtures/keys/p384.sec1.pem");
pub(crate) const ED25519: &str = include_str!("../../tests/fixtures/keys/ed25519.pkcs8.pem");
pub(crate) const ED448: &str = include_str!("../../tests/fixtures/keys/ed448.pkcs8.pem");
pub(crate) const SECP256K1: &str = include_str!("../../tests/fixtures/keys/secp256k1.sec1.pem");
pub(crate) const ENCRYPTED_PKCS8: &str =
    include_str!("../../tests/fixtures/keys/p256.encrypted.pem");
pub(crate) const ENCRYPTED_SEC1: &str =
    include_str!("../../tests/fixtures/keys/p256.proc-type.pem");

pub(crate) const DAY: Duration = Duration::from_hours(24);

/// When the tests take place.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + 21_000 * DAY
}

/// A self-signed certificate for a key, valid for two thousand years.
pub(crate) fn certificate(key: &str, names: &[&str]) -> String {
    parameters(names).self_signed(&key_pair(key)).unwrap().pem()
}

/// The same with more extensions.
pub(crate) fn certificate_with(key: &str, names: &[&str], more: Vec<CustomExtension>) -> String {
    let mut parameters = parameters(names);
    parameters.custom_extensions = more;
    parameters.self_signed(&key_pair(key)).unwrap().pem()
}

/// The same, valid between two days counted from [`now`].
pub(crate) fn certificate_valid(key: &str, names: &[&str], days: (i32, i32)) -> String {
    let day = |n: i32| {
        let distance = n.unsigned_abs() * DAY;
        if n < 0 { now() - distance } else { now() + distance }
    };
    let mut parameters = parameters(names);
    parameters.not_before = day(days.0).into();
    parameters.not_after = day(days.1).into();
    parameters.self_signed(&key_pair(key)).unwrap().pem()
}

/// A root, an authority that it certifies, and a certificate for `key` from that authority: the PEM
/// of each, the last first.
pub(crate) fn chain(key: &str, names: &[&str]) -> [String; 3] {
    chain_with(key, names, Vec::new())
}

/// The same with more extensions of the certificate.
pub(crate) fn chain_with(
    key: &str,
    names: &[&str],
    extensions: Vec<CustomExtension>,
) -> [String; 3] {
    let authority = |name: &str| {
        let mut parameters = parameters(&[]);
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters
    };
    let root = rcgen::CertifiedIssuer::self_signed(authority("Root"), key_pair(P384_SEC1));
    let root = root.unwrap();
    let middle = authority("Middle");
    let middle = rcgen::CertifiedIssuer::signed_by(middle, key_pair(ED25519), &root).unwrap();
    let mut own = parameters(names);
    own.distinguished_name.push(rcgen::DnType::CommonName, names[0]);
    own.custom_extensions = extensions;
    let own = own.signed_by(&key_pair(key), &middle).unwrap();
    [own.pem(), middle.pem(), root.pem()]
}

/// Authority Information Access with an address (RFC 5280 §4.2.2.1), as the issuer's certificate or
/// another method of 48.
pub(crate) fn access(method: u8, address: &str) -> CustomExtension {
    let method = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, method].to_vec();
    let access = [method, der(0x86, address.as_bytes())].concat();
    let content = der(0x30, &der(0x30, &access));
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

/// Certificate Policies with one, by its encoded identifier.
pub(crate) fn policy(identifier: &[u8]) -> CustomExtension {
    let content = der(0x30, &der(0x30, &der(0x06, identifier)));
    CustomExtension::from_oid_content(&[2, 5, 29, 32], content)
}

/// A short value in DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A folder with these files, by path relative to it.
pub(crate) fn folder<C: AsRef<[u8]>>(files: &[(&str, C)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(&folder.path().join(path), content.as_ref());
    }
    folder
}

/// A loaded set with a P-256 certificate for each of these folders, by the names it carries.
pub(crate) fn certificates(folders: &[(&str, &[&str])]) -> Certificates {
    let pairs = tempfile::tempdir().unwrap();
    for (name, names) in folders {
        let pair = pairs.path().join(name);
        write(&pair.join("cert.pem"), certificate(P256_SEC1, names).as_bytes());
        write(&pair.join("key.pem"), P256_SEC1.as_bytes());
    }
    Certificates::load(pairs.path(), now()).unwrap().0
}

/// A resolver that asks nobody but one set of certificates.
#[derive(Debug)]
pub(crate) struct FixedResolver(pub(crate) Certificates);

impl rustls::server::ResolvesServerCert for FixedResolver {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.resolve(hello.server_name()?).cloned()
    }
}

fn parameters(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    CertificateParams::new(names).unwrap()
}

fn key_pair(pem: &str) -> KeyPair {
    // rcgen reads the first section only, and openssl puts the curve's parameters there.
    let key = pem.find("-----BEGIN EC PRIVATE KEY").map_or(pem, |start| &pem[start..]);
    KeyPair::from_pem(key).unwrap()
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}
