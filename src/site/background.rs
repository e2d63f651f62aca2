//! The background thread: work that takes long and that nobody waits for.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::content::ReadError;
use super::representation::Representation;
use super::root::OpenRoot;

/// The least urgent of the kernel's nice values: serving always goes first.
const NICENESS: i32 = 19;

/// Hands work to the background thread; cloned freely.
///
/// The thread ends when the last handle is dropped and its work is done.
#[derive(Clone)]
pub struct Background(Sender<Job>);

type Job = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Background {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Background")
    }
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub fn start() -> std::io::Result<Self> {
        let (sender, jobs) = channel::<Job>();
        std::thread::Builder::new().name("background".into()).spawn(move || {
            // Being refused costs a little politeness, nothing else.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            while let Ok(job) = jobs.recv() {
                job();
            }
        })?;
        Ok(Self(sender))
    }

    /// Reads a streamed file for its entity tag.
    pub fn inspect(&self, representation: Arc<Representation>, root: Arc<OpenRoot>) {
        self.run(Box::new(move || {
            // Nobody else has it any more: it was evicted or replaced while it waited.
            if Arc::strong_count(&representation) == 1 {
                return;
            }
            match representation.inspect(&root) {
                Ok(()) | Err(ReadError::Short) => {}
                Err(ReadError::Failed(error)) => {
                    tracing::warn!(file = representation.relative(), %error, "cannot inspect");
                }
            }
        }));
    }

    fn run(&self, job: Job) {
        // The thread outlives every handle, so this fails only if a job panicked; what is then
        // missing is an optional entity tag.
        let _ = self.0.send(job);
    }
}
