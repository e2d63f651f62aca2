//! Why a connection, or a stream of it, was ended.

use std::fmt;
use std::io;

use super::frame::Reason;
use super::window::Overflow;
use crate::field_compression::Incomprehensible;

/// Why a connection broke.
#[derive(Debug)]
pub enum Error {
    /// The network broke it.
    Io(io::Error),
    /// The client did what it may not, and was told so.
    Client(Reason, &'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(formatter),
            Self::Client(reason, what) => write!(formatter, "{}: {what}", reason.name()),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An error in a frame, which ends a stream or the connection (RFC 9113 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The stream is reset.
    Stream(u32, Reason),
    /// The connection is ended, and the client told why.
    Connection(Reason, &'static str),
}

impl FrameError {
    /// The client broke the protocol as a whole.
    pub(super) fn protocol(what: &'static str) -> Self {
        Self::Connection(Reason::ProtocolError, what)
    }

    /// A frame of a size that it cannot have.
    pub(super) fn size(what: &'static str) -> Self {
        Self::Connection(Reason::FrameSizeError, what)
    }

    /// Too much of something.
    pub(super) fn flood(what: &'static str) -> Self {
        Self::Connection(Reason::EnhanceYourCalm, what)
    }
}

impl From<Incomprehensible> for FrameError {
    fn from(_: Incomprehensible) -> Self {
        Self::Connection(Reason::CompressionError, "invalid HPACK block")
    }
}

impl From<Overflow> for FrameError {
    fn from(_: Overflow) -> Self {
        Self::Connection(Reason::FlowControlError, "a window beyond 2^31 - 1")
    }
}
