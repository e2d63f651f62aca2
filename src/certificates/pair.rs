//! One pair of certificate and key: loaded, checked, judged.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, SignatureScheme};
use rustls_pki_types::ServerName;

use super::leaf::{parse, subject_names, validity};
use super::name::FolderName;
use super::problem::{Finding, PairError, PairProblem, Warning};
use super::{CERTIFICATE_FILE, KEY_FILE, pem};

/// How long before its end a certificate is worth a warning: ACME clients renew a 90-day
/// certificate 30 days before, so two weeks of failed attempts have gone by.
const RENEWAL_OVERDUE: Duration = Duration::from_hours(14 * 24);

/// A short-lived certificate (six days, say) is always near its end; it is overdue in the last
/// third of its life, the point where ACME clients have already renewed it.
const RENEWAL_OVERDUE_SHARE: u32 = 3;

/// One certificate with its key, ready to serve.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    name: FolderName,
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    names_folder: bool,
    names_www: bool,
    not_before: SystemTime,
    not_after: SystemTime,
    key_kind: KeyKind,
}

/// The kind of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, of any size.
    Rsa,
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
    /// A kind that the provider can sign with and that no public authority certifies.
    Other,
}

impl Certificate {
    /// The folder that it was loaded from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the folder's name says it is for.
    #[must_use]
    pub fn name(&self) -> &FolderName {
        &self.name
    }

    /// The chain and the key, as a handshake uses them.
    #[must_use]
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// The DNS names and addresses among the subject's alternative names, in lower case.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When its validity ends.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The kind of its key.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        self.key_kind
    }

    /// Whether it names `www.` of its folder's host as well.
    pub(super) fn names_www(&self) -> bool {
        self.names_www
    }

    /// Whether it names what its folder says.
    pub(crate) fn names_its_folder(&self) -> bool {
        self.names_folder
    }

    /// What a client would object to, as of `now`.
    fn warnings(&self, now: SystemTime) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.names_folder {
            warnings.push(Warning::OtherName { wanted: self.name.to_string() });
        }

        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        let overdue = RENEWAL_OVERDUE.min(life / RENEWAL_OVERDUE_SHARE);
        if now < self.not_before {
            warnings.push(Warning::NotYetValid(self.not_before));
        } else {
            match self.not_after.duration_since(now) {
                Err(_) => warnings.push(Warning::Expired(self.not_after)),
                Ok(left) if left < overdue => {
                    warnings.push(Warning::ExpiresSoon { not_after: self.not_after, left });
                }
                Ok(_) => {}
            }
        }
        warnings
    }
}

impl KeyKind {
    /// A key tells what it is by the signatures it is able to make.
    fn of(key: &dyn SigningKey) -> KeyKind {
        let signs = |scheme| key.choose_scheme(&[scheme]).is_some();
        if signs(SignatureScheme::RSA_PSS_SHA256) {
            KeyKind::Rsa
        } else if signs(SignatureScheme::ECDSA_NISTP256_SHA256) {
            KeyKind::EcdsaP256
        } else if signs(SignatureScheme::ECDSA_NISTP384_SHA384) {
            KeyKind::EcdsaP384
        } else if signs(SignatureScheme::ED25519) {
            KeyKind::Ed25519
        } else {
            KeyKind::Other
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyKind::Rsa => "RSA",
            KeyKind::EcdsaP256 => "ECDSA P-256",
            KeyKind::EcdsaP384 => "ECDSA P-384",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Other => "other",
        })
    }
}

/// Loads the pair in `folder`; a folder with neither file is skipped with a warning.
pub(super) fn load(
    folder: PathBuf,
    name: FolderName,
    now: SystemTime,
) -> Result<(Option<Certificate>, Vec<Finding>), PairError> {
    let (chain_path, key_path) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    let (chain_pem, key_pem) = match (pem::read(&chain_path)?, pem::read(&key_path)?) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) => return Ok((None, vec![Warning::NoPair.at(folder)])),
        (None, _) => return Err(PairProblem::Missing { beside: KEY_FILE }.at(chain_path)),
        (_, None) => return Err(PairProblem::Missing { beside: CERTIFICATE_FILE }.at(key_path)),
    };

    let signer = any_supported_type(&pem::key(&key_path, &key_pem)?)
        .map_err(|_| PairProblem::UnsupportedKey.at(&key_path))?;
    let key = Arc::new(CertifiedKey::new(pem::chain(&chain_path, &chain_pem)?, signer));

    let unusable = |reason: String| PairProblem::BadCertificate(reason).at(&chain_path);
    let chain = key.cert.iter().map(parse).collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    let leaf = ParsedCertificate::try_from(&key.cert[0]).map_err(|e| unusable(e.to_string()))?;
    check_keys_match(&key, &key_path)?;

    let (not_before, not_after) = validity(&chain[0]);
    let names = subject_names(&chain[0]).map_err(unusable)?;
    let certificate = Certificate {
        folder,
        key: Arc::clone(&key),
        names_folder: match &name {
            FolderName::Host(host) => is_valid_for(&leaf, host),
            FolderName::WildcardOf(_) => names.contains(&name.to_string()),
        },
        names,
        names_www: match &name {
            FolderName::Host(host) => is_valid_for(&leaf, &format!("www.{host}")),
            FolderName::WildcardOf(_) => false,
        },
        name,
        not_before,
        not_after,
        key_kind: KeyKind::of(&*key.key),
    };
    let warnings = certificate.warnings(now);
    let findings = warnings.into_iter().map(|warning| warning.at(&chain_path)).collect();
    Ok((Some(certificate), findings))
}

/// A pair that cannot be shown to belong together is not served. Every key that the provider
/// loads can tell its public half, so `Unknown` would be a kind this server has never met.
fn check_keys_match(key: &CertifiedKey, key_path: &Path) -> Result<(), PairError> {
    match key.keys_match() {
        Ok(()) => Ok(()),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
            Err(PairProblem::UnsupportedKey.at(key_path))
        }
        Err(_) => Err(PairProblem::KeyMismatch.at(key_path)),
    }
}

/// The check that a client makes. A host that is an IPv6 address wears brackets here only.
fn is_valid_for(leaf: &ParsedCertificate<'_>, host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare).is_ok_and(|name| verify_server_name(leaf, &name).is_ok())
}
