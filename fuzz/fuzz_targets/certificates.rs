//! Pairs of PEM files. The first byte says what the rest is:
//!
//! - `P`: the text of both files, with a NUL between them;
//! - `C`: the DER of a certificate, put beside a good key;
//! - `K`: the DER of a private key (PKCS#8), put beside a good certificate.
//!
//! Base64 would hide the structure of DER from the fuzzer.
#![no_main]

use base64::prelude::{BASE64_STANDARD, Engine as _};

#[path = "../properties/certificates.rs"]
mod certificates;

const CERTIFICATE: &[u8] = include_bytes!("../fixtures/certificate.pem");
const KEY: &[u8] = include_bytes!("../../tests/fixtures/keys/p256.sec1.pem");

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'C', der)) => certificates::certificates(&pem("CERTIFICATE", der), KEY),
        Some((b'K', der)) => certificates::certificates(CERTIFICATE, &pem("PRIVATE KEY", der)),
        Some((b'P', text)) => {
            let mut files = text.splitn(2, |byte| *byte == 0);
            let mut file = || files.next().unwrap_or_default();
            certificates::certificates(file(), file());
        }
        _ => {}
    }
});

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let base64 = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").into_bytes()
}
