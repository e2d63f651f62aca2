//! The sandbox: from the start on, the process can read its sites and its certificates, and
//! nothing else. Whoever gets into it finds nothing to hold on to.
//!
//! Landlock does this, as far as the kernel knows it. It holds for a thread and those that it
//! starts, so it is entered before there are any others. Paths in it are those at the start:
//!
//! - The folder of sites and the folder of certificates, with all that is or comes beneath them.
//! - For each link in them or on the way to them, what lies beside its target, since deploys switch
//!   links between siblings: `current` of `sites/a.test`, `app/current/public`, to another release. A
//!   link that is made later and leads elsewhere needs a restart. Links in the root of the system are
//!   not switched.
//! - With one `DIR`, what lies beside it, since builds replace such a folder whole.
//!
//! Sockets are bound before; no others are, and no connection is ever made.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::DumpableBehavior;

use crate::server::state::snapshot::Sources;

/// The newest of Landlock's interfaces that this has been tried with. What a newer kernel could
/// deny beyond it is not asked for.
const TRIED: ABI = ABI::V7;

/// The folder that all others are in.
const SYSTEM_ROOT: &str = "/";

/// Links on the way to one path, at the most: as many as the kernel follows.
const MOST_LINKS: usize = 40;

/// Whether there is a sandbox, and what can be read from inside.
#[derive(Clone, Debug)]
pub enum Sandbox {
    /// Not wanted.
    Off,
    /// The kernel has none.
    Unsupported,
    /// Entered.
    Landlock {
        /// The version of the interface that is in force.
        abi: ABI,
        /// The folders that can be read.
        readable: Vec<PathBuf>,
    },
}

impl fmt::Display for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => formatter.write_str("off"),
            Self::Unsupported => formatter.write_str("unsupported"),
            Self::Landlock { abi, .. } => write!(formatter, "landlock-abi{abi}"),
        }
    }
}

impl Sandbox {
    /// Enters the sandbox with this thread and all that it will start.
    ///
    /// # Errors
    /// When the kernel knows Landlock and refuses it all the same.
    pub fn enter(sources: &Sources) -> Result<Self, RulesetError> {
        let readable = readable(sources);
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(TRIED))?
            .handle_access(AccessNet::from_all(TRIED))?
            .scope(Scope::from_all(TRIED))?
            .create()?
            .add_rules(path_beneath_rules(&readable, AccessFs::ReadFile | AccessFs::ReadDir))?
            .restrict_self()?;
        Ok(match (status.ruleset, status.landlock) {
            (RulesetStatus::NotEnforced, _) => Self::Unsupported,
            (_, LandlockStatus::Available { effective_abi, .. }) => {
                Self::Landlock { abi: effective_abi.min(TRIED), readable }
            }
            _ => Self::Unsupported,
        })
    }

    /// Where `path` leads, if that cannot be read from inside.
    #[must_use]
    pub fn outside(&self, path: &Path) -> Option<PathBuf> {
        let Self::Landlock { readable, .. } = self else { return None };
        let path = path.canonicalize().ok()?;
        (!covers(readable, &path)).then_some(path)
    }
}

/// Nothing that this process could run gets more rights than it has.
///
/// # Errors
/// When the kernel refuses.
pub fn give_up_privileges() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true).map_err(io::Error::from)
}

/// Keys are in memory: no other process of the same user looks into it, and no core dump takes
/// it to the disk.
///
/// # Errors
/// When the kernel refuses.
pub fn hide_memory() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(io::Error::from)
}

/// What is not there is left out: loading it will say so in better words.
fn readable(sources: &Sources) -> Vec<PathBuf> {
    let mut readable = Vec::new();
    let sites = &sources.sites;
    root(&mut readable, &sites.folder, sites.single);
    if !sites.single {
        links(&mut readable, &sites.folder);
    }
    if let Some(tls) = &sources.tls {
        root(&mut readable, tls, false);
        links(&mut readable, tls);
        for folder in entries(tls) {
            links(&mut readable, &folder);
        }
    }
    readable
}

fn root(readable: &mut Vec<PathBuf>, folder: &Path, replaced: bool) {
    way(readable, folder);
    let Ok(path) = folder.canonicalize() else { return };
    let path = if replaced { with_siblings(&path) } else { &path };
    allow(readable, path);
}

fn links(readable: &mut Vec<PathBuf>, folder: &Path) {
    for link in entries(folder).filter(|entry| entry.is_symlink()) {
        way(readable, &link);
        if let Ok(target) = link.canonicalize() {
            allow(readable, &target);
        }
    }
}

/// Makes readable what the links on the way to `path` may come to lead to: the folder that the
/// target of each is in, also if the target itself is not there yet.
fn way(readable: &mut Vec<PathBuf>, path: &Path) {
    let Ok(path) = std::path::absolute(path) else { return };
    let mut real = PathBuf::from(SYSTEM_ROOT);
    let mut rest: Vec<OsString> = names(&path).rev().collect();
    let mut links = 0;
    while let Some(name) = rest.pop() {
        if name == ".." {
            real.pop();
            continue;
        }
        let next = real.join(name);
        let Ok(target) = fs::read_link(&next) else {
            real = next;
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            return;
        }
        let target = real.join(target);
        let folder = target.parent().and_then(|folder| folder.canonicalize().ok());
        if let Some(folder) = folder
            && real != Path::new(SYSTEM_ROOT)
            && folder != Path::new(SYSTEM_ROOT)
        {
            allow(readable, &folder);
        }
        rest.extend(names(&target).rev());
        real = PathBuf::from(SYSTEM_ROOT);
    }
}

/// The names in an absolute path.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

fn allow(readable: &mut Vec<PathBuf>, path: &Path) {
    if !covers(readable, path) {
        readable.push(path.to_owned());
    }
}

/// The folder that `path` is in, unless that is all there is.
fn with_siblings(path: &Path) -> &Path {
    path.parent().filter(|parent| parent.parent().is_some()).unwrap_or(path)
}

fn covers(readable: &[PathBuf], path: &Path) -> bool {
    readable.iter().any(|folder| path.starts_with(folder))
}

/// What begins with a dot is neither a site nor a certificate.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    entries.filter(move |entry| !hidden(&entry.file_name())).map(|entry| entry.path())
}

#[cfg(test)]
mod tests;
