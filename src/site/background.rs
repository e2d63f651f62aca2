//! The background threads: work that takes long and that nobody waits for.
//!
//! Four of them, so that nothing urgent waits for anything slow: quick coded forms, best ones, hashes
//! of films, and caches that are let go of.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};

use rustix::io::{Errno, pread};

use super::cache::{Cache, Key};
use super::complaints::Complaints;
use super::content::{self, HELD_LIMIT, ReadError};
use super::counters::CacheCounters;
use super::dictionary_forms::DictionaryEncoding;
use super::facts::Facts;
use super::form::{ContentSource, Form};
use super::hashing::{self, Hashing};
use super::representation::Representation;
use super::root::OpenRoot;
use super::tags::Tags;
use crate::coding::Coding;
use crate::coding::encode::{Effort, encode, encode_from};
use crate::process::heap;

/// The least urgent of the kernel's nice values: serving always goes first.
const NICENESS: i32 = 19;

/// Hands work to the background threads; cloned freely.
///
/// The threads end when the last handle is dropped and their work is done.
#[derive(Clone)]
pub struct Background {
    quick: Sender<Job>,
    slow: Sender<Job>,
    dropping: Sender<Job>,
    hashing: Sender<Hashing>,
    tags: Arc<Tags>,
    complaints: Arc<Complaints>,
    counters: Arc<CacheCounters>,
}

type Job = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Background {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Background")
    }
}

/// A coded form that is to be made, and where it belongs.
#[derive(Debug)]
pub struct Encoding {
    /// The representation that gets the form. An entry that was evicted or replaced meanwhile needs
    /// none.
    pub representation: Weak<Representation>,
    /// The coding of the form.
    pub coding: Coding,
    /// The effort of a compressor.
    pub effort: Effort,
    /// The cache that counts its bytes.
    pub cache: Weak<Cache>,
    /// The entry that it is part of.
    pub key: Key,
    /// The folder that the file lies beneath.
    pub root: Arc<OpenRoot>,
    /// The bytes that the form may take of the cache.
    pub most: u64,
}

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub fn start() -> std::io::Result<Self> {
        let tags: Arc<Tags> = Arc::default();
        let counters: Arc<CacheCounters> = Arc::default();
        Ok(Self {
            quick: jobs("background-quick")?,
            slow: jobs("background-slow")?,
            dropping: jobs("background-drop")?,
            hashing: thread("background-hash", {
                let (tags, counters) = (Arc::clone(&tags), Arc::clone(&counters));
                move |files| hashing::run(&files, &tags, &counters)
            })?,
            tags,
            complaints: Arc::default(),
            counters,
        })
    }

    /// The counters of all caches that share these threads.
    #[must_use]
    pub fn counters(&self) -> &Arc<CacheCounters> {
        &self.counters
    }

    /// The tags of files on this machine, whatever snapshots came and went.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The complaints about files that were told of late.
    #[must_use]
    pub fn complaints(&self) -> &Complaints {
        &self.complaints
    }

    /// Hashes a file too large to hold, for its entity tag.
    pub fn hash(
        &self,
        representation: &Arc<Representation>,
        root: Arc<OpenRoot>,
        cache: Weak<Cache>,
    ) {
        // The thread outlives every handle, so this does not fail.
        let _ = self.hashing.send(Hashing::new(representation, root, cache));
    }

    /// Drops something large, and gives its memory back to the system.
    pub fn drop(&self, large: impl Send + 'static) {
        run(&self.dropping, move || {
            drop(large);
            heap::give_back();
        });
    }

    /// Makes a form with a dictionary.
    pub fn encode_with_dictionary(&self, encoding: DictionaryEncoding) {
        let queue = match encoding.effort {
            Effort::Quick => &self.quick,
            Effort::Best => &self.slow,
        };
        let counters = Arc::clone(&self.counters);
        run(queue, move || encoding.run(&counters));
    }

    /// Makes a coded form.
    pub fn encode(&self, encoding: Encoding) {
        let queue = match encoding.effort {
            Effort::Quick if !encoding.is_large() => &self.quick,
            _ => &self.slow,
        };
        let counters = Arc::clone(&self.counters);
        run(queue, move || encoding.run(&counters));
    }
}

/// A file that is read while its snapshot lives.
struct FileReader<'a> {
    file: OwnedFd,
    offset: u64,
    cache: &'a Weak<Cache>,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cache.strong_count() == 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        let count = pread(&self.file, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Encoding {
    fn is_large(&self) -> bool {
        let representation = self.representation.upgrade();
        representation.is_some_and(|representation| representation.facts().size > HELD_LIMIT)
    }

    /// The coded form of a file that is too large to hold, read from the disk; `None` if it would
    /// take too much of the cache.
    fn encode_file(&self, relative: &str, facts: &Facts) -> Result<Option<Vec<u8>>, ReadError> {
        let file = self.root.open_beneath(relative).map_err(ReadError::Failed)?;
        content::is_still(&file, facts)?;
        let mut reader = FileReader { file, offset: 0, cache: &self.cache };
        let most = usize::try_from(self.most.min(facts.size - 1)).unwrap_or(usize::MAX);
        let made = encode_from(self.coding, self.effort, &mut reader, facts.size, most);
        content::is_still(&reader.file, facts)?;
        made.map_err(|error| ReadError::Failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))
    }

    fn run(&self, counters: &CacheCounters) {
        let Some(representation) = self.representation.upgrade() else { return };
        let Some(coded) = representation.coded(self.coding) else { return };
        counters.encodings().add();
        let made = match representation.identity().content() {
            ContentSource::Held(content) => encode(self.coding, self.effort, content),
            // One that changed, or was taken away by a deploy, has no form: what is found in its
            // place has its own.
            ContentSource::Streamed { relative, facts } => {
                self.encode_file(relative, facts).unwrap_or_default()
            }
        };
        match (made, self.effort) {
            (Some(bytes), _) => {
                coded.put(Form::new(self.coding, ContentSource::Held(content::hold(bytes))));
                if let Some(cache) = self.cache.upgrade() {
                    cache.weigh(&self.key, &representation);
                }
            }
            (None, Effort::Quick) => coded.settle(None),
            // The quick form stays.
            (None, Effort::Best) => {}
        }
    }
}

fn jobs(name: &str) -> std::io::Result<Sender<Job>> {
    thread(name, |jobs: Receiver<Job>| {
        while let Ok(job) = jobs.recv() {
            // What a job that panics leaves behind is an optional form that is not there. The hook
            // has told of it.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    })
}

/// A thread that does `work` with what it is sent.
fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(Receiver<T>) + Send + 'static,
) -> std::io::Result<Sender<T>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name(name.into()).spawn(move || {
        // Being refused costs a little politeness, nothing else.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        work(receiver);
    })?;
    Ok(sender)
}

fn run(queue: &Sender<Job>, job: impl FnOnce() + Send + 'static) {
    // The thread outlives every handle, so this does not fail.
    let _ = queue.send(Box::new(job));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_job_that_panics_is_the_only_one_lost() {
        let queue = jobs("test").unwrap();
        let (done, wait) = channel();
        run(&queue, || panic!("for the test"));
        run(&queue, move || done.send(()).unwrap());
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
