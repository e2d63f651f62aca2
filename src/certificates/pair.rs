//! One pair of certificate and key: loaded, checked, judged.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, SignatureScheme};
use rustls_pki_types::ServerName;

use super::chain::arrange;
use super::leaf::{parse, subject_names, validity};
use super::name::FolderName;
use super::problem::{Finding, PairError, PairProblem, Warning};
use super::validity::{Timeliness, Validity};
use super::{CERTIFICATE_FILE, KEY_FILE, pem};

/// One certificate with its key, ready to serve.
#[derive(Clone, Debug)]
pub struct Certificate {
    folder: PathBuf,
    name: FolderName,
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    names_folder: bool,
    names_www: bool,
    validity: Validity,
    key_kind: KeyKind,
    faults: Vec<Finding>,
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
    /// A key for Ed25519 (RFC 8032).
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

    /// The name of its folder, which its certificate is for.
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

    /// The end of its validity.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.validity.not_after
    }

    /// The state of its validity at `now`.
    #[must_use]
    pub fn state(&self, now: SystemTime) -> Timeliness {
        self.validity.state(now)
    }

    /// The kind of its key.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        self.key_kind
    }

    /// True if it names `www.` of its folder's host as well.
    pub(super) fn names_www(&self) -> bool {
        self.names_www
    }

    /// True if it names what its folder says.
    pub(crate) fn names_its_folder(&self) -> bool {
        self.names_folder
    }

    /// Warnings that hold at `now`: the faults of its files, and its age.
    #[must_use]
    pub fn findings(&self, now: SystemTime) -> Vec<Finding> {
        let Validity { not_before, not_after } = self.validity;
        let age = match self.state(now) {
            Timeliness::Valid(_) => None,
            Timeliness::NotYetValid => Some(Warning::NotYetValid(not_before)),
            Timeliness::Expired => Some(Warning::Expired(not_after)),
            Timeliness::EndsSoon(left) => Some(Warning::ExpiresSoon { not_after, left }),
        };
        let path = || self.folder.join(CERTIFICATE_FILE);
        self.faults.iter().cloned().chain(age.map(|warning| warning.at(path()))).collect()
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

/// Loads the pair in `folder`; `None` if it has neither file.
pub(super) fn load(folder: PathBuf, name: FolderName) -> Result<Option<Certificate>, PairError> {
    let (chain_path, key_path) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    let (chain_pem, key_pem) = match (pem::read(&chain_path)?, pem::read(&key_path)?) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) => return Ok(None),
        (None, _) => return Err(PairProblem::Missing { beside: KEY_FILE }.at(chain_path)),
        (_, None) => return Err(PairProblem::Missing { beside: CERTIFICATE_FILE }.at(key_path)),
    };

    let mut faults = Vec::new();
    let mut mended = |path: &Path, text: Vec<u8>| {
        let (text, mends) = pem::mended(text);
        faults.extend(mends.into_iter().map(|warning| warning.at(path)));
        text
    };
    let (chain_pem, key_pem) = (mended(&chain_path, chain_pem), mended(&key_path, key_pem));

    let signer = any_supported_type(&pem::key(&key_path, &key_pem)?)
        .map_err(|_| PairProblem::UnsupportedKey.at(&key_path))?;
    let unusable = |reason: String| PairProblem::BadCertificate(reason).at(&chain_path);
    let public_key = signer.public_key();
    let public_key = public_key.as_ref().map(AsRef::<[u8]>::as_ref);
    let chain = arrange(pem::chain(&chain_path, &chain_pem)?, public_key).map_err(unusable)?;
    faults.extend(chain.faults.into_iter().map(|warning| warning.at(&chain_path)));
    let key = Arc::new(CertifiedKey::new(chain.certificates, signer));
    check_keys_match(&key, &key_path)?;

    let own = parse(&key.cert[0]).map_err(unusable)?;
    let leaf = ParsedCertificate::try_from(&key.cert[0]).map_err(|e| unusable(e.to_string()))?;
    let names = subject_names(&own).map_err(unusable)?;
    let names_folder = match &name {
        FolderName::Host(host) => is_valid_for(&leaf, host),
        FolderName::WildcardOf(_) => names.contains(&name.to_string()),
    };
    if !names_folder {
        faults.push(Warning::OtherName { wanted: name.to_string() }.at(&chain_path));
    }
    let certificate = Certificate {
        folder,
        key: Arc::clone(&key),
        names_folder,
        names,
        names_www: match &name {
            FolderName::Host(host) => is_valid_for(&leaf, &format!("www.{host}")),
            FolderName::WildcardOf(_) => false,
        },
        name,
        validity: validity(&own),
        key_kind: KeyKind::of(&*key.key),
        faults,
    };
    Ok(Some(certificate))
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
