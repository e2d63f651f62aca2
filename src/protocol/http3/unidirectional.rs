//! The client's unidirectional streams (RFC 9114 §6.2): each says first of which type it is.

use super::control_stream::ControlStream;
use super::error_code::{ErrorCode, Fault};
use super::varint::PartialInteger;
use crate::field_compression::qpack::{DecoderStream, check_encoder_stream};
use crate::protocol::budget::Budgets;
use crate::protocol::limits::UNIDIRECTIONAL_STREAMS;
use crate::protocol::priority::Priority;

/// The types of streams (RFC 9114 §6.2, RFC 9204 §4.2).
pub(super) mod stream_type {
    pub(in super::super) const CONTROL: u64 = 0x0;
    pub(in super::super) const PUSH: u64 = 0x1;
    pub(in super::super) const QPACK_ENCODER: u64 = 0x2;
    pub(in super::super) const QPACK_DECODER: u64 = 0x3;
}

/// The unidirectional streams that a client has opened.
#[derive(Debug, Default)]
pub struct UnidirectionalStreams {
    control: Option<(u64, ControlStream)>,
    encoder: Option<u64>,
    decoder: Option<(u64, DecoderStream)>,
    /// Those whose type has not come whole.
    untyped: Vec<(u64, PartialInteger)>,
}

/// The treatment of what a client sends next on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// It is read further.
    Read,
    /// It is of a type that is not known: the client is asked to send no more on it, and nothing of
    /// it is read (RFC 9114 §6.2).
    Stop(ErrorCode),
}

impl UnidirectionalStreams {
    /// Acts upon the next bytes of a stream; hands each new priority of a request to `update`.
    ///
    /// # Errors
    /// When the client breaks the protocol, or more comes than is borne: the connection ends.
    pub fn receive(
        &mut self,
        id: u64,
        mut bytes: &[u8],
        budgets: &mut Budgets,
        update: impl FnMut(u64, Priority),
    ) -> Result<Continuation, Fault> {
        if !self.is_critical(id) {
            let Some(kind) = self.identify(id, &mut bytes)? else { return Ok(Continuation::Read) };
            if !self.open(id, kind)? {
                spend(budgets, 1)?;
                return Ok(Continuation::Stop(ErrorCode::StreamCreationError));
            }
        }
        if let Some((_, control)) = self.control.as_mut().filter(|(control, _)| *control == id) {
            control.receive(bytes, budgets, update)?;
        } else if let Some((_, decoder)) = self.decoder.as_mut().filter(|(known, _)| *known == id) {
            let checked = decoder.check(bytes).map_err(|_| {
                let what = "an acknowledgement of what was never sent";
                Fault::Connection(ErrorCode::QpackDecoderStreamError, what)
            });
            spend(budgets, checked?)?;
        } else {
            let checked = check_encoder_stream(bytes).map_err(|_| {
                let what = "an insertion where there is no room";
                Fault::Connection(ErrorCode::QpackEncoderStreamError, what)
            });
            spend(budgets, checked?)?;
        }
        Ok(Continuation::Read)
    }

    /// A stream has ended, or the client has reset it.
    ///
    /// # Errors
    /// When the connection cannot do without it (RFC 9114 §6.2.1, RFC 9204 §4.2).
    pub fn end(&mut self, id: u64) -> Result<(), Fault> {
        // RFC 9114 §6.2: before its type a stream may end.
        self.untyped.retain(|(untyped, _)| *untyped != id);
        if !self.is_critical(id) {
            return Ok(());
        }
        let what = "the end of a stream that there must be";
        Err(Fault::Connection(ErrorCode::ClosedCriticalStream, what))
    }

    /// True if the stream is one of those without which a connection cannot be.
    fn is_critical(&self, id: u64) -> bool {
        let control = self.control.as_ref().map(|(control, _)| *control);
        let decoder = self.decoder.as_ref().map(|(decoder, _)| *decoder);
        [control, self.encoder, decoder].contains(&Some(id))
    }

    /// The type of a stream, if it has come whole.
    fn identify(&mut self, id: u64, bytes: &mut &[u8]) -> Result<Option<u64>, Fault> {
        let place = self.untyped.iter().position(|(untyped, _)| *untyped == id);
        let mut partial =
            place.map_or_else(PartialInteger::default, |place| self.untyped.swap_remove(place).1);
        let kind = partial.take(bytes);
        if kind.is_none() {
            if self.untyped.len() >= UNIDIRECTIONAL_STREAMS as usize {
                return Err(Fault::flood("streams that say nothing"));
            }
            self.untyped.push((id, partial));
        }
        Ok(kind)
    }

    /// Opens a stream of this type; `false` if it is not known.
    fn open(&mut self, id: u64, kind: u64) -> Result<bool, Fault> {
        let is_second = match kind {
            stream_type::CONTROL => self.control.replace((id, ControlStream::default())).is_some(),
            stream_type::QPACK_ENCODER => self.encoder.replace(id).is_some(),
            stream_type::QPACK_DECODER => {
                self.decoder.replace((id, DecoderStream::default())).is_some()
            }
            stream_type::PUSH => return Err(not_creatable("a client pushes nothing")),
            _ => return Ok(false),
        };
        if is_second { Err(not_creatable("a second stream of its type")) } else { Ok(true) }
    }
}

fn not_creatable(what: &'static str) -> Fault {
    Fault::Connection(ErrorCode::StreamCreationError, what)
}

/// Takes instructions that ask for nothing off the budget.
fn spend(budgets: &mut Budgets, count: usize) -> Result<(), Fault> {
    let enough = (0..count).all(|_| budgets.take_control());
    if enough { Ok(()) } else { Err(Fault::flood("instructions that ask for nothing")) }
}
