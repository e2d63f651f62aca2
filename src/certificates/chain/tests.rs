//! Files as authorities and people put them together, and what is served of them.

use std::fs;

use crate::certificates::fixtures::{
    P256_SEC1, RSA_PKCS8, access, certificate, certificate_with, chain, chain_with, folder, now,
    policy,
};
use crate::certificates::{Certificates, Leaf};

/// Checks the order in which the parts of a file are served, and what is said of it.
#[track_caller]
fn served(parts: &[&str], expected: &[&str], told: &[&str]) {
    let text = parts.concat();
    let folder = folder(&[("a.test/cert.pem", text.as_str()), ("a.test/key.pem", P256_SEC1)]);
    let (set, findings) = Certificates::load(folder.path(), now()).unwrap();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(findings.len(), told.len(), "{findings:?}");
    for (finding, part) in findings.iter().zip(told) {
        assert!(finding.contains("a.test/cert.pem: ") && finding.contains(part), "{finding}");
    }
    let key = set.resolve("a.test").unwrap();
    let expected = expected.iter().map(|pem| der(pem)).collect::<Vec<_>>();
    assert!(key.cert.iter().map(|part| part.to_vec()).eq(expected), "{told:?}");
}

#[test]
fn what_issued_itself_needs_no_chain_whatever_it_says() {
    let extensions =
        vec![access(CA_ISSUERS, "http://a.test/"), policy(&[0x67, 0x81, 0x0c, 1, 2, 1])];
    let alone = &certificate_with(P256_SEC1, &["a.test"], extensions);
    served(&[alone], &[alone], &[]);
}

#[test]
fn sections_that_meet_in_one_line_are_told_apart() {
    let [own, middle, root] = &chain(P256_SEC1, &["a.test"]);
    let [joined, last] = [own.trim_end(), middle.trim_end()];
    served(&[joined, middle], &[own, middle], &[JOINED]);
    served(&[joined, last, root], &[own, middle, root], &[JOINED]);
    served(&[last, own], &[own, middle], &[JOINED, ORDER]);
    served(&[joined, "\r\n", middle], &[own, middle], &[]);
    served(&[P256_SEC1.trim_end(), own, middle], &[own, middle], &[JOINED]);
}

fn der(pem: &str) -> Vec<u8> {
    let folder = folder(&[("cert.pem", pem)]);
    Leaf::read(folder.path()).unwrap().der().to_vec()
}

const NO_CHAIN: &str = "without its chain: its issuer \"CN=Middle\" is ";
/// The last number of `id-ad-caIssuers`.
const CA_ISSUERS: u8 = 2;
const ORDER: &str = "wrong order";
const MARK: &str = "byte order mark";
const JOINED: &str = "meet in one line";
const TWICE: &str = "do not belong to the chain, or twice: 1";

#[test]
fn a_chain_is_served_in_its_order_and_what_is_wrong_is_told() {
    let address = access(CA_ISSUERS, "http://authority.test/middle.der");
    let [own, middle, root] = &chain_with(P256_SEC1, &["a.test"], vec![address]);
    let alone = &certificate(P256_SEC1, &["a.test"]);
    let strange = &certificate(RSA_PKCS8, &["b.test"]);
    served(&[own, middle], &[own, middle], &[]);
    served(&[own, middle, root], &[own, middle, root], &[]);
    served(&[alone], &[alone], &[]);
    served(&[own], &[own], &[NO_CHAIN]);
    served(&[own, root], &[own], &[TWICE, NO_CHAIN]);
    served(&[middle, own], &[own, middle], &[ORDER]);
    served(&[root, middle, own], &[own, middle, root], &[ORDER]);
    served(&[own, root, middle], &[own, middle, root], &[ORDER]);
    served(&[middle, root, own], &[own, middle, root], &[ORDER]);
    served(&[own, own, middle], &[own, middle], &[TWICE]);
    served(&[own, middle, strange], &[own, middle], &[TWICE]);
    served(&[strange, own, middle], &[own, middle], &[ORDER, TWICE]);
}

#[test]
fn a_chain_is_missed_where_its_issuer_is_known_to_be_no_root() {
    const OCSP: u8 = 1;
    let table = [
        // Of mkcert, and of step-ca without a template: clients may well know who issued it.
        (vec![], None),
        (vec![access(OCSP, "http://authority.test/ocsp")], None),
        (vec![access(CA_ISSUERS, "ldap:///CN=AIA,DC=corp?cACertificate")], None),
        // An own policy: 1.3.6.1.4.1.99999.1.
        (vec![policy(&[0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f, 1])], None),
        // Those of extended validation belong to public authorities too: 2.23.140.1.1.
        (vec![policy(&[0x67, 0x81, 0x0c, 1, 1])], Some("is of a public authority")),
        (vec![policy(&[0x67, 0x81, 0x0c, 1, 2, 1])], Some("is of a public authority")),
        (vec![access(CA_ISSUERS, "http://r11.test/")], Some("fetch at http://r11.test/, which")),
        (vec![access(CA_ISSUERS, "https://r11.test/")], Some("fetch at https://r11.test/, which")),
        (
            vec![access(CA_ISSUERS, "http://a.test/\r\nx"), policy(&[0x67, 0x81, 0x0c, 1, 2, 1])],
            Some("fetch at http://a.test/x, which"),
        ),
    ];
    for (extensions, told) in table {
        let [own, middle, root] = &chain_with(P256_SEC1, &["a.test"], extensions);
        served(&[own], &[own], told.as_slice());
        served(&[own, middle], &[own, middle], &[]);
        served(&[own, middle, root], &[own, middle, root], &[]);
    }
}

#[test]
fn marks_and_text_around_the_sections_do_no_harm() {
    let [own, middle, _] = &chain(P256_SEC1, &["a.test"]);
    let mark = "\u{feff}";
    let windows = own.replace('\n', "\r\n");
    served(&[mark, own, middle], &[own, middle], &[MARK]);
    served(&[own, mark, middle], &[own, middle], &[MARK]);
    served(&[mark, own, mark, middle], &[own, middle], &[MARK]);
    served(&[mark, middle, own], &[own, middle], &[MARK, ORDER]);
    served(&["Bag Attributes\n", own, "\n\n", middle], &[own, middle], &[]);
    served(&[&windows, middle], &[own, middle], &[]);
}

#[test]
fn a_mark_before_a_key_is_told_and_utf_16_is_named() {
    let own = certificate(P256_SEC1, &["a.test"]);
    let pair = folder(&[("a.test/cert.pem", own.as_bytes()), ("a.test/key.pem", b"".as_slice())]);
    let key = pair.path().join("a.test/key.pem");
    let start = P256_SEC1.find("-----BEGIN EC PRIVATE").unwrap();
    fs::write(&key, format!("\u{feff}{}", &P256_SEC1[start..])).unwrap();
    let (_, findings) = Certificates::load(pair.path(), now()).unwrap();
    assert!(findings[0].to_string().contains("a.test/key.pem: holds a byte order mark"));
    assert!(findings[0].is_fault());
    let wide: Vec<u8> = P256_SEC1.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&key, [b"\xFF\xFE".as_slice(), &wide].concat()).unwrap();
    let error = Certificates::load(pair.path(), now()).unwrap_err().to_string();
    assert!(error.ends_with("it is UTF-16; save it as ASCII or UTF-8"), "{error}");
}
