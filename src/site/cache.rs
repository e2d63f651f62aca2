//! The outcomes of look-ups, kept for as long as the file system says the same.
//!
//! An entry is trusted for [`TRUST`]. After that its file is asked about with one `statx`, and
//! read again only if the answer differs. However many clients ask for a path at once, one of
//! them fills it and the others wait for that; nobody waits for the filling of another path.

mod dictionaries;
mod fill;
mod key;
mod known;
mod lanes;
mod missing;
mod siblings;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use quick_cache::{DefaultHashBuilder as RandomState, Lifecycle, OptionsBuilder, Weighter};
use tokio::sync::Mutex;

use super::background::{Background, Encoding};
use super::content;
use super::counters::CacheCounters;
use super::form::Availability;
use super::representation::Representation;
use super::root::OpenRoot;
use super::{Found, Site};
use crate::coding::Coding;
use crate::coding::encode::Effort;
use crate::process::clock::Tick;
use fill::{Fill, Reach};
use key::{KeyRef, Question};
use known::Known;
use lanes::Lanes;

pub use key::Key;

/// The time for which an entry is served without a look at the file system: short enough that a
/// deploy seems instant, long enough that a busy page costs a dozen system calls a second in all. A
/// change is promised to be seen within 100 ms, and the clock may be one step of 10 ms behind.
pub const TRUST: Duration = Duration::from_millis(90);

/// Bytes that an entry takes beside its path and the forms of its content: the slot, the facts,
/// the bookkeeping. Counted so that a storm of probes for missing paths stays within the bound too.
const ENTRY_OVERHEAD: u64 = 1024;

/// Bytes of the bound that one shard should have at the least, so that any held file and the coded
/// form of any larger one fit.
const SHARD_BYTES: u64 = 16 * 1024 * 1024;

/// The age at which the coded forms beside a file are looked at again. They say the same as the
/// file itself, so that nobody sees anything old meanwhile, and three more looks each time would
/// cost more than the file's own.
const SIBLINGS_TRUST: Duration = Duration::from_secs(1);

/// Bytes of content that answers on their way may hold beyond the cache, at the least.
const BEYOND_LEAST: u64 = 16 * 1024 * 1024;

/// Bytes of content that answers on their way may hold beyond the cache, at the most.
const BEYOND_MOST: u64 = 64 * 1024 * 1024;

/// The needs of a request for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Its facts and its tag, for an answer without content or with a part of it. Nothing is read
    /// for it if they are known.
    Facts,
    /// All of its content, in memory if it is small enough.
    Content,
}

/// A question to what the cache knows already.
#[derive(Clone, Copy)]
struct CacheQuery<'a> {
    site: &'a Arc<Site>,
    root: &'a Arc<OpenRoot>,
    subject: Question<&'a str>,
    wanted: Need,
    now: Tick,
}

/// A form that is asked for: the content of what was found at a path, in a coding.
#[derive(Clone, Copy, Debug)]
pub struct WantedForm<'a> {
    /// The site that the path is of.
    pub site: &'a Site,
    /// The path in normal form.
    pub path: &'a str,
    /// The file that was found there.
    pub representation: &'a Arc<Representation>,
    /// The coding of the content.
    pub coding: Coding,
    /// True if a form that is not there yet may be made.
    pub may_claim: bool,
}

/// The cache of one snapshot of sites.
#[derive(Debug)]
pub struct Cache {
    slots: Slots,
    bound: u64,
    lanes: Lanes,
    background: Background,
}

type Slots = quick_cache::sync::Cache<Key, Weighed, Weights, RandomState, Evictions>;

fn shards(bound: u64) -> u64 {
    (bound / SHARD_BYTES).clamp(1, 64)
}

fn slots(bound: u64, counters: Arc<CacheCounters>) -> Slots {
    let shards = shards(bound);
    let items = (bound / (8 * ENTRY_OVERHEAD)).clamp(1, 64 * 1024);
    let options = OptionsBuilder::new()
        .weight_capacity(bound)
        .estimated_items_capacity(usize::try_from(items).unwrap_or(1))
        .shards(usize::try_from(shards).unwrap_or(1))
        .build()
        .expect("both capacities are given");
    Slots::with_options(options, Weights, RandomState::default(), Evictions(counters))
}

/// A cache that is dropped has been replaced by a reload, and may have been large: it is taken
/// apart in the background, and its memory given back to the system.
impl Drop for Cache {
    fn drop(&mut self) {
        let counters = Arc::clone(self.background.counters());
        self.background.drop(std::mem::replace(&mut self.slots, slots(0, counters)));
    }
}

/// A slot with the weight it was put in with, which must not change while it is there.
#[derive(Clone, Debug)]
struct Weighed {
    slot: Arc<Slot>,
    weight: u64,
}

#[derive(Clone, Debug)]
struct Weights;

impl Weighter<Key, Weighed> for Weights {
    fn weight(&self, _: &Key, value: &Weighed) -> u64 {
        value.weight
    }
}

/// Counts what had to make room.
#[derive(Clone, Debug)]
struct Evictions(Arc<CacheCounters>);

impl Lifecycle<Key, Weighed> for Evictions {
    /// Evicted entries, which are given back to the system after the shard's lock has been left.
    type RequestState = Vec<Weighed>;

    fn on_evict(&self, evicted: &mut Vec<Weighed>, _: Key, value: Weighed) {
        // The cache also says so when an entry is weighed anew; the new one then has the same slot.
        if Arc::strong_count(&value.slot) == 1 {
            self.0.evictions().add();
        }
        evicted.push(value);
    }
}

/// The place of one path: what is known of it, and whose turn it is to find out.
#[derive(Debug, Default)]
struct Slot {
    known: ArcSwapOption<Known>,
    turn: Arc<Mutex<()>>,
}

impl Cache {
    /// A cache that keeps at most `bound` bytes; with 0 nothing is kept.
    #[must_use]
    pub fn new(bound: u64, background: Background) -> Self {
        let slots = slots(bound, Arc::clone(background.counters()));
        Self { slots, bound, lanes: Lanes::new(), background }
    }

    /// The outcome of a look-up of `path` of `site`, at most [`TRUST`] old.
    pub async fn find(self: &Arc<Self>, site: &Arc<Site>, path: &str, wanted: Need) -> Found {
        self.answer(site, Question::Path(path), wanted).await
    }

    /// The same, if it is known without a wait.
    pub fn find_at_once(
        self: &Arc<Self>,
        site: &Arc<Site>,
        path: &str,
        wanted: Need,
    ) -> Option<Found> {
        let now = Tick::now();
        let root = site.root().current(now)?;
        self.known(CacheQuery { site, root: &root, subject: Question::Path(path), wanted, now })
    }

    /// The path of the page for whatever is missing in `folder`, if there is one.
    pub async fn missing_page(
        self: &Arc<Self>,
        site: &Arc<Site>,
        folder: &str,
    ) -> Option<Arc<str>> {
        match self.answer(site, Question::MissingPage(folder), Need::Facts).await {
            Found::Missing(page) => page,
            _ => None,
        }
    }

    async fn answer(
        self: &Arc<Self>,
        site: &Arc<Site>,
        subject: Question<&str>,
        wanted: Need,
    ) -> Found {
        let now = Tick::now();
        let Some(root) = site.root().current(now) else { return Found::Unavailable };
        match self.known(CacheQuery { site, root: &root, subject, wanted, now }) {
            Some(found) => found,
            None => self.fill(site, root, (subject, wanted), now).await,
        }
    }

    /// The answer that is known already.
    fn known(self: &Arc<Self>, look: CacheQuery<'_>) -> Option<Found> {
        let CacheQuery { site, root, subject, now, .. } = look;
        let known = self.remembered(look);
        let found = known.or_else(|| self.known_missing(site, root, subject, now))?;
        self.background.counters().hits().add();
        Some(found)
    }

    /// The answer that its own slot holds.
    fn remembered(self: &Arc<Self>, look: CacheQuery<'_>) -> Option<Found> {
        let CacheQuery { site, root, subject, wanted, now } = look;
        let held = self.slots.get(&KeyRef { site: site.id(), subject })?;
        let known = held.slot.known.load();
        let known = known.as_ref()?;
        let ask = |file: &Representation, source| {
            self.has_its_siblings((site, root), file, (now, source))
        };
        let holds = known.suffices(wanted)
            && (known.is_trusted(root, now) || known.still_holds(root, now, ask));
        holds.then(|| known.found.clone())
    }

    async fn fill(
        self: &Arc<Self>,
        site: &Arc<Site>,
        root: Arc<OpenRoot>,
        (subject, wanted): (Question<&str>, Need),
        asked: Tick,
    ) -> Found {
        let slot = self.slot(site, subject);
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        if let Some(known) = slot.known.load().as_ref()
            && known.suffices(wanted)
            && known.is_trusted_since(&root, asked)
        {
            return known.found.clone();
        }
        let fill = Fill {
            cache: Arc::clone(self),
            site: Arc::clone(site),
            root,
            subject: subject.to_owned(),
            wanted,
            slot,
            _turn: turn,
        };
        self.background.counters().fills().add();
        // Most look-ups read nothing of any size, so that who would have to wait looks first.
        let lane = self.lanes.at_once(wanted);
        let reach = if lane.is_some() { Reach::Far } else { Reach::Near };
        match fill.run_elsewhere(reach, lane).await {
            Ok(found) => found,
            Err(fill) => {
                let lane = self.lanes.turn(wanted).await;
                let reach = if lane.is_some() { Reach::Far } else { Reach::Nothing };
                fill.run_elsewhere(reach, lane).await.unwrap_or(Found::Unavailable)
            }
        }
    }

    fn slot(&self, site: &Site, subject: Question<&str>) -> Arc<Slot> {
        let key = KeyRef { site: site.id(), subject };
        if let Some(held) = self.slots.get(&key) {
            return held.slot;
        }
        let fresh = || {
            let weight = entry_weight(subject.name(), 0);
            Ok::<_, std::convert::Infallible>(Weighed { slot: Arc::default(), weight })
        };
        let Ok(held) = self.slots.get_or_insert_with(&key.to_key(), fresh);
        held.slot
    }

    /// The state of a form. Work that this shows to be worth it is left to the background, if the
    /// caller may claim any.
    #[must_use]
    pub fn form(self: &Arc<Self>, wanted: &WantedForm<'_>) -> Availability {
        let WantedForm { site, path, representation, coding, may_claim } = *wanted;
        let (form, work) = representation.ask(coding, may_claim);
        let is_large = representation.facts().size > content::HELD_LIMIT;
        // The best form of a large file would take minutes of a processor.
        let work = work.filter(|effort| !is_large || *effort == Effort::Quick);
        if let Some(effort) = work
            && let Some(root) = site.root().current(Tick::now())
        {
            self.background.encode(Encoding {
                representation: Arc::downgrade(representation),
                coding,
                effort,
                cache: Arc::downgrade(self),
                key: KeyRef { site: site.id(), subject: Question::Path(path) }.to_key(),
                root,
                most: self.form_limit(),
            });
        }
        form
    }

    /// Bytes that one coded form may take, so that its entry still fits into a shard.
    fn form_limit(&self) -> u64 {
        self.bound / shards(self.bound) / 2
    }

    /// Counts the bytes of an entry anew, after a form was added to its representation.
    pub fn weigh(&self, key: &Key, representation: &Arc<Representation>) {
        let Some(Weighed { slot, .. }) = self.slots.peek(&key.borrowed()) else { return };
        if slot.holds(representation) {
            let weight = entry_weight(key.subject.borrowed().name(), representation.weight());
            // Only in place of itself: what was evicted meanwhile stays evicted.
            let _ = self.slots.replace(key.clone(), Weighed { slot, weight }, true);
        }
    }

    /// True if answers on their way hold so much content beyond the cache, because it was evicted
    /// or never kept, that no more of it should be read into memory for them.
    fn is_overdrawn(&self) -> bool {
        let bound = (self.bound / 2).clamp(BEYOND_LEAST, BEYOND_MOST);
        let kept = self.slots.weight().saturating_sub(self.slots.len() as u64 * ENTRY_OVERHEAD);
        content::held() > kept + bound
    }

    /// Bytes that the entries take, by their own account.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.slots.weight()
    }
}

impl Slot {
    fn holds(&self, representation: &Arc<Representation>) -> bool {
        let known = self.known.load();
        let found = known.as_ref().map(|known| &known.found);
        matches!(found, Some(Found::File(file)) if Arc::ptr_eq(file, representation))
    }
}

fn entry_weight(path: &str, content: u64) -> u64 {
    // The path is kept twice: by the cache and by the work for it.
    ENTRY_OVERHEAD + 2 * path.len() as u64 + content
}

#[cfg(test)]
mod tests;
