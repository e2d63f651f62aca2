//! Windows: how much content the client has room for (RFC 9113 §5.2).

/// Bytes that may be sent, at most 2^31 - 1; fewer than none after the client has made the windows
/// of its streams smaller (RFC 9113 §6.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window(i32);

/// A window became larger than any may be (RFC 9113 §6.9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Window {
    /// The size of every window before anything is said of it (RFC 9113 §6.9.2).
    pub(super) const INITIAL: Self = Self(65_535);

    /// A window of this size.
    pub(super) fn new(size: u32) -> Result<Self, Overflow> {
        i32::try_from(size).map(Self).map_err(|_| Overflow)
    }

    /// Room for content, in bytes.
    pub(super) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// `count` bytes have been sent, for which there was room.
    pub(super) fn take(&mut self, count: usize) {
        let count = i32::try_from(count).expect("a frame is at most 16 KiB");
        self.0 -= count;
    }

    /// The client has made room for `count` more.
    pub(super) fn open(&mut self, count: u32) -> Result<(), Overflow> {
        let count = i32::try_from(count).map_err(|_| Overflow)?;
        self.0 = self.0.checked_add(count).ok_or(Overflow)?;
        Ok(())
    }

    /// The windows of all streams have changed from `old` to `new`.
    pub(super) fn shift(&mut self, old: Self, new: Self) -> Result<(), Overflow> {
        let moved = i64::from(self.0) + i64::from(new.0) - i64::from(old.0);
        self.0 = i32::try_from(moved).map_err(|_| Overflow)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = (1 << 31) - 1;

    #[test]
    fn a_window_is_at_most_31_bits() {
        assert_eq!(Window::new(MOST).map(Window::room), Ok(MOST as usize));
        assert_eq!(Window::new(MOST + 1), Err(Overflow));
        let mut window = Window::INITIAL;
        assert_eq!(window.open(MOST - 65_535), Ok(()));
        assert_eq!(window.open(1), Err(Overflow));
        assert_eq!(Window::new(0).unwrap().open(u32::MAX), Err(Overflow));
    }

    #[test]
    fn a_window_may_fall_below_nothing() {
        // RFC 9113 §6.9.2: the client must make up for it before more is sent.
        let mut window = Window::INITIAL;
        window.take(60_000);
        let small = Window::new(1_000).unwrap();
        window.shift(Window::INITIAL, small).unwrap();
        assert_eq!(window.room(), 0);
        window.open(59_000).unwrap();
        assert_eq!(window.room(), 0);
        window.open(1).unwrap();
        assert_eq!(window.room(), 1);
        let mut full = Window::new(MOST).unwrap();
        assert_eq!(full.shift(small, Window::INITIAL), Err(Overflow));
    }
}
