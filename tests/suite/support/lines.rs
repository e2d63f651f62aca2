//! The lines of one output of the server, read by a thread of its own, so that the server never
//! waits for the test and the test awaits a line instead of sleeping.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// Every line that came so far, and a way to wait for the next.
pub(crate) struct Lines {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Reads `output` to its end on a thread of its own.
    pub(crate) fn collect(output: impl Read + Send + 'static) -> Self {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() });
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { break };
                writer.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                writer.changed.notify_all();
            }
            writer.lock().ended = true;
            writer.changed.notify_all();
        });
        Self { shared }
    }

    /// Waits for a line that holds `needle`, from the first line on.
    #[track_caller]
    pub(crate) fn containing(&self, needle: &str) -> String {
        self.nth(0, |line| line.contains(needle))
    }

    /// Waits for the line number `index` (from 0) of those that `wanted` accepts.
    #[track_caller]
    pub(crate) fn nth(&self, index: usize, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.wait(DEADLINE, |state| {
            let found = state.lines.iter().filter(|line| wanted(line)).nth(index).cloned();
            found.map(Ok).or_else(|| state.ended.then_some(Err(())))
        });
        match found {
            Some(Ok(line)) => line,
            Some(Err(())) => panic!("the output ended without the line: {:#?}", self.so_far()),
            None => panic!("the line did not come within {DEADLINE:?}: {:#?}", self.so_far()),
        }
    }

    /// Waits for the end of the output and returns all of it.
    #[track_caller]
    pub(crate) fn to_end(&self, within: Duration) -> Vec<String> {
        match self.wait(within, |state| state.ended.then(|| state.lines.clone())) {
            Some(lines) => lines,
            None => panic!("the output did not end within {within:?}: {:#?}", self.so_far()),
        }
    }

    /// The lines that have come so far.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.shared.lock().lines.clone()
    }

    /// How many of the lines so far `wanted` accepts.
    pub(crate) fn count(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.shared.lock().lines.iter().filter(|line| wanted(line)).count()
    }

    /// Asks `look` after every new line until it has an answer or the time is up.
    fn wait<T>(&self, within: Duration, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let until = Instant::now() + within;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&state) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
