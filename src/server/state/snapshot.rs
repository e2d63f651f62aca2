//! The sites and certificates that are served, replaced together or not at all.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::separation::{self, Exposed};
use crate::certificates;
use crate::certificates::Certificates;
use crate::process::sandbox::{Beside, Readable};
use crate::process::stamp::Stamp;
use crate::service::Service;
use crate::site::{self, Background, Sites, SitesFolder};

/// Sites and certificates as they were found at one time. Never changes.
#[derive(Debug)]
pub struct Snapshot {
    /// The sites, with the cache of what was read from them.
    pub sites: Arc<Sites>,
    /// The certificates; none without TLS.
    pub certificates: Arc<Certificates>,
    /// The folder of sites before it was listed.
    pub(super) listed: Option<Stamp>,
    odd: Odd,
}

/// Oddities that are no reason to stop, a line each.
#[derive(Clone, Debug, Default)]
struct Odd {
    sites: Vec<String>,
    certificates: Vec<String>,
}

/// The news of a renewal: only what was not told before.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Oddities of what is served.
    pub(super) warnings: Vec<String>,
    /// Faults of what is not taken up. What was served before goes on, if there was anything.
    pub(super) failures: Vec<String>,
}

/// The folders that a snapshot is made from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The folder of sites.
    pub sites: SitesFolder,
    /// The folder of certificates, with TLS.
    pub tls: Option<PathBuf>,
    /// The folder of the state, which nothing is served from.
    pub state: Option<PathBuf>,
}

impl Sources {
    /// The folders that the sandbox must leave readable.
    #[must_use]
    pub fn readable(&self) -> Vec<Readable> {
        let beside = if self.sites.single { Beside::Siblings } else { Beside::Links };
        let sites = Readable { folder: self.sites.folder.clone(), beside };
        let tls = self.tls.clone();
        let tls = tls.map(|folder| Readable { folder, beside: Beside::NestedLinks });
        [sites].into_iter().chain(tls).collect()
    }
}

/// Why no snapshot could be made: one line that names the path and the reason.
#[derive(Debug)]
pub enum SnapshotError {
    /// A site, or the folder of them.
    Sites(site::SitesError),
    /// A certificate, or the folder of them.
    Certificates(certificates::PairError),
    /// Keys that could be read through a site.
    Exposed(Exposed),
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sites(error) => error.fmt(formatter),
            Self::Certificates(error) => error.fmt(formatter),
            Self::Exposed(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl Snapshot {
    /// The certificate for a connection to this local address without a server name.
    #[must_use]
    pub fn certificate_without_name(&self, address: IpAddr) -> Option<&Arc<CertifiedKey>> {
        self.certificates.without_name(address, self.sites.is_single())
    }

    /// Finds, opens and checks everything; also gives what is odd but no reason to stop.
    ///
    /// # Errors
    /// The first thing that cannot be served.
    pub fn load(
        sources: &Sources,
        background: Background,
    ) -> Result<(Self, Vec<String>), SnapshotError> {
        let listed = Stamp::of(&sources.sites.folder);
        let (sites, odd) = Sites::load(&sources.sites, background).map_err(SnapshotError::Sites)?;
        let mut odd = Odd { sites: odd, certificates: Vec::new() };
        let certificates = match &sources.tls {
            None => Certificates::default(),
            Some(folder) => {
                let (certificates, findings) = Certificates::load(folder, SystemTime::now())
                    .map_err(SnapshotError::Certificates)?;
                odd.certificates = findings.iter().map(ToString::to_string).collect();
                certificates
            }
        };
        separation::check(&sites, &certificates, sources).map_err(SnapshotError::Exposed)?;
        let warnings = [&*odd.sites, &odd.certificates].concat();
        let certificates = Arc::new(certificates);
        Ok((Self { sites: Arc::new(sites), certificates, listed, odd }, warnings))
    }

    /// Loads what has changed since this one was loaded and keeps the rest, with what is cached of
    /// it. A pair that cannot be served holds up nothing else.
    ///
    /// # Errors
    /// When a folder cannot be listed, or keys could be read through a site.
    pub(super) fn renew(&self, sources: &Sources) -> Result<(Self, News), SnapshotError> {
        let listed = Stamp::of(&sources.sites.folder);
        let mut odd = self.odd.clone();
        let mut sites = Arc::clone(&self.sites);
        if listed != self.listed {
            let (renewed, warnings) =
                self.sites.renew(&sources.sites).map_err(SnapshotError::Sites)?;
            (sites, odd.sites) = (Arc::new(renewed), warnings);
        }
        let mut failures = Vec::new();
        let certificates = match &sources.tls {
            None => Certificates::default(),
            Some(folder) => {
                let renewal = self.certificates.renew(folder, SystemTime::now());
                let renewal = renewal.map_err(SnapshotError::Certificates)?;
                odd.certificates = renewal.findings.iter().map(ToString::to_string).collect();
                failures = renewal.failures.iter().map(ToString::to_string).collect();
                renewal.certificates
            }
        };
        separation::check(&sites, &certificates, sources).map_err(SnapshotError::Exposed)?;
        let news = News { warnings: odd.beyond(&self.odd), failures };
        let certificates = Arc::new(certificates);
        Ok((Self { sites, certificates, listed, odd }, news))
    }
}

impl Odd {
    /// The lines that are not in `before`.
    fn beyond(&self, before: &Self) -> Vec<String> {
        let known: HashSet<&String> = before.sites.iter().chain(&before.certificates).collect();
        let all = self.sites.iter().chain(&self.certificates);
        all.filter(|line| !known.contains(line)).cloned().collect()
    }
}

/// The current snapshot, and what outlives every snapshot.
#[derive(Debug)]
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    service: Arc<Service>,
    counters: Arc<Counters>,
}

impl Live {
    /// The state that begins with `snapshot`.
    #[must_use]
    pub fn new(snapshot: Snapshot, service: Arc<Service>) -> Self {
        let snapshot = ArcSwap::from_pointee(snapshot);
        Self { snapshot, service, counters: Arc::default() }
    }

    /// The current snapshot, for one request or one handshake.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Puts `snapshot` in place of the current one, which lives on until the last request that
    /// began with it has been answered.
    pub fn replace(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        self.snapshot.swap(Arc::new(snapshot))
    }

    /// The service, which answers requests.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// The counters since the start.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

/// Numbers since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
    unknown_names: AtomicU64,
}

impl Counters {
    /// Counts a request that has come.
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes of content on their way out.
    pub fn bytes(&self, count: usize) {
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Bytes of content that were handed to connections.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts a handshake for a server name without a certificate.
    pub fn unknown_names(&self) {
        self.unknown_names.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests and handshakes for unknown names.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.unknown_names.load(Ordering::Relaxed))
    }
}

/// Chooses the certificate of a handshake from the current snapshot.
#[derive(Debug)]
pub struct Resolver {
    live: Arc<Live>,
    /// The address that clients come to, where that is not known otherwise.
    address: Option<IpAddr>,
    /// True if a name without a certificate ends the handshake here, and nobody else tells it.
    tells: bool,
}

impl Resolver {
    /// A resolver of names.
    #[must_use]
    pub fn new(live: Arc<Live>) -> Self {
        Self { live, address: None, tells: false }
    }

    /// The same for connections over QUIC to `address`, of which some name no host.
    #[must_use]
    pub fn at(&self, address: Option<IpAddr>) -> Self {
        Self { live: Arc::clone(&self.live), address, tells: true }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        let snapshot = self.live.load();
        let key = match (name, self.address) {
            (Some(name), _) => snapshot.certificates.resolve(name),
            (None, Some(address)) => snapshot.certificate_without_name(address),
            (None, None) => None,
        };
        let key = key.cloned();
        if key.is_none() && self.tells {
            self.live.counters().unknown_names();
            let name = name.unwrap_or("none");
            tracing::debug!(name, "no certificate for the server name, over QUIC");
        }
        key
    }
}
