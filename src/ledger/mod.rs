//! The ledger: what the whole process and each of its clients hold at the moment, and how much of
//! it they may.
//!
//! A client may hold as much of something as nobody holds. Alone it gets half of all there is; of two
//! hundred that are greedy each gets a 201st part, and so does whoever comes next.
//!
//! A connection finds the account of its client once, when it is accepted. From then on counting is
//! an addition to numbers that it shares with the client's other connections, and only for what
//! lasts: an answer that is sent as soon as it is asked for is not counted at all. An answer that
//! has to wait is; and it may hold content and an open file meanwhile only as long as its client
//! and the process hold little. Beyond that it lets go of both, and gets them back when it moves.

mod bounds;
mod keeping;
mod network;
mod queue;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{self, Notify, OwnedSemaphorePermit, Semaphore};

use bounds::SMALL_HEADS;
pub use bounds::{ANSWER_BYTES, AWAITED_BYTES, Bounds, Means};
pub use keeping::Kept;
use network::Client;
use queue::Queue;

/// The books of a process.
#[derive(Debug)]
pub struct Ledger {
    bounds: Bounds,
    all: Tally,
    files: Arc<Semaphore>,
    accounts: Mutex<HashMap<Client, Arc<Account>>>,
    /// Clients with a connection that waits until it may keep more.
    queue: Queue,
}

/// The holdings of one client, on all of its connections.
#[derive(Debug)]
pub struct Account {
    ledger: Arc<Ledger>,
    client: Client,
    own: Tally,
    visits: AtomicUsize,
    files: Arc<Semaphore>,
    /// Held by the one connection that is in the queue; the others of the client wait for it.
    turn: sync::Mutex<()>,
    /// Tells that connection that it may be able to go on.
    freed: Arc<Notify>,
}

/// Numbers of what is held.
#[derive(Debug, Default)]
struct Tally {
    connections: AtomicUsize,
    answers: AtomicUsize,
    files: AtomicUsize,
    content: AtomicUsize,
    heads: AtomicUsize,
}

/// The holdings at one moment, of everybody or of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Connections that are open.
    pub connections: usize,
    /// Answers that are being made or wait to be sent.
    pub answers: usize,
    /// Open files that content is sent from.
    pub files: usize,
    /// Bytes of content that waiting answers hold.
    pub content: usize,
    /// Bytes of heads, and of what belongs to an answer beside its content.
    pub heads: usize,
}

/// The bound that one connection more would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The bound of all clients together.
    All,
    /// The bound of this client.
    Client,
}

impl Ledger {
    /// Books in which nothing is held yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let files = Arc::new(Semaphore::new(bounds.files.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            bounds,
            all: Tally::default(),
            files,
            accounts: Mutex::default(),
            queue: Queue::default(),
        })
    }

    /// Takes a connection from `peer` into the books.
    ///
    /// # Errors
    /// When there are as many as there may be.
    pub fn connect(self: &Arc<Self>, peer: IpAddr) -> Result<Connected, Full> {
        let client = Client::from(peer);
        let mut accounts = self.lock();
        if self.all.connections.load(Ordering::Relaxed) >= self.bounds.connections {
            return Err(Full::All);
        }
        let account = accounts.entry(client).or_insert_with(|| Account::open(self, client));
        if account.own.connections.load(Ordering::Relaxed) >= self.bounds.client_connections {
            return Err(Full::Client);
        }
        let account = Arc::clone(account);
        account.add(|tally| &tally.connections, 1);
        Ok(Connected { account })
    }

    /// The holdings of all clients together.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        self.all.holdings()
    }

    /// The bounds that the books are kept by.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Bytes of heads that nobody holds.
    fn free_heads(&self) -> usize {
        self.bounds.heads.saturating_sub(self.all.heads.load(Ordering::Relaxed))
    }

    /// The books are right between any two statements, so a poisoned lock guards nothing broken.
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is in the books until this is dropped.
#[derive(Debug)]
pub struct Connected {
    account: Arc<Account>,
}

impl Connected {
    /// The account of the client.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

/// Room for this many clients is kept when they have gone.
const KEPT_CLIENTS: usize = 1024;

impl Drop for Connected {
    fn drop(&mut self) {
        let account = &self.account;
        let mut accounts = account.ledger.lock();
        account.take(|tally| &tally.connections, 1);
        account.close_if_unused(&mut accounts);
    }
}

/// A request that came on the connection of a proxy: it keeps the account of its client open until
/// this is dropped.
#[derive(Debug)]
pub struct Visit {
    account: Arc<Account>,
}

impl Visit {
    /// The account of the client.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let account = &self.account;
        let mut accounts = account.ledger.lock();
        account.visits.fetch_sub(1, Ordering::Relaxed);
        account.close_if_unused(&mut accounts);
    }
}

impl Account {
    fn open(ledger: &Arc<Ledger>, client: Client) -> Arc<Self> {
        let files = ledger.bounds.client_files.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            client,
            own: Tally::default(),
            visits: AtomicUsize::new(0),
            files: Arc::new(Semaphore::new(files)),
            turn: sync::Mutex::const_new(()),
            freed: Arc::default(),
        })
    }

    /// Opens the account of the client at `address` for a request that came on a connection of this
    /// one, a proxy's.
    #[must_use]
    pub fn visit(&self, address: IpAddr) -> Visit {
        let client = Client::from(address);
        let mut accounts = self.ledger.lock();
        let account = accounts.entry(client).or_insert_with(|| Self::open(&self.ledger, client));
        account.visits.fetch_add(1, Ordering::Relaxed);
        Visit { account: Arc::clone(account) }
    }

    /// Takes an account that nobody uses any more out of the books.
    fn close_if_unused(&self, accounts: &mut HashMap<Client, Arc<Self>>) {
        let connections = self.own.connections.load(Ordering::Relaxed);
        if connections > 0 || self.visits.load(Ordering::Relaxed) > 0 {
            return;
        }
        accounts.remove(&self.client);
        // A flood from everywhere must not leave its books behind.
        let (held, room) = (accounts.len(), accounts.capacity());
        if room > KEPT_CLIENTS && held < room / 4 {
            accounts.shrink_to(held * 2);
        }
    }

    /// True if the client may ask for more. Where it may not, it has more answers waiting than any
    /// honest client, or so have all clients together.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        let small = self.own.heads.load(Ordering::Relaxed) < SMALL_HEADS;
        small || self.has_room(self.ledger.bounds.heads, |tally| &tally.heads)
    }

    /// Counts an answer that cannot be sent at once, and what it keeps of a head.
    #[must_use]
    pub fn wait(self: &Arc<Self>, heads: usize) -> Waiting {
        self.add(|tally| &tally.answers, 1);
        self.add(|tally| &tally.heads, heads);
        Waiting { account: Arc::clone(self), heads, content: 0 }
    }

    /// Waits until one file more may be open.
    pub async fn open_file(self: &Arc<Self>) -> FilePermit {
        let acquire = |files: &Arc<Semaphore>| Arc::clone(files).acquire_owned();
        let own = acquire(&self.files).await.ok();
        let all = acquire(&self.ledger.files).await.ok();
        self.add(|tally| &tally.files, 1);
        FilePermit { account: Arc::clone(self), _permits: (own, all) }
    }

    /// True if an answer that waits may keep its file open. As many as half of the files that may
    /// be open are left to those that move.
    #[must_use]
    pub fn may_keep_a_file(&self) -> bool {
        self.has_room(self.ledger.bounds.files / 2, |tally| &tally.files)
    }

    /// The holdings of the client.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        self.own.holdings()
    }

    /// True if the client holds less of something than nobody does, if there may be `bound` of it.
    fn has_room(&self, bound: usize, number: impl Fn(&Tally) -> &AtomicUsize) -> bool {
        let held = |tally: &Tally| number(tally).load(Ordering::Relaxed);
        held(&self.own) < bound.saturating_sub(held(&self.ledger.all))
    }

    fn add(&self, number: impl Fn(&Tally) -> &AtomicUsize, count: usize) {
        number(&self.own).fetch_add(count, Ordering::Relaxed);
        number(&self.ledger.all).fetch_add(count, Ordering::Relaxed);
    }

    fn take(&self, number: impl Fn(&Tally) -> &AtomicUsize, count: usize) {
        number(&self.own).fetch_sub(count, Ordering::Relaxed);
        number(&self.ledger.all).fetch_sub(count, Ordering::Relaxed);
    }
}

impl Tally {
    fn holdings(&self) -> Holdings {
        let read = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        Holdings {
            connections: read(&self.connections),
            answers: read(&self.answers),
            files: read(&self.files),
            content: read(&self.content),
            heads: read(&self.heads),
        }
    }
}

/// An answer that waits, counted until this is dropped.
#[derive(Debug)]
pub struct Waiting {
    account: Arc<Account>,
    heads: usize,
    content: usize,
}

impl Waiting {
    /// True if content is in the books already.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.content > 0
    }

    /// Takes so many bytes of `content` into the books, unless that would be too much: more than half
    /// of what there may be is no client's.
    #[must_use]
    pub fn hold(&mut self, content: usize) -> bool {
        let all = self.account.ledger.bounds.content;
        if !self.account.has_room(all.saturating_sub(content), |tally| &tally.content) {
            return false;
        }
        // Counted first and asked then: other connections of the client do the same at this moment.
        self.account.add(|tally| &tally.content, content);
        let fits = self.account.own.content.load(Ordering::Relaxed) <= all / 2;
        if fits {
            self.content += content;
        } else {
            self.account.take(|tally| &tally.content, content);
        }
        fits
    }

    /// Takes content out of the books.
    pub fn let_go(&mut self) {
        self.account.take(|tally| &tally.content, std::mem::take(&mut self.content));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.account.take(|tally| &tally.answers, 1);
        self.account.take_heads(self.heads);
        self.let_go();
    }
}

/// A file that may be open until this is dropped.
#[derive(Debug)]
pub struct FilePermit {
    account: Arc<Account>,
    _permits: (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>),
}

impl Drop for FilePermit {
    fn drop(&mut self) {
        self.account.take(|tally| &tally.files, 1);
    }
}

#[cfg(test)]
mod tests;
