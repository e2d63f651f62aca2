//! Frames from the client: each is checked and acted upon (RFC 9113 §6).

use std::task::Context;

use http::Version;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::limits::{BLOCK_BYTES, CONTINUATIONS, CONTROL_BYTES, STREAMS};
use super::error::FrameError;
use super::frame::{FrameHeader, Reason, dependency, flag, kind};
use super::half_closed::LateFrame;
use super::upload::Upload;
use super::{Closing, Connection, Handler};
use crate::protocol::partial_head::PartialHead;
use crate::service::Refusal;

/// A field block that has not come whole.
#[derive(Debug)]
pub(super) struct PartialBlock {
    begun: HeadersFrame,
    bytes: Vec<u8>,
    continuations: u32,
}

impl PartialBlock {
    /// Bytes that have come.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The HEADERS frame that a field block begins with.
#[derive(Clone, Copy, Debug)]
struct HeadersFrame {
    stream: u32,
    ends: bool,
    /// The stream is said to depend on itself, which is an error (RFC 7540 §5.3.1).
    depends_on_itself: bool,
}

/// Bytes of content dropped before the client is told that it may send as many again: half of the
/// window that it has, so that it need not wait.
const CREDIT: u32 = 32 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    /// Acts upon a frame.
    pub(super) fn frame(
        &mut self,
        head: FrameHeader,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), FrameError> {
        if let Some(block) = &self.block
            && (head.kind, head.stream) != (kind::CONTINUATION, block.begun.stream)
        {
            return Err(FrameError::protocol("a field block was interrupted"));
        }
        if !self.settled && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
            return Err(FrameError::protocol("the first frame is not SETTINGS"));
        }
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => self.headers(head, payload, context),
            kind::CONTINUATION => self.continuation(head, payload, context),
            kind::RST_STREAM => self.client_reset(head, payload),
            kind::PUSH_PROMISE => Err(FrameError::protocol("a client pushes nothing")),
            _ => self.control_frame(head, payload),
        }
    }

    /// Content is dropped, and the room that it took given back to the connection. A stream gets
    /// none back: what fits its window may come, and then the answer should have.
    fn data(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        let id = head.stream;
        self.check_opened(id)?;
        let content = padded(head, payload)?;
        let ends = head.has(flag::END_STREAM);
        if content.len() < CONTROL_BYTES && !ends {
            self.spend()?;
        }
        self.dropped += u32::try_from(payload.len()).expect("a frame is at most 16 KiB");
        if self.dropped >= CREDIT {
            let credit = std::mem::take(&mut self.dropped).to_be_bytes();
            self.output.control(kind::WINDOW_UPDATE, 0, 0, &credit);
        }
        if let Some(stream) = self.streams.find(id) {
            let counted = stream.upload.data(payload.len(), content.len(), ends);
            return counted.map_err(|reason| FrameError::Stream(id, reason));
        }
        let verdict = self.half_closed.data(id, payload.len(), content.len(), ends);
        self.obey(id, verdict)
    }

    /// Acts upon what a frame means on a stream that is over for us.
    fn obey(&mut self, id: u32, verdict: LateFrame) -> Result<(), FrameError> {
        match verdict {
            LateFrame::Ignore => Ok(()),
            LateFrame::Stop => {
                self.output.reset(id, Reason::NoError);
                Ok(())
            }
            LateFrame::Reset(reason) => Err(FrameError::Stream(id, reason)),
            LateFrame::Flood => Err(FrameError::Connection(
                Reason::FlowControlError,
                "content beyond the window of a stream that was reset",
            )),
            // RFC 9113 §6.8: the client has been told that such a stream is not looked at.
            LateFrame::Unknown if id > self.last => self.spend(),
            LateFrame::Unknown => Err(FrameError::Stream(id, Reason::StreamClosed)),
        }
    }

    fn headers(
        &mut self,
        head: FrameHeader,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), FrameError> {
        if head.stream.is_multiple_of(2) {
            return Err(FrameError::protocol("a request on a stream that no client opens"));
        }
        let mut begun = HeadersFrame {
            stream: head.stream,
            ends: head.has(flag::END_STREAM),
            depends_on_itself: false,
        };
        let mut block = padded(head, payload)?;
        if head.has(flag::PRIORITY) {
            let (priority, rest) = block
                .split_first_chunk()
                .ok_or(FrameError::size("HEADERS without its priority"))?;
            begun.depends_on_itself = dependency(*priority) == head.stream;
            block = rest;
        }
        if head.has(flag::END_HEADERS) {
            return self.fields(begun, block, context);
        }
        self.block =
            Some(Box::new(PartialBlock { begun, bytes: block.to_vec(), continuations: 0 }));
        Ok(())
    }

    fn continuation(
        &mut self,
        head: FrameHeader,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), FrameError> {
        let Some(mut block) = self.block.take() else {
            return Err(FrameError::protocol("CONTINUATION of nothing"));
        };
        block.continuations += 1;
        if block.continuations > CONTINUATIONS || block.bytes.len() + payload.len() > BLOCK_BYTES {
            return Err(FrameError::flood("a field block without end"));
        }
        block.bytes.extend_from_slice(payload);
        if head.has(flag::END_HEADERS) {
            return self.fields(block.begun, &block.bytes, context);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A field block has come whole: a request, or the trailers of one. It is decoded in any case,
    /// so that the tables stay in step.
    fn fields(
        &mut self,
        begun: HeadersFrame,
        block: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), FrameError> {
        let HeadersFrame { stream: id, ends, depends_on_itself } = begun;
        let mut draft = PartialHead::default();
        self.decoder.decode(block, |field| draft.add(field))?;
        if id <= self.last {
            return self.trailers(id, ends && !depends_on_itself && draft.is_trailers());
        }
        if self.closing == Closing::Final {
            // RFC 9113 §6.8: the client has been told that it is not looked at.
            return self.spend();
        }
        self.last = id;
        if self.streams.len() >= STREAMS as usize || !self.handler.may_ask() {
            self.spend()?;
            self.reset(id, Reason::RefusedStream, Some(Upload::new(None, ends)));
            return Ok(());
        }
        self.budgets.give_request();
        if depends_on_itself {
            return Err(FrameError::Stream(id, Reason::ProtocolError));
        }
        let priority = draft.priority();
        let wants_content = !draft.is_head();
        match draft.finish(Version::HTTP_2, ends) {
            Ok((head, promised)) => {
                self.request(id, head, Upload::new(promised, ends), priority, context);
            }
            // A byte can stand for a field of 4 KiB that was sent once.
            Err(Refusal::HeadTooLarge) if !self.budgets.take_local_reset() => {
                return Err(FrameError::flood("heads that are too large"));
            }
            Err(refusal @ Refusal::HeadTooLarge) => {
                self.refuse_head(id, refusal, wants_content, Upload::new(None, ends));
            }
            Err(_) => return Err(FrameError::Stream(id, Reason::ProtocolError)),
        }
        Ok(())
    }

    /// A second field block on a stream ends its request if it is `good` for that: trailers, and
    /// the last frame (RFC 9113 §8.1).
    fn trailers(&mut self, id: u32, good: bool) -> Result<(), FrameError> {
        if let Some(stream) = self.streams.find(id) {
            return stream.upload.trailers(good).map_err(|reason| FrameError::Stream(id, reason));
        }
        match self.half_closed.trailers(id, good) {
            LateFrame::Unknown if id == self.last => {
                Err(FrameError::Connection(Reason::StreamClosed, "HEADERS on a closed stream"))
            }
            LateFrame::Unknown => Err(FrameError::protocol("a new stream below an older one")),
            verdict => self.obey(id, verdict),
        }
    }

    fn client_reset(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        if payload.len() != 4 {
            return Err(FrameError::size("RST_STREAM is not four bytes"));
        }
        let id = head.stream;
        self.check_opened(id)?;
        let upload = self.streams.remove(id).map(|stream| stream.upload);
        let unended = self.half_closed.reset_by_client(id, upload);
        self.stop_upload(unended);
        if self.budgets.take_client_reset() {
            Ok(())
        } else {
            Err(FrameError::flood("streams reset as fast as opened"))
        }
    }

    /// Refuses a frame on a stream that is idle, or is the connection (RFC 9113 §5.1).
    pub(super) fn check_opened(&self, id: u32) -> Result<(), FrameError> {
        let idle = id > self.last && self.closing != Closing::Final;
        if id.is_multiple_of(2) || idle {
            return Err(FrameError::protocol("a frame on a stream that was never opened"));
        }
        Ok(())
    }

    /// Takes a frame that asks for nothing off the budget.
    pub(super) fn spend(&mut self) -> Result<(), FrameError> {
        if self.budgets.take_control() {
            Ok(())
        } else {
            Err(FrameError::flood("frames that ask for nothing"))
        }
    }
}

/// The payload without its padding (RFC 9113 §6.1).
fn padded(head: FrameHeader, payload: &[u8]) -> Result<&[u8], FrameError> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(FrameError::size("no room for padding"))?;
    let length = rest.len().checked_sub(usize::from(*padding));
    length.map(|length| &rest[..length]).ok_or(FrameError::protocol("more padding than payload"))
}
