//! Frames that ask for nothing, but say how things stand: each costs the client a little of its
//! budget.

use std::ops::RangeInclusive;

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::limits::{HEAD_BYTES, STREAMS};
use super::error::FrameError;
use super::frame::{FrameHeader, LAST_STREAM, Reason, dependency, flag, kind};
use super::half_closed::LateFrame;
use super::window::Window;
use super::{Closing, Connection, Handler};
use crate::protocol::priority::Priority;

/// The parameters of SETTINGS that mean something here (RFC 9113 §6.5.2).
mod setting {
    pub(super) const HEADER_TABLE_SIZE: u16 = 0x1;
    pub(super) const ENABLE_PUSH: u16 = 0x2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 0x4;
    pub(super) const MAX_FRAME_SIZE: u16 = 0x5;
    pub(super) const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Extended CONNECT (RFC 8441 §3).
    pub(super) const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
    /// Priorities only as in RFC 9218 (§2.1 there).
    pub(super) const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// The sizes that frames may be allowed to have (RFC 9113 §6.5.2).
const FRAME_SIZES: RangeInclusive<u32> = 1 << 14..=(1 << 24) - 1;

/// The ping whose answer says that the client knows of the coming end.
const FAREWELL: &[u8; 8] = b"farewell";

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    /// Queues our side of the preface (RFC 9113 §3.4).
    pub(super) fn greet(&mut self) {
        let list = u32::try_from(HEAD_BYTES).expect("a small number");
        let settings = [
            (setting::MAX_CONCURRENT_STREAMS, STREAMS),
            (setting::MAX_HEADER_LIST_SIZE, list),
            (setting::NO_RFC7540_PRIORITIES, 1),
        ];
        let mut payload = Vec::with_capacity(6 * settings.len());
        for (parameter, value) in settings {
            payload.extend_from_slice(&parameter.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.output.control(kind::SETTINGS, 0, 0, &payload);
    }

    /// Queues a GOAWAY: no stream above `last` is looked at, for this reason (RFC 9113 §6.8).
    pub(super) fn go_away(&mut self, last: u32, reason: Reason) {
        let payload = [last.to_be_bytes(), reason.to_bytes()].concat();
        self.output.control(kind::GOAWAY, 0, 0, &payload);
    }

    /// Announces the end of the connection. What the client has sent until it knows is still
    /// answered: it knows once it has answered the ping (RFC 9113 §6.8).
    pub(super) fn say_farewell(&mut self) {
        if self.closing == Closing::No {
            self.closing = Closing::Announced;
            self.go_away(LAST_STREAM, Reason::NoError);
            self.output.control(kind::PING, 0, 0, FAREWELL);
        }
    }

    /// Acts upon one of these frames. Those whose type is not known say nothing (RFC 9113 §5.5).
    pub(super) fn control_frame(
        &mut self,
        head: FrameHeader,
        payload: &[u8],
    ) -> Result<(), FrameError> {
        self.spend()?;
        match head.kind {
            kind::SETTINGS => self.settings(head, payload),
            kind::PING => self.ping(head, payload),
            kind::WINDOW_UPDATE => self.window_update(head, payload),
            kind::PRIORITY => self.priority(head, payload),
            kind::PRIORITY_UPDATE => self.priority_update(head, payload),
            kind::GOAWAY if head.stream != 0 => Err(FrameError::protocol("GOAWAY on a stream")),
            kind::GOAWAY if payload.len() < 8 => {
                Err(FrameError::size("GOAWAY is less than 8 bytes"))
            }
            // The client opens no more streams, or says with it that it knows of the end.
            _ => Ok(()),
        }
    }

    fn settings(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        if head.stream != 0 {
            return Err(FrameError::protocol("SETTINGS on a stream"));
        }
        if head.has(flag::ACK) {
            return if payload.is_empty() {
                Ok(())
            } else {
                Err(FrameError::size("an acknowledgement with content"))
            };
        }
        let (parameters, []) = payload.as_chunks::<6>() else {
            return Err(FrameError::size("SETTINGS that are cut off"));
        };
        let mut initial = self.initial;
        for &[p0, p1, v0, v1, v2, v3] in parameters {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([p0, p1]) {
                setting::HEADER_TABLE_SIZE => self.output.limit_table(value),
                setting::ENABLE_PUSH
                | setting::ENABLE_CONNECT_PROTOCOL
                | setting::NO_RFC7540_PRIORITIES
                    if value > 1 =>
                {
                    return Err(FrameError::protocol("a setting that is neither 0 nor 1"));
                }
                setting::INITIAL_WINDOW_SIZE => initial = Window::new(value)?,
                setting::MAX_FRAME_SIZE if !FRAME_SIZES.contains(&value) => {
                    return Err(FrameError::protocol("frames of an impossible size"));
                }
                // The size of frames that are never so large, and what is not known.
                _ => {}
            }
        }
        self.streams.shift(self.initial, initial)?;
        self.half_closed.shift(self.initial, initial)?;
        self.initial = initial;
        self.settled = true;
        self.output.control(kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(())
    }

    fn ping(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        if head.stream != 0 {
            return Err(FrameError::protocol("PING on a stream"));
        }
        if payload.len() != 8 {
            return Err(FrameError::size("PING is not eight bytes"));
        }
        if !head.has(flag::ACK) {
            self.output.control(kind::PING, flag::ACK, 0, payload);
        } else if self.closing == Closing::Announced && payload == FAREWELL {
            self.closing = Closing::Final;
            self.go_away(self.last, Reason::NoError);
        }
        Ok(())
    }

    fn window_update(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        let Ok(increment) = <[u8; 4]>::try_from(payload) else {
            return Err(FrameError::size("WINDOW_UPDATE is not four bytes"));
        };
        let increment = u32::from_be_bytes(increment) & LAST_STREAM;
        if head.stream == 0 {
            if increment == 0 {
                return Err(FrameError::protocol("a window opened by nothing"));
            }
            return Ok(self.window.open(increment)?);
        }
        self.check_opened(head.stream)?;
        let Some(stream) = self.streams.find(head.stream) else {
            return match self.half_closed.open_window(head.stream, increment) {
                LateFrame::Reset(reason) => Err(FrameError::Stream(head.stream, reason)),
                _ => Ok(()),
            };
        };
        if increment == 0 {
            return Err(FrameError::Stream(head.stream, Reason::ProtocolError));
        }
        let opened = stream.window.open(increment);
        opened.map_err(|_| FrameError::Stream(head.stream, Reason::FlowControlError))
    }

    /// Nothing is done about this way to prioritize (RFC 9113 §5.3.2) but to say what is wrong.
    fn priority(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        if head.stream == 0 {
            return Err(FrameError::protocol("PRIORITY of no stream"));
        }
        let Ok(priority) = <[u8; 5]>::try_from(payload) else {
            return Err(FrameError::size("PRIORITY is not five bytes"));
        };
        let id = head.stream;
        if dependency(priority) != id {
            return Ok(());
        }
        // A stream that is idle or closed cannot be reset.
        if self.streams.find(id).is_some() || self.half_closed.contains(id) {
            return Err(FrameError::Stream(id, Reason::ProtocolError));
        }
        Err(FrameError::protocol("a stream that depends on itself"))
    }

    /// RFC 9218 §7.1. Of a stream that is not open yet nothing is kept: its request says it too.
    fn priority_update(&mut self, head: FrameHeader, payload: &[u8]) -> Result<(), FrameError> {
        if head.stream != 0 {
            return Err(FrameError::protocol("PRIORITY_UPDATE on a stream"));
        }
        let Some((id, field)) = payload.split_first_chunk::<4>() else {
            return Err(FrameError::size("PRIORITY_UPDATE of no stream"));
        };
        let id = u32::from_be_bytes(*id) & LAST_STREAM;
        if id.is_multiple_of(2) {
            return Err(FrameError::protocol("PRIORITY_UPDATE of a stream that no client opens"));
        }
        if let Some(stream) = self.streams.find(id) {
            stream.priority = Priority::parse(field);
        }
        Ok(())
    }
}
