//! The interface between a protocol and its handler, so that a protocol can be tried without a
//! server around it.

use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, Version};
use http_body::Body;

use crate::service::Response;

/// The answerer of a connection's requests.
pub trait Handler: Unpin {
    /// The content of an answer.
    type Content: Content;
    /// An answer in the making.
    type Answer: Future<Output = Response<Self::Content>> + Unpin;

    /// Begins the answer to a request.
    fn answer(&self, head: Parts) -> Self::Answer;

    /// True if the client may ask for more. If not, it has too many answers waiting.
    fn may_ask(&self) -> bool {
        true
    }

    /// Notes the bytes that the connection keeps beyond [`KEPT_BYTES`](super::limits::KEPT_BYTES)
    /// until the next call. False if the client may not have it keep them.
    fn keeps(&self, bytes: usize) -> bool {
        let _ = bytes;
        true
    }

    /// Notes that a head has begun, the rest of which is awaited.
    fn head_begun(&self);

    /// Notes a head that was refused with `status` and `bytes` of content, and never became a
    /// request.
    fn refused(&self, version: Version, status: StatusCode, bytes: u64) {
        let _ = (version, status, bytes);
    }
}

/// The content of an answer.
pub trait Content: Body<Data = Bytes, Error = io::Error> + Unpin {
    /// Notes that the client leaves no room for what comes next, nor for the last `unsent` bytes
    /// that were taken. True if those are to be dropped, and will come again.
    fn wait(&mut self, unsent: usize) -> bool {
        let _ = unsent;
        false
    }

    /// Sends what comes next to `socket` without a copy, as far as it takes it; `None` where it has
    /// to be taken as a frame instead.
    ///
    /// # Errors
    /// The error that the system gives.
    fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let _ = socket;
        None
    }
}

impl Content for crate::service::Body {
    fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        Self::send_to(self, socket)
    }
}
