//! Reloading: a new snapshot is built beside the current one and put in place whole, or not at all.
//!
//! An order, from somebody who asks for it, loads everything anew and fails at the first thing that
//! cannot be served. Changes that the watcher has seen (`watch`) are taken up beside what is served
//! already; a pair that cannot be served holds up nothing else.
//!
//! Reloads run one at a time. Whoever asks while one is running shares the next one with everybody
//! else who does, so the state that was there when the last of them asked is the one that is
//! served in the end.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};

use super::certifying::Wake;
use super::snapshot::{Live, News, Snapshot, Sources};
use crate::process::notify::Notifier;
use crate::process::reserve::Reserve;
use crate::process::sandbox::Sandbox;
use crate::site::Background;

pub use super::changes::Changes;

/// The outcome of a reload.
#[derive(Clone, Debug)]
pub enum ReloadOutcome {
    /// The new state is served, though the sites of these lines cannot be read.
    Reloaded(Summary, Changes, Vec<String>),
    /// Nothing has changed: why, in one line.
    Failed(String),
}

/// The inputs of a reload.
#[derive(Clone, Debug)]
pub struct Reloading {
    /// The folders that a snapshot is made of.
    pub sources: Sources,
    /// The state that is served.
    pub live: Arc<Live>,
    /// The threads that snapshots leave work to.
    pub background: Background,
    /// The sandbox, which tells what can be read.
    pub sandbox: Sandbox,
    /// Descriptors that a reload uses when there are no others.
    pub reserve: Reserve,
}

/// The amount of what is served, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary(String);

/// Asks for reloads; cloned freely.
#[derive(Clone, Debug)]
pub struct Reloads {
    /// Whoever asks has asked when the call returns, so the next reload answers it: nobody waits
    /// for room. The only bound is the number of those who wait: `server::state::control` serves a
    /// few at a time.
    orders: mpsc::UnboundedSender<ReloadOrder>,
    /// An order that nobody waits for is on its way to a reload. A second one would change nothing.
    requested: Arc<AtomicBool>,
}

#[derive(Debug)]
enum ReloadOrder {
    /// Everything anew. With where the outcome goes, if anybody waits for it.
    Everything(Option<oneshot::Sender<ReloadOutcome>>),
    /// Changes that were found, beside what is served.
    Changes,
}

/// The part that is loaded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Everything,
    Changes,
}

impl Reloads {
    /// Starts the task that reloads, which ends with the last handle.
    #[must_use]
    pub fn start(reloading: Reloading, notifier: Notifier, wake: Wake) -> Self {
        Self::start_with(move |scope| {
            notifier.reloading();
            let outcome = reloading.reload(scope);
            tell(&outcome, scope);
            if let ReloadOutcome::Reloaded(_, changes, _) = &outcome
                && changes.have_new_sites()
            {
                wake.give();
            }
            notifier.ready(&Summary::of(&reloading.live.load()));
            outcome
        })
    }

    fn start_with(reload: impl Fn(Scope) -> ReloadOutcome + Send + Sync + 'static) -> Self {
        let (orders, ordered) = mpsc::unbounded_channel();
        let requested = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(ordered, Arc::clone(&requested), Arc::new(reload)));
        Self { orders, requested }
    }

    /// Asks for a reload and does not wait for it.
    pub fn request(&self) {
        if !self.requested.swap(true, Ordering::AcqRel) {
            // Closed means that the process ends.
            let _ = self.orders.send(ReloadOrder::Everything(None));
        }
    }

    /// Asks for what has changed to be taken up.
    pub fn take_up(&self) {
        let _ = self.orders.send(ReloadOrder::Changes);
    }

    /// Asks for a reload and waits for what comes of it.
    pub async fn outcome(&self) -> ReloadOutcome {
        let (answer, outcome) = oneshot::channel();
        let stopping = || ReloadOutcome::Failed("the server is stopping".into());
        match self.orders.send(ReloadOrder::Everything(Some(answer))) {
            Ok(()) => outcome.await.unwrap_or_else(|_| stopping()),
            Err(_) => stopping(),
        }
    }
}

async fn run<R>(
    mut orders: mpsc::UnboundedReceiver<ReloadOrder>,
    requested: Arc<AtomicBool>,
    reload: Arc<R>,
) where
    R: Fn(Scope) -> ReloadOutcome + Send + Sync + 'static,
{
    while let Some(first) = orders.recv().await {
        // Before the orders are taken: a request that comes meanwhile is sent again, never lost.
        requested.store(false, Ordering::Release);
        let (mut waiting, mut wants_changes) = (Vec::new(), false);
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                ReloadOrder::Everything(answer) => waiting.push(answer),
                ReloadOrder::Changes => wants_changes = true,
            }
            next = orders.try_recv().ok();
        }
        // Everybody who has asked by now is answered by this reload.
        if !waiting.is_empty() {
            let outcome = blocking(&reload, Scope::Everything).await;
            wants_changes &= matches!(outcome, ReloadOutcome::Failed(_));
            for answer in waiting.into_iter().flatten() {
                // Who asked may be gone by now.
                let _ = answer.send(outcome.clone());
            }
        }
        if wants_changes {
            blocking(&reload, Scope::Changes).await;
        }
    }
}

/// Disks and keys take their time; the threads that serve do not wait for them.
async fn blocking<R>(reload: &Arc<R>, scope: Scope) -> ReloadOutcome
where
    R: Fn(Scope) -> ReloadOutcome + Send + Sync + 'static,
{
    let reload = Arc::clone(reload);
    let outcome = tokio::task::spawn_blocking(move || reload(scope)).await;
    outcome.unwrap_or_else(|error| {
        tracing::error!(%error, "reload failed, the old state stays");
        ReloadOutcome::Failed(error.to_string())
    })
}

impl Reloading {
    /// The old snapshot is let go of in here, on a thread that may take its time with it.
    fn reload(&self, scope: Scope) -> ReloadOutcome {
        let loan = self.reserve.lend();
        let before = Arc::clone(&self.live.load());
        let loaded = match scope {
            Scope::Everything => Snapshot::load(&self.sources, self.background.clone())
                .map(|(snapshot, warnings)| (snapshot, News { warnings, failures: Vec::new() })),
            Scope::Changes => before.renew(&self.sources),
        };
        let (snapshot, news) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return ReloadOutcome::Failed(error.to_string()),
        };
        let out_of_reach = self.shut(&snapshot, &before);
        for warning in news.warnings.iter().chain(&out_of_reach) {
            tracing::warn!("{warning}");
        }
        for failure in news.failures {
            tracing::error!("{failure} (not taken up: a pair that was served before goes on)");
        }
        if scope == Scope::Everything {
            snapshot.sites.keep_rules_of(&before.sites);
        }
        let summary = Summary::of(&snapshot);
        self.reserve.keep_for(snapshot.sites.count());
        self.live.replace(snapshot);
        let changes = Changes::between(&before, &self.live.load());
        drop((before, loan));
        ReloadOutcome::Reloaded(summary, changes, out_of_reach)
    }

    /// Shuts each new site that is a link to where the sandbox does not reach, so that it answers
    /// 503. Gives a line for each.
    fn shut(&self, snapshot: &Snapshot, before: &Snapshot) -> Vec<String> {
        let known: HashSet<_> = before.sites.all().into_iter().map(Arc::as_ptr).collect();
        let new = snapshot.sites.all().into_iter().filter(|it| !known.contains(&Arc::as_ptr(it)));
        new.filter_map(|site| {
            let link = site.root().path();
            let target = self.sandbox.outside(link)?;
            site.root().shut();
            let (link, target) = (link.display(), target.display());
            Some(format!("{link}: leads to {target}, where only a restart lets the sandbox reach (or keep it beside its place at the start): this site answers 503"))
        })
        .collect()
    }
}

fn tell(outcome: &ReloadOutcome, scope: Scope) {
    match outcome {
        ReloadOutcome::Reloaded(_, changes, _) if scope == Scope::Changes && changes.is_empty() => {
            tracing::debug!("looked again, and nothing is served otherwise");
        }
        ReloadOutcome::Reloaded(Summary(serving), changes, _) => {
            tracing::info!(changes = %changes, serving, "reloaded");
        }
        ReloadOutcome::Failed(error) => {
            tracing::error!(error, "reload failed, the old state stays");
        }
    }
}

/// Days that are counted out. Beyond them, the date alone tells enough.
const DAYS_TOLD: u64 = 100;

impl Summary {
    /// The summary of a snapshot, as `12 sites, 14 certificates, next expiry 2027-01-09 in 43 days`.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut text = count(snapshot.sites.count(), "site");
        if !snapshot.certificates.is_empty() {
            text += ", ";
            text += &count(snapshot.certificates.len(), "certificate");
        }
        if let Some(expiry) = snapshot.certificates.next_expiry() {
            text += ", next expiry ";
            text += &day(expiry);
            let left = snapshot.certificates.days_left(SystemTime::now());
            if let Some(days) = left.filter(|&days| days < DAYS_TOLD) {
                text += " in ";
                text += &count(usize::try_from(days).unwrap_or(0), "day");
            }
        }
        Self(text)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The day of a time in UTC, as ISO 8601 writes it, made of the parts of `Sat, 09 Jan 2027 …`.
fn day(time: std::time::SystemTime) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let date = httpdate::fmt_http_date(time);
    let parts: Vec<&str> = date.split(' ').collect();
    match parts[..] {
        [_, day, month, year, ..] => {
            let month = MONTHS.find(month).map_or(0, |at| at / 3 + 1);
            format!("{year}-{month:02}-{day}")
        }
        _ => date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn days_are_written_as_iso_8601_has_them() {
        let table = [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (951_782_400, "2000-02-29"),
            (1_799_452_800, "2027-01-09"),
            (1_798_675_200, "2026-12-31"),
        ];
        for (seconds, expected) in table {
            assert_eq!(day(UNIX_EPOCH + Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn who_asks_during_a_reload_shares_the_next_one() {
        use std::sync::mpsc;
        let (began, begins) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        let runtime = runtime.unwrap();
        let _inside = runtime.enter();
        let reloads = Reloads::start_with(move |_| {
            began.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
            ReloadOutcome::Failed("done".into())
        });
        let bound = Duration::from_secs(10);

        reloads.request();
        begins.recv_timeout(bound).unwrap();
        let ask = || {
            let reloads = reloads.clone();
            let mut asking = Box::pin(async move { reloads.outcome().await });
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(asking.as_mut().poll(&mut nobody).is_pending(), "it has asked, and waits");
            asking
        };
        let asking: Vec<_> = (0..5).map(|_| ask()).collect();
        for _ in 0..100 {
            reloads.request();
        }
        go_on.send(()).unwrap();
        begins.recv_timeout(bound).unwrap();
        drop(go_on);
        for asking in asking {
            let ReloadOutcome::Failed(reason) = runtime.block_on(asking) else {
                panic!("it was not the reload that was asked for")
            };
            assert_eq!(reason, "done");
        }
        assert_eq!(begins.try_iter().count(), 0, "reloads more than were asked for");

        // What was asked for before is forgotten: a later request is a reload of its own.
        reloads.request();
        begins.recv_timeout(bound).unwrap();
    }

    #[test]
    fn the_days_until_the_first_certificate_ends_are_counted_out_when_they_are_few() {
        use crate::certificates::fixtures::{DAY, P256_SEC1, certificate_valid, folder, now};
        use std::time::SystemTime;
        let table = [(0, "in 0 days"), (1, "in 1 day"), (43, "in 43 days"), (100, "")];
        let days = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap();
            i32::try_from(since.as_secs() / DAY.as_secs()).unwrap()
        };
        let today = days(SystemTime::now()) - days(now());
        for (days, expected) in table {
            let pem = certificate_valid(P256_SEC1, &["a.test"], (today - 1, today + days + 1));
            let tls = folder(&[("tls/a.test/cert.pem", &*pem), ("tls/a.test/key.pem", P256_SEC1)]);
            let sites = tls.path().join("sites");
            std::fs::create_dir(&sites).unwrap();
            let sites = crate::site::SitesFolder { folder: sites, single: false, cache_bound: 0 };
            let sources = Sources { sites, tls: Some(tls.path().join("tls")), state: None };
            let snapshot = Snapshot::load(&sources, Background::start().unwrap()).unwrap().0;
            let text = Summary::of(&snapshot).to_string();
            assert!(text.ends_with(expected) && text.contains("next expiry "), "{days}: {text}");
            assert_eq!(text.contains(" in "), !expected.is_empty(), "{days}: {text}");
        }
    }

    #[test]
    fn one_of_a_kind_is_singular() {
        let table = [(0, "0 sites"), (1, "1 site"), (2, "2 sites")];
        for (number, expected) in table {
            assert_eq!(count(number, "site"), expected);
        }
    }
}
