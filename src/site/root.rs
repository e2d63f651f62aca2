//! The root of a site: an open directory, and the only door to the files beneath it.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx};
use rustix::io::{self, Errno};

use crate::process::clock::{AtomicTick, Tick};
use crate::semantics::target::file_name::{bytes_of, text_of};

/// The time for which the open directory stands for its path. A deploy that renames a new folder
/// into place or switches a link is seen after this time and a step of the clock: within the second
/// that is promised.
pub const ROOT_TRUST: Duration = Duration::from_millis(950);

/// Repetitions of a look-up when a rename somewhere beneath the root raced it: the kernel
/// then cannot tell whether `..` stayed inside, and says so with `EAGAIN` (openat2(2)).
const RENAME_RETRIES: usize = 8;

/// A site's folder, followed through renames and switched links.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    open: ArcSwapOption<OpenRoot>,
    checked: AtomicTick,
}

/// One directory that the root's path led to.
#[derive(Debug)]
pub struct OpenRoot {
    folder: OwnedFd,
    /// Its path without links.
    real: PathBuf,
    identity: Identity,
    generation: u64,
}

/// Device, inode and mount: another mount of the same directory is another root.
type Identity = (u32, u32, u64, u64);

static GENERATION: AtomicU64 = AtomicU64::new(0);

impl Root {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// When there is no such folder, it is not a directory, or it may not be searched.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        match Self::watch(path) {
            (root, None) => Ok(root),
            (_, Some(error)) => Err(error.into()),
        }
    }

    /// The folder at `path`, opened as soon as that is possible; and the reason if it is not yet.
    #[must_use]
    pub fn watch(path: &Path) -> (Self, Option<Errno>) {
        let (open, error) = match OpenRoot::open(path) {
            Ok(open) => (Some(Arc::new(open)), None),
            Err(error) => (None, Some(error)),
        };
        let open = ArcSwapOption::new(open);
        (Self { path: path.to_owned(), open, checked: AtomicTick::new(Tick::now()) }, error)
    }

    /// The path that was given for the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that the path leads to, looked up again when the last look is older than
    /// [`ROOT_TRUST`]. While the path leads nowhere (in the middle of a deploy, say), the
    /// directory that was there before stays; `None` if there never was one.
    pub fn current(&self, now: Tick) -> Option<Arc<OpenRoot>> {
        if now.since(self.checked.load()) >= ROOT_TRUST {
            self.checked.store(now);
            self.look_again();
        }
        self.open.load_full()
    }

    /// The directory that the path leads to right now, whatever was trusted: before something is
    /// said to be missing, it should be looked for where a deploy may just have put it.
    pub fn latest(&self) -> Option<Arc<OpenRoot>> {
        self.look_again();
        self.open.load_full()
    }

    /// Takes the open directory away, where nothing in it could be read: until it can be, there is
    /// none.
    pub fn shut(&self) {
        self.open.store(None);
    }

    /// Takes the directory `open` away if it may not be searched any more, as after a change of its
    /// mode: everything in it is then out of reach, until it may be searched again.
    pub fn shut_if_closed(&self, open: &OpenRoot) -> bool {
        if !matches!(open.check_search(), Err(Errno::ACCESS | Errno::PERM)) {
            return false;
        }
        let is_current = |held: &Arc<OpenRoot>| held.generation == open.generation;
        if self.open.load().as_ref().is_some_and(is_current) && self.open.swap(None).is_some() {
            let folder = self.path.display();
            tracing::warn!(%folder, "the folder of this site may not be searched any more: the site \
                answers 503 until it may be");
        }
        true
    }

    fn look_again(&self) {
        let Ok(identity) = identity_at(&self.path) else { return };
        let is_new = match self.open.load().as_ref() {
            Some(open) if open.identity == identity => return,
            Some(_) => false,
            None => true,
        };
        if let Ok(open) = OpenRoot::open(&self.path) {
            let folder = self.path.display();
            if open.is_out_of_reach() {
                if is_new {
                    return;
                }
                let leads_to = open.real.display();
                tracing::warn!(%folder, %leads_to, "the folder of this site now leads out of the \
                    sandbox, which knows the places of the start: restart shost, or keep what it \
                    leads to beside what it led to then");
            } else if is_new {
                tracing::info!(%folder, "the folder of this site can be read now");
            } else {
                tracing::debug!(%folder, "site folder was replaced");
            }
            self.open.store(Some(Arc::new(open)));
        }
    }
}

impl OpenRoot {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        let identity = identity_of(statx(&folder, c"", AtFlags::EMPTY_PATH, identity_mask())?);
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        let real = place_of(&folder).or_else(|| path.canonicalize().ok());
        // Without it, nothing but links to paths from the root of the system is missed.
        let real = real.unwrap_or_else(|| path.to_owned());
        let opened = Self { folder, real, identity, generation };
        // An O_PATH descriptor needs no permission to read; a folder that cannot be searched
        // would only fail at the first request.
        opened.check_search()?;
        Ok(opened)
    }

    /// Fails if this process may not search the directory.
    fn check_search(&self) -> io::Result<()> {
        let search = rustix::fs::Access::EXEC_OK;
        rustix::fs::accessat(&self.folder, c".", search, AtFlags::EACCESS)
    }

    /// True if permissions let this process read the directory, and it cannot all the same: then
    /// something else forbids it, such as a sandbox.
    fn is_out_of_reach(&self) -> bool {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let read = rustix::fs::Access::READ_OK;
        rustix::fs::accessat(&self.folder, c".", read, AtFlags::EACCESS).is_ok()
            && rustix::fs::openat(&self.folder, c".", flags, Mode::empty()).err()
                == Some(Errno::ACCESS)
    }

    /// A number that no other opened directory of this process has.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The open directory, for calls that only compare what they find.
    #[must_use]
    pub fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// Opens the file at `relative` for reading, confined by the kernel to this directory: a link
    /// that leaves it, a `..` and a magic link fail with `EXDEV` or `ELOOP`. Never blocks on a
    /// FIFO, since that is opened without waiting for a writer.
    ///
    /// The kernel refuses a link to a path from the root of the system (`/srv/site/r1`) wherever it
    /// leads. One that leads back into this directory is followed, and what it leads to is opened
    /// under the same confinement.
    ///
    /// # Errors
    /// The error that `openat2` gives.
    pub fn open_beneath(&self, relative: &str) -> io::Result<OwnedFd> {
        match self.open_confined(relative) {
            Err(Errno::XDEV) => {
                let inside = self.without_links(relative).ok_or(Errno::XDEV)?;
                self.open_confined(&inside)
            }
            opened => opened,
        }
    }

    /// The name beneath this directory that `relative` has behind all links, if it is beneath.
    fn without_links(&self, relative: &str) -> Option<String> {
        // A name that is one from the root of the system, or climbs, never came from a request.
        let name = bytes_of(relative);
        let relative = Path::new(OsStr::from_bytes(&name));
        let names = relative.components();
        if !names.into_iter().all(|name| matches!(name, Component::Normal(_))) {
            return None;
        }
        let real = self.real.join(relative).canonicalize().ok()?;
        let inside = real.strip_prefix(&self.real).ok()?;
        Some(text_of(inside.as_os_str().as_bytes()))
    }

    fn open_confined(&self, relative: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let confined = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let relative = bytes_of(if relative.is_empty() { "." } else { relative });
        for _ in 0..RENAME_RETRIES {
            match openat2(&self.folder, &*relative, flags, Mode::empty(), confined) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                done => return done,
            }
        }
        Err(Errno::AGAIN)
    }
}

/// The path of an open directory, which the system knows; `None` if it cannot be had. That is one
/// call, where each name on the way to the directory would be one.
fn place_of(folder: &OwnedFd) -> Option<PathBuf> {
    let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
    let place = PathBuf::from(OsString::from_vec(
        rustix::fs::readlink(link, Vec::new()).ok()?.into_bytes(),
    ));
    place.is_absolute().then_some(place)
}

fn identity_at(path: &Path) -> io::Result<Identity> {
    statx(CWD, path, AtFlags::empty(), identity_mask()).map(identity_of)
}

fn identity_mask() -> StatxFlags {
    StatxFlags::INO | StatxFlags::MNT_ID
}

fn identity_of(found: rustix::fs::Statx) -> Identity {
    (found.stx_dev_major, found.stx_dev_minor, found.stx_ino, found.stx_mnt_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn later(tick: Tick) -> Tick {
        tick.after(ROOT_TRUST)
    }

    #[test]
    fn a_replaced_folder_is_seen_once_the_trust_has_passed() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        fs::create_dir(&site).unwrap();
        let root = Root::open(&site).unwrap();
        let now = Tick::now();
        let before = root.current(now).unwrap().generation();
        fs::rename(&site, folder.path().join("old")).unwrap();
        fs::create_dir(&site).unwrap();
        assert_eq!(root.current(now).unwrap().generation(), before, "trusted");
        assert_ne!(root.current(later(now)).unwrap().generation(), before, "looked up again");
    }

    #[test]
    fn a_missing_folder_leaves_the_last_one_open() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("a"), "1").unwrap();
        let root = Root::open(&site).unwrap();
        fs::rename(&site, folder.path().join("old")).unwrap();
        let now = later(Tick::now());
        assert!(root.current(now).unwrap().open_beneath("a").is_ok());
    }

    #[test]
    fn the_kernel_confines_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        fs::create_dir_all(site.join("inner")).unwrap();
        fs::write(folder.path().join("secret"), "1").unwrap();
        fs::write(site.join("a"), "1").unwrap();
        symlink("../secret", site.join("out")).unwrap();
        symlink("/etc/hostname", site.join("absolute")).unwrap();
        symlink("../a", site.join("inner/in")).unwrap();
        symlink("loop", site.join("loop")).unwrap();
        let root = Root::open(&site).unwrap().current(Tick::now()).unwrap();
        let table = [
            ("a", None),
            ("inner/in", None),
            ("", None),
            ("out", Some(Errno::XDEV)),
            ("absolute", Some(Errno::XDEV)),
            ("../secret", Some(Errno::XDEV)),
            ("/etc/hostname", Some(Errno::XDEV)),
            ("loop", Some(Errno::LOOP)),
            ("missing", Some(Errno::NOENT)),
        ];
        for (relative, expected) in table {
            assert_eq!(root.open_beneath(relative).err(), expected, "{relative:?}");
        }
    }

    #[test]
    fn links_to_paths_of_the_system_are_followed_within_the_site() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        fs::create_dir_all(site.join("rel/r1")).unwrap();
        fs::create_dir_all(folder.path().join("site-other")).unwrap();
        fs::write(folder.path().join("site-other/a"), "1").unwrap();
        fs::write(site.join("rel/r1/a"), "1").unwrap();
        symlink(&site, folder.path().join("by-link")).unwrap();
        let links = [
            ("rel/current", site.join("rel/r1")),
            ("file", site.join("rel/r1/a")),
            ("chain", site.join("rel/current/a")),
            ("around", folder.path().join("by-link/rel/r1/a")),
            ("out-and-in", "../site/rel/r1/a".into()),
            ("root", site.clone()),
            ("beside", folder.path().join("site-other/a")),
            ("up", site.join("../site-other/a")),
            ("gone", site.join("rel/r2/a")),
            ("passwd", "/etc/passwd".into()),
        ];
        for (name, target) in links {
            symlink(target, site.join(name)).unwrap();
        }
        let table = [
            ("rel/current/a", None),
            ("file", None),
            ("chain", None),
            ("around", None),
            ("out-and-in", None),
            ("root/rel/r1/a", None),
            ("root", None),
            ("beside", Some(Errno::XDEV)),
            ("up", Some(Errno::XDEV)),
            ("gone", Some(Errno::XDEV)),
            ("passwd", Some(Errno::XDEV)),
            ("root/beside", Some(Errno::XDEV)),
        ];
        for path in [&site, &folder.path().join("by-link")] {
            let root = Root::open(path).unwrap().current(Tick::now()).unwrap();
            for (relative, expected) in table {
                assert_eq!(root.open_beneath(relative).err(), expected, "{relative:?}");
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_opened_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        let (root, error) = Root::watch(&site);
        assert_eq!(error, Some(Errno::NOENT));
        let now = Tick::now();
        assert!(root.current(now).is_none());
        fs::create_dir(&site).unwrap();
        fs::write(site.join("a"), "1").unwrap();
        assert!(root.current(later(now)).unwrap().open_beneath("a").is_ok());
    }

    #[test]
    fn a_fifo_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, rustix::fs::FileType::Fifo, Mode::from(0o600), 0).unwrap();
        let root = Root::open(folder.path()).unwrap().current(Tick::now()).unwrap();
        assert!(root.open_beneath("fifo").is_ok(), "opened without waiting for a writer");
    }
}
