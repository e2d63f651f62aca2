//! Errors of HTTP/3 (RFC 9114 §8): their codes, and how far each reaches.

use crate::field_compression::Incomprehensible;

/// The reason why a stream is given up or a connection ended (RFC 9114 §8.1, RFC 9204 §6), by the
/// RFC's names; those that only a client may give are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ErrorCode {
    /// The end without an error.
    NoError = 0x100,
    /// We cannot keep what we have promised.
    InternalError = 0x102,
    /// A stream of a kind that the client may not open, or that is not known.
    StreamCreationError = 0x103,
    /// The end of a stream that a connection cannot do without.
    ClosedCriticalStream = 0x104,
    /// A frame where it may not be.
    FrameUnexpected = 0x105,
    /// A frame that is not laid out as its type is, or that is cut off.
    FrameError = 0x106,
    /// Too much of what is no work.
    ExcessiveLoad = 0x107,
    /// An identifier of something that cannot be meant.
    IdError = 0x108,
    /// A setting that may not be sent.
    SettingsError = 0x109,
    /// The first frame of the control stream is not SETTINGS.
    MissingSettings = 0x10a,
    /// Not begun, so that it may be tried again.
    RequestRejected = 0x10b,
    /// The client takes nothing of the answer.
    RequestCancelled = 0x10c,
    /// The stream of a request ended without one.
    RequestIncomplete = 0x10d,
    /// The message is malformed.
    MessageError = 0x10e,
    /// Field sections can no longer be decoded.
    QpackDecompressionFailed = 0x200,
    /// The client's encoder says what makes no sense.
    QpackEncoderStreamError = 0x201,
    /// The client's decoder says what makes no sense.
    QpackDecoderStreamError = 0x202,
}

impl ErrorCode {
    /// The RFC's own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoError => "H3_NO_ERROR",
            Self::InternalError => "H3_INTERNAL_ERROR",
            Self::StreamCreationError => "H3_STREAM_CREATION_ERROR",
            Self::ClosedCriticalStream => "H3_CLOSED_CRITICAL_STREAM",
            Self::FrameUnexpected => "H3_FRAME_UNEXPECTED",
            Self::FrameError => "H3_FRAME_ERROR",
            Self::ExcessiveLoad => "H3_EXCESSIVE_LOAD",
            Self::IdError => "H3_ID_ERROR",
            Self::SettingsError => "H3_SETTINGS_ERROR",
            Self::MissingSettings => "H3_MISSING_SETTINGS",
            Self::RequestRejected => "H3_REQUEST_REJECTED",
            Self::RequestCancelled => "H3_REQUEST_CANCELLED",
            Self::RequestIncomplete => "H3_REQUEST_INCOMPLETE",
            Self::MessageError => "H3_MESSAGE_ERROR",
            Self::QpackDecompressionFailed => "QPACK_DECOMPRESSION_FAILED",
            Self::QpackEncoderStreamError => "QPACK_ENCODER_STREAM_ERROR",
            Self::QpackDecoderStreamError => "QPACK_DECODER_STREAM_ERROR",
        }
    }

    /// The code as it is sent.
    #[must_use]
    pub fn value(self) -> u64 {
        self as u64
    }
}

/// An error of the client, which ends a stream or the connection (RFC 9114 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The stream is given up.
    Stream(ErrorCode),
    /// The connection is ended, and the client told why.
    Connection(ErrorCode, &'static str),
}

impl Fault {
    /// A frame where it may not be.
    pub(super) fn unexpected(what: &'static str) -> Self {
        Self::Connection(ErrorCode::FrameUnexpected, what)
    }

    /// A frame that is not laid out as its type is.
    pub(super) fn frame(what: &'static str) -> Self {
        Self::Connection(ErrorCode::FrameError, what)
    }

    /// An identifier of something that cannot be meant.
    pub(super) fn id(what: &'static str) -> Self {
        Self::Connection(ErrorCode::IdError, what)
    }

    /// Too much of something.
    pub(super) fn flood(what: &'static str) -> Self {
        Self::Connection(ErrorCode::ExcessiveLoad, what)
    }
}

impl From<Incomprehensible> for Fault {
    fn from(_: Incomprehensible) -> Self {
        Self::Connection(ErrorCode::QpackDecompressionFailed, "invalid QPACK field section")
    }
}
