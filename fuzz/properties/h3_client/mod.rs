//! The client of the `h3` crate against our HTTP/3: another author's reader of frames and field
//! sections, which minds the rules of control streams, with any sizes and in any pieces.

mod link;
mod sections;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::{Code, StreamError};
use http::{HeaderMap, HeaderValue};
use shost::protocol::http3::Connection;

use self::link::{ClientStream, Link};
pub(crate) use self::sections::h3_sections;
use super::executor::Executor;
use super::pages::{FIELD, Page, Pages, REQUESTS, byte_at};

/// Sizes of content and of fields at which something changes: nothing, what is copied, lengths of
/// integers, what is held.
const SIZES: [usize; 16] =
    [0, 1, 2, 62, 63, 64, 511, 512, 513, 1024, 16_381, 16_383, 16_384, 65_535, 65_536, 200_000];

/// Bytes that are on their way to the client on a stream.
const ROOMS: [usize; 8] = [1, 3, 64, 511, 1200, 16_384, 65_536, 1 << 20];

/// Bytes that either end is given at once.
const PIECES: [usize; 8] = [1, 2, 7, 64, 1200, 1452, 16_384, 1 << 20];

/// Rooms and pieces that an answer takes at the most.
const TIMES: usize = 500;

/// Actions of one client: a byte each for the room, the pieces and the way of the end, then four for
/// each request.
pub(crate) fn h3_client(input: &[u8]) {
    let Some((&[room, piece, end], rest)) = input.split_first_chunk() else { return };
    let pick = |of: [usize; 8], byte: u8| of[usize::from(byte % 8)];
    let (room, piece) = (pick(ROOMS, room), pick(PIECES, piece));
    let (requests, _) = rest.as_chunks::<4>();
    let asked: Vec<_> = requests
        .iter()
        .take(REQUESTS)
        .enumerate()
        .map(|(at, bytes)| Asked::new(at, *bytes, room.min(piece)))
        .collect();
    let link = Link::new(room, piece);
    let executor = Executor::default();
    let served = Rc::new(Cell::new(false));
    executor.spawn(serve(link.clone(), end & 1 != 0, Rc::clone(&served)));
    executor.spawn(client_of(link, asked, end & 2 != 0, executor.clone()));
    executor.run();
    assert!(served.get(), "the connection has come to its end");
}

async fn serve(mut link: Link, announces: bool, served: Rc<Cell<bool>>) {
    let mut connection = Connection::new(Pages);
    if announces {
        connection.announce_end();
    }
    poll_fn(|context| {
        if let Some(code) = link.closed(context) {
            assert_eq!(code, Code::H3_NO_ERROR.value(), "the client finds fault: {code:#x}");
            connection.give_up();
            return Poll::Ready(());
        }
        let polled = connection.poll(&mut link, context);
        assert!(!matches!(polled, Poll::Ready(Err(_))), "{polled:?}");
        polled.map(drop)
    })
    .await;
    served.set(true);
}

async fn client_of(link: Link, asked: Vec<Asked>, greases: bool, executor: Executor) {
    let built = h3::client::builder().send_grease(greases).build(link).await;
    let (mut connection, mut send) = built.expect("streams in memory");
    executor.spawn(async move {
        let ended = poll_fn(|context| connection.poll_close(context)).await;
        assert!(ended.is_h3_no_error(), "{ended:?}");
    });
    for asked in asked {
        let stream = asked.send(&mut send).await;
        // The connection is closed once there is nobody who could ask.
        let send = send.clone();
        executor.spawn(async move {
            asked.exchange(stream).await;
            drop(send);
        });
    }
}

/// A request, and how its answer is read.
#[derive(Clone, Copy, Debug)]
struct Asked {
    page: Page,
    /// Trailers come behind the request.
    has_trailers: bool,
    /// The answer is given up once its fields have come.
    cancels: bool,
}

impl Asked {
    fn new(number: usize, [content, field, way, sent]: [u8; 4], least: usize) -> Self {
        let size = |byte: u8| SIZES[usize::from(byte % 16)].min(least * TIMES);
        let page = Page {
            number,
            content: size(content),
            field: size(field).min(FIELD),
            chunk: [usize::MAX, 512, 16_384, 701][usize::from(way & 3)],
            waits: way & 4 != 0,
            method: way >> 3 & 3,
            sent: size(sent),
        };
        Self { page, has_trailers: way & 0x20 != 0, cancels: way & 0xc0 == 0xc0 }
    }

    async fn send(self, send: &mut SendRequest<Link, Bytes>) -> RequestStream<ClientStream, Bytes> {
        let stream = send.send_request(self.page.request("https")).await;
        stream.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    async fn exchange(self, mut stream: RequestStream<ClientStream, Bytes>) {
        self.finish(&mut stream).await.unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let head = stream.recv_response().await;
        let head = head.unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let expected = self.page.check(head.headers());
        assert!(head.headers().contains_key("date"), "{self:?}");
        if self.cancels {
            stream.stop_sending(Code::H3_REQUEST_CANCELLED);
            return stream.stop_stream(Code::H3_REQUEST_CANCELLED);
        }
        let mut at = 0;
        while let Some(mut data) =
            stream.recv_data().await.unwrap_or_else(|error| panic!("{error} at {at}: {self:?}"))
        {
            while data.has_remaining() {
                assert_eq!(data.get_u8(), byte_at(at), "{self:?}");
                at += 1;
            }
        }
        assert_eq!(at, expected, "{self:?}");
        let trailers = stream.recv_trailers().await;
        assert!(matches!(trailers, Ok(None)), "{trailers:?}: {self:?}");
    }

    /// Sends what is behind the head, as far as the server wants it (RFC 9114 §4.1).
    async fn finish(
        self,
        stream: &mut RequestStream<ClientStream, Bytes>,
    ) -> Result<(), StreamError> {
        let unless_unwanted = |sent: Result<(), StreamError>| match sent {
            Err(StreamError::RemoteTerminate { code: Code::H3_NO_ERROR, .. }) => Ok(()),
            sent => sent,
        };
        if self.page.has_content() {
            unless_unwanted(stream.send_data(self.page.upload()).await)?;
        }
        if self.has_trailers {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-trailer", HeaderValue::from_static("a value"));
            unless_unwanted(stream.send_trailers(trailers).await)?;
        }
        unless_unwanted(stream.finish().await)
    }
}
