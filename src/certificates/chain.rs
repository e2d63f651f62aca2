//! The chain of a pair, put into the order that a handshake needs (RFC 8446 §4.4.2): the server's
//! own certificate, then the one that it was issued by, and so on.
//!
//! Authorities and people hand out the files in every order. The key tells which certificate is the
//! server's own, and names tell the rest; what was mended is told all the same, for other programs
//! that read the file do not mend it.

mod issuer;

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;

use super::leaf::parse;
use super::problem::Warning;

pub use issuer::Intermediate;

/// A chain in its order, and its faults.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) faults: Vec<Warning>,
}

/// Arranges the certificates of a file for the key whose public half is `key`. Without one of that
/// key the order is left as it is, for whoever checks the pair.
///
/// # Errors
/// When a certificate cannot be read.
pub(super) fn arrange(
    certificates: Vec<CertificateDer<'static>>,
    key: Option<&[u8]>,
) -> Result<Chain, String> {
    let parsed = certificates.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let is_own = |certificate: &X509Certificate<'_>| {
        key.is_some_and(|key| certificate.tbs_certificate.subject_pki.raw == key)
    };
    let Some(own) = parsed.iter().position(is_own) else {
        return Ok(Chain { certificates, faults: Vec::new() });
    };
    let mut order = upwards(&parsed, own);
    let is_in_order = own == 0 && order.is_sorted();
    order.extend(alternatives(&parsed, &order));
    if is_in_order {
        order.sort_unstable();
    }
    let mut faults = Vec::new();
    if !is_in_order {
        faults.push(Warning::WrongOrder);
    }
    if order.len() < parsed.len() {
        faults.push(Warning::NotOfTheChain(parsed.len() - order.len()));
    }
    if order.len() == 1
        && !is_self_issued(&parsed[own])
        && let Some(issuer) = issuer::intermediate(&parsed[own])
    {
        faults.push(Warning::NoChain(issuer));
    }
    drop(parsed);
    let mut certificates: Vec<_> = certificates.into_iter().map(Some).collect();
    let certificates = order.into_iter().filter_map(|at| certificates[at].take()).collect();
    Ok(Chain { certificates, faults })
}

/// The places of the certificates of a chain, from `own` to the last whose issuer is there.
fn upwards(parsed: &[X509Certificate<'_>], own: usize) -> Vec<usize> {
    let mut chain = vec![own];
    let mut last = own;
    while !is_self_issued(&parsed[last]) {
        let issuer = parsed[last].issuer().as_raw();
        let next = |at: &usize| !chain.contains(at) && parsed[*at].subject().as_raw() == issuer;
        let Some(next) = (0..parsed.len()).find(next) else { break };
        chain.push(next);
        last = next;
    }
    chain
}

/// Certificates beside `chain` with the name of an issuer in it, as where authorities certify each
/// other.
fn alternatives(parsed: &[X509Certificate<'_>], chain: &[usize]) -> Vec<usize> {
    let is_alternative = |at: &usize| {
        let subject = parsed[*at].subject().as_raw();
        chain.iter().all(|of| parsed[*of] != parsed[*at])
            && chain.iter().any(|of| parsed[*of].issuer().as_raw() == subject)
    };
    (0..parsed.len()).filter(is_alternative).collect()
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
}

#[cfg(test)]
mod tests;
