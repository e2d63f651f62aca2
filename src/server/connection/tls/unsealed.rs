//! Content on its way out, in slices.

use std::io::IoSlice;

/// Slices of content, of which the first bytes have been sealed.
pub(super) struct Unsealed<'a> {
    slices: &'a [IoSlice<'a>],
    taken: usize,
}

impl<'a> Unsealed<'a> {
    /// Content of which nothing has been sealed.
    pub(super) fn of(slices: &'a [IoSlice<'a>]) -> Self {
        Self { slices, taken: 0 }
    }

    /// The next bytes that are together.
    pub(super) fn first(&mut self) -> &'a [u8] {
        while let [first, rest @ ..] = self.slices
            && first.len() == self.taken
        {
            (self.slices, self.taken) = (rest, 0);
        }
        self.slices.first().map_or(&[], |first| &first[self.taken..])
    }

    /// True if nothing follows those.
    pub(super) fn is_last(&self) -> bool {
        self.slices.iter().skip(1).all(|slice| slice.is_empty())
    }

    /// Drops the first bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.taken += count;
    }

    /// Copies what fits into `target`.
    pub(super) fn copy(&mut self, target: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < target.len() {
            let next = self.first();
            if next.is_empty() {
                break;
            }
            let count = next.len().min(target.len() - filled);
            target[filled..filled + count].copy_from_slice(&next[..count]);
            self.advance(count);
            filled += count;
        }
        filled
    }
}
