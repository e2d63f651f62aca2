//! Frames (RFC 9113 §4.1): their heads, types and flags, and the error codes that they carry.

/// The head of a frame: nine bytes.
///
/// ```text
/// +-----------------------------------------------+
/// |                 Length (24)                   |
/// +---------------+---------------+---------------+
/// |   Type (8)    |   Flags (8)   |
/// +-+-------------+---------------+-------------------------------+
/// |R|                 Stream Identifier (31)                      |
/// +=+=============================================================+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Bytes of the payload.
    pub(super) length: usize,
    /// One of [`kind`], or a type that is not known and not read.
    pub(super) kind: u8,
    /// The bits of [`flag`] that are set.
    pub(super) flags: u8,
    /// The stream it belongs to; 0 is the connection.
    pub(super) stream: u32,
}

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;

/// The most bytes that a payload may have either way: what RFC 9113 §4.2 has everyone take. Larger
/// frames would only hold up the streams behind them.
pub(super) const PAYLOAD: usize = 16 * 1024;

/// The highest stream there can be (RFC 9113 §5.1.1).
pub(super) const LAST_STREAM: u32 = (1 << 31) - 1;

impl FrameHeader {
    /// The head that these bytes begin with, if there are enough of them.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes.first_chunk::<HEAD>()?;
        Some(Self {
            length: usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & LAST_STREAM,
        })
    }

    /// The head as it is sent.
    pub(super) fn to_bytes(self) -> [u8; HEAD] {
        let length = u32::try_from(self.length).expect("a payload is at most 16 KiB").to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [length[1], length[2], length[3], self.kind, self.flags, s0, s1, s2, s3]
    }

    /// True if it has this flag.
    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The stream that another depends on, of the five bytes in PRIORITY and HEADERS. This way to
/// prioritize has been given up, and only a stream that depends on itself is told that it is wrong
/// (RFC 7540 §5.3.1, RFC 9113 §5.3.2).
pub(super) fn dependency([s0, s1, s2, s3, _weight]: [u8; 5]) -> u32 {
    u32::from_be_bytes([s0, s1, s2, s3]) & LAST_STREAM
}

/// The types of frames (RFC 9113 §6).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0x0;
    pub(in super::super) const HEADERS: u8 = 0x1;
    pub(in super::super) const PRIORITY: u8 = 0x2;
    pub(in super::super) const RST_STREAM: u8 = 0x3;
    pub(in super::super) const SETTINGS: u8 = 0x4;
    pub(in super::super) const PUSH_PROMISE: u8 = 0x5;
    pub(in super::super) const PING: u8 = 0x6;
    pub(in super::super) const GOAWAY: u8 = 0x7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 0x8;
    pub(in super::super) const CONTINUATION: u8 = 0x9;
    /// A new priority for a stream (RFC 9218 §7.1).
    pub(in super::super) const PRIORITY_UPDATE: u8 = 0x10;
}

/// The flags of frames (RFC 9113 §6).
pub(super) mod flag {
    /// An acknowledgement, of SETTINGS and PING.
    pub(in super::super) const ACK: u8 = 0x1;
    /// The last frame of a stream, of DATA and HEADERS.
    pub(in super::super) const END_STREAM: u8 = 0x1;
    /// The end of a field block, of HEADERS and CONTINUATION.
    pub(in super::super) const END_HEADERS: u8 = 0x4;
    /// Padding behind the payload, of DATA and HEADERS.
    pub(in super::super) const PADDED: u8 = 0x8;
    /// Five bytes of priority, of HEADERS.
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

/// Why a stream is reset or a connection ended (RFC 9113 §7), by the RFC's names. What only a
/// client may say is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// The end without an error.
    NoError = 0x0,
    /// The client broke the protocol.
    ProtocolError = 0x1,
    /// We cannot keep what we have promised.
    InternalError = 0x2,
    /// More bytes than there was a window for, or a window beyond all bounds.
    FlowControlError = 0x3,
    /// A frame for a stream that was closed.
    StreamClosed = 0x5,
    /// A frame of a size that it cannot have.
    FrameSizeError = 0x6,
    /// Not begun, so that it may be tried again.
    RefusedStream = 0x7,
    /// The client takes nothing of the answer.
    Cancel = 0x8,
    /// Field blocks can no longer be decoded.
    CompressionError = 0x9,
    /// Too much of what is no work.
    EnhanceYourCalm = 0xb,
}

impl Reason {
    /// The RFC's own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoError => "NO_ERROR",
            Self::ProtocolError => "PROTOCOL_ERROR",
            Self::InternalError => "INTERNAL_ERROR",
            Self::FlowControlError => "FLOW_CONTROL_ERROR",
            Self::StreamClosed => "STREAM_CLOSED",
            Self::FrameSizeError => "FRAME_SIZE_ERROR",
            Self::RefusedStream => "REFUSED_STREAM",
            Self::Cancel => "CANCEL",
            Self::CompressionError => "COMPRESSION_ERROR",
            Self::EnhanceYourCalm => "ENHANCE_YOUR_CALM",
        }
    }

    /// The code as it is sent.
    pub(super) fn to_bytes(self) -> [u8; 4] {
        (self as u32).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_the_wire() {
        let head = FrameHeader { length: 0x3ffe, kind: 0x1, flags: 0x25, stream: LAST_STREAM };
        assert_eq!(FrameHeader::parse(&head.to_bytes()), Some(head));
        // The reserved bit is ignored.
        let bytes = [0, 0, 4, 8, 0, 0x80, 0, 0, 1, 9];
        assert_eq!(
            FrameHeader::parse(&bytes),
            Some(FrameHeader { length: 4, kind: 8, flags: 0, stream: 1 })
        );
        assert_eq!(FrameHeader::parse(&bytes[..8]), None);
    }
}
