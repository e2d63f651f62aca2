//! What a protocol asks of whoever answers, so that it can be tried without a server around it.

use std::future::Future;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, Version};
use http_body::Body;

use super::requests::{Answered, Requests, Tracked};
use crate::service::Response;

/// What answers the requests of a connection.
pub trait Answers: Unpin {
    /// The content of an answer.
    type Content: Body<Data = Bytes, Error = std::io::Error> + Unpin;
    /// An answer in the making.
    type Answer: Future<Output = Response<Self::Content>> + Unpin;

    /// Answers a request.
    fn answer(&self, head: Parts) -> Self::Answer;

    /// A head has begun that is now awaited.
    fn head_begun(&self);

    /// A head was refused with `status` and so many bytes of content, and never became a request.
    fn refused(&self, version: Version, status: StatusCode, bytes: u64) {
        let _ = (version, status, bytes);
    }
}

impl Answers for Requests {
    type Content = Tracked;
    type Answer = Answered;

    fn answer(&self, head: Parts) -> Answered {
        Self::answer(self, head)
    }

    fn head_begun(&self) {
        Self::head_begun(self);
    }

    fn refused(&self, version: Version, status: StatusCode, bytes: u64) {
        Self::refused(self, version, status, bytes);
    }
}
