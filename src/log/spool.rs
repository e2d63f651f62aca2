//! A bounded buffer of lines with one writer thread, so that no serving thread waits for an output.
//!
//! Each thread appends to a shard of its own; the writer swaps the full buffer of a shard for its
//! empty one and writes it. The order of lines is kept within a thread, and between threads to
//! within the few milliseconds that a batch gathers. Where the reader of the output stalls, the
//! shards fill up and lines are dropped and counted; the count is reported once a batch has gone
//! through again.

use std::{
    cell::Cell,
    io::{self, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Bytes that one spool holds at most, the batch being written included: some 20,000 lines, which
/// is a second of a busy server, and little enough for the smallest VPS.
pub const SPOOL_BYTES: usize = 4 << 20;

/// The time that a batch gathers before it is written. At 200 writes a second the system calls are
/// nearly free, and nobody who watches a log sees 5 ms.
const GATHER: Duration = Duration::from_millis(5);

/// More shards than this only cut the bound into pieces too small for a long line.
const MAX_SHARDS: usize = 16;

/// A thread's line buffer that grew past this many bytes, for one huge line, is not kept.
const LINE_KEPT: usize = 16 << 10;

/// A handle on one output's buffer; clones share it. The writer ends once the last one is dropped.
#[derive(Clone, Debug)]
pub struct Spool {
    owner: Arc<Owner>,
}

impl Spool {
    /// Starts the writer thread, called `name`, for `output`, which should not buffer by itself.
    ///
    /// Lost lines and write errors are reported as events, which name the log they concern.
    ///
    /// # Errors
    /// The system's error when it has no thread to give.
    pub fn start(name: &str, output: impl Write + Send + 'static) -> io::Result<Self> {
        let log = name.to_owned();
        Self::start_reporting(name, output, move |trouble| announce(&log, &trouble))
    }

    /// As [`Spool::start`], but `report` is told of the troubles. It runs on the writer thread.
    pub(super) fn start_reporting(
        name: &str,
        output: impl Write + Send + 'static,
        report: impl FnMut(Trouble) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Buffers::new());
        let writer = Writer {
            shared: Arc::clone(&shared),
            output: Box::new(output),
            report: Box::new(report),
            batch: Vec::new(),
            torn: false,
            failing: false,
            reported: 0,
        };
        // Nobody joins the thread: one that is stuck in a write must not hold up the end of the
        // process, so `close` waits for its word, with a bound, instead.
        thread::Builder::new().name(name.to_owned()).spawn(move || writer.run())?;
        Ok(Self { owner: Arc::new(Owner { shared }) })
    }

    /// Appends one line: `write` writes its content, without a line feed, and the spool ends it.
    /// Never waits for the output; a line that does not fit is dropped and counted.
    pub fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        thread_local!(static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
        // The line is made outside the lock, so that the lock is held for one copy only, a
        // `write` that panics leaves no half line, and one that appends finds no lock held.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        write(&mut line);
        line.push(b'\n');
        self.owner.shared.push(&line);
        if line.capacity() <= LINE_KEPT {
            line.clear();
            // It fails only while the thread ends; then there is no next line.
            let _ = LINE.try_with(|kept| kept.set(line));
        }
    }

    /// Lines lost so far, because they did not fit or because the output refused them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.owner.shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is there and ends the writer, and waits for that at most `within`. Lines that
    /// are appended afterwards count as dropped.
    pub fn close(&self, within: Duration) {
        let shared = &self.owner.shared;
        let state = shared.begin_close();
        drop(shared.finished.wait_timeout_while(state, within, |state| !state.finished));
    }
}

/// A failure of an output.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A write failed; told once for a run of failures.
    Failed(io::Error),
    /// The output works, but this many lines were lost since it last did.
    Lost(u64),
}

fn announce(log: &str, trouble: &Trouble) {
    match trouble {
        Trouble::Failed(error) => {
            tracing::error!(log, %error, "cannot write a log, its lines are dropped until it works");
        }
        Trouble::Lost(lines) => {
            tracing::warn!(log, lines, "log lines were lost, their output was too slow or failed");
        }
    }
}

/// Held by the handles alone, not by the writer, so that the last handle's end is the writer's.
#[derive(Debug)]
struct Owner {
    shared: Arc<Buffers>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.shared.begin_close());
    }
}

#[derive(Debug)]
struct Buffers {
    shards: Box<[Shard]>,
    /// Bytes that a shard holds at most.
    shard_bytes: usize,
    /// Set by the first line of a batch, which alone wakes the writer; cleared by the writer
    /// before it looks into the shards. A line that a look missed was pushed after the shard's
    /// lock was released, so its thread sees the flag cleared, and none is forgotten.
    signalled: AtomicBool,
    dropped: AtomicU64,
    state: Mutex<WriterState>,
    bell: Condvar,
    /// Wakes those who wait in `close`.
    finished: Condvar,
}

#[derive(Debug, Default)]
struct WriterState {
    closing: bool,
    finished: bool,
}

impl Buffers {
    fn new() -> Self {
        let shards = thread::available_parallelism().map_or(1, usize::from).min(MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            // The writer's own buffer takes turns with those of the shards, hence one more.
            shard_bytes: SPOOL_BYTES / (shards + 1),
            signalled: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            state: Mutex::default(),
            bell: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    fn push(&self, line: &[u8]) {
        if !self.shards[thread_number() % self.shards.len()].push(line, self.shard_bytes) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // The load alone keeps the flag's cache line shared while a batch gathers.
        if !self.signalled.load(Ordering::Acquire) && !self.signalled.swap(true, Ordering::AcqRel) {
            // Under the lock, so that the bell cannot ring between the writer's look at the flag
            // and its wait. The writer never holds the lock while it writes.
            let _state = lock(&self.state);
            self.bell.notify_one();
        }
    }

    /// Waits for the first line of a batch, and then lets the batch gather. True when closing.
    fn gather(&self) -> bool {
        let idle =
            |state: &mut WriterState| !state.closing && !self.signalled.load(Ordering::Acquire);
        let state =
            self.bell.wait_while(lock(&self.state), idle).unwrap_or_else(PoisonError::into_inner);
        self.pause(state).closing
    }

    fn pause<'a>(&'a self, state: MutexGuard<'a, WriterState>) -> MutexGuard<'a, WriterState> {
        self.bell
            .wait_timeout_while(state, GATHER, |state| !state.closing)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn begin_close(&self) -> MutexGuard<'_, WriterState> {
        let mut state = lock(&self.state);
        state.closing = true;
        self.bell.notify_one();
        state
    }
}

/// One thread's lines; aligned to a cache line, so that threads do not disturb each other.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    buffer: Vec<u8>,
    sealed: bool,
}

impl Shard {
    /// False when the line was not taken.
    fn push(&self, line: &[u8], limit: usize) -> bool {
        let mut lines = lock(&self.lines);
        let held = lines.buffer.len();
        let needed = held + line.len();
        if lines.sealed || needed > limit {
            return false;
        }
        if needed > lines.buffer.capacity() {
            // Doubling, but not past the bound that the buffer keeps.
            lines.buffer.reserve_exact(needed.next_power_of_two().min(limit) - held);
        }
        lines.buffer.extend_from_slice(line);
        true
    }

    /// Swaps the lines against an empty buffer; `seal` refuses all later ones.
    fn take(&self, empty: &mut Vec<u8>, seal: bool) {
        let mut lines = lock(&self.lines);
        lines.sealed = seal;
        mem::swap(&mut lines.buffer, empty);
    }
}

/// Counts up over the threads that ever append, so that neighbours get different shards.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// A poisoned lock guards buffers and flags that are whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    shared: Arc<Buffers>,
    output: Box<dyn Write + Send>,
    report: Box<dyn FnMut(Trouble) + Send>,
    batch: Vec<u8>,
    /// The output ends within a line that a failure cut.
    torn: bool,
    failing: bool,
    /// The number of dropped lines that have been reported.
    reported: u64,
}

impl Writer {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let closing = shared.gather();
            shared.signalled.store(false, Ordering::Release);
            for shard in &shared.shards {
                shard.take(&mut self.batch, closing);
                self.write_batch();
            }
            if closing {
                return;
            }
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = mem::take(&mut self.batch);
        match self.deliver(&batch) {
            Ok(()) => self.report_recovery(),
            Err((written, error)) => self.count_lost(&batch, written, error),
        }
        self.batch = batch;
        self.batch.clear();
    }

    /// On an error, the number of bytes of the batch that the output took before it.
    fn deliver(&mut self, batch: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.torn {
            // The cut line must not lend its beginning to the next one.
            self.send(b"\n").map_err(|(_, error)| (0, error))?;
            self.torn = false;
        }
        self.send(batch)?;
        self.output.flush().map_err(|error| (batch.len(), error))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            match self.output.write(&bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A pipe that another process with the same end made non-blocking: it is full,
                // which is the same as a reader that stalls.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    drop(self.shared.pause(lock(&self.shared.state)));
                }
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn count_lost(&mut self, batch: &[u8], written: usize, error: io::Error) {
        if let Some(&last) = batch[..written].last() {
            self.torn = last != b'\n';
        }
        let lost = batch[written..].split(|&byte| byte == b'\n').count() - 1;
        self.shared.dropped.fetch_add(lost as u64, Ordering::Relaxed);
        if !mem::replace(&mut self.failing, true) {
            (self.report)(Trouble::Failed(error));
        }
    }

    fn report_recovery(&mut self) {
        self.failing = false;
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let lost = dropped - mem::replace(&mut self.reported, dropped);
        if lost > 0 {
            (self.report)(Trouble::Lost(lost));
        }
    }
}

/// Also where the output panicked: nobody must wait for a writer that is gone.
impl Drop for Writer {
    fn drop(&mut self) {
        lock(&self.shared.state).finished = true;
        self.shared.finished.notify_all();
    }
}

#[cfg(test)]
mod tests;
