//! The client's half of a stream: the content of its request, which is counted and dropped.

use super::frame::Reason;
use super::window::Window;
use crate::protocol::content_length::ContentCount;

/// Progress of the content of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    /// Bytes taken of the stream's window, padding included (RFC 9113 §6.9.1). The client never
    /// gets any of them back.
    taken: u32,
    /// Bytes of content, without padding.
    content: ContentCount,
    open: bool,
}

impl Upload {
    /// The content of a request that promises a length, or has none if it `ends` at once.
    pub(super) fn new(promised: Option<u64>, ends: bool) -> Self {
        Self { taken: 0, content: ContentCount::new(promised), open: !ends }
    }

    /// True if the client may send more of it.
    pub(super) fn is_open(self) -> bool {
        self.open
    }

    /// Bytes taken of the stream's window.
    pub(super) fn taken(self) -> u32 {
        self.taken
    }

    /// The same content, of any length: the stream has been reset.
    pub(super) fn of_any_length(self) -> Self {
        Self { content: ContentCount::new(None), ..self }
    }

    /// Counts a DATA frame with a payload of `frame` bytes, `content` of which are no padding.
    pub(super) fn data(&mut self, frame: usize, content: usize, ends: bool) -> Result<(), Reason> {
        if !self.open {
            return Err(Reason::StreamClosed);
        }
        let window = Window::INITIAL.room();
        self.taken = self.taken.saturating_add(narrow(frame));
        if self.taken > narrow(window) {
            return Err(Reason::FlowControlError);
        }
        // RFC 9113 §8.1.1.
        let counted = self.content.add(content as u64);
        if ends {
            return self.end();
        }
        counted.map_err(|_| Reason::ProtocolError)
    }

    /// Ends the content with a second field block, which is good if it holds trailers and is the
    /// last frame of the stream (RFC 9113 §8.1).
    pub(super) fn trailers(&mut self, good: bool) -> Result<(), Reason> {
        if !self.open {
            return Err(Reason::StreamClosed);
        }
        if !good {
            return Err(Reason::ProtocolError);
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), Reason> {
        self.open = false;
        self.content.end().map_err(|_| Reason::ProtocolError)
    }
}

/// A number of bytes that is never beyond 32 bits: a frame's, or a window's.
fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts frames of so many bytes, so many of them content, the last of which ends the stream.
    #[track_caller]
    fn check(promised: Option<u64>, frames: &[(usize, usize)], expected: Result<(), Reason>) {
        let mut upload = Upload::new(promised, false);
        let (last, others) = frames.split_last().unwrap();
        let counted = others
            .iter()
            .try_for_each(|(frame, content)| upload.data(*frame, *content, false))
            .and_then(|()| upload.data(last.0, last.1, true));
        assert_eq!(counted, expected, "{promised:?} {frames:?}");
    }

    #[test]
    fn content_is_as_long_as_promised_and_fits_the_window() {
        use Reason::{FlowControlError, ProtocolError};
        check(None, &[(5, 5), (0, 0)], Ok(()));
        check(Some(5), &[(5, 5)], Ok(()));
        check(Some(5), &[(2, 2), (9, 3)], Ok(()));
        check(Some(0), &[(4, 0)], Ok(()));
        check(Some(5), &[(4, 4)], Err(ProtocolError));
        check(Some(5), &[(6, 6)], Err(ProtocolError));
        check(Some(5), &[(6, 6), (0, 0)], Err(ProtocolError));
        check(Some(5), &[(2, 2), (2, 2)], Err(ProtocolError));
        check(Some(0), &[(1, 1)], Err(ProtocolError));
        check(None, &[(65_535, 1)], Ok(()));
        check(None, &[(65_536, 1)], Err(FlowControlError));
        check(None, &[(65_535, 1), (1, 0)], Err(FlowControlError));
        check(Some(u64::MAX), &[(65_536, 1)], Err(FlowControlError));
    }

    #[test]
    fn nothing_comes_behind_the_end() {
        use Reason::{ProtocolError, StreamClosed};
        let mut ended = Upload::new(Some(0), true);
        assert_eq!(ended.data(0, 0, false), Err(StreamClosed));
        assert_eq!(ended.trailers(true), Err(StreamClosed));
        for (promised, good, expected) in [
            (None, true, Ok(())),
            (Some(0), true, Ok(())),
            (Some(1), true, Err(ProtocolError)),
            (None, false, Err(ProtocolError)),
        ] {
            let mut upload = Upload::new(promised, false);
            assert_eq!(upload.trailers(good), expected, "{promised:?} {good}");
            assert_eq!(upload.is_open(), !good);
        }
    }
}
