//! Freshness as a model (docs/behaviour.md, "Freshness"): whatever is done to a site's files, every
//! answer is one whole version, and none is older than it may be.
#![allow(clippy::print_stdout, reason = "the figures are for whoever reads the run")]
#![allow(clippy::unwrap_used, reason = "a file operation that fails is the test's own failure")]

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::support::client::{Request, Response};
use crate::support::decoded::decode;
use crate::support::http2::{self, Http2};
use crate::support::server::{Server, Setup};
use crate::support::versions::{
    Answer, FILE_PATIENCE, ROOT_PATIENCE, Random, SHORTEST, Shown, State, content, judge, version,
};

/// The seed of all that is random in a run.
const SEED: u64 = 0x5EED_0003;
/// For how long files are changed and read.
const RUN: Duration = Duration::from_secs(5);
/// The longest pause between two changes, in milliseconds: some come within one trust window,
/// some do not.
const PAUSE_MS: usize = 60;
/// Lengths of ordinary files, in bytes: a write of one page of memory is done in no time.
const LENGTHS: std::ops::Range<usize> = SHORTEST..4_000;
/// The length of a file that is streamed, in bytes.
const STREAMED: usize = 1024 * 1024 + 4_321;
/// Clients of each protocol.
const CLIENTS: usize = 2;

/// Changes of a site as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    /// Nothing: it stays.
    Stays,
    /// Another is renamed to its name.
    Renamed,
    /// It is a link, which is switched.
    Linked,
    /// It is a link, and one on the way to its target is switched.
    LinkedOnTheWay,
}

const SITES: [(&str, Folder); 4] = [
    ("a.test", Folder::Stays),
    ("b.test", Folder::Renamed),
    ("c.test", Folder::Linked),
    ("d.test", Folder::LinkedOnTheWay),
];

/// The link that is switched on the way, and the folder of a release that is the site.
const CURRENT: &str = "current";
const PUBLIC: &str = "public";

/// Every file: its site by number, its name, its target, whether it is streamed.
const FILES: [(usize, &str, &str, bool); 10] = [
    (0, "one.html", "/one.html", false),
    (0, "deep/two.css", "/deep/two.css", false),
    (0, "clean.html", "/clean", false),
    (0, "large.txt", "/large.txt", true),
    (1, "one.html", "/one.html", false),
    (1, "index.html", "/", false),
    (2, "one.html", "/one.html", false),
    (2, "index.html", "/", false),
    (3, "one.html", "/one.html", false),
    (3, "index.html", "/", false),
];

/// The one who changes files, and keeps the record.
struct Author {
    random: Random,
    sites: PathBuf,
    beside: PathBuf,
    versions: u32,
    changes: usize,
    history: Vec<Vec<State>>,
    /// By site: from when on its folder is the one that the server sees.
    settled: [Instant; SITES.len()],
}

impl Author {
    /// Writes the first version of everything.
    fn new(folder: &Path) -> Self {
        let now = Instant::now();
        let mut author = Self {
            random: Random(SEED),
            sites: folder.join("sites"),
            beside: folder.to_owned(),
            versions: 0,
            changes: 0,
            history: vec![Vec::new(); FILES.len()],
            settled: [now; SITES.len()],
        };
        for (site, (domain, change)) in SITES.into_iter().enumerate() {
            let folder = author.release(site);
            let path = author.sites.join(domain);
            match change {
                Folder::Linked => symlink(folder, path).unwrap(),
                Folder::LinkedOnTheWay => {
                    let current = author.beside.join(CURRENT);
                    symlink(folder, &current).unwrap();
                    symlink(current.join(PUBLIC), path).unwrap();
                }
                _ => fs::rename(folder, path).unwrap(),
            }
            author.note_release(site, now);
        }
        author
    }

    fn path(&self, file: usize) -> PathBuf {
        let (site, name, ..) = FILES[file];
        self.sites.join(SITES[site].0).join(name)
    }

    /// The next version of a file, of this length or any.
    fn next(&mut self, file: usize, length: Option<usize>) -> Vec<u8> {
        self.versions += 1;
        let any =
            if FILES[file].3 { STREAMED } else { LENGTHS.start + self.random.below(LENGTHS.len()) };
        content(self.versions, length.unwrap_or(any))
    }

    /// A folder beside the sites with a new version of every file of a site.
    fn release(&mut self, site: usize) -> PathBuf {
        let folder = self.beside.join(format!("release-{}", self.versions));
        for file in (0..FILES.len()).filter(|file| FILES[*file].0 == site) {
            let site = match SITES[site].1 {
                Folder::LinkedOnTheWay => folder.join(PUBLIC),
                _ => folder.clone(),
            };
            let path = site.join(FILES[file].1);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, self.next(file, None)).unwrap();
        }
        folder
    }

    fn note_release(&mut self, site: usize, began: Instant) {
        let complete = Instant::now();
        self.settled[site] = complete + ROOT_PATIENCE;
        let files: Vec<_> = (0..FILES.len()).filter(|file| FILES[*file].0 == site).collect();
        let mut written = self.versions - u32::try_from(files.len()).unwrap();
        for file in files {
            written += 1;
            let due = self.settled[site];
            let version = Some(written);
            self.history[file].push(State { version, torn: false, began, complete, due });
        }
    }

    fn note(&mut self, file: usize, version: Option<u32>, torn: bool, began: Instant) {
        let complete = Instant::now();
        let due = (complete + FILE_PATIENCE).max(self.settled[FILES[file].0]);
        self.history[file].push(State { version, torn, began, complete, due });
    }

    /// Does one random thing.
    fn change(&mut self) {
        self.changes += 1;
        let file = self.random.below(FILES.len());
        let (site, _, _, streamed) = FILES[file];
        let rarely = self.random.below(8) == 0;
        match SITES[site].1 {
            Folder::Renamed if rarely => self.rename_folder(site),
            Folder::Linked | Folder::LinkedOnTheWay if rarely => self.switch_link(site),
            _ if streamed => self.rename_over(file, false),
            _ => self.change_file(file),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a pace of changes, not a wait for anything")]
    fn pause(&mut self) {
        thread::sleep(Duration::from_millis(self.random.below(PAUSE_MS) as u64));
    }

    fn change_file(&mut self, file: usize) {
        let there = self.history[file].last().is_some_and(|state| state.version.is_some());
        // A coded form that lies beside goes first: it is the older version's.
        let sibling = self.path(file).with_added_extension("gz");
        let had_sibling = fs::remove_file(&sibling).is_ok();
        match self.random.below(7) {
            0 if there => self.write_in_place(file, false),
            1 if there => self.write_in_place(file, true),
            2 if there => self.write_truncated(file),
            3 if there => self.remove(file),
            4 if there && !had_sibling => self.add_sibling(file, &sibling),
            choice => self.rename_over(file, choice == 5),
        }
    }

    /// The same inode and size; if `disguised` the same modification time too.
    fn write_in_place(&mut self, file: usize, disguised: bool) {
        let path = self.path(file);
        let open = File::options().write(true).open(path).unwrap();
        let facts = open.metadata().unwrap();
        let next = self.next(file, Some(usize::try_from(facts.len()).unwrap()));
        let began = Instant::now();
        assert_eq!(open.write_at(&next, 0).unwrap(), next.len(), "one call takes all");
        if disguised {
            let times = FileTimes::new().set_modified(facts.modified().unwrap());
            open.set_times(times).unwrap();
        }
        self.note(file, Some(self.versions), true, began);
    }

    fn write_truncated(&mut self, file: usize) {
        let (path, next) = (self.path(file), self.next(file, None));
        let began = Instant::now();
        File::create(path).unwrap().write_all(&next).unwrap();
        self.note(file, Some(self.versions), true, began);
    }

    /// Written beside and renamed; if `aged` with a time long past.
    fn rename_over(&mut self, file: usize, aged: bool) {
        let (path, next) = (self.path(file), self.next(file, None));
        let beside = self.beside.join("next");
        fs::write(&beside, next).unwrap();
        if aged {
            let past = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            File::options().write(true).open(&beside).unwrap().set_modified(past).unwrap();
        }
        let began = Instant::now();
        fs::rename(beside, path).unwrap();
        self.note(file, Some(self.versions), false, began);
    }

    fn remove(&mut self, file: usize) {
        let began = Instant::now();
        fs::remove_file(self.path(file)).unwrap();
        self.note(file, None, false, began);
    }

    /// The same content once more, coded; complete at once, as everything beside a file should be.
    fn add_sibling(&mut self, file: usize, sibling: &Path) {
        let length = fs::metadata(self.path(file)).unwrap().len();
        let version = self.history[file].last().and_then(|state| state.version).unwrap();
        let plain = content(version, usize::try_from(length).unwrap());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&plain).unwrap();
        let beside = self.beside.join("next");
        fs::write(&beside, gzip.finish().unwrap()).unwrap();
        fs::rename(beside, sibling).unwrap();
    }

    /// The old folder stays beside: it may still be read for a second.
    fn rename_folder(&mut self, site: usize) {
        let path = self.sites.join(SITES[site].0);
        let folder = self.release(site);
        let old = self.beside.join(format!("old-{}", self.versions));
        let began = Instant::now();
        fs::rename(&path, old).unwrap();
        fs::rename(folder, path).unwrap();
        self.note_release(site, began);
    }

    fn switch_link(&mut self, site: usize) {
        let folder = self.release(site);
        let link = self.beside.join("link");
        symlink(folder, &link).unwrap();
        let began = Instant::now();
        let switched = match SITES[site].1 {
            Folder::LinkedOnTheWay => self.beside.join(CURRENT),
            _ => self.sites.join(SITES[site].0),
        };
        fs::rename(link, switched).unwrap();
        self.note_release(site, began);
    }
}

/// One client: what it asks for at random, and what it was shown.
struct Reader {
    random: Random,
    answers: Vec<Answer>,
    /// By entity tag: the version that it stands for, and so the same in every answer.
    tags: HashMap<String, u32>,
    /// By file: the tag of the answer before.
    last: [Option<String>; FILES.len()],
}

impl Reader {
    fn new(number: usize) -> Self {
        Self {
            random: Random(SEED + 1 + number as u64),
            answers: Vec::new(),
            tags: HashMap::new(),
            last: [const { None }; FILES.len()],
        }
    }

    fn request(&mut self) -> (usize, Request) {
        let file = self.random.below(FILES.len());
        let (site, _, target, _) = FILES[file];
        let codings = ["identity", "gzip", "gzip, deflate, br", "gzip, deflate, br, zstd"];
        let accepted = codings[self.random.below(codings.len())];
        let request = Request::get(target).host(SITES[site].0).field("Accept-Encoding", accepted);
        match &self.last[file] {
            Some(tag) if self.random.below(3) == 0 => (file, request.field("If-None-Match", tag)),
            _ => (file, request),
        }
    }

    fn note(&mut self, file: usize, began: Instant, answer: &Response) {
        let ended = Instant::now();
        let tag = answer.field("etag").map(ToOwned::to_owned);
        let shown = match (answer.status, &tag) {
            (304, Some(tag)) => Shown::Version(self.tags[tag]),
            (404, _) => Shown::Missing,
            (200, _) => version(&decode(answer)).map_or(Shown::Torn, Shown::Version),
            (status, _) => panic!("{status} for {:?}", FILES[file]),
        };
        if let (Some(tag), Shown::Version(version)) = (&tag, shown) {
            let known = *self.tags.entry(tag.clone()).or_insert(version);
            assert_eq!(known, version, "{tag} stands for two versions");
        }
        // A tag of what is no version tells nothing about a 304.
        self.last[file] = tag.filter(|_| matches!(shown, Shown::Version(_)));
        self.answers.push(Answer { file, began, ended, shown });
    }
}

fn read_http1(server: &Server, number: usize, done: &AtomicBool) -> Reader {
    let mut reader = Reader::new(number);
    let mut connection = server.connect();
    while !done.load(Ordering::Relaxed) {
        let (file, request) = reader.request();
        let began = Instant::now();
        reader.note(file, began, &connection.send(&request));
    }
    reader
}

fn read_http2(server: &Server, number: usize, done: &AtomicBool) -> Reader {
    http2::run(async {
        let mut reader = Reader::new(number);
        let mut connection = Http2::open(server.http()).await;
        while !done.load(Ordering::Relaxed) {
            let (file, request) = reader.request();
            let began = Instant::now();
            let answer = connection.send("http", &request).await;
            reader.note(file, began, &answer);
        }
        reader
    })
}

#[test]
fn every_answer_is_a_whole_version_and_none_is_too_old() {
    let setup = Setup::new();
    let mut author = Author::new(setup.folder());
    let server = setup.start();
    let done = AtomicBool::new(false);
    let readers: Vec<_> = thread::scope(|scope| {
        let (server, done) = (&server, &done);
        let http1 =
            (0..CLIENTS).map(|number| scope.spawn(move || read_http1(server, number, done)));
        let http2 = (CLIENTS..2 * CLIENTS)
            .map(|number| scope.spawn(move || read_http2(server, number, done)));
        let threads: Vec<_> = http1.chain(http2).collect();
        let until = Instant::now() + RUN;
        while Instant::now() < until && !threads.iter().any(ScopedJoinHandle::is_finished) {
            author.change();
            author.pause();
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("no answer is wrong")).collect()
    });
    check(&author, &readers);
}

/// Judges every answer, and prints what was seen.
fn check(author: &Author, readers: &[Reader]) {
    let mut worst = [Duration::ZERO; SITES.len()];
    let mut torn = 0;
    let answers: Vec<_> = readers.iter().flat_map(|reader| &reader.answers).collect();
    for answer in &answers {
        let age = judge(&author.history[answer.file], answer);
        let worst = &mut worst[FILES[answer.file].0];
        *worst = age.max(*worst);
        torn += usize::from(answer.shown == Shown::Torn);
    }
    let (changes, answers) = (author.changes, answers.len());
    println!(
        "seed {SEED:#x}: {changes} changes, {answers} answers, {torn} in the middle of a write"
    );
    println!(
        "oldest answer where only files change: {:?}, folders too: {:?}",
        worst[0],
        &worst[1..]
    );
    assert!(changes > 50 && answers > 500, "too little to tell anything");
}
