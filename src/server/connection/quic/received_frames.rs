//! The frames of a client that bring nothing: those that ask for nothing, and those of streams that
//! cannot be read yet.
//!
//! The library bounds the content that waits for what is missing before it, but keeps the whole
//! datagram of a single byte. It tells how many frames have come, and each piece that is read was one
//! of them: the rest waits, or is a repetition.

use quinn_proto::{Connection, FrameStats};

/// Bytes that the library keeps for a frame that waits, beside its datagram.
const FRAME_BYTES: usize = 64;

/// Bytes of a datagram at the most.
const DATAGRAM_BYTES: u64 = 1500;

/// The frames of a connection.
#[derive(Debug, Default)]
pub(super) struct ReceivedFrames {
    /// Frames that ask for nothing, frames with content and bytes that had come at the last look.
    asides: u64,
    contents: u64,
    bytes: u64,
    /// Pieces that were read since.
    read: u64,
    /// True if the last thing that was read is a piece.
    is_within: bool,
    /// Frames with content that were not read, and the most bytes that they keep.
    waiting: u64,
    held: usize,
}

impl ReceivedFrames {
    /// A piece was read.
    pub(super) fn is_read(&mut self) {
        self.read += 1;
        self.is_within = true;
    }

    /// The end of a stream was read, which is in a frame of its own if no piece came just before.
    pub(super) fn is_ended(&mut self) {
        self.read += u64::from(!self.is_within);
        self.is_within = false;
    }

    /// The bytes that may be held of what waits.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Looks at what has come to `connection`, of which all was read that can be. Gives the number of
    /// frames that brought nothing, less those that were waiting and have been read.
    pub(super) fn asides(&mut self, connection: &Connection) -> i64 {
        let stats = connection.stats();
        let (asides, contents) = (asides(&stats.frame_rx), contents(&stats.frame_rx));
        let bytes = stats.udp_rx.bytes;
        let came = contents - std::mem::replace(&mut self.contents, contents);
        let bytes = bytes - std::mem::replace(&mut self.bytes, bytes);
        let asked = asides - std::mem::replace(&mut self.asides, asides);
        let read = std::mem::take(&mut self.read);
        self.is_within = false;
        if connection.is_handshaking() {
            // TLS reads what belongs to it.
            return i64::try_from(asked).unwrap_or(i64::MAX);
        }
        let before = self.waiting;
        self.count(came, read, bytes);
        asked.wrapping_add(self.waiting).wrapping_sub(before).cast_signed()
    }

    fn count(&mut self, came: u64, read: u64, bytes: u64) {
        if came >= read {
            let more = came - read;
            let kept = bytes.min(more.saturating_mul(DATAGRAM_BYTES));
            let kept = usize::try_from(kept).unwrap_or(usize::MAX);
            self.waiting += more;
            self.held += if more > 0 { kept } else { 0 };
            self.held += FRAME_BYTES * usize::try_from(more).unwrap_or(usize::MAX / FRAME_BYTES);
            return;
        }
        let left = self.waiting.saturating_sub(read - came);
        let (part, whole) = (u128::from(left), u128::from(self.waiting.max(1)));
        self.held = usize::try_from(self.held as u128 * part / whole).unwrap_or(usize::MAX);
        self.waiting = left;
    }
}

/// Frames of streams, and of TLS: what is read, or waits.
fn contents(frames: &FrameStats) -> u64 {
    frames.stream + frames.crypto
}

/// Frames that ask for nothing, or for an answer that the library gives.
fn asides(frames: &FrameStats) -> u64 {
    let acknowledging = frames.acks + frames.ack_frequency + frames.immediate_ack;
    let about_paths = frames.path_challenge + frames.path_response;
    let about_ids = frames.new_connection_id + frames.retire_connection_id;
    let windows = frames.max_data + frames.max_stream_data;
    let streams = frames.max_streams_bidi + frames.max_streams_uni;
    let blocked = frames.data_blocked + frames.stream_data_blocked;
    let without_streams = frames.streams_blocked_bidi + frames.streams_blocked_uni;
    let ends = frames.reset_stream + frames.stop_sending;
    let others = frames.ping + frames.datagram;
    acknowledging
        + about_paths
        + about_ids
        + windows
        + streams
        + blocked
        + without_streams
        + ends
        + others
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames, pieces read and bytes at each look.
    type Looks = &'static [(u64, u64, u64)];

    #[test]
    fn what_cannot_be_read_is_held_until_it_is() {
        // Looks; frames that wait, bytes that are held.
        let table: &[(Looks, u64, usize)] = &[
            (&[(1, 1, 1200)], 0, 0),
            (&[(1, 0, 1200)], 1, 1264),
            (&[(0, 0, 1200)], 0, 0),
            (&[(10, 0, 300)], 10, 940),
            (&[(1, 0, 1200), (1, 2, 1200)], 0, 0),
            (&[(1, 0, 1436), (1, 0, 1436), (1, 2, 1200)], 1, 1500),
            (&[(3, 2, 9000)], 1, 1564),
            (&[(1, 3, 1200)], 0, 0),
        ];
        for (looks, waiting, held) in table {
            let mut frames = ReceivedFrames::default();
            for (came, read, bytes) in *looks {
                frames.count(*came, *read, *bytes);
            }
            assert_eq!((frames.waiting, frames.held), (*waiting, *held), "{looks:?}");
        }
    }

    #[test]
    fn an_end_is_a_frame_if_nothing_came_with_it() {
        let mut frames = ReceivedFrames::default();
        frames.is_read();
        frames.is_ended();
        assert_eq!(frames.read, 1);
        frames.is_ended();
        assert_eq!(frames.read, 2);
    }
}
