//! A file's versions, when each of them was there, and what an answer may therefore show.

use std::time::{Duration, Instant};

/// How long after it is complete a changed file may still be answered with what was there before:
/// the promised 100 ms, and half as much again for a clock that is read coarsely.
pub(crate) const FILE_PATIENCE: Duration = Duration::from_millis(150);
/// The same for a whole site folder that was replaced.
pub(crate) const ROOT_PATIENCE: Duration = Duration::from_millis(1_200);

/// Bytes of the first line, and so the shortest content.
pub(crate) const SHORTEST: usize = 34;

/// One version's bytes: the first line says which, and no part of it is part of another.
pub(crate) fn content(version: u32, length: usize) -> Vec<u8> {
    let mut bytes = format!("version {version:08} length {length:08}\n").into_bytes();
    while bytes.len() < length {
        let mark =
            (u64::from(version) << 32 | bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bytes.extend_from_slice(format!("{version:08} {mark:016x}\n").as_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The version that these bytes are, if they are one whole version.
pub(crate) fn version(bytes: &[u8]) -> Option<u32> {
    let line = std::str::from_utf8(bytes.get(..SHORTEST)?).ok()?;
    let version = line.get(8..16)?.parse().ok()?;
    (content(version, bytes.len()) == bytes).then_some(version)
}

/// The content at a path from some time on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// `None` is that there was no file.
    pub(crate) version: Option<u32>,
    /// True if the file went through other content on its way here, as with a write in place.
    pub(crate) torn: bool,
    /// From then on it might be seen.
    pub(crate) began: Instant,
    /// From then on it was there.
    pub(crate) complete: Instant,
    /// From then on nothing older may be seen.
    pub(crate) due: Instant,
}

/// The version that an answer showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A whole version.
    Version(u32),
    /// That there is no file.
    Missing,
    /// Bytes that are no version.
    Torn,
}

/// One answer of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) file: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) shown: Shown,
}

/// Holds that the answer shows something that was there and was not too old, and returns how old
/// it was: for how long something newer had been complete when the request began.
#[track_caller]
pub(crate) fn judge(states: &[State], answer: &Answer) -> Duration {
    let oldest = states.iter().rposition(|state| state.due <= answer.began).unwrap_or(0);
    let newest = states.iter().rposition(|state| state.began <= answer.ended).unwrap_or(0);
    let passing = |state: &State| state.torn && state.due > answer.began;
    let found = states[..=newest].iter().rposition(|state| match answer.shown {
        Shown::Version(version) => state.version == Some(version),
        Shown::Missing => state.version.is_none(),
        Shown::Torn => passing(state),
    });
    let told = || format!("{answer:?}\nshould be one of {:#?}", &states[oldest..=newest]);
    match found {
        Some(found) if answer.shown == Shown::Torn || found >= oldest => {
            let next = states.get(found + 1).map(|next| next.complete);
            next.map_or(Duration::ZERO, |next| answer.began.saturating_duration_since(next))
        }
        Some(found) => {
            let due = states[found + 1].due;
            let late = answer.began.saturating_duration_since(due);
            panic!("{late:?} later than it may be: {}", told())
        }
        None => panic!("never there: {}", told()),
    }
}

/// Numbers that look random and are the same in every run (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("the bound is a usize")
    }
}
