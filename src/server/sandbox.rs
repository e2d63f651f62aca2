//! The sandbox: from the start on, the process can read its sites and its certificates, and
//! nothing else. Whoever gets into it finds nothing to hold on to.
//!
//! Landlock does this, as far as the kernel knows it. It holds for a thread and those that it
//! starts, so it is entered before there are any others. Paths in it are those at the start:
//!
//! - The folder of sites and the folder of certificates, with all that is or comes beneath them.
//! - Where a link in them leads, with what lies beside that, since deploys switch links between
//!   siblings. A link that is made later and leads elsewhere needs a restart.
//! - With one `DIR`, what lies beside it, since builds replace such a folder whole.
//!
//! Sockets are bound before; no others are, and no connection is ever made.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::DumpableBehavior;

use super::snapshot::Sources;

/// The newest of Landlock's interfaces that this has been tried with. What a newer kernel could
/// deny beyond it is not asked for.
const TRIED: ABI = ABI::V7;

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
    let Ok(path) = folder.canonicalize() else { return };
    let path = if replaced || folder.is_symlink() { with_siblings(&path) } else { &path };
    if !covers(readable, path) {
        readable.push(path.to_owned());
    }
}

fn links(readable: &mut Vec<PathBuf>, folder: &Path) {
    for link in entries(folder).filter(|entry| entry.is_symlink()) {
        match link.canonicalize() {
            Ok(target) if !covers(readable, &target) => {
                readable.push(with_siblings(&target).to_owned());
            }
            _ => {}
        }
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
