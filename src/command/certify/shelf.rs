//! The TLS folder: which certificates are in it and whose they are, and new files that the
//! server's group can read and nobody else.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::failure::Failure;
use super::installation::Mark;
use super::plan::{CurrentCertificate, Life, Seconds};
use super::wanted::covering;
use crate::certificates::{FolderName, Leaf, list};

/// The mode of a folder in the TLS folder: the server's group looks, nobody else does.
pub(super) const FOLDER_MODE: u32 = 0o750;

/// The mode of a file in it, keys among them.
const FILE_MODE: u32 = 0o640;

/// The TLS folder, and the group that reads what is in it.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    path: PathBuf,
    group: u32,
}

/// The pairs that were found in the TLS folder at one time.
#[derive(Debug)]
pub(super) struct Stock(BTreeMap<FolderName, StockedPair>);

#[derive(Debug)]
struct StockedPair {
    /// `None` if there is no certificate that could be read.
    leaf: Option<Leaf>,
    /// The life that certify wrote beside it.
    life: Option<Life>,
}

impl Shelf {
    /// The TLS folder at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let metadata = fs::metadata(path).map_err(|error| Failure::file(path, &error))?;
        if !metadata.is_dir() {
            return Err(Failure::file(path, &io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self { path: path.to_owned(), group: metadata.gid() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at every certificate.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(super) fn stock(&self) -> Result<Stock, Failure> {
        let named = list(&self.path, &mut Vec::new());
        let named = named.map_err(|error| Failure::Here(error.to_string()))?;
        let found = named.into_iter().map(|listed| {
            let leaf = Leaf::read(&listed.path).ok();
            let mark = leaf.as_ref().and_then(|leaf| Mark::read(&listed.path, leaf));
            let life = leaf.as_ref().zip(mark).map(|(leaf, mark)| Life {
                leaf: mark.leaf,
                directory: mark.directory,
                not_before: seconds(leaf.not_before()),
                not_after: seconds(leaf.not_after()),
            });
            (listed.name, StockedPair { leaf, life })
        });
        Ok(Stock(found.collect()))
    }

    /// Makes a folder that the server's group can look into; one that is there already will do.
    pub(super) fn make_folder(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(FOLDER_MODE).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        self.give(path, FOLDER_MODE)
    }

    /// Writes a file that the server's group can read, and forces it to the disk.
    pub(super) fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        // Nobody else may open it before its group is the right one.
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        self.give(path, FILE_MODE)?;
        file.write_all(text)?;
        file.sync_all()
    }

    fn give(&self, path: &Path, mode: u32) -> io::Result<()> {
        if fs::symlink_metadata(path)?.gid() != self.group {
            chown(path, None, Some(self.group)).map_err(|error| {
                let group = self.group;
                io::Error::other(format!("cannot be given to group {group}, the server's: {error}"))
            })?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))
    }
}

impl Stock {
    /// The certificate that is held for a name.
    pub(super) fn held(&self, name: &FolderName) -> CurrentCertificate {
        if let Some(found) = self.0.get(name) {
            return found
                .life
                .clone()
                .map_or(CurrentCertificate::Foreign, CurrentCertificate::Ours);
        }
        let FolderName::Host(host) = name else { return CurrentCertificate::Nothing };
        let covers = |other: &FolderName| {
            let Some(leaf) = self.0.get(other).and_then(|found| found.leaf.as_ref()) else {
                return false;
            };
            match other {
                FolderName::Host(_) => leaf.names().contains(host),
                FolderName::WildcardOf(_) => true,
            }
        };
        if covering(host).any(|other| covers(&other)) {
            CurrentCertificate::Covered
        } else {
            CurrentCertificate::Nothing
        }
    }

    /// The certificate in the folder of a name.
    pub(super) fn leaf(&self, name: &FolderName) -> Option<&Leaf> {
        self.0.get(name)?.leaf.as_ref()
    }

    /// The names that have a folder of their own.
    pub(super) fn names(&self) -> impl Iterator<Item = &FolderName> {
        self.0.keys()
    }
}

/// A time as seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> Seconds {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
