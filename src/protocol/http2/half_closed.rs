//! Streams that are over for us and not for the client (RFC 9113 §5.1).
//!
//! An answer that was ready before the request's content is sent at once, and the stream is then
//! half-closed: the client may go on, and whatever breaks the protocol is still an error of that
//! stream. Of one that was reset, frames may be on their way. Both hold no more than a few numbers.

use std::collections::VecDeque;

use super::frame::Reason;
use super::upload::Upload;
use super::window::{Overflow, Window};
use crate::protocol::limits::STREAMS;

/// A stream on which we send nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HalfClosedStream {
    id: u32,
    upload: Upload,
    /// The window for our content: of no use, but the client may still break its rules.
    window: Window,
    ended: Ended,
}

/// The way in which a stream was closed on our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The answer is out.
    Answered,
    /// We have reset it: what was on its way means nothing, as far as there was a window for it.
    ResetByUs,
    /// The client has reset it: nothing more may come.
    ResetByClient,
}

/// Streams that are over for us, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct HalfClosed {
    list: VecDeque<HalfClosedStream>,
}

/// The reaction to a frame on a stream that is over for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LateFrame {
    Ignore,
    /// The client is asked to send no more (`NO_ERROR`, RFC 9113 §8.1).
    Stop,
    /// The stream is reset.
    Reset(Reason),
    /// More came than a stream that we have reset can have had a window for.
    Flood,
    /// The stream is not known, or no longer.
    Unknown,
}

/// Bytes of content that a client may send behind its answer before it is asked to stop: half of
/// what it has a window for, so that it hears of it before it has to wait.
const PATIENCE: u32 = 32 * 1024;

impl HalfClosed {
    /// The answer on a stream is out. Gives the streams that the client is to be told to end, if it
    /// has not: this one, if too much has come already, and one that has been answered for too
    /// long.
    pub(super) fn answered(&mut self, id: u32, upload: Upload, window: Window) -> [Option<u32>; 2] {
        let mut stream = HalfClosedStream { id, upload, window, ended: Ended::Answered };
        let stop = stream.verdict(Ok(())) == LateFrame::Stop;
        [stop.then_some(id), self.push(stream)]
    }

    /// We have reset a stream, on which so much had come if it was being worked on.
    pub(super) fn reset_by_us(&mut self, id: u32, upload: Option<Upload>) -> Option<u32> {
        if let Some(stream) = self.find(id) {
            stream.reset_by_us();
            return None;
        }
        let upload = upload.map_or_else(|| Upload::new(None, false), Upload::of_any_length);
        self.push(HalfClosedStream { id, upload, window: Window::INITIAL, ended: Ended::ResetByUs })
    }

    /// The client has reset a stream, on which so much had come if it was being worked on.
    pub(super) fn reset_by_client(&mut self, id: u32, upload: Option<Upload>) -> Option<u32> {
        if let Some(stream) = self.find(id) {
            stream.ended = Ended::ResetByClient;
            return None;
        }
        let upload = upload?;
        self.push(HalfClosedStream {
            id,
            upload,
            window: Window::INITIAL,
            ended: Ended::ResetByClient,
        })
    }

    /// Keeps a stream that the client has not ended; gives an older one that it has to end now.
    fn push(&mut self, stream: HalfClosedStream) -> Option<u32> {
        if !stream.upload.is_open() {
            return None;
        }
        let oldest = (self.list.len() >= STREAMS as usize).then(|| self.list.pop_front()).flatten();
        self.list.push_back(stream);
        oldest.filter(|oldest| oldest.ended == Ended::Answered).map(|oldest| oldest.id)
    }

    fn find(&mut self, id: u32) -> Option<&mut HalfClosedStream> {
        self.list.iter_mut().rev().find(|stream| stream.id == id)
    }

    fn remove(&mut self, id: u32) {
        self.list.retain(|stream| stream.id != id);
    }

    /// A DATA frame has come with a payload of `frame` bytes, `content` of which are no padding.
    pub(super) fn data(&mut self, id: u32, frame: usize, content: usize, ends: bool) -> LateFrame {
        let Some(stream) = self.find(id) else { return LateFrame::Unknown };
        let counted = match stream.ended {
            Ended::ResetByClient => Err(Reason::StreamClosed),
            _ => stream.upload.data(frame, content, ends),
        };
        let verdict = stream.verdict(counted);
        if verdict == LateFrame::Ignore && !stream.upload.is_open() {
            self.remove(id);
        }
        verdict
    }

    /// A second field block has come, which is `good` if it can be trailers.
    pub(super) fn trailers(&mut self, id: u32, good: bool) -> LateFrame {
        let Some(stream) = self.find(id) else { return LateFrame::Unknown };
        let ended = match stream.ended {
            Ended::ResetByClient => Err(Reason::StreamClosed),
            _ => stream.upload.trailers(good),
        };
        let verdict = stream.verdict(ended);
        if verdict == LateFrame::Ignore {
            self.remove(id);
        }
        verdict
    }

    /// The client opens the window of a stream by `increment`.
    pub(super) fn open_window(&mut self, id: u32, increment: u32) -> LateFrame {
        match self.find(id) {
            Some(stream) if stream.ended == Ended::Answered => {
                match stream.window.open(increment) {
                    _ if increment == 0 => LateFrame::Reset(Reason::ProtocolError),
                    Err(Overflow) => LateFrame::Reset(Reason::FlowControlError),
                    Ok(()) => LateFrame::Ignore,
                }
            }
            Some(_) => LateFrame::Ignore,
            None => LateFrame::Unknown,
        }
    }

    /// The client has changed the windows of all streams (RFC 9113 §6.9.2).
    pub(super) fn shift(&mut self, old: Window, new: Window) -> Result<(), Overflow> {
        self.list.iter_mut().try_for_each(|stream| stream.window.shift(old, new))
    }

    /// True if the stream is known to be over for us alone.
    pub(super) fn contains(&mut self, id: u32) -> bool {
        self.find(id).is_some()
    }
}

impl HalfClosedStream {
    fn reset_by_us(&mut self) {
        self.ended = Ended::ResetByUs;
        self.upload = self.upload.of_any_length();
    }

    fn verdict(&mut self, counted: Result<(), Reason>) -> LateFrame {
        match (self.ended, counted) {
            (Ended::Answered, Ok(()))
                if self.upload.taken() > PATIENCE && self.upload.is_open() =>
            {
                self.reset_by_us();
                LateFrame::Stop
            }
            (_, Ok(())) => LateFrame::Ignore,
            (Ended::ResetByUs, Err(Reason::FlowControlError)) => LateFrame::Flood,
            (_, Err(reason)) => LateFrame::Reset(reason),
        }
    }
}
