//! The secret of a server, from which all keys are derived that outlive a connection: those of session
//! tickets, of stateless resets, of connection IDs.
//!
//! With a state folder it is the file `secret` there, of 32 random bytes that only its owner may
//! read, and so is the same after a restart. Without one it is made anew at each start. It is read
//! before the process enters the sandbox, which has no way to the folder.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use rustix::fs::OFlags;
use rustix::process::geteuid;

use super::random::random;

/// The file in the state folder.
pub const SECRET_FILE: &str = "secret";

/// Bytes of a secret: the strength of the strongest key that is derived from it.
const LENGTH: usize = 32;

/// The permissions of the file: its owner may read it, and write it anew.
const FILE_MODE: u32 = 0o600;

/// The permissions of a state folder that is made here.
const FOLDER_MODE: u32 = 0o700;

/// Bytes of the random part of a name for a file that is not whole yet.
const NAME_BYTES: usize = 8;

/// Keeps these derivations apart from those of any other program that is given the same bytes.
const SALT: &[u8] = b"shost state secret";

/// The most bytes that HKDF with SHA-256 derives at once (RFC 5869 §2.3).
const MOST_DERIVED: usize = 255 * 32;

/// A secret that keys are derived from.
pub struct Secret {
    root: Prk,
}

impl Secret {
    /// A secret that nobody has had before, for this process alone.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn fresh() -> io::Result<Self> {
        Ok(Self::from(&random()?))
    }

    /// The secret in the state folder `folder`; both are made if they are not there.
    ///
    /// # Errors
    /// When it cannot be read or made, or others may know it.
    pub fn kept_in(folder: &Path) -> Result<Self, SecretError> {
        let path = folder.join(SECRET_FILE);
        let failed = |error| SecretError::System { path: path.clone(), error };
        if let Some(secret) = read(&path, Some(geteuid().as_raw()))? {
            return Ok(Self::from(&secret));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(|error| SecretError::System { path: folder.to_owned(), error })?;
        let secret = random().map_err(failed)?;
        match publish(folder, &path, &secret) {
            Ok(()) => Ok(Self::from(&secret)),
            // Another server of the same folder was quicker, and both go by its secret.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let theirs = read(&path, Some(geteuid().as_raw()))?;
                theirs.map(|secret| Self::from(&secret)).ok_or_else(|| failed(error))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Finds the faults of the secret in `folder` without making one. Whoever looks need not be the
    /// user that the server runs as.
    ///
    /// # Errors
    /// As [`Secret::kept_in`], save for the owner.
    pub fn check(folder: &Path) -> Result<(), SecretError> {
        read(&folder.join(SECRET_FILE), None).map(|_| ())
    }

    /// The key of this name. Keys of different names tell nothing of each other.
    #[must_use]
    pub fn named<const N: usize>(&self, name: &str) -> [u8; N] {
        const { assert!(N <= MOST_DERIVED) };
        let mut key = [0; N];
        let info = [name.as_bytes()];
        let derived = self.root.expand(&info, KeyLength(N)).and_then(|okm| okm.fill(&mut key));
        derived.expect("HKDF derives as many bytes");
        key
    }
}

impl From<&[u8; LENGTH]> for Secret {
    fn from(bytes: &[u8; LENGTH]) -> Self {
        Self { root: Salt::new(HKDF_SHA256, SALT).extract(bytes) }
    }
}

/// Shows nothing of the secret, whatever is logged.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// The number of bytes that a key has.
#[derive(Clone, Copy)]
struct KeyLength(usize);

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// Reads the file; `None` if there is none. `owner` is the user whose it must be.
fn read(path: &Path, owner: Option<u32>) -> Result<Option<[u8; LENGTH]>, SecretError> {
    let failed = |error| SecretError::System { path: path.to_owned(), error };
    let unfit = |fault| Err(SecretError::Unfit { path: path.to_owned(), fault });
    let mut options = OpenOptions::new();
    // A FIFO is opened without waiting for its writer, and turned away below.
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return unfit(SecretFault::Kind);
    }
    if owner.is_some_and(|owner| metadata.uid() != owner) {
        return unfit(SecretFault::Owner(metadata.uid()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return unfit(SecretFault::Mode(mode));
    }
    let mut bytes = Vec::with_capacity(LENGTH + 1);
    file.take(LENGTH as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.try_into() {
        Ok(secret) => Ok(Some(secret)),
        Err(_) => unfit(SecretFault::Length(metadata.len())),
    }
}

/// Writes the file whole or not at all, and never over another one.
fn publish(folder: &Path, path: &Path, secret: &[u8]) -> io::Result<()> {
    // The process's number is 1 in every container of a shared folder.
    let number = u64::from_ne_bytes(random::<NAME_BYTES>()?);
    let new = folder.join(format!(".{SECRET_FILE}-{number:016x}"));
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(FILE_MODE).open(&new)?;
        file.write_all(secret)?;
        file.sync_all()?;
        fs::hard_link(&new, path)
    };
    let written = write();
    let _ = fs::remove_file(&new);
    written?;
    File::open(folder)?.sync_all()
}

/// Why the state folder's secret cannot be used: one line with its mend.
#[derive(Debug)]
pub enum SecretError {
    /// The system refuses to read it, or to make it.
    System {
        /// The path of the file or the folder.
        path: PathBuf,
        /// The reason that the system gives.
        error: io::Error,
    },
    /// The file is not one that this server has made.
    Unfit {
        /// The path of the file.
        path: PathBuf,
        /// The difference to one that it has made.
        fault: SecretFault,
    },
}

/// A difference between the file of a secret and one that was made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFault {
    /// It is not a file.
    Kind,
    /// It belongs to this other user.
    Owner(u32),
    /// These permissions let others read it.
    Mode(u32),
    /// It has this number of bytes.
    Length(u64),
}

impl fmt::Display for SecretError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, fault) = match self {
            Self::System { path, error } => {
                let path = path.display();
                return write!(
                    formatter,
                    "{path}: {error}; the folder of --state must belong to the user that shost runs as"
                );
            }
            Self::Unfit { path, fault } => (path.display(), *fault),
        };
        match fault {
            SecretFault::Kind => write!(formatter, "{path}: is not a file")?,
            SecretFault::Owner(user) => {
                let own = geteuid().as_raw();
                write!(formatter, "{path}: belongs to user {user}, and shost runs as {own}")?;
            }
            SecretFault::Mode(mode) => {
                write!(formatter, "{path}: others may know it, by mode {mode:04o}")?;
            }
            SecretFault::Length(length) => {
                write!(formatter, "{path}: has {length} bytes instead of {LENGTH}")?;
            }
        }
        formatter.write_str("; remove it, and a new one is made: it holds nothing but random bytes")
    }
}

impl std::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::thread;

    const NAME: &str = "a key";

    fn key(secret: &Secret) -> [u8; 32] {
        secret.named(NAME)
    }

    fn content(path: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_secret_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/state");
        let first = Secret::kept_in(&state).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join(SECRET_FILE)), 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing half made is left");
        assert_eq!(key(&Secret::kept_in(&state).unwrap()), key(&first));
        Secret::check(&state).unwrap();

        let bytes = content(&state.join(SECRET_FILE));
        let elsewhere = folder.path().join("b");
        fs::create_dir(&elsewhere).unwrap();
        symlink(state.join(SECRET_FILE), elsewhere.join(SECRET_FILE)).unwrap();
        assert_eq!(key(&Secret::kept_in(&elsewhere).unwrap()), key(&first), "a link is followed");
        assert_ne!(key(&first)[..], bytes[..]);
    }

    #[test]
    fn each_name_and_each_secret_has_keys_of_its_own() {
        let (one, other) = (Secret::from(&[1; LENGTH]), Secret::from(&[2; LENGTH]));
        let keys = [key(&one), key(&other), one.named("a key2"), one.named("")];
        for (position, key) in keys.iter().enumerate() {
            assert!(!keys[..position].contains(key), "{position}");
        }
        assert_eq!(key(&one), key(&Secret::from(&[1; LENGTH])));
        assert_ne!(key(&Secret::fresh().unwrap()), key(&Secret::fresh().unwrap()));
        assert_eq!(one.named::<64>(NAME)[..32], key(&one)[..]);
        assert_eq!(format!("{one:?}"), "Secret(hidden)");
    }

    #[test]
    fn servers_that_start_at_once_share_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = thread::scope(|scope| {
            let start = || key(&Secret::kept_in(folder.path()).unwrap());
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_not_made_here_is_named_with_its_mend() {
        let table: [(&[u8], u32, &str); 6] = [
            (&[7; LENGTH], 0o640, "others may know it, by mode 0640; remove it"),
            (&[7; LENGTH], 0o604, "others may know it, by mode 0604; remove it"),
            (&[7; LENGTH], 0o620, "others may know it, by mode 0620; remove it"),
            (&[], 0o600, "has 0 bytes instead of 32; remove it"),
            (&[7; LENGTH - 1], 0o600, "has 31 bytes instead of 32; remove it"),
            (&[7; LENGTH + 1], 0o400, "has 33 bytes instead of 32; remove it"),
        ];
        for (bytes, mode, expected) in table {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(SECRET_FILE);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            refused(folder.path(), &format!("{}: {expected}", path.display()));
            assert_eq!(content(&path), bytes, "{expected}: it is left as it is");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(SECRET_FILE)).unwrap();
        refused(folder.path(), "is not a file; remove it");
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        refused(&file, "the folder of --state must belong to the user that shost runs as");
    }

    #[track_caller]
    fn refused(folder: &Path, expected: &str) {
        let told = Secret::kept_in(folder).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
        let told = Secret::check(folder).unwrap_err().to_string();
        assert!(told.contains(expected), "check: {told}");
    }

    #[test]
    fn a_secret_of_another_user_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        Secret::kept_in(folder.path()).unwrap();
        let path = folder.path().join(SECRET_FILE);
        let own = geteuid().as_raw();
        assert!(read(&path, Some(own)).unwrap().is_some());
        let told = read(&path, Some(own + 1)).unwrap_err().to_string();
        assert!(told.contains(&format!("belongs to user {own}, and shost runs as")), "{told}");
    }
}
