//! Certificates: a folder of pairs, and which of them answers to a server name.
//!
//! `<folder>/<domain>/cert.pem` and `key.pem` hold the pair of one domain. All pairs are read and
//! checked at once: what would break a handshake is an error and nothing is loaded, so that a
//! reload leaves the old set in force; what a client may complain about is a [`Finding`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

use self::problem::PairProblem;
use crate::process::stamp::Stamp;
use crate::semantics::host::{normal_form, wildcard_of};

pub use self::chain::Intermediate;
pub use self::challenge::{CHALLENGE_FOLDER, Challenges};
pub use self::leaf::Leaf;
pub use self::name::FolderName;
pub use self::pair::{Certificate, KeyKind};
pub(crate) use self::problem::URGENT;
pub use self::problem::{Finding, PairError, Warning};
pub use self::renewal::{PairFile, Renewal, Seen};
pub use self::validity::{Timeliness, Validity};

mod chain;
mod challenge;
mod leaf;
mod name;
mod pair;
mod pem;
mod problem;
mod renewal;
mod validity;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

/// The chain of a pair, the server's own certificate first.
pub const CERTIFICATE_FILE: &str = "cert.pem";

/// The key of a pair.
pub const KEY_FILE: &str = "key.pem";

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The certificates of one snapshot; never changed once loaded.
#[derive(Debug, Default)]
pub struct Certificates {
    exact: BTreeMap<String, Certificate>,
    /// By the parent that the wildcard stands under.
    wildcard: BTreeMap<String, Certificate>,
    /// The folder before it was listed, and each pair in it before it was read, in the order of
    /// names.
    listed: Option<Stamp>,
    seen: Vec<Seen>,
}

/// A folder in the folder of certificates that bears a name.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) name: FolderName,
    /// Why it cannot be looked into, as with a link to nowhere.
    broken: Option<io::Error>,
}

impl Certificates {
    /// Loads every pair under `folder`, judged as of `now`. One thread is enough: a pair takes
    /// 0.1 ms (P-256) to 0.35 ms (RSA-2048), most of it the check of the key.
    ///
    /// # Errors
    ///
    /// The first pair, in the order of names, that could not be served, or `folder` itself when
    /// it cannot be listed.
    pub fn load(folder: &Path, now: SystemTime) -> Result<(Certificates, Vec<Finding>), PairError> {
        let mut findings = Vec::new();
        let mut certificates =
            Certificates { listed: Stamp::of(folder), ..Certificates::default() };
        for listed in list(folder, &mut findings)? {
            certificates.seen.push(Seen::look(&listed.path));
            let path = listed.path.clone();
            match listed.load()? {
                Some(certificate) => certificates.insert(certificate)?,
                None => findings.push(Warning::NoPair.at(path)),
            }
        }
        findings.extend(certificates.findings(now));
        findings.sort_by(|a, b| a.path().cmp(b.path()));
        Ok((certificates, findings))
    }

    /// The certificate for a server name: the folder of that name, else the wildcard folder one
    /// label up, else for `www.x` the one of `x`, if it names `www.x` too.
    #[must_use]
    pub fn resolve(&self, server_name: &str) -> Option<&Arc<CertifiedKey>> {
        let host = normal_form(server_name).ok()?;
        self.exact
            .get(&*host)
            .or_else(|| self.wildcard.get(wildcard_of(&host)?))
            .or_else(|| self.exact.get(host.strip_prefix("www.")?).filter(|it| it.names_www()))
            .map(Certificate::key)
    }

    /// The certificate for a connection to this local address without a server name: the folder of
    /// that address, else the first one that names it.
    #[must_use]
    pub fn resolve_address(&self, address: IpAddr) -> Option<&Arc<CertifiedKey>> {
        let address = address.to_canonical();
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let named = || self.iter().find(|it| it.names().contains(&address.to_string()));
        self.exact.get(&host).or_else(named).map(Certificate::key)
    }

    /// The certificate for a connection to `address` that names no host: where a `single` folder is
    /// all that is served, the only one there is will do.
    #[must_use]
    pub fn without_name(&self, address: IpAddr, single: bool) -> Option<&Arc<CertifiedKey>> {
        let only = || self.iter().next().filter(|_| single && self.len() == 1);
        self.resolve_address(address).or_else(|| only().map(Certificate::key))
    }

    /// True if clients that ask for `host` get a certificate; they name an address by connecting to
    /// it.
    #[must_use]
    pub fn are_for(&self, host: &str, single: bool) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let address = bare.parse().ok();
        self.resolve(host).is_some()
            || address.is_some_and(|address| self.without_name(address, single).is_some())
    }

    /// Every certificate, exact names first, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = &Certificate> {
        self.exact.values().chain(self.wildcard.values())
    }

    /// Warnings that hold at `now`, for the operator.
    #[must_use]
    pub fn findings(&self, now: SystemTime) -> Vec<Finding> {
        self.iter().flat_map(|certificate| certificate.findings(now)).collect()
    }

    /// The number of certificates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exact.len() + self.wildcard.len()
    }

    /// True if there is none, and so no name a handshake could succeed for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcard.is_empty()
    }

    /// The earliest end of validity, past or to come; `None` if there are no certificates.
    #[must_use]
    pub fn next_expiry(&self) -> Option<SystemTime> {
        self.iter().map(Certificate::not_after).min()
    }

    /// Whole days until the first certificate expires, 0 if one has; `None` if there are no
    /// certificates.
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> Option<u64> {
        let left = self.next_expiry()?.duration_since(now).unwrap_or_default();
        Some(left.as_secs() / SECONDS_PER_DAY)
    }

    /// Two folders can mean one name (`Example.com` and `example.com`); which of them would
    /// serve it must not depend on the order of a listing.
    fn insert(&mut self, certificate: Certificate) -> Result<(), PairError> {
        let (map, key) = match certificate.name() {
            FolderName::Host(host) => (&mut self.exact, host.clone()),
            FolderName::WildcardOf(parent) => (&mut self.wildcard, parent.clone()),
        };
        if let Some(other) = map.get(&key) {
            let other = other.folder().to_owned();
            return Err(PairProblem::SameName { other }.at(certificate.folder()));
        }
        map.insert(key, certificate);
        Ok(())
    }
}

/// Loads one pair as the server would, whatever its folder is called.
///
/// # Errors
/// When it could not be served.
pub(crate) fn load_pair(folder: &Path, name: FolderName) -> Result<Certificate, PairError> {
    let certificate = pair::load(folder.to_owned(), name)?;
    certificate.ok_or_else(|| PairProblem::Missing { beside: KEY_FILE }.at(folder))
}

/// The sub-folders that carry a name, in the order of their paths. Dot folders and plain files
/// are not meant as certificates; a folder with any other name is a mistake worth a word.
pub(crate) fn list(folder: &Path, findings: &mut Vec<Finding>) -> Result<Vec<Listed>, PairError> {
    let unreadable = |error| PairProblem::unreadable(folder, error);
    let mut named = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, file_name) = (entry.path(), entry.file_name());
        if file_name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let name = file_name.to_str().and_then(FolderName::parse);
        // `fs::metadata` follows links, as `live/` folders of ACME clients want it. A link to
        // nowhere that bears a domain's name must not make that domain vanish unnoticed.
        match (fs::metadata(&path), name) {
            (Ok(metadata), _) if !metadata.is_dir() => {}
            (_, None) => findings.push(Warning::NotAHostName.at(path)),
            (found, Some(name)) => named.push(Listed { path, name, broken: found.err() }),
        }
    }
    named.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(named)
}

impl Listed {
    /// Loads the pair in it; `None` if neither file is there.
    fn load(self) -> Result<Option<Certificate>, PairError> {
        match self.broken {
            Some(error) => Err(PairProblem::Unreadable(error).at(self.path)),
            None => pair::load(self.path, self.name),
        }
    }
}
