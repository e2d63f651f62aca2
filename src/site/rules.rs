//! The rules of a site, kept for as long as their files say the same.
//!
//! They are files like any other: looked at again after 50 ms, read whole or not at all, and on
//! a thread that may block. One that cannot be read any more leaves the last rules in force.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use rustix::io::{self, Errno};

use super::content;
use super::facts::{Facts, Kind};
use super::lookup::{self, NotAFile};
use super::root::OpenRoot;
use crate::process::clock::{AtomicTick, Tick};
use crate::rules::{FILE_LIMIT, HEADERS, Headers, Names, Problem, REDIRECTS, Redirects};

/// The time for which the files are trusted: with [`SETTLED`] and a step of the clock, a change is
/// seen within 100 ms.
const TRUST: Duration = Duration::from_millis(50);

/// The time since its last change before which a file may be half written; until then the rules
/// before it hold.
const SETTLED: Duration = Duration::from_millis(20);

/// The time for which names that were looked at are in the kernel's own cache: looking again takes
/// a microsecond, which a serving thread has.
const WARM: Duration = Duration::from_secs(30);

/// Most skipped lines of one version of a file that are logged one by one.
const TOLD: usize = 100;

static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// The rules that hold.
#[derive(Debug)]
pub struct Rules {
    /// The rules of `_redirects`.
    pub redirects: Arc<Redirects>,
    /// The rules of `_headers`.
    pub headers: Arc<Headers>,
    /// A number that no other rules of this process have.
    pub version: u64,
}

/// The rules of one site, and what is known of their files.
#[derive(Debug)]
pub(super) struct SiteRules {
    names: Names,
    current: ArcSwapOption<Rules>,
    /// True if there are any: sites that have none ask no more than that.
    are_there: AtomicBool,
    checked: AtomicTick,
    files: Mutex<[RuleFile; 2]>,
    hasher: RandomState,
}

/// The state of one of the files.
#[derive(Clone, Copy, Debug)]
struct RuleFile {
    /// The last account of it; `NOENT` if there is none.
    seen: io::Result<Facts>,
    /// True if the facts may hide a change.
    is_young: bool,
    content: Option<u64>,
}

impl Default for RuleFile {
    fn default() -> Self {
        Self { seen: Err(Errno::NOENT), is_young: false, content: None }
    }
}

impl SiteRules {
    /// Rules of the site that is called `name`, not read yet.
    pub(super) fn new(name: &str) -> Self {
        Self {
            names: Names::of(name),
            current: ArcSwapOption::empty(),
            are_there: AtomicBool::new(false),
            checked: AtomicTick::default(),
            files: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// The rules that hold, whatever the files say by now.
    pub(super) fn current(&self) -> Option<Arc<Rules>> {
        if self.are_there.load(Ordering::Acquire) { self.current.load_full() } else { None }
    }

    /// True if the files were looked at so recently that they are believed.
    pub(super) fn is_trusted(&self, now: Tick) -> bool {
        now.since(self.checked.load()) < TRUST
    }

    /// True if the files are as they were, where looking takes no time; true renews the trust.
    pub(super) fn still_holds(&self, root: &OpenRoot, now: Tick) -> bool {
        if now.since(self.checked.load()) >= WARM {
            return false;
        }
        let Ok(files) = self.files.try_lock() else { return false };
        let mut both = files.iter().zip([REDIRECTS, HEADERS]);
        let holds = both.all(|(file, name)| !file.is_young && facts_at(root, name) == file.seen);
        if holds {
            self.checked.store(now);
        }
        holds
    }

    /// Reads what has changed. On a thread that may block.
    pub(super) fn refresh(&self, root: &OpenRoot, site: &str) -> Option<Arc<Rules>> {
        let now = Tick::now();
        let mut files = self.files.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.is_trusted(now) {
            return self.current();
        }
        let before = self.current();
        let is_first = self.checked.load() == Tick::default();
        let mut redirects = before.as_ref().map(|rules| Arc::clone(&rules.redirects));
        let mut headers = before.as_ref().map(|rules| Arc::clone(&rules.headers));
        let mut is_settled = true;
        let mut has_changed = false;
        for (file, name) in files.iter_mut().zip([REDIRECTS, HEADERS]) {
            match self.look(root, name, file, is_first) {
                Look::Same => {}
                Look::Unsettled => is_settled = false,
                Look::Unreadable(reason) => {
                    tracing::error!(%site, file = name, reason, "rules not read: the last ones hold");
                }
                Look::Gone => {
                    has_changed = true;
                    if name == REDIRECTS { redirects = None } else { headers = None }
                }
                Look::New(content) => {
                    has_changed = true;
                    let problems = if name == REDIRECTS {
                        let (read, problems) = Redirects::read(&content, &self.names);
                        redirects = Some(Arc::new(read));
                        problems
                    } else {
                        let (read, problems) = Headers::read(&content, &self.names);
                        headers = Some(Arc::new(read));
                        problems
                    };
                    warn_of(site, name, &problems);
                }
            }
        }
        if has_changed {
            self.store(redirects, headers);
        }
        if is_settled {
            self.checked.store(now);
        }
        self.current()
    }

    /// Takes over the rules that held before, of each file that cannot be read.
    pub(super) fn keep(&self, before: &Self) {
        let files = self.files.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_settled = self.checked.load() != Tick::default();
        let [redirects, headers] = files.map(|file| {
            let is_gone = file.seen == Err(Errno::NOENT) && is_settled;
            file.content.is_none() && !is_gone
        });
        let Some(before) = before.current().filter(|_| redirects || headers) else { return };
        let current = self.current();
        let of_current = current.as_deref();
        let chosen = |is_kept| if is_kept { Some(&*before) } else { of_current };
        self.store(
            chosen(redirects).map(|rules| Arc::clone(&rules.redirects)),
            chosen(headers).map(|rules| Arc::clone(&rules.headers)),
        );
    }

    fn store(&self, redirects: Option<Arc<Redirects>>, headers: Option<Arc<Headers>>) {
        let rules = (redirects.is_some() || headers.is_some()).then(|| {
            let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
            let (redirects, headers) = (redirects.unwrap_or_default(), headers.unwrap_or_default());
            Arc::new(Rules { redirects, headers, version })
        });
        let are_there = rules.is_some();
        self.current.store(rules);
        self.are_there.store(are_there, Ordering::Release);
    }

    fn look(&self, root: &OpenRoot, name: &str, file: &mut RuleFile, is_first: bool) -> Look {
        let seen = facts_at(root, name);
        if seen == file.seen && !file.is_young {
            return Look::Same;
        }
        let now = SystemTime::now();
        let is_fresh = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age < SETTLED);
        let facts = match seen {
            Ok(facts) => facts,
            Err(Errno::NOENT) => {
                // A deploy may be about to put another file in its place.
                let folder = Facts::at(root.folder(), ".").ok();
                if folder.is_some_and(|folder| is_fresh(folder.changed())) {
                    return Look::Unsettled;
                }
                *file = RuleFile::default();
                return Look::Gone;
            }
            Err(error) => {
                *file = RuleFile { seen, is_young: false, ..*file };
                return Look::Unreadable(told(error));
            }
        };
        if !is_first && is_fresh(facts.changed()) {
            return Look::Unsettled;
        }
        let was_known = file.seen == seen;
        let read = read(root, name, &facts);
        let seen = RuleFile { seen, is_young: facts.may_hide_a_change(now), ..*file };
        match read {
            Ok(content) => {
                let hash = self.hasher.hash_one(&content[..]);
                let is_same = file.content == Some(hash);
                *file = RuleFile { content: Some(hash), ..seen };
                if is_same { Look::Same } else { Look::New(content) }
            }
            Err(None) => Look::Unsettled,
            Err(Some(reason)) => {
                *file = RuleFile { is_young: false, ..seen };
                if was_known { Look::Same } else { Look::Unreadable(reason) }
            }
        }
    }
}

/// The content of one of the files as it is now; `None` if it is not there.
///
/// # Errors
/// The reason why it cannot be read.
pub fn read_now(root: &OpenRoot, name: &str) -> Result<Option<bytes::Bytes>, String> {
    let facts = match facts_at(root, name) {
        Ok(facts) => facts,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    read(root, name, &facts)
        .map(Some)
        .map_err(|reason| reason.unwrap_or_else(|| "it is being written".into()))
}

/// The facts of a file; `NOENT` if nothing bears the name, `NOLINK` if it is a link to nothing. Most
/// sites have no rules, and learn that by one look.
fn facts_at(root: &OpenRoot, name: &str) -> io::Result<Facts> {
    let named = Facts::of_name(root.folder(), name)?;
    if named.kind() != Kind::Other {
        return Ok(named);
    }
    match Facts::at(root.folder(), name) {
        Err(Errno::NOENT) => Err(Errno::NOLINK),
        seen => seen,
    }
}

fn told(error: Errno) -> String {
    match error {
        Errno::NOLINK => "it is a link that leads to nothing".into(),
        error => std::io::Error::from(error).to_string(),
    }
}

/// The outcome of a look at a file.
enum Look {
    Same,
    /// It is being written.
    Unsettled,
    Gone,
    Unreadable(String),
    New(bytes::Bytes),
}

/// The content of a file that held still; the reason why there is none, if it will not pass.
fn read(root: &OpenRoot, name: &str, facts: &Facts) -> Result<bytes::Bytes, Option<String>> {
    let file = match lookup::open(root, name) {
        Ok(file) => file,
        Err(NotAFile::Refused(cause)) => return Err(Some(told(cause))),
        Err(NotAFile::Folder | NotAFile::Absent) => {
            return Err(Some("it is no file, or a link that leads out of the site".into()));
        }
    };
    if file.facts.size > FILE_LIMIT {
        return Err(Some(format!("it has more than {FILE_LIMIT} bytes")));
    }
    let size = usize::try_from(file.facts.size).expect("a mebibyte fits the address space");
    let content = match content::read(&file.descriptor, size) {
        Ok(content) => content,
        Err(content::ReadError::Short) => return Err(None),
        Err(error) => return Err(Some(std::io::Error::from(error).to_string())),
    };
    let holds = file.facts == *facts && Facts::of(&file.descriptor).ok().as_ref() == Some(facts);
    if holds { Ok(content) } else { Err(None) }
}

fn warn_of(site: &str, file: &str, problems: &[Problem]) {
    for problem in problems.iter().take(TOLD) {
        tracing::warn!(%site, file, "{problem}");
    }
    if let Some(more) = problems.len().checked_sub(TOLD).filter(|more| *more > 0) {
        tracing::warn!(%site, file, more, "more lines were skipped: `shost check` names them all");
    }
}
