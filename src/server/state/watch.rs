//! Watching: sites and certificates that come, go or change are taken up without an order.
//!
//! Once a second a thread looks at the stamps of the folder of sites and of the folder of
//! certificates, and of the pairs in it, a part of them at a time where there are many. What differs
//! from what is served is taken up as soon as two looks in a row have found it the same, so that a
//! copy in progress is left to finish. Where a pair has to wait for its turn, times on the disk may
//! say that it has been left alone since long enough.
//!
//! Stamps rather than notices of the kernel: a pair may be a link into another folder, as with
//! certbot's `live/`, or lie on a file system that another machine writes to; no limit of watches is
//! in the way; and a storm of changes is no more work than one.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags, open};

use super::reload::Reloads;
use super::snapshot::{Live, Snapshot, Sources};
use crate::certificates::{PairFile, Seen};
use crate::process::stamp::Stamp;

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Files of pairs that are looked at in a second, so that a second's looks take less than a thousandth
/// of a core, however many pairs there are: one file takes 1.7 µs, since a second later little of the
/// way to it is in the processor's caches. `shost certify` puts its pairs in place by a change of the
/// folder of certificates, which is looked at each time.
const FILES_AT_ONCE: usize = 400;

/// Looks for which a folder that is never quiet keeps its changes waiting: somebody writes into it
/// all the time.
const MOST_RESTLESS_LOOKS: u32 = 10;

/// The stack of the thread, in bytes: its frames are few and shallow.
const STACK_BYTES: usize = 128 * 1024;

/// Watches until the process ends.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(live: Arc<Live>, sources: Sources, reloads: Reloads) -> io::Result<()> {
    let watching = move || {
        let mut watch = Watch::default();
        loop {
            thread::park_timeout(INTERVAL);
            if watch.look(&live.load(), &sources, SystemTime::now()) {
                reloads.take_up();
            }
        }
    };
    thread::Builder::new().name("watching".into()).stack_size(STACK_BYTES).spawn(watching)?;
    Ok(())
}

/// The findings of earlier looks.
#[derive(Debug, Default)]
struct Watch {
    /// The file that the next look begins with: of all certificates, then of all keys, so that of a
    /// pair one file's turn is half a round after the other's.
    next: usize,
    /// Folders of pairs that differed from what is served.
    changed: BTreeSet<PathBuf>,
    /// The differences that the last look found.
    last: Option<u64>,
    /// The differences that were to be taken up. What cannot be is not tried again until it changes.
    taken_up: Option<u64>,
    restless: u32,
}

/// The differences between what is there and what is served.
#[derive(Debug)]
struct Discrepancies {
    /// A digest of them.
    found: u64,
    /// True if all of it are pairs that have been left alone for a while.
    have_settled: bool,
}

impl Watch {
    /// Looks at one part of everything. True if what was found is to be taken up now.
    fn look(&mut self, snapshot: &Snapshot, sources: &Sources, now: SystemTime) -> bool {
        let Some(Discrepancies { found, have_settled }) = self.differences(snapshot, sources, now)
        else {
            (self.last, self.taken_up, self.restless) = (None, None, 0);
            return false;
        };
        if self.taken_up == Some(found) {
            return false;
        }
        let is_quiet = self.last.replace(found) == Some(found) || have_settled;
        self.restless += 1;
        if !is_quiet && self.restless < MOST_RESTLESS_LOOKS {
            return false;
        }
        (self.taken_up, self.restless) = (Some(found), 0);
        true
    }

    /// Looks for what is not as `snapshot` has it; `None` if there is nothing.
    fn differences(
        &mut self,
        snapshot: &Snapshot,
        sources: &Sources,
        now: SystemTime,
    ) -> Option<Discrepancies> {
        let mut digest = DefaultHasher::new();
        let mut differ = false;
        let mut compare = |served: Option<Stamp>, folder: &Path| {
            let now = Stamp::of(folder);
            if now != served {
                differ = true;
                (folder, now).hash(&mut digest);
            }
        };
        if !sources.sites.single {
            compare(snapshot.listed, &sources.sites.folder);
        }
        let mut changed = Vec::new();
        if let Some(tls) = &sources.tls {
            compare(snapshot.certificates.listed(), tls);
            changed = self.changed_pairs(snapshot.certificates.seen(), tls);
        }
        // A folder's times say nothing of what is being put into it.
        let take_turns = 2 * snapshot.certificates.seen().len() > FILES_AT_ONCE;
        let have_settled =
            take_turns && !differ && changed.iter().all(|pair| pair.has_settled(INTERVAL, now));
        for pair in changed {
            differ = true;
            pair.hash(&mut digest);
        }
        differ.then(|| Discrepancies { found: digest.finish(), have_settled })
    }

    /// The pairs that differ from `served`, as they are now: those that did before, and those with a
    /// file in this look's part that does.
    fn changed_pairs(&mut self, served: &[Seen], tls: &Path) -> Vec<Seen> {
        let among = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A folder that cannot be opened is a difference itself.
        let Ok(among) = open(tls, among, Mode::empty()) else { return Vec::new() };
        let files = 2 * served.len();
        let first = if self.next < files { self.next } else { 0 };
        self.next = files.min(first + FILES_AT_ONCE);
        let differs = |&file: &usize| match file.checked_sub(served.len()) {
            None => served[file].differs(PairFile::Certificate, &among),
            Some(pair) => served[pair].differs(PairFile::Key, &among),
        };
        let differing = (first..self.next).filter(differs).map(|file| file % served.len());
        let mut suspects: BTreeSet<usize> = differing.collect();
        if !self.changed.is_empty() {
            let before = served.iter().enumerate();
            let before = before.filter(|(_, pair)| self.changed.contains(pair.folder()));
            suspects.extend(before.map(|(at, _)| at));
        }
        let now = suspects.into_iter().map(|at| (&served[at], Seen::look(served[at].folder())));
        let changed: Vec<Seen> =
            now.filter(|(served, now)| now != *served).map(|(_, now)| now).collect();
        self.changed = changed.iter().map(|now| now.folder().to_owned()).collect();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::fixtures::{P256_SEC1, certificate};
    use crate::site::{Background, SitesFolder};
    use std::fs;

    struct World {
        folder: tempfile::TempDir,
        sources: Sources,
        background: Background,
    }

    impl World {
        fn new(pairs: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let [sites, tls] = ["sites", "tls"].map(|name| folder.path().join(name));
            fs::create_dir_all(sites.join("a.test")).unwrap();
            let chain = certificate(P256_SEC1, &["a.test"]);
            for number in 0..pairs {
                let pair = tls.join(format!("{number:04}.test"));
                fs::create_dir_all(&pair).unwrap();
                fs::write(pair.join("cert.pem"), &chain).unwrap();
                fs::write(pair.join("key.pem"), P256_SEC1).unwrap();
            }
            let source = SitesFolder { folder: sites, single: false, cache_bound: 0 };
            let sources = Sources { sites: source, tls: Some(tls), state: None };
            Self { folder, sources, background: Background::start().unwrap() }
        }

        fn load(&self) -> Snapshot {
            Snapshot::load(&self.sources, self.background.clone()).unwrap().0
        }

        /// A look by a clock that says nothing of how long ago things were.
        fn look(&self, watch: &mut Watch, snapshot: &Snapshot) -> bool {
            watch.look(snapshot, &self.sources, SystemTime::UNIX_EPOCH)
        }

        /// Adds to a file or makes it, so that its size tells.
        fn grow(&self, path: &str) {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = fs::File::options().append(true).create(true).open(&path).unwrap();
            io::Write::write_all(&mut file, b"\n").unwrap();
        }
    }

    #[test]
    fn a_change_is_taken_up_once_when_it_is_over() {
        let changes =
            ["sites/b.test/x", "tls/b.test/x", "tls/0000.test/cert.pem", "tls/0000.test/key.pem"];
        for change in changes {
            let world = World::new(2);
            let (snapshot, mut watch) = (world.load(), Watch::default());
            assert!(!world.look(&mut watch, &snapshot), "{change}");
            world.grow(change);
            let looks = [(); 4].map(|()| world.look(&mut watch, &snapshot));
            assert_eq!(looks, [false, true, false, false], "{change}");

            let (snapshot, _) = snapshot.renew(&world.sources).unwrap();
            let looks = [(); 3].map(|()| world.look(&mut watch, &snapshot));
            assert_eq!(looks, [false; 3], "{change}");
        }
    }

    #[test]
    fn a_change_in_progress_is_left_to_finish_within_reason() {
        let world = World::new(1);
        let (snapshot, mut watch) = (world.load(), Watch::default());
        let mut look = || {
            world.grow("tls/0000.test/cert.pem");
            world.look(&mut watch, &snapshot)
        };
        let looks: Vec<bool> = (0..MOST_RESTLESS_LOOKS).map(|_| look()).collect();
        let (last, rest) = looks.split_last().unwrap();
        assert!(*last && !rest.contains(&true), "{looks:?}");
        assert!(!look(), "it waits again");
    }

    #[test]
    fn what_could_not_be_taken_up_is_tried_when_it_changes() {
        let world = World::new(1);
        let (snapshot, mut watch) = (world.load(), Watch::default());
        for _ in 0..2 {
            world.grow("tls/0000.test/key.pem");
            let looks = [(); 4].map(|()| world.look(&mut watch, &snapshot));
            assert_eq!(looks, [false, true, false, false]);
        }
    }

    #[test]
    fn of_many_pairs_each_has_its_turn() {
        let world = World::new(FILES_AT_ONCE);
        let (snapshot, mut watch) = (world.load(), Watch::default());
        for (pair, file) in
            [(0, "cert"), (0, "key"), (FILES_AT_ONCE / 2, "cert"), (FILES_AT_ONCE - 1, "key")]
        {
            world.grow(&format!("tls/{pair:04}.test/{file}.pem"));
            let looks = [(); 4].map(|()| world.look(&mut watch, &snapshot));
            let taken = looks.iter().filter(|&&is_taken| is_taken).count();
            assert_eq!(taken, 1, "{pair} {file}: {looks:?}");
        }
    }

    #[test]
    fn a_pair_that_has_waited_for_its_turn_is_taken_up_when_it_comes() {
        let world = World::new(FILES_AT_ONCE);
        let (snapshot, mut watch) = (world.load(), Watch::default());
        for file in ["cert.pem", "key.pem"] {
            world.grow(&format!("tls/0000.test/{file}"));
        }
        let later = SystemTime::now() + INTERVAL;
        let looks = [(); 2].map(|()| watch.look(&snapshot, &world.sources, later));
        assert_eq!(looks.iter().filter(|&&is_taken| is_taken).count(), 1, "{looks:?}");
        fs::remove_file(world.folder.path().join("tls/0000.test/key.pem")).unwrap();
        let looks = [(); 2].map(|()| watch.look(&snapshot, &world.sources, later));
        assert_eq!(looks, [false, true], "a pair that is not whole may be about to be");
    }

    #[test]
    #[ignore = "writes thousands of files to time the looks at them"]
    fn two_thousand_pairs() {
        let world = World::new(2000);
        let (snapshot, mut watch) = (world.load(), Watch::default());
        let begin = std::time::Instant::now();
        for _ in 0..100 {
            world.look(&mut watch, &snapshot);
        }
        let look = begin.elapsed() / 100;
        assert!(look < INTERVAL / 1000, "a look takes {look:?}");
    }
}
