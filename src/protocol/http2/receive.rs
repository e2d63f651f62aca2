//! What the client sends: each frame checked and acted upon (RFC 9113 §6).

use std::task::Context;

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::limits::{
    BLOCK_BYTES, CLIENT_RESET, CONTINUATIONS, CONTROL_BYTES, CONTROL_PER_REQUEST, STREAMS,
};
use super::error::Fault;
use super::frame::{Head, Reason, flag, kind};
use super::head::{Draft, Refusal};
use super::streams::Request;
use super::window::Window;
use super::{Answers, Closing, Connection};

/// A field block that has not come whole.
#[derive(Debug)]
pub(super) struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
    continuations: u32,
}

/// Bytes of content dropped before the client is told that it may send as many again: half of the
/// window that it has, so that it need not wait.
const CREDIT: u32 = 32 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin, A: Answers> Connection<S, A> {
    /// Acts upon a frame.
    pub(super) fn frame(
        &mut self,
        head: Head,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        if let Some(block) = &self.block
            && (head.kind, head.stream) != (kind::CONTINUATION, block.stream)
        {
            return Err(Fault::protocol("a field block was interrupted"));
        }
        if !self.settled && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
            return Err(Fault::protocol("the first frame is not SETTINGS"));
        }
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => self.headers(head, payload, context),
            kind::CONTINUATION => self.continuation(head, payload, context),
            kind::RST_STREAM => self.client_reset(head, payload),
            kind::PUSH_PROMISE => Err(Fault::protocol("a client pushes nothing")),
            _ => self.control_frame(head, payload),
        }
    }

    /// Content is dropped, and the room that it took given back to the connection. A stream gets
    /// none back: what fits its window may come, and then the answer should have.
    fn data(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
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
        match self.streams.find(id).map(|stream| &mut stream.request) {
            Some(Request::Open(received)) => {
                *received += payload.len();
                if *received > Window::INITIAL.room() {
                    return Err(Fault::Stream(id, Reason::FlowControlError));
                }
            }
            None if self.recent.contains(&id) => return Ok(()),
            Some(Request::Ended) | None => return Err(Fault::Stream(id, Reason::StreamClosed)),
        }
        if ends && let Some(stream) = self.streams.find(id) {
            stream.request = Request::Ended;
        }
        Ok(())
    }

    fn headers(
        &mut self,
        head: Head,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let id = head.stream;
        if id.is_multiple_of(2) {
            return Err(Fault::protocol("a request on a stream that no client opens"));
        }
        let mut block = padded(head, payload)?;
        if head.has(flag::PRIORITY) {
            // RFC 9113 §5.3.2: a way to prioritize that has been given up.
            const PRIORITY: usize = 5;
            block = block.get(PRIORITY..).ok_or(Fault::size("HEADERS without its priority"))?;
        }
        let ends = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.fields(id, ends, block, context);
        }
        let bytes = block.to_vec();
        self.block = Some(Box::new(Block { stream: id, ends, bytes, continuations: 0 }));
        Ok(())
    }

    fn continuation(
        &mut self,
        head: Head,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(mut block) = self.block.take() else {
            return Err(Fault::protocol("CONTINUATION of nothing"));
        };
        block.continuations += 1;
        if block.continuations > CONTINUATIONS || block.bytes.len() + payload.len() > BLOCK_BYTES {
            return Err(Fault::flood("a field block without end"));
        }
        block.bytes.extend_from_slice(payload);
        if head.has(flag::END_HEADERS) {
            return self.fields(block.stream, block.ends, &block.bytes, context);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A field block has come whole: a request, or the trailers of one. It is decoded in any case,
    /// so that the tables stay in step.
    fn fields(
        &mut self,
        id: u32,
        ends: bool,
        block: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let mut draft = Draft::default();
        self.decoder.decode(block, |field| draft.add(field))?;
        if id <= self.last {
            return self.trailers(id, ends && draft.is_trailers());
        }
        if self.closing == Closing::Final {
            // RFC 9113 §6.8: the client has been told that it is not looked at.
            return Ok(());
        }
        self.last = id;
        let request = if ends { Request::Ended } else { Request::Open(0) };
        if self.streams.len() >= STREAMS as usize || !self.answers.may_ask() {
            self.spend()?;
            self.output.reset(id, Reason::RefusedStream);
            self.remember(id);
            return Ok(());
        }
        self.control.give(CONTROL_PER_REQUEST);
        self.client_resets.give(1);
        let priority = draft.priority();
        match draft.finish(ends) {
            Ok(head) => self.request(id, head, request, priority, context),
            // A byte can stand for a field of 4 KiB that was sent once.
            Err(Refusal::TooLarge) if !self.local_resets.take(1) => {
                return Err(Fault::flood("heads that are too large"));
            }
            Err(Refusal::TooLarge) => self.refuse_head(id, request),
            Err(Refusal::Malformed) => return Err(Fault::Stream(id, Reason::ProtocolError)),
        }
        Ok(())
    }

    /// A second field block on a stream ends its request (RFC 9113 §8.1).
    fn trailers(&mut self, id: u32, well_formed: bool) -> Result<(), Fault> {
        match self.streams.find(id).map(|stream| &mut stream.request) {
            Some(request @ Request::Open(_)) if well_formed => {
                *request = Request::Ended;
                Ok(())
            }
            Some(Request::Open(_)) => Err(Fault::Stream(id, Reason::ProtocolError)),
            Some(Request::Ended) => Err(Fault::Stream(id, Reason::StreamClosed)),
            None if self.recent.contains(&id) => Ok(()),
            None if id == self.last => {
                Err(Fault::Connection(Reason::StreamClosed, "HEADERS on a closed stream"))
            }
            None => Err(Fault::protocol("a new stream below an older one")),
        }
    }

    fn client_reset(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(Fault::size("RST_STREAM is not four bytes"));
        }
        self.check_opened(head.stream)?;
        self.streams.remove(head.stream);
        if self.client_resets.take(CLIENT_RESET) {
            Ok(())
        } else {
            Err(Fault::flood("streams reset as fast as opened"))
        }
    }

    /// Refuses a frame on a stream that is idle, or is the connection (RFC 9113 §5.1).
    pub(super) fn check_opened(&self, id: u32) -> Result<(), Fault> {
        if id.is_multiple_of(2) || id > self.last {
            return Err(Fault::protocol("a frame on a stream that was never opened"));
        }
        Ok(())
    }

    /// Takes a frame that asks for nothing off the budget.
    pub(super) fn spend(&mut self) -> Result<(), Fault> {
        if self.control.take(1) { Ok(()) } else { Err(Fault::flood("frames that ask for nothing")) }
    }
}

/// What a payload holds beside its padding (RFC 9113 §6.1).
fn padded(head: Head, payload: &[u8]) -> Result<&[u8], Fault> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(Fault::size("no room for padding"))?;
    let length = rest.len().checked_sub(usize::from(*padding));
    length.map(|length| &rest[..length]).ok_or(Fault::protocol("more padding than payload"))
}
