//! The file system's account of a file, and the test whether it can be believed.

use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, StatxTimestamp, openat2,
    statx,
};
use rustix::io;

use crate::semantics::target::file_name::bytes_of;

/// Two writes within one step of the file system's clock leave the same times behind: it ticks
/// with the timer interrupt, 10 ms apart at the slowest setting in use. And a write is stamped
/// when it begins, so that one which is held up half-way shows half of its bytes under the times
/// of all of them. A quarter of a second leaves room for both.
const CLOCK_STEP: Duration = Duration::from_millis(250);

/// Some file systems keep whole seconds (ext3), and FAT keeps every second one. Their change
/// times end in exactly zero nanoseconds, which a finer clock hits once in a hundred files.
const COARSE_CLOCK_STEP: Duration = Duration::from_secs(2);

/// The identity and state of a file. Equal facts mean the same bytes, unless the file
/// [may have changed within a clock step](Facts::may_hide_a_change).
///
/// The change time is what cannot be forged: `touch`, `rsync -t` and reproducible builds set the
/// modification time to what they like, and each time the kernel notes when they did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Facts {
    device: (u32, u32),
    inode: u64,
    /// The length in bytes.
    pub size: u64,
    modified: FileTime,
    changed: FileTime,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct FileTime {
    seconds: i64,
    nanoseconds: u32,
}

/// The kind of thing that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file: the only kind that is served.
    File,
    /// A directory, which has no content.
    Folder,
    /// A FIFO, socket or device, which is never read from; a link that was not followed.
    Other,
}

impl Facts {
    /// The facts of an open file.
    ///
    /// # Errors
    /// The error that `statx` gives, for example an input/output error of the disk.
    pub fn of(file: impl AsFd) -> io::Result<Self> {
        statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
            .map(|found| Self::from(&found))
    }

    /// The facts of the file that `relative` leads to, links followed; of the folder itself if it
    /// is empty.
    ///
    /// The kernel does not confine this call to the folder, so it is only ever compared with the
    /// facts of a file that was opened with confinement: equal facts are the same inode.
    ///
    /// # Errors
    /// The error that `statx` gives, for example that there is no such file.
    pub fn at(folder: impl AsFd, relative: &str) -> io::Result<Self> {
        statx(folder, &*bytes_of(relative), AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
            .map(|found| Self::from(&found))
    }

    /// The same, told only from what the kernel has in memory: no disk is waited for. It takes three
    /// calls instead of one.
    ///
    /// # Errors
    /// `AGAIN` where a name on the way is not in memory (`RESOLVE_CACHED`, openat2(2)); else as
    /// [`at`](Self::at).
    pub fn at_hand(folder: impl AsFd, relative: &str) -> io::Result<Self> {
        let name = bytes_of(if relative.is_empty() { "." } else { relative });
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        Self::of(openat2(folder, &*name, flags, Mode::empty(), ResolveFlags::CACHED)?)
    }

    /// The facts of what bears this name in the folder: of the link itself, if it is one.
    ///
    /// # Errors
    /// The error that `statx` gives, for example that nothing bears the name.
    pub fn of_name(folder: impl AsFd, name: &str) -> io::Result<Self> {
        statx(folder, &*bytes_of(name), AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)
            .map(|found| Self::from(&found))
    }

    /// The kind of thing that the name stands for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The time of the last modification.
    #[must_use]
    pub fn modified(&self) -> SystemTime {
        self.modified.to_system_time()
    }

    /// The time of the last change, which nobody can forge.
    #[must_use]
    pub fn changed(&self) -> SystemTime {
        self.changed.to_system_time()
    }

    /// True if this file is as old as `other`, or younger, by the clock that its own time was kept
    /// by: many tools cut the time that they copy to whole seconds or microseconds.
    #[must_use]
    pub fn is_as_young_as(&self, other: &Self) -> bool {
        let FileTime { seconds, nanoseconds } = other.modified;
        let step = self.modified.step();
        self.modified >= FileTime { seconds, nanoseconds: nanoseconds - nanoseconds % step }
    }

    /// True if content read at `now` could be followed by other content with these same facts:
    /// then it may be shown for a moment, but must be read again.
    #[must_use]
    pub fn may_hide_a_change(&self, now: SystemTime) -> bool {
        let changed = self.changed.to_system_time();
        let step = if self.changed.nanoseconds == 0 { COARSE_CLOCK_STEP } else { CLOCK_STEP };
        // A change time in the future comes from a clock that was set back; a change made now
        // is stamped with the present and therefore differs.
        let age = now.duration_since(changed).unwrap_or_else(|ahead| ahead.duration());
        age < step
    }
}

impl From<&Statx> for Facts {
    fn from(found: &Statx) -> Self {
        let kind = match FileType::from_raw_mode(u32::from(found.stx_mode)) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            _ => Kind::Other,
        };
        Self {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            size: found.stx_size,
            modified: FileTime::from(&found.stx_mtime),
            changed: FileTime::from(&found.stx_ctime),
            kind,
        }
    }
}

impl From<&StatxTimestamp> for FileTime {
    fn from(stamp: &StatxTimestamp) -> Self {
        Self { seconds: stamp.tv_sec, nanoseconds: stamp.tv_nsec }
    }
}

impl FileTime {
    /// The step of the clock that this time was kept by, in nanoseconds.
    fn step(self) -> u32 {
        const STEPS: [u32; 3] = [1_000_000_000, 1_000_000, 1_000];
        STEPS.into_iter().find(|step| self.nanoseconds.is_multiple_of(*step)).unwrap_or(1)
    }

    fn to_system_time(self) -> SystemTime {
        let nanoseconds = Duration::from_nanos(u64::from(self.nanoseconds));
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let whole = if self.seconds < 0 {
            UNIX_EPOCH.checked_sub(seconds)
        } else {
            UNIX_EPOCH.checked_add(seconds)
        };
        whole.and_then(|time| time.checked_add(nanoseconds)).unwrap_or(UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed_at(seconds: i64, nanoseconds: u32) -> Facts {
        let stamp = FileTime { seconds, nanoseconds };
        Facts {
            device: (8, 1),
            inode: 7,
            size: 1,
            modified: stamp,
            changed: stamp,
            kind: Kind::File,
        }
    }

    #[test]
    fn a_young_file_may_hide_a_change() {
        let table = [
            // Change time, age of the content when it was read, whether it must be read again.
            ((1_000, 500), Duration::ZERO, true),
            ((1_000, 500), Duration::from_millis(249), true),
            ((1_000, 500), Duration::from_millis(251), false),
            ((1_000, 0), Duration::from_millis(1_999), true),
            ((1_000, 0), Duration::from_secs(2), false),
        ];
        for ((seconds, nanoseconds), age, expected) in table {
            let facts = changed_at(seconds, nanoseconds);
            let read = facts.changed.to_system_time() + age;
            assert_eq!(facts.may_hide_a_change(read), expected, "{seconds}.{nanoseconds} {age:?}");
        }
    }

    #[test]
    fn a_copied_time_counts_by_its_own_clock() {
        let table = [
            // Of the file, of the sibling, whether that is as young.
            ((10, 900_000_001), (10, 0), true),
            ((10, 900_000_001), (11, 0), true),
            ((10, 0), (9, 0), false),
            ((10, 900_000_001), (9, 0), false),
            ((10, 900_000_001), (10, 900_000_000), true),
            ((10, 900_123_456), (10, 900_123_000), true),
            ((10, 900_123_456), (10, 900_000_000), true),
            ((10, 900_123_456), (10, 900_122_000), false),
            ((10, 900_123_456), (10, 900_123_455), false),
            ((10, 900_123_456), (10, 900_123_456), true),
            ((10, 900_123_456), (10, 500_000_001), false),
        ];
        for (plain, sibling, expected) in table {
            let facts = |(seconds, nanoseconds)| changed_at(seconds, nanoseconds);
            assert_eq!(facts(sibling).is_as_young_as(&facts(plain)), expected, "{sibling:?}");
        }
    }

    #[test]
    fn a_change_time_far_in_the_future_hides_nothing() {
        let facts = changed_at(4_000_000_000, 1);
        assert!(!facts.may_hide_a_change(UNIX_EPOCH + Duration::from_secs(1_000)));
    }

    #[test]
    fn what_the_kernel_has_in_memory_is_told_without_a_disk() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/a"), "1").unwrap();
        std::os::unix::fs::symlink("inner/a", folder.path().join("link")).unwrap();
        let root = std::fs::File::open(folder.path()).unwrap();
        for name in ["", "inner", "inner/a", "link"] {
            let known = Facts::at(&root, name).unwrap();
            assert_eq!(Facts::at_hand(&root, name), Ok(known), "{name}");
        }
        assert_eq!(Facts::at_hand(&root, "never asked for"), Err(io::Errno::AGAIN));
    }

    #[test]
    fn facts_tell_files_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "1").unwrap();
        std::fs::write(folder.path().join("b"), "1").unwrap();
        let root = std::fs::File::open(folder.path()).unwrap();
        let a = Facts::at(&root, "a").unwrap();
        assert_eq!(a, Facts::of(std::fs::File::open(folder.path().join("a")).unwrap()).unwrap());
        assert_ne!(a, Facts::at(&root, "b").unwrap());
        assert_eq!(a.kind(), Kind::File);
        assert_eq!(Facts::of(&root).unwrap().kind(), Kind::Folder);
    }
}
