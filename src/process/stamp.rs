//! The state of a path as the file system tells it, to see later that something has changed.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Stat, stat, statat};

/// The identity, size and times of the file or folder that a path leads to. A folder's times change
/// with the names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
    /// Nobody can set it, unlike the time of modification.
    changed: (i64, u64),
}

impl Stamp {
    /// The stamp of what `path` leads to, behind all links; `None` if that cannot be told.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        stat(path).ok().map(|found| Self::from(&found))
    }

    /// The same for a path beneath an open folder, which is a third of the work where many are looked
    /// at in one folder.
    #[must_use]
    pub fn beneath(folder: impl AsFd, path: &[u8]) -> Option<Self> {
        statat(folder, path, AtFlags::empty()).ok().map(|found| Self::from(&found))
    }

    /// True if nothing has changed for so long a time before `now`, by the clock of the file system.
    #[must_use]
    pub fn has_settled(&self, time: Duration, now: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let since = u64::try_from(seconds).unwrap_or(0);
        let since = Duration::from_secs(since) + Duration::from_nanos(nanoseconds);
        now.duration_since(UNIX_EPOCH + since).is_ok_and(|age| age >= time)
    }
}

impl From<&Stat> for Stamp {
    fn from(found: &Stat) -> Self {
        Self {
            device: found.st_dev,
            inode: found.st_ino,
            size: found.st_size,
            modified: (found.st_mtime, found.st_mtime_nsec),
            changed: (found.st_ctime, found.st_ctime_nsec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File, FileTimes, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn every_change_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link");
        fs::write(folder.path().join("a"), "old").unwrap();
        symlink("a", &path).unwrap();
        let file = folder.path().join("a");
        let changes: [(&str, &dyn Fn()); 5] = [
            ("longer", &|| fs::write(&file, "longer").unwrap()),
            ("replaced", &|| {
                fs::write(folder.path().join("new"), "longer").unwrap();
                fs::rename(folder.path().join("new"), &file).unwrap();
            }),
            ("readable", &|| fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap()),
            ("touched", &|| {
                let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
                File::options().write(true).open(&file).unwrap().set_times(times).unwrap();
            }),
            ("removed", &|| fs::remove_file(&file).unwrap()),
        ];
        for (name, change) in changes {
            let before = Stamp::of(&path);
            assert_eq!(before, Stamp::of(&path), "{name}");
            change();
            assert_ne!(before, Stamp::of(&path), "{name}");
            let open = File::open(folder.path()).unwrap();
            assert_eq!(Stamp::beneath(&open, b"link"), Stamp::of(&path), "{name}");
        }
        let facts = fs::metadata(folder.path()).unwrap();
        let seconds = u64::try_from(facts.ctime()).unwrap();
        let at = UNIX_EPOCH + Duration::new(seconds, u32::try_from(facts.ctime_nsec()).unwrap());
        let second = Duration::from_secs(1);
        let just = second.saturating_sub(Duration::from_nanos(1));
        for (now, expected) in
            [(at, false), (at + just, false), (at + second, true), (UNIX_EPOCH, false)]
        {
            let stamp = Stamp::of(folder.path()).unwrap();
            assert_eq!(stamp.has_settled(second, now), expected, "{now:?}");
        }
        let before = Stamp::of(folder.path());
        fs::create_dir(folder.path().join("b")).unwrap();
        assert_ne!(before, Stamp::of(folder.path()));
    }
}
