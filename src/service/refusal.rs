//! Refusals: requests whose head cannot be answered, with the status and the sentence that tell
//! the client. The one list of them, for every protocol.

use http::StatusCode;

use super::Response;

/// A reason for which the head of a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are not the head of a request (RFC 9112 §2.2, RFC 9113 §8.1.1).
    Malformed,
    /// No host, two of them, or not a host (RFC 9112 §3.2).
    Host,
    /// The target is longer than 8 KiB.
    TargetTooLong,
    /// The head has more than 100 fields or 32 KiB.
    HeadTooLarge,
    /// The version is not one that is spoken here.
    Version,
    /// The end of the request cannot be told for sure (RFC 9112 §6.3).
    Framing,
    /// The transfer coding is not `chunked` (RFC 9112 §6.1).
    TransferCoding,
    /// The head did not end in time.
    Late,
    /// The request may be a replay, and is not one that may be repeated (RFC 8470 §5.2).
    Early,
    /// The client has too much of heads and answers on its other connections.
    Busy,
}

impl Refusal {
    /// The status of the response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::Host | Self::Framing => StatusCode::BAD_REQUEST,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Early => StatusCode::TOO_EARLY,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The response to a head that never became a request.
    #[must_use]
    pub fn response(self) -> Response {
        Response::explained(self)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "this is not the head of an HTTP request",
            Self::Host => "a request names one host",
            Self::TargetTooLong => "the target is longer than 8 KiB",
            Self::HeadTooLarge => "a head has at most 100 fields and 32 KiB",
            Self::Version => "HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here",
            Self::Framing => "it is not clear where the request ends",
            Self::TransferCoding => "the only transfer coding is chunked",
            Self::Late => "the head of the request did not end in time",
            Self::Early => "this request is not taken before the handshake has ended",
            Self::Busy => "this address has too many requests unfinished",
        })
    }
}
