//! The cache: whatever happens to the files of a site, what is served is what they hold.

use std::collections::HashMap;
use std::fs::{self, File};
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use http::Request;
use http::header::ETAG;
use http_body::Body as _;
use shost::log::AccessLog;
use shost::service::{self, BotPolicy, Duty, Peer, Policy};
use shost::site::cache::TRUST;
use shost::site::{Background, Sites, SitesFolder};
use tokio::runtime::Runtime;

/// How much later than [`TRUST`] a change may be seen: steps of the coarse clock, and a machine
/// that has other things to do.
const SLACK: Duration = Duration::from_millis(20);

/// Long enough for files and folders to be old enough to be believed.
const WAIT: Duration = Duration::from_millis(270);

/// The site's own folder, one in it, and a page that is asked for without its ending.
const FILES: [&str; 4] = ["a.txt", "in/b.bin", "c.html", "in/d.html"];
const ASKED: [&str; 4] = ["a.txt", "in/b.bin", "c", "in/d.html"];

/// One thing that happens; `version` decides the content.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A file is written over, in place.
    Write { file: usize, version: u8 },
    /// A new file is renamed over it.
    Rename { file: usize, version: u8 },
    /// It is removed.
    Remove { file: usize },
    /// A client asks for it.
    Ask { file: usize },
    /// Time goes by until no entry is trusted any more, and every file is old.
    Wait,
}

impl Step {
    /// Every byte is a step.
    pub(crate) fn from_byte(byte: u8) -> Self {
        let (file, version) = (usize::from(byte >> 2 & 3), byte >> 4);
        match byte & 3 {
            0 => Self::Write { file, version },
            1 => Self::Rename { file, version },
            2 if version == 15 => Self::Wait,
            2 if version > 8 => Self::Remove { file },
            _ => Self::Ask { file },
        }
    }
}

/// Versions come in pairs of one size, and half of them with one time, as reproducible builds and
/// `rsync -t` make them.
fn content(version: u8) -> String {
    format!("{version:02}").repeat(1 + usize::from(version / 2) * 50)
}

/// The content of a file until some time; nothing if it was not there.
type History = Vec<(Option<u8>, Option<Instant>)>;

thread_local!(static RUNTIME: Runtime =
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));

/// Takes the steps once with a cache and once without, where not even a moment is forgiven.
pub(crate) fn cache(steps: &[Step]) {
    RUNTIME.with(|runtime| {
        for cache_bound in [0, 64 * 1024] {
            runtime.block_on(play(steps, cache_bound));
        }
    });
}

async fn play(steps: &[Step], cache_bound: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("in")).expect("an empty folder");
    let source = SitesFolder { folder: folder.path().into(), single: true, cache_bound };
    let background = Background::start().expect("a thread");
    let (sites, _) = Sites::load(&source, background).expect("a folder that is there");
    let sites = Arc::new(sites);
    let mut histories: [History; FILES.len()] = std::array::from_fn(|_| vec![(None, None)]);
    let mut tags = HashMap::new();
    for step in steps {
        match *step {
            Step::Write { file, version } => {
                write(&folder.path().join(FILES[file]), version);
                note(&mut histories[file], Some(version));
            }
            Step::Rename { file, version } => {
                let fresh = folder.path().join("fresh");
                write(&fresh, version);
                fs::rename(fresh, folder.path().join(FILES[file])).expect("one file system");
                note(&mut histories[file], Some(version));
            }
            Step::Remove { file } => {
                let _ = fs::remove_file(folder.path().join(FILES[file]));
                note(&mut histories[file], None);
            }
            Step::Wait if cache_bound == 0 => {}
            Step::Wait => wait(),
            Step::Ask { file } => {
                let window = if cache_bound == 0 { Duration::ZERO } else { TRUST + SLACK };
                let since = Instant::now().checked_sub(window).expect("the machine is up longer");
                let found = ask(&sites, ASKED[file], &mut tags).await;
                let holds = |(version, until): &(Option<u8>, Option<Instant>)| {
                    until.is_none_or(|until| until > since) && version.map(content) == found
                };
                assert!(histories[file].iter().any(holds), "{found:?} of {steps:?}");
            }
        }
    }
}

fn write(path: &Path, version: u8) {
    fs::write(path, content(version)).expect("a file");
    if version % 4 < 2 {
        let file = File::options().write(true).open(path).expect("the file just written");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("our own file");
    }
}

fn note(history: &mut History, version: Option<u8>) {
    let last = history.last_mut().expect("a history begins with nothing");
    last.1 = Some(Instant::now());
    history.push((version, None));
}

#[allow(clippy::disallowed_methods, reason = "the passing of time is what is tested")]
fn wait() {
    std::thread::sleep(WAIT);
}

/// The content, whose tag names no other content; `None` if there is no such file.
async fn ask(sites: &Arc<Sites>, file: &str, tags: &mut HashMap<String, String>) -> Option<String> {
    let policy = Policy { bots: BotPolicy::Off, log_bad_bots: false, dictionaries: true };
    let service = Arc::new(service::Service::new(policy, AccessLog::disabled()));
    let connection = Peer::new(service, [127, 0, 0, 1].into(), None, Duty::Serve);
    let request = Request::get(format!("/{file}")).header("host", "a.test").body(());
    let (head, ()) = request.expect("a request").into_parts();
    let answer = service::call(Arc::new(connection), Arc::clone(sites), head).await;
    let (head, mut body) = http::Response::from(answer).into_parts();
    let mut content = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        content.extend(frame.expect("a file").into_data().expect("no trailers"));
    }
    let content = String::from_utf8(content).expect("digits");
    if head.status == 404 {
        return None;
    }
    assert_eq!(head.status, 200);
    if let Some(tag) = head.headers.get(ETAG) {
        let tag = tag.to_str().expect("a tag in ASCII").to_owned();
        assert_eq!(*tags.entry(tag).or_insert_with(|| content.clone()), content, "one tag for two");
    }
    Some(content)
}
