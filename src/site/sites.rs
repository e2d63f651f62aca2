//! The sites of a snapshot: which folder answers for which host.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quick_cache::DefaultHashBuilder as RandomState;
use rustix::io::Errno;

use super::cache::{Cache, Need, WantedForm};
use super::folders::{WILDCARD, of_sites};
use super::form::{Availability, Form};
use super::lookup::{NotAFile, OpenFile};
use super::root::Root;
use super::rules::{Rules, SiteRules};
use super::{Background, Found, lookup};
use crate::process::clock::Tick;
use crate::semantics::dictionary::AvailableDictionary;
use crate::semantics::host;

/// A set of sites and the cache of what was read from them. Never changes: a reload builds another.
#[derive(Debug)]
pub struct Sites {
    served: Served,
    cache: Arc<Cache>,
    unreadable: Vec<SitesError>,
    /// The number of the next new site. The cache may still hold entries of those that went.
    next_id: u32,
}

#[derive(Debug)]
enum Served {
    /// Every host is this one site.
    One(Arc<Site>),
    /// By host name in normal form; one behind [`WILDCARD`] is for every name of one more label.
    ByHost(ByHost),
}

type ByHost = HashMap<Box<str>, Arc<Site>, RandomState>;

/// A site: one folder with a name.
#[derive(Debug)]
pub struct Site {
    name: Box<str>,
    id: u32,
    root: Root,
    rules: SiteRules,
}

/// The answer for a host.
#[derive(Debug)]
pub enum Answering<'a> {
    /// The site of this name.
    Site(&'a Arc<Site>),
    /// No site of this name, but this one: its name has `www.` in front, or lacks it.
    Counterpart(&'a Arc<Site>),
    /// No site answers for the name.
    Nobody,
}

/// The folder that sites come from, and what they may take.
#[derive(Clone, Debug)]
pub struct SitesFolder {
    /// The folder of sites, or the one site.
    pub folder: PathBuf,
    /// True if `folder` is itself the one site, for every host.
    pub single: bool,
    /// Bound on cached content in bytes; 0 turns the cache off.
    pub cache_bound: u64,
}

/// Why a set of sites cannot be served: one line that names the path and the reason.
#[derive(Clone, Debug)]
pub struct SitesError {
    path: PathBuf,
    reason: String,
}

impl fmt::Display for SitesError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for SitesError {}

impl SitesError {
    pub(super) fn new(path: &Path, reason: &impl ToString) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

impl Sites {
    /// Opens every site of `source`. Also gives what is odd but no reason to stop, one line each.
    ///
    /// # Errors
    /// When the folder or a site in it cannot be opened, or two folders name the same host.
    pub fn load(
        source: &SitesFolder,
        background: Background,
    ) -> Result<(Self, Vec<String>), SitesError> {
        let cache = Arc::new(Cache::new(source.cache_bound, background));
        if source.single {
            let site = Site::open(&source.folder, "*", 0)?;
            let served = Served::One(Arc::new(site));
            return Ok((Self { served, cache, unreadable: Vec::new(), next_id: 1 }, Vec::new()));
        }
        let (found, mut warnings) = of_sites(&source.folder)?;
        let mut sites = HashMap::with_capacity_and_hasher(found.len(), RandomState::default());
        let mut unreadable = Vec::new();
        let mut next_id = 0;
        for (name, path) in found {
            let site = Arc::new(Site::watched(&name, &path, next_id, &mut unreadable));
            next_id += 1;
            if let Some(twin) = sites.insert(name, site) {
                return Err(twins(&twin, &path));
            }
        }
        warnings.extend(unreadable.iter().map(unreadable_yet));
        warnings.extend(sites.is_empty().then(|| empty(&source.folder)));
        Ok((Self { served: Served::ByHost(sites), cache, unreadable, next_id }, warnings))
    }

    /// The sites of `source` as they are now: those that are here already stay as they are, with
    /// what is cached of them. Also gives what is odd, one line each.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn renew(&self, source: &SitesFolder) -> Result<(Self, Vec<String>), SitesError> {
        let cache = Arc::clone(&self.cache);
        let before = match &self.served {
            Served::One(site) => {
                let served = Served::One(Arc::clone(site));
                let next_id = self.next_id;
                return Ok((Self { served, cache, unreadable: Vec::new(), next_id }, Vec::new()));
            }
            Served::ByHost(sites) => sites,
        };
        let (mut found, mut warnings) = of_sites(&source.folder)?;
        let is_served =
            |name: &str, path: &Path| before.get(name).is_some_and(|site| site.root.path() == path);
        // Of two folders for one host, the one that is served goes on.
        found.sort_by_key(|(name, path)| !is_served(name, path));
        let mut sites: ByHost =
            HashMap::with_capacity_and_hasher(found.len(), RandomState::default());
        let mut unreadable = Vec::new();
        let mut next_id = self.next_id;
        for (name, path) in found {
            if let Some(twin) = sites.get(&name) {
                warnings.push(format!("{}: it is not served", twins(twin, &path)));
                continue;
            }
            let site = if is_served(&name, &path) {
                Arc::clone(&before[&name])
            } else {
                let site = Site::watched(&name, &path, next_id, &mut unreadable);
                next_id = next_id.wrapping_add(1);
                Arc::new(site)
            };
            sites.insert(name, site);
        }
        warnings.extend(unreadable.iter().map(unreadable_yet));
        warnings.extend(sites.is_empty().then(|| empty(&source.folder)));
        Ok((Self { served: Served::ByHost(sites), cache, unreadable, next_id }, warnings))
    }

    /// Takes over the rules of the same sites before a reload, where their files cannot be read at
    /// the moment: a reload is no reason to forget the last good ones.
    pub fn keep_rules_of(&self, before: &Self) {
        for site in self.all() {
            let same = match &before.served {
                Served::One(site) => Some(site),
                Served::ByHost(sites) => sites.get(&site.name),
            };
            if let Some(same) = same.filter(|same| same.name == site.name) {
                site.rules.keep(&same.rules);
            }
        }
    }

    /// The site for a host name in normal form.
    #[must_use]
    pub fn answering<'a>(&'a self, host: &str) -> Answering<'a> {
        let sites = match &self.served {
            Served::One(site) => return Answering::Site(site),
            Served::ByHost(sites) => sites,
        };
        if let Some(site) = sites.get(host) {
            return Answering::Site(site);
        }
        if let Some(site) = host::www_counterpart(host).and_then(|name| sites.get(&*name)) {
            return Answering::Counterpart(site);
        }
        let domain = host.split_once('.').map(|(_, domain)| domain);
        match domain.and_then(|domain| sites.get(&*format!("{WILDCARD}{domain}"))) {
            Some(site) => Answering::Site(site),
            None => Answering::Nobody,
        }
    }

    /// True if every host is one site.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.served, Served::One(_))
    }

    /// The outcome of a look-up of `path` of `site`: a path in normal form without hidden segments.
    pub async fn find(&self, site: &Arc<Site>, path: &str, wanted: Need) -> Found {
        self.cache.find(site, path, wanted).await
    }

    /// The same, if it is known without a wait.
    #[must_use]
    pub fn find_at_once(&self, site: &Arc<Site>, path: &str, wanted: Need) -> Option<Found> {
        self.cache.find_at_once(site, path, wanted)
    }

    /// The path of the page for whatever is missing in `folder` of `site`, if there is one. The
    /// folder is a name beneath the root, and may itself be missing.
    pub async fn missing_page(&self, site: &Arc<Site>, folder: &str) -> Option<Arc<str>> {
        self.cache.missing_page(site, folder).await
    }

    /// The state of a form. One that is not there yet is made, if that may be claimed.
    #[must_use]
    pub fn form(&self, wanted: &WantedForm<'_>) -> Availability {
        self.cache.form(wanted)
    }

    /// The form with the dictionary that a client has, if it is there and worth it.
    #[must_use]
    pub fn form_with_dictionary(
        &self,
        wanted: &WantedForm<'_>,
        available: &AvailableDictionary<'_>,
    ) -> Option<Arc<Form>> {
        self.cache.form_with_dictionary(wanted, available)
    }

    /// Opens a regular file by its name beneath the root; `None` if it has gone.
    ///
    /// # Errors
    /// When there is one that cannot be opened.
    pub async fn open(
        &self,
        site: &Arc<Site>,
        relative: &str,
    ) -> std::io::Result<Option<OpenFile>> {
        let site = Arc::clone(site);
        let relative: Box<str> = relative.into();
        let opening = tokio::task::spawn_blocking(move || match site.open_beneath(&relative) {
            Ok(file) => Ok(Some(file)),
            Err(NotAFile::Folder | NotAFile::Absent) => Ok(None),
            Err(NotAFile::Refused(cause)) => Err(cause.into()),
        });
        opening.await.map_err(std::io::Error::other).flatten()
    }

    /// Every site, in the order of names.
    #[must_use]
    pub fn all(&self) -> Vec<&Arc<Site>> {
        let mut all = match &self.served {
            Served::One(site) => vec![site],
            Served::ByHost(sites) => sites.values().collect(),
        };
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// The sites that could not be opened when they were loaded, and why.
    #[must_use]
    pub fn unreadable(&self) -> &[SitesError] {
        &self.unreadable
    }

    /// The number of sites.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.served {
            Served::One(_) => 1,
            Served::ByHost(sites) => sites.len(),
        }
    }

    /// The cache of what was read.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Site {
    fn open(path: &Path, name: &str, id: u32) -> Result<Self, SitesError> {
        let root = Root::open(path).map_err(|error| SitesError::new(path, &error))?;
        Ok(Self::new(name, id, root))
    }

    /// A site that is served as soon as its folder can be read; what cannot be yet is added to
    /// `unreadable`.
    fn watched(name: &str, path: &Path, id: u32, unreadable: &mut Vec<SitesError>) -> Self {
        let (root, error) = Root::watch(path);
        unreadable.extend(error.map(|error| SitesError::new(path, &error)));
        Self::new(name, id, root)
    }

    /// A site whose rules have been read.
    fn new(name: &str, id: u32, root: Root) -> Self {
        let site = Self { name: name.into(), id, root, rules: SiteRules::new(name) };
        if let Some(root) = site.root.current(Tick::now()) {
            site.rules.refresh(&root, name);
        }
        site
    }

    /// The rules that the site has brought with it, as its files have said less than 100 ms ago;
    /// `None` if nobody has looked since.
    #[must_use]
    pub fn trusted_rules(&self, now: Tick) -> Option<Option<Arc<Rules>>> {
        self.rules.is_trusted(now).then(|| self.rules.current())
    }

    /// The same, with a look at the files if need be.
    pub async fn rules(self: &Arc<Self>) -> Option<Arc<Rules>> {
        let now = Tick::now();
        if let Some(rules) = self.trusted_rules(now) {
            return rules;
        }
        let root = self.root.current(now)?;
        if self.rules.still_holds(&root, now) {
            return self.rules.current();
        }
        let site = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let is_closed = site.root.shut_if_closed(&root);
            if is_closed { site.rules.current() } else { site.rules.refresh(&root, &site.name) }
        });
        read.await.unwrap_or_else(|error| {
            tracing::error!(site = %self.name, %error, "rules not read: the last ones hold");
            self.rules.current()
        })
    }

    /// A regular file by its name. A deploy may have put another folder in the root's place, and
    /// taken the one that is trusted for a moment yet away, if only to where the sandbox does not
    /// reach: before that is the answer, the root is looked at again.
    pub(super) fn open_beneath(&self, relative: &str) -> Result<OpenFile, NotAFile> {
        let root = self.root.current(Tick::now()).ok_or(NotAFile::Refused(Errno::ACCESS))?;
        let found = lookup::open(&root, relative);
        if found.is_ok() {
            return found;
        }
        match self.root.latest() {
            Some(latest) if latest.generation() != root.generation() => {
                lookup::open(&latest, relative)
            }
            _ => found,
        }
    }

    /// The host name in normal form; `*` for the one site of every host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that no other site of the same snapshot has.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The folder of the site.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }
}

fn twins(twin: &Site, path: &Path) -> SitesError {
    SitesError::new(path, &format!("names the same host as {}", twin.root.path().display()))
}

fn unreadable_yet(error: &SitesError) -> String {
    format!("{error}: this site answers 503 until it can be read")
}

fn empty(folder: &Path) -> String {
    format!("{}: no site in it: a site is a folder named as its host", folder.display())
}
