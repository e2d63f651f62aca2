//! Records that are not content: alerts, and messages of the handshake behind its end.

use std::io;
use std::ops::Range;

use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, HandshakeType, ProtocolVersion,
};

use super::{EncryptedStream, ReadState};
use crate::server::connection::tls::record_key::{CONTENT, RecordKey, SEALED};
use crate::server::connection::tls::violation::{Violation, unexpected};

/// Warnings of one connection, which change nothing (RFC 5246 §7.2.2; RFC 8446 §6.1: `user_canceled`).
pub(super) const WARNINGS: u8 = 4;

/// New keys of the client with nothing sent between them. Each costs more than it takes to ask.
pub(super) const KEY_UPDATES: u8 = 32;

/// Bytes of a `KeyUpdate`: a type, a length of three bytes and whether one is asked for in return
/// (RFC 8446 §4.6.3).
const KEY_UPDATE: usize = 5;

/// The levels of alerts (RFC 8446 §6).
pub(super) const WARNING: u8 = 1;
pub(super) const FATAL: u8 = 2;

impl<S> EncryptedStream<S> {
    /// Takes a record of the client, which has been opened.
    pub(super) fn take(
        &mut self,
        kind: ContentType,
        content: Range<usize>,
    ) -> Result<(), Violation> {
        let is_empty = content.is_empty();
        if kind != ContentType::Handshake && self.handshake.length > 0 {
            return Err(unexpected("a record within a message of the handshake"));
        }
        match kind {
            ContentType::ApplicationData => {
                self.received.content = content;
                if !is_empty {
                    self.key_updates = 0;
                }
                Ok(())
            }
            ContentType::Alert => self.alert(content),
            ContentType::Handshake if is_empty => Err(unexpected("an empty record")),
            ContentType::Handshake => self.handshake(content),
            _ => Err(unexpected("a record of a type that has no place here")),
        }
    }

    fn alert(&mut self, content: Range<usize>) -> Result<(), Violation> {
        let &[level, description] = &self.received.bytes[content] else {
            return Err(Violation::Sent(AlertDescription::DecodeError, "half an alert"));
        };
        match (level, AlertDescription::from(description)) {
            (_, AlertDescription::CloseNotify) => {
                self.reading = ReadState::Ended;
                Ok(())
            }
            // RFC 8446 §6: the level of all others is fatal, whatever it says.
            (WARNING, alert) if self.keys.is_none() || alert == AlertDescription::UserCanceled => {
                self.warn()
            }
            (_, alert) => Err(Violation::Told(alert)),
        }
    }

    fn warn(&mut self) -> Result<(), Violation> {
        self.warnings += 1;
        if self.warnings > WARNINGS { Err(unexpected("too many warnings")) } else { Ok(()) }
    }

    fn handshake(&mut self, content: Range<usize>) -> Result<(), Violation> {
        if self.keys.is_none() {
            return self.renegotiation(content);
        }
        for at in content.clone() {
            self.handshake.push(self.received.bytes[at])?;
            if self.handshake.length < KEY_UPDATE {
                continue;
            }
            if at + 1 != content.end {
                return Err(unexpected("something behind a new key in one record"));
            }
            let asked = self.handshake.take()?;
            self.key_updates += 1;
            if self.key_updates > KEY_UPDATES {
                return Err(unexpected("too many new keys"));
            }
            let next = self.keys.as_mut().map(|keys| keys.update_rx_secret());
            self.opening = next_key(next)?;
            // One answer is enough for all that ask before it is sent.
            if asked && !self.unsent.has_key_update && !self.is_closed {
                self.update_sealing()?;
            }
        }
        Ok(())
    }

    /// TLS 1.2: the client is told that there is no renegotiation (RFC 5246 §7.2.2).
    fn renegotiation(&mut self, content: Range<usize>) -> Result<(), Violation> {
        let first = HandshakeType::from(self.received.bytes[content.start]);
        if first != HandshakeType::ClientHello {
            return Err(unexpected("a message of a handshake that is over"));
        }
        self.warn()?;
        if !self.is_closed {
            self.queue(ContentType::Alert, &[WARNING, AlertDescription::NoRenegotiation.into()]);
        }
        Ok(())
    }

    /// Tells the client that another key follows, and takes it.
    pub(super) fn update_sealing(&mut self) -> Result<(), Violation> {
        self.queue(ContentType::Handshake, &[HandshakeType::KeyUpdate.into(), 0, 0, 1, 0]);
        self.unsent.has_key_update = true;
        let next = self.keys.as_mut().map(|keys| keys.update_tx_secret());
        self.sealing = next_key(next)?;
        Ok(())
    }

    /// Seals a short message behind what is not sent yet.
    fn queue(&mut self, kind: ContentType, message: &[u8]) {
        let at = self.unsent.bytes.len();
        self.unsent.bytes.resize(at + SEALED - CONTENT + message.len(), 0);
        let length = self.sealing.seal(kind, message, &mut self.unsent.bytes[at..]);
        self.unsent.bytes.truncate(at + length);
    }

    /// Says that nothing follows (RFC 8446 §6.1).
    pub(super) fn queue_close_notify(&mut self) {
        self.queue(ContentType::Alert, &[WARNING, AlertDescription::CloseNotify.into()]);
    }

    /// Ends the reading by an error.
    pub(super) fn fail(&mut self, violation: Violation) -> io::Error {
        self.reading = ReadState::Failed(violation);
        if let Violation::Sent(alert, _) = violation
            && !self.is_closed
        {
            self.queue(ContentType::Alert, &[FATAL, alert.into()]);
        }
        self.is_closed = true;
        violation.into()
    }
}

/// A message of the handshake that has not come whole: the only one that may come is a
/// `KeyUpdate`.
#[derive(Debug, Default)]
pub(super) struct PartialMessage {
    bytes: [u8; KEY_UPDATE],
    length: usize,
}

impl PartialMessage {
    fn push(&mut self, byte: u8) -> Result<(), Violation> {
        if self.length == 0 && HandshakeType::from(byte) != HandshakeType::KeyUpdate {
            return Err(unexpected("a message of a handshake that is over"));
        }
        self.bytes[self.length] = byte;
        self.length += 1;
        Ok(())
    }

    /// True if the message asks for a new key in return.
    fn take(&mut self) -> Result<bool, Violation> {
        self.length = 0;
        match self.bytes {
            [_, 0, 0, 1, 0] => Ok(false),
            [_, 0, 0, 1, 1] => Ok(true),
            [_, 0, 0, 1, _] => {
                let what = "an unknown request for a key";
                Err(Violation::Sent(AlertDescription::IllegalParameter, what))
            }
            _ => Err(Violation::Sent(AlertDescription::DecodeError, "a KeyUpdate of wrong length")),
        }
    }
}

fn next_key(
    secrets: Option<Result<(u64, ConnectionTrafficSecrets), rustls::Error>>,
) -> Result<RecordKey, Violation> {
    let failed = Violation::Sent(AlertDescription::InternalError, "what no key could be made for");
    let secrets = secrets.ok_or(failed)?.map_err(|_| failed)?;
    RecordKey::new(ProtocolVersion::TLSv1_3, secrets).map_err(|_| failed)
}
