//! The client's half of a request stream (RFC 9114 §4.1): a head, content, which is counted and
//! dropped, and perhaps trailers.

use http::Version;
use http::request::Parts;

use super::error_code::{ErrorCode, Fault};
use super::frames::{FrameHead, FrameReader, Treatment, kind};
use crate::field_compression::qpack;
use crate::protocol::budget::Budgets;
use crate::protocol::content_length::ContentCount;
use crate::protocol::limits::{BLOCK_BYTES, CONTROL_BYTES};
use crate::protocol::partial_head::PartialHead;
use crate::protocol::priority::Priority;
use crate::service::Refusal;

/// A request stream, in whichever pieces it comes.
#[derive(Debug)]
pub struct RequestStream {
    frames: FrameReader,
    expected: Expected,
    content: ContentCount,
}

/// The part of a request that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Head,
    ContentOrTrailers,
    Nothing,
}

/// A head that has come.
#[derive(Debug)]
pub struct RequestHead {
    /// The head, or why it is answered and not asked.
    pub head: Result<Parts, Refusal>,
    /// The priority that the client gave the request.
    pub priority: Priority,
    /// True unless the method is HEAD, whose answer has no content (RFC 9110 §9.3.2).
    pub wants_content: bool,
}

/// True if a client opens such a stream for a request (RFC 9000 §2.1).
pub(super) fn is_request_stream(id: u64) -> bool {
    id.is_multiple_of(4)
}

impl Default for RequestStream {
    fn default() -> Self {
        let content = ContentCount::new(None);
        Self { frames: FrameReader::default(), expected: Expected::Head, content }
    }
}

impl RequestStream {
    /// Acts upon the next bytes of the stream, which are its last if it `ends`. Gives the head, once.
    ///
    /// # Errors
    /// When the request is malformed, after which the stream is given up and no more of it handed
    /// over; or the client breaks the protocol, and the connection ends.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        ends: bool,
        budgets: &mut Budgets,
    ) -> Result<Option<RequestHead>, Fault> {
        self.parts(bytes, ends, budgets).map_err(|fault| match fault {
            Fault::Stream(_) if !budgets.take_local_reset() => {
                Fault::flood("too many streams with errors")
            }
            fault => fault,
        })
    }

    /// Bytes that are kept of a head that has not come whole.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.frames.kept()
    }

    fn parts(
        &mut self,
        mut bytes: &[u8],
        ends: bool,
        budgets: &mut Budgets,
    ) -> Result<Option<RequestHead>, Fault> {
        let mut begun = None;
        loop {
            let (expected, content) = (self.expected, &mut self.content);
            let judged = |head| judge(head, expected, content, budgets);
            let Some((_, section)) = self.frames.next(&mut bytes, judged)? else { break };
            let mut draft = PartialHead::default();
            qpack::decode(&section, |field| draft.add(field))?;
            if expected == Expected::Head {
                begun = Some(self.begin(draft, budgets)?);
            } else if !draft.is_trailers() {
                return Err(Fault::Stream(ErrorCode::MessageError));
            } else {
                self.expected = Expected::Nothing;
            }
        }
        if ends {
            self.end()?;
        }
        Ok(begun)
    }

    /// A head has come whole.
    fn begin(&mut self, draft: PartialHead, budgets: &mut Budgets) -> Result<RequestHead, Fault> {
        self.expected = Expected::ContentOrTrailers;
        budgets.give_request();
        let (priority, wants_content) = (draft.priority(), !draft.is_head());
        let head = match draft.finish(Version::HTTP_3, false) {
            Ok((head, promised)) => {
                self.content = ContentCount::new(promised);
                Ok(head)
            }
            // A byte can stand for a field of the static table.
            Err(Refusal::HeadTooLarge) if !budgets.take_local_reset() => {
                return Err(Fault::flood("heads that are too large"));
            }
            Err(Refusal::HeadTooLarge) => Err(Refusal::HeadTooLarge),
            Err(_) => return Err(Fault::Stream(ErrorCode::MessageError)),
        };
        Ok(RequestHead { head, priority, wants_content })
    }

    /// The client has sent all that it will.
    fn end(&mut self) -> Result<(), Fault> {
        if !self.frames.is_between_frames() {
            return Err(Fault::frame("a stream that ends within a frame"));
        }
        if self.expected == Expected::Head {
            return Err(Fault::Stream(ErrorCode::RequestIncomplete));
        }
        self.expected = Expected::Nothing;
        self.content.end().map_err(|_| Fault::Stream(ErrorCode::MessageError))
    }
}

/// Says how a frame of this stream is treated, if it may come now (RFC 9114 §4.1).
fn judge(
    head: FrameHead,
    expected: Expected,
    content: &mut ContentCount,
    budgets: &mut Budgets,
) -> Result<Treatment, Fault> {
    match (head.kind, expected) {
        (kind::HEADERS, Expected::Head | Expected::ContentOrTrailers) => head.gathered(BLOCK_BYTES),
        (kind::DATA, Expected::ContentOrTrailers) => {
            if head.length < CONTROL_BYTES as u64 {
                spend(budgets)?;
            }
            let counted = content.add(head.length);
            counted.map_err(|_| Fault::Stream(ErrorCode::MessageError))?;
            Ok(Treatment::Drop)
        }
        (kind::DATA, Expected::Head) => Err(Fault::unexpected("content before its head")),
        (kind::HEADERS | kind::DATA, Expected::Nothing) => {
            Err(Fault::unexpected("a frame behind the trailers"))
        }
        (kind::PUSH_PROMISE, _) => Err(Fault::unexpected("a client pushes nothing")),
        (
            kind::CANCEL_PUSH
            | kind::SETTINGS
            | kind::GOAWAY
            | kind::MAX_PUSH_ID
            | kind::PRIORITY_UPDATE
            | kind::PRIORITY_UPDATE_OF_PUSH,
            _,
        ) => Err(Fault::unexpected("a frame of the control stream on a request's")),
        (kind, _) if kind::OF_HTTP2.contains(&kind) => Err(Fault::unexpected("a frame of HTTP/2")),
        // RFC 9114 §9: what is not known says nothing.
        _ => {
            spend(budgets)?;
            Ok(Treatment::Drop)
        }
    }
}

/// Takes a frame that asks for nothing off the budget.
fn spend(budgets: &mut Budgets) -> Result<(), Fault> {
    if budgets.take_control() { Ok(()) } else { Err(Fault::flood("frames that ask for nothing")) }
}
