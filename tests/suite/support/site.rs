//! A site's folder, written file by file.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder whose content a test writes; every method may be chained.
#[derive(Clone)]
pub(crate) struct Site {
    root: PathBuf,
}

impl Site {
    /// The site in `root`, which is made if it is not there.
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        fs::create_dir_all(&root).expect("the site's folder can be made");
        Self { root }
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("the folder can be made");
        }
        fs::write(path, content).expect("the file can be written");
        self
    }

    /// Writes a file and sets the time of its last change.
    pub(crate) fn file_of(&self, path: &str, content: impl AsRef<[u8]>, time: SystemTime) -> &Self {
        self.file(path, content);
        let file = File::options().write(true).open(self.path(path)).expect("the file is there");
        file.set_modified(time).expect("the time can be set");
        self
    }

    /// Puts a file in the place of another as a deploy does: written beside it, then renamed.
    pub(crate) fn replace(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        self.file(".replacement", content);
        fs::rename(self.path(".replacement"), self.path(path)).expect("the file can be renamed");
        self
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.path(path)).expect("the file can be removed");
        self
    }

    /// Makes an empty folder.
    pub(crate) fn folder(&self, path: &str) -> &Self {
        fs::create_dir_all(self.path(path)).expect("the folder can be made");
        self
    }

    /// Makes a symbolic link at `path` to `target`, taken as it is.
    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) -> &Self {
        symlink(target, self.path(path)).expect("the link can be made");
        self
    }

    /// Makes a named pipe that nobody writes to.
    pub(crate) fn fifo(&self, path: &str) -> &Self {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, self.path(path), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .expect("the pipe can be made");
        self
    }

    /// Makes a socket on which nobody listens any more.
    pub(crate) fn socket(&self, path: &str) -> &Self {
        drop(UnixListener::bind(self.path(path)).expect("the socket can be made"));
        self
    }

    /// Sets the permission bits of a file or folder.
    pub(crate) fn mode(&self, path: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode))
            .expect("the mode can be set");
        self
    }

    /// Where a path of this site is on disk.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// Bytes in which every offset can be told from its neighbours, so that a piece that is missing,
/// doubled or moved shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + size_of::<u64>());
    for word in 0u64.. {
        if bytes.len() >= length {
            break;
        }
        bytes.extend_from_slice(&word.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}
