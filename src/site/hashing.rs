//! Hashing files that are too large to hold, for their entity tags: by a thread of its own, a slice
//! of each in turn, so that a file of terabytes keeps nobody else's from theirs.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Weak};

use rustix::io::Errno;

use super::cache::Cache;
use super::content::{self, ReadError};
use super::counters::CacheCounters;
use super::inspection::{Hasher, Reading};
use super::representation::Representation;
use super::root::OpenRoot;
use super::tags::Tags;

/// Bytes hashed of one file before it is another's turn: some 50 ms of a processor.
const SLICE: u64 = 32 * 1024 * 1024;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;

/// Files that wait or are being hashed, at the most. The tag of one more is made when the file is
/// found again.
const MOST_WAITING: usize = 4096;

/// A file that is to be hashed.
#[derive(Debug)]
pub(super) struct Hashing {
    /// Those that wait for the tag, a new one for each stay in the cache.
    representations: Vec<Weak<Representation>>,
    /// The hash is of use as long as this cache lives, also if the file leaves it for a while.
    cache: Weak<Cache>,
    file: HashedFile,
    hasher: Hasher,
    offset: u64,
}

/// The file's name and the facts that it must keep while it is read.
#[derive(Debug)]
struct HashedFile {
    root: Arc<OpenRoot>,
    relative: Box<str>,
    facts: super::facts::Facts,
}

/// The end of a slice.
enum SliceEnd {
    More,
    Done(Reading),
    GivenUp,
}

impl Hashing {
    /// A hashing of `representation`, which lies beneath `root`, for as long as there is `cache`.
    #[must_use]
    pub(super) fn new(
        representation: &Arc<Representation>,
        root: Arc<OpenRoot>,
        cache: Weak<Cache>,
    ) -> Self {
        let relative = representation.relative().into();
        let file = HashedFile { root, relative, facts: *representation.facts() };
        let hasher = Hasher::new(representation.is_utf8());
        let representations = vec![Arc::downgrade(representation)];
        Self { representations, cache, file, hasher, offset: 0 }
    }

    /// The next slice. The file is opened anew for each, so that those which wait hold nothing.
    fn go_on(&mut self, tags: &Tags, chunk: &mut [u8]) -> SliceEnd {
        let facts = self.file.facts;
        if let Some(reading) = tags.get(&facts) {
            return SliceEnd::Done(reading);
        }
        match self.slice(chunk) {
            Ok(()) if self.offset < facts.size => SliceEnd::More,
            Ok(()) => {
                let hasher = std::mem::replace(&mut self.hasher, Hasher::new(false));
                let reading = hasher.finish();
                tags.keep(&facts, reading);
                SliceEnd::Done(reading)
            }
            // It changed, or was taken away by a deploy, or nobody waits for it any more.
            Err(ReadError::Short | ReadError::Failed(Errno::NOENT | Errno::ACCESS)) => {
                SliceEnd::GivenUp
            }
            Err(ReadError::Failed(error)) => {
                tracing::warn!(file = &*self.file.relative, %error, "this file cannot be read to its \
                    end, it is answered without an entity tag");
                SliceEnd::GivenUp
            }
        }
    }

    fn slice(&mut self, chunk: &mut [u8]) -> Result<(), ReadError> {
        let HashedFile { root, relative, facts } = &self.file;
        let file = root.open_beneath(relative).map_err(ReadError::Failed)?;
        content::is_still(&file, facts)?;
        let end = facts.size.min(self.offset + SLICE);
        while self.offset < end {
            if self.cache.strong_count() == 0 {
                return Err(ReadError::Short);
            }
            let count = usize::try_from(end - self.offset).map_or(CHUNK, |rest| rest.min(CHUNK));
            let part = &mut chunk[..count];
            content::fill(&file, part, self.offset)?;
            self.hasher.push(part);
            self.offset += count as u64;
        }
        content::is_still(&file, facts)
    }
}

/// Hashes what comes from `files`, until there is nobody left who could send any.
pub(super) fn run(files: &Receiver<Hashing>, tags: &Tags, counters: &CacheCounters) {
    let mut waiting = VecDeque::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        if waiting.is_empty() {
            let Ok(first) = files.recv() else { return };
            waiting.push_back(first);
        }
        loop {
            match files.try_recv() {
                Ok(more) => join(&mut waiting, more),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let Some(mut hashing) = waiting.pop_front() else { continue };
        match hashing.go_on(tags, &mut chunk) {
            SliceEnd::More => waiting.push_back(hashing),
            SliceEnd::Done(reading) => {
                counters.hashes().add();
                for representation in hashing.representations.iter().filter_map(Weak::upgrade) {
                    representation.inspected(reading);
                }
            }
            SliceEnd::GivenUp => {}
        }
    }
}

/// Adds a file to those that wait, or what waits for it to the same file there.
fn join(waiting: &mut VecDeque<Hashing>, more: Hashing) {
    if let Some(same) = waiting.iter_mut().find(|one| one.file.facts == more.file.facts) {
        same.representations.retain(|one| one.strong_count() > 0);
        same.representations.extend(more.representations);
        same.cache = more.cache;
    } else if waiting.len() < MOST_WAITING {
        waiting.push_back(more);
    }
}
