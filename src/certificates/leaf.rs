//! The server's own certificate of a chain: what it says of itself, readable without its key.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::problem::{PairError, PairProblem};
use super::validity::Validity;
use super::{CERTIFICATE_FILE, KEY_FILE, pem};

/// A certificate as it describes itself, without those that issued it.
#[derive(Clone, Debug)]
pub struct Leaf {
    der: CertificateDer<'static>,
    names: Vec<String>,
    validity: Validity,
}

impl Leaf {
    /// Reads the first certificate in the chain of a pair's folder.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, PairError> {
        let path = folder.join(CERTIFICATE_FILE);
        let Some(text) = pem::read(&path)? else {
            return Err(PairProblem::Missing { beside: KEY_FILE }.at(path));
        };
        let (text, _) = pem::mended(text);
        let der = pem::chain(&path, &text)?.swap_remove(0);
        let unusable = |reason: String| PairProblem::BadCertificate(reason).at(&path);
        let certificate = parse(&der).map_err(unusable)?;
        let names = subject_names(&certificate).map_err(unusable)?;
        let validity = validity(&certificate);
        Ok(Self { der, names, validity })
    }

    /// The certificate in its encoded form.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The DNS names and addresses among the subject's alternative names, in lower case.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The beginning of its validity.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.validity.not_before
    }

    /// The end of its validity.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.validity.not_after
    }
}

/// Checks that one certificate of a chain is whole. Bytes after it are as wrong as bytes missing.
pub(super) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err("there is data after it".to_owned()),
        Err(_) => Err("its encoding is broken".to_owned()),
    }
}

/// The time that a certificate is valid for.
pub(super) fn validity(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    let [not_before, not_after] = [validity.not_before, validity.not_after].map(system_time);
    Validity { not_before, not_after }
}

/// Times before 1970 become 1970: no certificate is that old, and nobody needs to know more.
fn system_time(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The DNS names and addresses that a certificate is for, in lower case.
pub(super) fn subject_names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, String> {
    let extension = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = extension.iter().flat_map(|it| &it.value.general_names);
    Ok(names.filter_map(subject_name).collect())
}

fn subject_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(|v4| Ipv4Addr::from(v4).to_string())
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(|v6| Ipv6Addr::from(v6).to_string()))
            .ok(),
        _ => None,
    }
}
