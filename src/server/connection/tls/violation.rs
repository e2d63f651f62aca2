//! Reasons to end a TLS connection before its time.

use std::fmt;
use std::io;

use rustls::AlertDescription;

/// Something that a client may not send, or its alert that it has seen such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// The client may not send this; it is told by the alert (RFC 8446 §6.2).
    Sent(AlertDescription, &'static str),
    /// The client has given up the connection, and is told nothing.
    Told(AlertDescription),
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(_, what) => write!(formatter, "the client sent {what}"),
            Self::Told(alert) => write!(formatter, "the client ended the connection: {alert:?}"),
        }
    }
}

impl std::error::Error for Violation {}

impl From<Violation> for io::Error {
    fn from(violation: Violation) -> Self {
        Self::new(io::ErrorKind::InvalidData, violation)
    }
}

/// A record or a message that has no place where it comes.
pub(super) fn unexpected(what: &'static str) -> Violation {
    Violation::Sent(AlertDescription::UnexpectedMessage, what)
}
