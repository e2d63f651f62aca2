//! The background threads: work that takes long and that nobody waits for.
//!
//! Two of them, so that the quick form of a page never waits for the best form of another, or for
//! the hash of a film.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};

use rustix::io::Errno;

use super::cache::{Cache, Key};
use super::content::ReadError;
use super::counters::Counters;
use super::form::{Content, Form};
use super::representation::Representation;
use super::root::OpenRoot;
use crate::coding::Coding;
use crate::coding::encode::{Effort, encode};
use crate::heap;

/// The least urgent of the kernel's nice values: serving always goes first.
const NICENESS: i32 = 19;

/// Hands work to the background threads; cloned freely.
///
/// The threads end when the last handle is dropped and their work is done.
#[derive(Clone)]
pub struct Background {
    quick: Sender<Job>,
    slow: Sender<Job>,
    counters: Arc<Counters>,
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
    /// Of what. An entry that was evicted or replaced meanwhile needs no coded form.
    pub representation: Weak<Representation>,
    /// In which coding.
    pub coding: Coding,
    /// How hard to try.
    pub effort: Effort,
    /// The cache that counts its bytes.
    pub cache: Weak<Cache>,
    /// The entry that it is part of.
    pub key: Key,
}

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub fn start() -> std::io::Result<Self> {
        Ok(Self {
            quick: thread("background-quick")?,
            slow: thread("background-slow")?,
            counters: Arc::default(),
        })
    }

    /// What all caches that share these threads have done.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Reads a streamed file for its entity tag.
    pub fn inspect(&self, representation: &Arc<Representation>, root: Arc<OpenRoot>) {
        let representation = Arc::downgrade(representation);
        run(&self.slow, move || {
            let Some(representation) = representation.upgrade() else { return };
            match representation.inspect(&root) {
                // One that is no longer there was taken away by a deploy.
                Ok(())
                | Err(ReadError::Short | ReadError::Failed(Errno::NOENT | Errno::ACCESS)) => {}
                Err(ReadError::Failed(error)) => {
                    tracing::warn!(file = representation.relative(), %error, "cannot inspect");
                }
            }
        });
    }

    /// Drops something large, and gives its memory back to the system.
    pub fn drop(&self, large: impl Send + 'static) {
        run(&self.slow, move || {
            drop(large);
            heap::give_back();
        });
    }

    /// Makes a coded form.
    pub fn encode(&self, encoding: Encoding) {
        let queue = match encoding.effort {
            Effort::Quick => &self.quick,
            Effort::Best => &self.slow,
        };
        let counters = Arc::clone(&self.counters);
        run(queue, move || encoding.run(&counters));
    }
}

impl Encoding {
    fn run(&self, counters: &Counters) {
        let Some(representation) = self.representation.upgrade() else { return };
        let Content::Held(content) = representation.identity().content() else { return };
        let Some(coded) = representation.coded(self.coding) else { return };
        counters.encodings().add();
        match (encode(self.coding, self.effort, content), self.effort) {
            (Some(bytes), _) => {
                coded.put(Form::new(self.coding, Content::Held(bytes.into())));
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

fn thread(name: &str) -> std::io::Result<Sender<Job>> {
    let (sender, jobs) = channel::<Job>();
    std::thread::Builder::new().name(name.into()).spawn(move || {
        // Being refused costs a little politeness, nothing else.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        while let Ok(job) = jobs.recv() {
            // What a job that panics leaves behind is an optional form or an optional entity tag
            // that is not there. The hook has told of it.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
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
        let queue = thread("test").unwrap();
        let (done, wait) = channel();
        run(&queue, || panic!("for the test"));
        run(&queue, move || done.send(()).unwrap());
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
