//! The names in a folder: whatever is not among them is missing, with no look at the disk for it.

use std::hash::{BuildHasher, Hasher};
use std::time::SystemTime;

use quick_cache::DefaultHashBuilder as RandomState;
use rustix::fs::{Dir, FileType, FsWord, fstatfs};
use rustix::io;

use super::facts::Facts;
use super::lookup::MISSING_PAGE;
use super::root::OpenRoot;

/// Most names that are kept of one folder: 32 KiB, read in about a millisecond.
const MOST: usize = 4096;

/// File systems that change a folder's facts with every name that comes or goes, and have nothing
/// in a folder that they do not list. FUSE and network file systems guarantee neither.
const TELLING: [FsWord; 6] = [
    libc::EXT4_SUPER_MAGIC,
    libc::XFS_SUPER_MAGIC,
    libc::BTRFS_SUPER_MAGIC,
    libc::F2FS_SUPER_MAGIC,
    libc::TMPFS_MAGIC,
    libc::OVERLAYFS_SUPER_MAGIC,
];

/// The names in a folder, as hashes: two that have the same are taken for one, and asked about.
#[derive(Debug)]
pub struct FolderNames {
    /// In ascending order; `None` if they are not known.
    hashes: Option<Box<[u64]>>,
    hasher: RandomState,
    has_missing_page: bool,
}

impl FolderNames {
    /// The names in the folder `relative`, and the facts of the folder that they belong to. `None`
    /// if there is no such folder, or it changed so lately that the same facts may come to stand
    /// for other names.
    #[must_use]
    pub fn read(root: &OpenRoot, relative: &str) -> Option<(Facts, Self)> {
        let mut folder = Dir::new(root.open_beneath(relative).ok()?).ok()?;
        let facts = Facts::of(folder.fd().ok()?).ok()?;
        if facts.may_hide_a_change(SystemTime::now()) {
            return None;
        }
        let names = Self::of(&mut folder).ok()?;
        (Facts::of(folder.fd().ok()?) == Ok(facts)).then_some((facts, names))
    }

    fn of(folder: &mut Dir) -> io::Result<Self> {
        let unknown =
            Self { hashes: None, hasher: RandomState::default(), has_missing_page: false };
        if !TELLING.contains(&fstatfs(folder.fd()?)?.f_type) {
            return Ok(unknown);
        }
        let mut hashes = Vec::new();
        let mut page = false;
        for entry in folder {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if hashes.len() == MOST {
                return Ok(unknown);
            }
            if name.eq_ignore_ascii_case(MISSING_PAGE.as_bytes()) {
                if name != MISSING_PAGE.as_bytes() || entry.file_type() != FileType::RegularFile {
                    // What a link leads to may change while the folder does not.
                    return Ok(unknown);
                }
                page = true;
            }
            hashes.push(unknown.hash(name, b""));
        }
        hashes.sort_unstable();
        Ok(Self { hashes: Some(hashes.into()), has_missing_page: page, ..unknown })
    }

    /// True if there may be something of the name `name` and `suffix` together.
    #[must_use]
    pub fn may_have(&self, name: &str, suffix: &str) -> bool {
        let Some(hashes) = &self.hashes else { return true };
        // A file system may take other characters for the same ones.
        !name.is_ascii()
            || hashes.binary_search(&self.hash(name.as_bytes(), suffix.as_bytes())).is_ok()
    }

    /// True if there is a page for what is missing.
    #[must_use]
    pub fn has_missing_page(&self) -> bool {
        self.has_missing_page
    }

    /// Bytes that the names take.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.hashes.as_ref().map_or(0, |hashes| size_of_val(&**hashes) as u64)
    }

    /// The hash of a name and a suffix. It is the same for names that differ in case only, which
    /// some file systems take for one.
    fn hash(&self, name: &[u8], suffix: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for byte in name.iter().chain(suffix) {
            hasher.write_u8(byte.to_ascii_lowercase());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::root::Root;
    use super::*;
    use crate::process::clock::Tick;
    use std::fs;
    use std::sync::Arc;
    use tempfile::TempDir;

    /// A folder with a file of each of these names, opened.
    fn folder(names: impl IntoIterator<Item = String>) -> (TempDir, Arc<OpenRoot>) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let root = Root::open(folder.path()).unwrap().current(Tick::now()).unwrap();
        (folder, root)
    }

    /// Of a folder on a file system that tells.
    fn names_of(root: &OpenRoot) -> FolderNames {
        FolderNames::of(&mut Dir::new(root.open_beneath(".").unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_folder_has_its_names_and_no_others() {
        let (_folder, root) = folder(["a.txt".into(), "b.html".into(), "ÄÖ".into()]);
        let names = names_of(&root);
        let table = [
            ("a.txt", "", true),
            ("A.TXT", "", true),
            ("a", ".txt", true),
            ("b", ".html", true),
            ("ÄÖ", "", true),
            // Not told apart from what a file system might take for it.
            ("äö", "", true),
            ("a", "", false),
            ("a.tx", "", false),
            ("a.txt", ".html", false),
            (".", "", false),
            ("..", "", false),
            ("", "", false),
        ];
        for (name, suffix, expected) in table {
            assert_eq!(names.may_have(name, suffix), expected, "{name}{suffix}");
        }
        assert!(!names.has_missing_page());
        assert!(names_of(&folder(["404.html".into()]).1).has_missing_page());
    }

    #[test]
    fn of_a_crowded_folder_no_name_is_known() {
        let crowd = |count: usize| folder((0..count).map(|number| number.to_string()));
        let (most, root) = crowd(MOST);
        assert!(!names_of(&root).may_have("nothing", ""));
        fs::write(most.path().join("one more"), "").unwrap();
        assert!(names_of(&root).may_have("nothing", ""));
        assert_eq!(names_of(&root).weight(), 0);
    }

    #[test]
    fn a_folder_that_tells_nothing_of_its_changes_is_not_believed() {
        let root = Root::open("/proc/self".as_ref()).unwrap().current(Tick::now()).unwrap();
        assert!(names_of(&root).may_have("nothing", ""));
    }

    #[test]
    fn a_young_folder_is_not_believed() {
        let (_folder, root) = folder(["a.txt".into()]);
        assert!(FolderNames::read(&root, ".").is_none());
        let (facts, _) = loop {
            match FolderNames::read(&root, ".") {
                Some(read) => break read,
                None => std::thread::yield_now(),
            }
        };
        assert!(!facts.may_hide_a_change(SystemTime::now()));
        assert!(FolderNames::read(&root, "a.txt").is_none());
        assert!(FolderNames::read(&root, "nothing").is_none());
    }
}
