//! Sites as deploys leave them: pages beside folders, absolute links, siblings by whole seconds, and
//! a link on the way to the site that is switched, leads nowhere, and leads somewhere again.
//!
//! Nothing is cached, so that what lies in a release counts at once. The link may be believed for a
//! while: the answers are those of a release that was there in this time.

use std::fs::{self, File};
use std::future::poll_fn;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use http::Request;
use http::header::{ACCEPT_ENCODING, LOCATION};
use http_body::Body as _;
use shost::log::AccessLog;
use shost::service::{self, BotPolicy, Duty, Peer, Policy};
use shost::site::root::ROOT_TRUST;
use shost::site::{Background, Sites, SitesFolder};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How much later than [`ROOT_TRUST`] a switch may be seen, on a machine that has other things to do.
const SLACK: Duration = Duration::from_millis(50);

/// The content of the style sheet, and of its sibling: shorter, or it would not be used.
const STYLE: &str = "body { color: black; background: white }";
const CODED: &str = "coded";

const RELEASES: usize = 2;

/// The path that is asked for.
const TARGETS: [&str; 8] = [
    "/blog",
    "/blog/",
    "/blog.html",
    "/blog/index.html",
    "/blog/hello",
    "/link.txt",
    "/style.css",
    "/chain/data.txt",
];

/// One thing that happens; releases are counted from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The page beside the folder comes or goes.
    Page(usize),
    /// The folder's own document comes or goes, and the folder with it.
    Index(usize),
    /// The folder comes or goes, with a page in it and without a document.
    Folder(usize),
    /// The absolute link is made anew, to one of its places.
    Link(usize, usize),
    /// The sibling is made anew, of one of its ages.
    Sibling(usize, usize),
    /// The link on the way to the site leads to this release.
    Switch(usize),
    /// It leads nowhere.
    Dangle,
    /// The server starts anew.
    Restart,
    /// A client asks.
    Ask(usize),
    /// Time goes by until no folder is trusted any more.
    Wait,
}

impl Step {
    /// Every byte is a step.
    pub(crate) fn from_byte(byte: u8) -> Self {
        let (release, kind) = (usize::from(byte >> 4 & 1), usize::from(byte >> 5));
        match byte & 15 {
            0 => Self::Page(release),
            1 => Self::Index(release),
            2 => Self::Folder(release),
            3 => Self::Link(release, kind),
            4 => Self::Sibling(release, kind),
            5 => Self::Switch(release),
            6 if byte < 64 => Self::Dangle,
            6 if byte >= 240 => Self::Wait,
            7 if byte < 128 => Self::Restart,
            _ => Self::Ask(usize::from(byte >> 4 & 7)),
        }
    }
}

/// Where the absolute link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Nowhere,
    /// To a file of the same release.
    Inside,
    /// To one of another release, which is another site.
    Outside,
    /// To one of the same release, by way of a second absolute link.
    Chained,
}

/// The age of the sibling beside the style sheet, whose time has fractions of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sibling {
    Missing,
    /// In whole seconds, as Debian's `brotli -k` leaves it.
    SameSecond,
    Older,
    Newer,
    Empty,
}

/// The files of a release.
#[derive(Clone, Copy, Debug)]
struct Release {
    page: bool,
    index: bool,
    folder: bool,
    link: Link,
    sibling: Sibling,
}

/// A status, and the place of a redirect or the content.
type Answer = (u16, String);

impl Release {
    const BARE: Self = Self {
        page: false,
        index: false,
        folder: false,
        link: Link::Nowhere,
        sibling: Sibling::Missing,
    };

    /// The answer that docs/behaviour.md promises.
    fn answer(self, number: usize, target: &str) -> Answer {
        let file = |name: &str| (200, format!("{name} of {number}"));
        let moved = |to: &str| (308, to.to_owned());
        let missing = || (404, String::new());
        match target {
            "/blog" | "/blog/index.html" if self.index => moved("/blog/"),
            "/blog" | "/blog.html" if self.page => file("blog.html"),
            "/blog" if self.folder => moved("/blog/"),
            "/blog/" if self.index => file("index.html"),
            "/blog/" if self.page => moved("/blog"),
            "/blog/hello" if self.folder => file("hello.html"),
            "/link.txt" if matches!(self.link, Link::Inside | Link::Chained) => file("data.txt"),
            "/chain/data.txt" => file("data.txt"),
            "/style.css" => match self.sibling {
                Sibling::SameSecond | Sibling::Newer => (200, CODED.to_owned()),
                Sibling::Missing | Sibling::Older | Sibling::Empty => (200, STYLE.to_owned()),
            },
            _ => missing(),
        }
    }
}

/// The folders, and a server of them.
struct World {
    folder: TempDir,
    releases: [Release; RELEASES],
    /// The release that the link leads to, and since when; `None` if it leads nowhere.
    current: (Option<usize>, Instant),
    /// Those that it led to before, and may be believed to lead to.
    before: Vec<Option<usize>>,
    /// True if the site was opened when the server started.
    was_open: bool,
    background: Background,
    sites: Arc<Sites>,
}

thread_local!(static RUNTIME: Runtime =
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));

thread_local!(static BACKGROUND: Background = Background::start().expect("a thread"));

/// Takes the steps, and holds each answer to what may lie there.
pub(crate) fn deploy(steps: &[Step]) {
    RUNTIME.with(|runtime| {
        let mut world = World::new();
        for step in steps {
            world.take(*step);
            if let Step::Ask(target) = *step {
                world.check(runtime, TARGETS[target % TARGETS.len()], steps);
            }
        }
    });
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..RELEASES {
            let site = site(folder.path(), number);
            fs::create_dir_all(site.join("in")).expect("a folder");
            write(&site, "in/data.txt", number);
            fs::write(site.join("style.css"), STYLE).expect("a file");
            date(&site.join("style.css"), Duration::new(1_700_000_000, 500_000_000));
            // Absolute, and to its own release.
            symlink(site.join("in"), site.join("chain")).expect("a link");
        }
        fs::create_dir_all(folder.path().join("sites/b.test")).expect("a folder");
        fs::write(folder.path().join("sites/b.test/index.html"), "b").expect("a file");
        symlink("../current/public", folder.path().join("sites/a.test")).expect("a link");
        symlink("releases/0", folder.path().join("current")).expect("a link");
        let background = BACKGROUND.with(Background::clone);
        let sites = load(folder.path(), &background);
        let releases = [Release::BARE; RELEASES];
        let current = (Some(0), Instant::now());
        Self { folder, releases, current, before: Vec::new(), was_open: true, background, sites }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Page(number) => {
                let page = &mut self.releases[number].page;
                *page = !*page;
                let site = site(self.folder.path(), number);
                if *page { write(&site, "blog.html", number) } else { remove(&site, "blog.html") }
            }
            Step::Index(number) => {
                let Release { index, folder, .. } = &mut self.releases[number];
                *index = !*index;
                let (site, index) = (site(self.folder.path(), number), *index);
                if index {
                    write(&site, "blog/index.html", number);
                } else {
                    remove(&site, "blog/index.html");
                }
                // The folder stays behind, empty.
                if index && !*folder {
                    *folder = true;
                    write(&site, "blog/hello.html", number);
                }
            }
            Step::Folder(number) => self.folder(number),
            Step::Link(number, kind) => self.link(number, kind),
            Step::Sibling(number, kind) => self.sibling(number, kind),
            Step::Switch(number) => self.switch(Some(number)),
            Step::Dangle => self.switch(None),
            Step::Restart => {
                self.before = Vec::new();
                self.current.1 = Instant::now();
                self.was_open = self.current.0.is_some();
                self.sites = load(self.folder.path(), &self.background);
            }
            Step::Wait => wait(),
            Step::Ask(_) => {}
        }
    }

    fn folder(&mut self, number: usize) {
        let release = &mut self.releases[number];
        let site = site(self.folder.path(), number);
        if release.folder {
            fs::remove_dir_all(site.join("blog")).expect("a folder");
            (release.folder, release.index) = (false, false);
        } else {
            write(&site, "blog/hello.html", number);
            release.folder = true;
        }
    }

    fn link(&mut self, number: usize, kind: usize) {
        let path = |number: usize| site(self.folder.path(), number);
        let (link, target) = match kind % 4 {
            0 => (Link::Inside, path(number).join("in/data.txt")),
            1 => (Link::Outside, path(1 - number).join("in/data.txt")),
            2 => (Link::Chained, path(number).join("chain/data.txt")),
            _ => (Link::Nowhere, path(number).join("in/none.txt")),
        };
        let _ = fs::remove_file(path(number).join("link.txt"));
        symlink(target, path(number).join("link.txt")).expect("a link");
        self.releases[number].link = link;
    }

    fn sibling(&mut self, number: usize, kind: usize) {
        let (sibling, content, seconds) = match kind % 5 {
            0 => (Sibling::SameSecond, CODED, 1_700_000_000),
            1 => (Sibling::Older, CODED, 1_699_999_999),
            2 => (Sibling::Newer, CODED, 1_700_000_001),
            3 => (Sibling::Empty, "", 1_700_000_001),
            _ => (Sibling::Missing, "", 0),
        };
        let path = site(self.folder.path(), number).join("style.css.gz");
        if sibling == Sibling::Missing {
            let _ = fs::remove_file(path);
        } else {
            fs::write(&path, content).expect("a file");
            date(&path, Duration::from_secs(seconds));
        }
        self.releases[number].sibling = sibling;
    }

    fn switch(&mut self, to: Option<usize>) {
        let target = to.map_or("releases/none".into(), |number| format!("releases/{number}"));
        let next = self.folder.path().join("next");
        symlink(target, &next).expect("a link");
        fs::rename(next, self.folder.path().join("current")).expect("one file system");
        self.settle();
        self.before.push(self.current.0);
        self.current = (to, Instant::now());
    }

    /// Forgets what nobody may believe any more. While the link leads nowhere, the folder before it
    /// stays.
    fn settle(&mut self) {
        let (release, since) = self.current;
        if release.is_some() && since.elapsed() > ROOT_TRUST + SLACK {
            self.before.clear();
        }
    }

    fn check(&mut self, runtime: &Runtime, target: &str, steps: &[Step]) {
        self.settle();
        let believed = self.before.iter().chain([&self.current.0]);
        // A folder that was there stays until there is another.
        let believed = believed.filter(|release| release.is_some() || !self.was_open);
        let mut allowed: Vec<Answer> = believed
            .map(|release| match release {
                Some(number) => self.releases[*number].answer(*number, target),
                // Nothing could be opened at the start.
                None => (503, String::new()),
            })
            .collect();
        let found = runtime.block_on(ask(&self.sites, "a.test", target));
        allowed.dedup();
        assert!(allowed.contains(&found), "{target}: {found:?}, not {allowed:?}, of {steps:?}");
        let other = runtime.block_on(ask(&self.sites, "b.test", "/"));
        assert_eq!(other, (200, "b".to_owned()), "another site, of {steps:?}");
    }
}

fn site(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("releases/{number}/public"))
}

fn load(folder: &Path, background: &Background) -> Arc<Sites> {
    let source = SitesFolder { folder: folder.join("sites"), single: false, cache_bound: 0 };
    Arc::new(Sites::load(&source, background.clone()).expect("a folder that is there").0)
}

fn write(site: &Path, name: &str, number: usize) {
    let path = site.join(name);
    let last = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII");
    fs::create_dir_all(path.parent().expect("it is in the site")).expect("a folder");
    fs::write(&path, format!("{last} of {number}")).expect("a file");
}

fn remove(site: &Path, name: &str) {
    fs::remove_file(site.join(name)).expect("a file");
}

fn date(path: &Path, since: Duration) {
    let file = File::options().write(true).open(path).expect("our own file");
    file.set_modified(UNIX_EPOCH + since).expect("our own file");
}

#[allow(clippy::disallowed_methods, reason = "the passing of time is what is tested")]
fn wait() {
    std::thread::sleep(ROOT_TRUST + 2 * SLACK);
}

/// The answer, without the text of a page that says what is wrong.
async fn ask(sites: &Arc<Sites>, host: &str, target: &str) -> Answer {
    let policy = Policy { bots: BotPolicy::Off, log_bad_bots: false, dictionaries: true };
    let service = Arc::new(service::Service::new(policy, AccessLog::disabled()));
    let connection = Peer::new(service, [127, 0, 0, 1].into(), None, Duty::Serve);
    let request = Request::get(target).header("host", host).header(ACCEPT_ENCODING, "gzip");
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let answer = service::call(Arc::new(connection), Arc::clone(sites), head).await;
    let (head, mut body) = http::Response::from(answer).into_parts();
    let mut content = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        content.extend(frame.expect("a file").into_data().expect("no trailers"));
    }
    let text = match (head.status.as_u16(), head.headers.get(LOCATION)) {
        (200, _) => String::from_utf8(content).expect("text"),
        (_, Some(location)) => {
            let location = location.to_str().expect("ASCII");
            location.strip_prefix(&format!("http://{host}")).unwrap_or(location).to_owned()
        }
        _ => String::new(),
    };
    (head.status.as_u16(), text)
}
