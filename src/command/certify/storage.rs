//! The folder that certify keeps its state in: accounts, what is remembered of names, the lock.
//!
//! | path | what | mode |
//! |---|---|---|
//! | `lock` | held while a run lasts; its text is the number of the process | 0600 |
//! | `accounts/<authority>.json` | the account and its key (`account`) | 0600 |
//! | `names/<name>.json` | failures and the time of renewal (`renewal_record`) | 0600 |
//!
//! Every file is written beside its place, forced to the disk and renamed, so that a run that is
//! ended at any time leaves the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::failure::Failure;
use super::renewal_record::RenewalRecord;
use crate::certificates::FolderName;

/// Bytes of a file that is read. The longest is a bundle of root certificates, of 250 KB; the others
/// hold a few lines.
const FILE_BYTES: u64 = 1024 * 1024;

/// The folder of the state.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    folder: PathBuf,
}

/// The right to change anything; it ends with the process at the latest.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Storage {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        for folder in [folder, &folder.join("accounts"), &folder.join("names")] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| Failure::file(folder, &error))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder as it is, for a look that changes nothing.
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// When another run holds it, which is named.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.folder.join("lock");
        let failed = |error: io::Error| Failure::file(&path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = (&file).take(20).read_to_string(&mut holder);
                return Err(Failure::Here(format!(
                    "another shost certify is running (process {}): {} is locked",
                    holder.trim(),
                    path.display()
                )));
            }
            Err(error) => return Err(failed(error.into())),
        }
        // Only for people: the lock holds without it, on a full disk too.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }

    /// The memory of one name.
    pub(super) fn record(&self, name: &FolderName) -> RenewalRecord {
        read(&self.record_path(name))
            .ok()
            .flatten()
            .map_or_else(RenewalRecord::default, |text| RenewalRecord::parse(&text))
    }

    /// Keeps what is remembered of a name; nothing to remember is no file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, name: &FolderName, record: &RenewalRecord) -> Result<(), Failure> {
        let path = self.record_path(name);
        if !record.is_empty() {
            return write(&path, &record.text());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::file(&path, &error))
            }
            _ => Ok(()),
        }
    }

    /// The account at an authority, as it is kept.
    pub(super) fn account(&self, directory: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.account_path(directory);
        read(&path).map_err(|error| Failure::file(&path, &error))
    }

    /// Keeps the account at an authority.
    pub(super) fn keep_account(&self, directory: &str, text: &[u8]) -> Result<(), Failure> {
        write(&self.account_path(directory), text)
    }

    fn record_path(&self, name: &FolderName) -> PathBuf {
        self.folder.join("names").join(folder_name(name) + ".json")
    }

    /// The file of an account: `acme.example_directory.json` for `https://acme.example/directory`.
    fn account_path(&self, directory: &str) -> PathBuf {
        let bare = directory.strip_prefix("https://").unwrap_or(directory);
        let is_kept = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
        let file: String =
            bare.chars().map(|letter| if is_kept(letter) { letter } else { '_' }).collect();
        self.folder.join("accounts").join(file + ".json")
    }
}

/// The name of the folder for a certificate; a wildcard's is one that no shell expands.
pub(super) fn folder_name(name: &FolderName) -> String {
    match name {
        FolderName::Host(host) => host.clone(),
        FolderName::WildcardOf(parent) => format!("_wildcard.{parent}"),
    }
}

/// Reads a file; `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(FILE_BYTES).read_to_end(&mut text).map(|_| Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&new);
        Failure::file(path, &error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_kept_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/state");
        let storage = Storage::open(&state).unwrap();
        let name = FolderName::parse("*.a.net").unwrap();
        let record = RenewalRecord { refusals: 1, ..RenewalRecord::default() };
        storage.keep(&name, &record).unwrap();
        storage.keep_account("https://ca.test:14000/dir?x", b"key").unwrap();

        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join("names/_wildcard.a.net.json")), 0o600);
        assert_eq!(mode(&state.join("accounts/ca.test_14000_dir_x.json")), 0o600);
        assert_eq!(storage.record(&name), record);
        assert_eq!(storage.account("https://ca.test:14000/dir?x").unwrap().unwrap(), b"key");
        assert_eq!(storage.account("https://other.test/").unwrap(), None);

        storage.keep(&name, &RenewalRecord::default()).unwrap();
        assert!(!state.join("names/_wildcard.a.net.json").exists());
        storage.keep(&name, &RenewalRecord::default()).unwrap();
    }

    #[test]
    fn one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        let lock = storage.lock().unwrap();
        let told = storage.lock().unwrap_err().to_string();
        let process =
            format!("another shost certify is running (process {}): ", std::process::id());
        assert!(told.starts_with(&process), "{told}");
        drop(lock);
        storage.lock().unwrap();
    }
}
