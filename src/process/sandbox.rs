//! The sandbox: from the start on, the process can read the folders that it serves from, and
//! nothing else. Whoever gets into it finds nothing to hold on to.
//!
//! Landlock does this, as far as the kernel knows it. It holds for a thread and those that it
//! starts, so it is entered before there are any others. Paths in it are those at the start:
//!
//! - Each folder that is named, with all that is or comes beneath it.
//! - For each link in them or on the way to them, what lies beside its target, since deploys switch
//!   links between siblings: `current` of `sites/a.test`, `app/current/public`, to another release. A
//!   link that is made later and leads elsewhere needs a restart. Links in the root of the system are
//!   not switched.
//! - Beside one folder that is a site, its siblings, since builds replace such a folder whole.
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

/// The newest of Landlock's interfaces that this has been tried with. What a newer kernel could
/// deny beyond it is not asked for.
const TRIED: ABI = ABI::V7;

/// The folder that all others are in.
const SYSTEM_ROOT: &str = "/";

/// Links on the way to one path, at the most: as many as the kernel follows.
const MOST_LINKS: usize = 40;

/// A folder that can be read from inside, with all that is or comes beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable {
    /// The folder as it was named.
    pub folder: PathBuf,
    /// The places outside of the folder that can be read too.
    pub beside: Beside,
}

/// Places beside a readable folder, to which a deploy may switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// The siblings of the folder, which is replaced whole.
    Siblings,
    /// The targets of links in the folder, and what lies beside them.
    Links,
    /// The same for links in the folder and in the folders in it.
    NestedLinks,
}

/// The state of the sandbox, and the folders that can be read from inside.
#[derive(Clone, Debug)]
pub enum Sandbox {
    /// The operator wants no sandbox.
    Off,
    /// The kernel has none.
    Unsupported,
    /// The sandbox was entered.
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
    pub fn enter(folders: &[Readable]) -> Result<Self, RulesetError> {
        let readable = readable(folders);
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

    /// The place that `path` leads to, if it cannot be read from inside.
    #[must_use]
    pub fn outside(&self, path: &Path) -> Option<PathBuf> {
        let Self::Landlock { readable, .. } = self else { return None };
        let path = path.canonicalize().ok()?;
        (!covers(readable, &path)).then_some(path)
    }
}

/// Sees to it that no program that this process could run gets more rights than it has.
///
/// # Errors
/// When the kernel refuses.
pub fn give_up_privileges() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true).map_err(io::Error::from)
}

/// Shields the memory, which holds keys, from other processes of the same user and from core dumps.
///
/// # Errors
/// When the kernel refuses.
pub fn hide_memory() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(io::Error::from)
}

/// The paths to allow. One that is not there is left out: loading it will say so in better words.
fn readable(folders: &[Readable]) -> Vec<PathBuf> {
    let mut readable = Vec::new();
    for Readable { folder, beside } in folders {
        root(&mut readable, folder, *beside == Beside::Siblings);
        if *beside != Beside::Siblings {
            links(&mut readable, folder);
        }
        if *beside == Beside::NestedLinks {
            entries(folder).for_each(|entry| links(&mut readable, &entry));
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

/// The entries of a folder but those whose name begins with a dot: they are neither sites nor
/// certificates.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    entries.filter(move |entry| !hidden(&entry.file_name())).map(|entry| entry.path())
}

#[cfg(test)]
mod tests;
