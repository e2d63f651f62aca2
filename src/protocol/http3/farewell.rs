//! Our GOAWAY frames (RFC 9114 §5.2): how a connection ends without losing a request.

use super::frames::{self, kind};
use super::varint;

/// Progress of a graceful shutdown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Farewell {
    /// The first stream that is not answered, as the client has been told.
    limit: Option<u64>,
}

/// The highest stream that a client can open for a request (RFC 9000 §2.1).
const LAST_STREAM: u64 = varint::LARGEST - 3;

impl Farewell {
    /// Appends a frame that says that the end is near. Requests that are on their way until the
    /// client knows are still answered.
    pub fn announce(&mut self, out: &mut Vec<u8>) {
        if self.limit.is_none() {
            self.tell(LAST_STREAM, out);
        }
    }

    /// Appends a frame that says that no stream from `next` on is answered.
    pub fn finish(&mut self, next: u64, out: &mut Vec<u8>) {
        // RFC 9114 §5.2: never more than was said before.
        if self.answers(next) {
            self.tell(next, out);
        }
    }

    /// True if a request on this stream is answered. If not, it is rejected, so that the client may
    /// try it elsewhere.
    #[must_use]
    pub fn answers(&self, stream: u64) -> bool {
        self.limit.is_none_or(|limit| stream < limit)
    }

    fn tell(&mut self, limit: u64, out: &mut Vec<u8>) {
        self.limit = Some(limit);
        let mut payload = Vec::new();
        varint::put(&mut payload, limit);
        frames::put(out, kind::GOAWAY, &payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_of_less_and_less() {
        let (mut farewell, mut out) = (Farewell::default(), Vec::new());
        assert!(farewell.answers(0) && farewell.answers(LAST_STREAM));
        farewell.announce(&mut out);
        farewell.announce(&mut out);
        assert_eq!(out, b"\x07\x08\xff\xff\xff\xff\xff\xff\xff\xfc");
        assert!(farewell.answers(400));
        out.clear();
        farewell.finish(8, &mut out);
        farewell.finish(8, &mut out);
        farewell.finish(12, &mut out);
        farewell.announce(&mut out);
        assert_eq!(out, b"\x07\x01\x08");
        assert!(farewell.answers(4) && !farewell.answers(8));
    }

    #[test]
    fn an_end_without_notice_says_where_it_is() {
        let (mut farewell, mut out) = (Farewell::default(), Vec::new());
        farewell.finish(0, &mut out);
        assert_eq!(out, b"\x07\x01\x00");
        assert!(!farewell.answers(0));
    }
}
