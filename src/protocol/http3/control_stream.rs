//! The client's control stream (RFC 9114 §6.2.1): settings first, then frames that ask for nothing,
//! each of which costs it a little of its budget.

use super::error_code::{ErrorCode, Fault};
use super::frames::{self, FrameHead, FrameReader, Treatment, kind};
use super::request_stream::is_request_stream;
use super::{settings, varint};
use crate::protocol::budget::Budgets;
use crate::protocol::limits::CONTROL_FRAME_BYTES;
use crate::protocol::priority::Priority;

/// A control stream, in whichever pieces it comes.
#[derive(Debug, Default)]
pub(super) struct ControlStream {
    frames: FrameReader,
    settled: bool,
    /// The pushes that the client allows, and the last that it names as it goes: there are none, but
    /// it may break the rules of both.
    max_push: u64,
    goaway: Option<u64>,
}

impl ControlStream {
    /// Acts upon what has come; hands each new priority of a request to `update`.
    pub(super) fn receive(
        &mut self,
        mut bytes: &[u8],
        budgets: &mut Budgets,
        mut update: impl FnMut(u64, Priority),
    ) -> Result<(), Fault> {
        loop {
            let settled = self.settled;
            let next = self.frames.next(&mut bytes, |head| judge(head, settled, budgets))?;
            let Some((kind, payload)) = next else { return Ok(()) };
            match kind {
                kind::SETTINGS => {
                    settings::check(&payload)?;
                    self.settled = true;
                }
                kind::GOAWAY => self.goaway(frames::integer(&payload)?)?,
                kind::MAX_PUSH_ID => self.max_push(frames::integer(&payload)?)?,
                kind::CANCEL_PUSH => {
                    frames::integer(&payload)?;
                    return Err(Fault::id("CANCEL_PUSH of what was never promised"));
                }
                _ => priority_update(kind, &payload, &mut update)?,
            }
        }
    }

    /// The client goes, and says of which push it takes no more (RFC 9114 §5.2).
    fn goaway(&mut self, push: u64) -> Result<(), Fault> {
        if self.goaway.replace(push).is_some_and(|before| push > before) {
            return Err(Fault::id("GOAWAY of more than the one before"));
        }
        Ok(())
    }

    fn max_push(&mut self, push: u64) -> Result<(), Fault> {
        if push < self.max_push {
            return Err(Fault::id("MAX_PUSH_ID of less than the one before"));
        }
        self.max_push = push;
        Ok(())
    }
}

/// Says how a frame of this stream is treated, if it may be on it.
fn judge(head: FrameHead, settled: bool, budgets: &mut Budgets) -> Result<Treatment, Fault> {
    if !settled && head.kind != kind::SETTINGS {
        let what = "the first frame is not SETTINGS";
        return Err(Fault::Connection(ErrorCode::MissingSettings, what));
    }
    if !budgets.take_control() {
        return Err(Fault::flood("frames that ask for nothing"));
    }
    match head.kind {
        kind::SETTINGS if settled => Err(Fault::unexpected("SETTINGS for a second time")),
        kind::SETTINGS
        | kind::GOAWAY
        | kind::MAX_PUSH_ID
        | kind::CANCEL_PUSH
        | kind::PRIORITY_UPDATE
        | kind::PRIORITY_UPDATE_OF_PUSH => head.gathered(CONTROL_FRAME_BYTES),
        kind::DATA | kind::HEADERS | kind::PUSH_PROMISE => {
            Err(Fault::unexpected("a frame of requests on the control stream"))
        }
        kind if kind::OF_HTTP2.contains(&kind) => Err(Fault::unexpected("a frame of HTTP/2")),
        // RFC 9114 §9: what is not known says nothing.
        _ => Ok(Treatment::Drop),
    }
}

/// RFC 9218 §7.2. Of a stream that is not open yet nothing is kept: its request says it too.
fn priority_update(
    kind: u64,
    payload: &[u8],
    update: &mut impl FnMut(u64, Priority),
) -> Result<(), Fault> {
    let (id, field) = varint::split(payload).ok_or(Fault::frame("PRIORITY_UPDATE of no stream"))?;
    if kind == kind::PRIORITY_UPDATE_OF_PUSH {
        return Err(Fault::id("PRIORITY_UPDATE of what was never promised"));
    }
    if !is_request_stream(id) {
        return Err(Fault::id("PRIORITY_UPDATE of a stream that is no request"));
    }
    update(id, Priority::parse(field));
    Ok(())
}
