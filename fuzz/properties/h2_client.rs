//! The client of the `h2` crate against our HTTP/2: another author's reader of frames and field
//! blocks, which knows its windows and the order of bytes, with any settings and any sizes.
//!
//! Nobody is polled who was not woken, so that a wake-up that is lost is a connection that stands
//! still, and that is seen at once.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use shost::protocol::http2::{Connection, Error};
use tokio::io::{DuplexStream, Join, duplex, join};

use super::executor::Executor;
use super::pages::{FIELD, Page, Pages, REQUESTS, byte_at};

/// Sizes of content and of fields at which something changes: nothing, what is copied, what a frame
/// holds, what a window holds.
const SIZES: [usize; 24] = [
    0, 1, 2, 100, 1023, 1024, 1025, 4095, 4096, 16_374, 16_375, 16_376, 16_383, 16_384, 16_385,
    32_749, 32_750, 32_751, 32_768, 65_534, 65_535, 65_536, 70_000, 200_000,
];

/// Bytes on their way to the client.
const PIPES: [usize; 8] = [24, 64, 300, 1024, 9000, 16_384, 65_536, 1 << 20];

/// `SETTINGS_HEADER_TABLE_SIZE`.
const TABLES: [u32; 8] = [0, 1, 31, 100, 4095, 4096, 4097, 65_536];

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
const WINDOWS: [u32; 8] = [1, 100, 16_374, 16_375, 16_376, 65_535, 65_536, 1 << 20];

/// Windows that an answer takes at the most: a client that opens its window by a few bytes, for
/// ever, is not served.
const TIMES: usize = 20;

/// Bytes that may be kept of each answer before room is given back: all together, less than half of
/// the window of the connection, as `h2` tells of no less than the other half.
const KEPT: usize = 1300;

/// Actions of one client: a byte each for the pipe and three settings, then four for each request.
pub(crate) fn h2_client(input: &[u8]) {
    let Some((&[pipe, table, window, frame], rest)) = input.split_first_chunk() else { return };
    let pick = |of: &[u32], byte: u8| of[usize::from(byte) % of.len()];
    let mut builder = h2::client::Builder::new();
    builder
        .header_table_size(pick(&TABLES, table))
        .initial_window_size(pick(&WINDOWS, window))
        .max_frame_size(pick(&[16_384, 16_385, (1 << 24) - 1], frame))
        .enable_push(false);
    if frame & 0x80 != 0 {
        builder.initial_connection_window_size(1 << 20);
    }
    let (client, ours) = pipes(PIPES[usize::from(pipe) % PIPES.len()]);
    let (requests, _) = rest.as_chunks::<4>();
    let asked: Vec<_> = requests
        .iter()
        .take(REQUESTS)
        .enumerate()
        .map(|(at, bytes)| Asked::new(at, *bytes, pick(&WINDOWS, window) as usize))
        .collect();
    let executor = Executor::default();
    let served = Rc::new(Cell::new(false));
    executor.spawn(serve(ours, Rc::clone(&served)));
    executor.spawn(client_of(builder, client, asked, executor.clone()));
    executor.run();
    assert!(served.get(), "the connection has come to its end");
}

/// The client's and our end of a connection. What the client sends always fits: a server does not
/// read while nobody takes its answers, and `h2` does not read while it cannot write.
fn pipes(size: usize) -> (Ends, Ends) {
    let ((takes, gives), (sends, receives)) = (duplex(size), duplex(1 << 20));
    (join(takes, sends), join(receives, gives))
}

type Ends = Join<DuplexStream, DuplexStream>;

async fn serve(ours: Ends, served: Rc<Cell<bool>>) {
    let ended = Connection::new(ours, Pages).await;
    // A client that has all that it wants reads nothing more.
    assert!(!matches!(ended, Err(Error::Client(..))), "{ended:?}");
    served.set(true);
}

async fn client_of(builder: Builder, io: Ends, asked: Vec<Asked>, executor: Executor) {
    let (send, connection) = builder.handshake::<_, Bytes>(io).await.expect("a pipe in memory");
    executor.spawn(async {
        let ended = connection.await;
        assert!(ended.is_ok(), "{ended:?}");
    });
    for asked in asked {
        let mut send = send.clone().ready().await.expect("a connection that goes on");
        let (response, content) = asked.send(&mut send);
        executor.spawn(asked.receive(response, content));
    }
}

/// A request, and how its answer is read.
#[derive(Clone, Copy, Debug)]
struct Asked {
    page: Page,
    /// Bytes that are read before room is given back.
    read: usize,
    cancels: bool,
}

impl Asked {
    fn new(number: usize, [content, field, way, read]: [u8; 4], window: usize) -> Self {
        let size = |byte: u8| SIZES[usize::from(byte) % SIZES.len()];
        let page = Page {
            number,
            content: size(content).min(window * TIMES),
            field: size(field).min(FIELD),
            chunk: [usize::MAX, 16_375, 16_384, 701][usize::from(way & 3)],
            waits: way & 4 != 0,
            method: way >> 3 & 3,
            sent: size(way >> 3),
        };
        Self {
            page,
            read: (1 << (read & 0xf)).min(window.div_ceil(2)).min(KEPT),
            cancels: read & 0xf0 == 0xf0,
        }
    }

    fn send(self, send: &mut SendRequest<Bytes>) -> (ResponseFuture, SendStream<Bytes>) {
        let Self { page, .. } = self;
        let (response, mut stream) =
            send.send_request(page.request("http"), !page.has_content()).expect("a stream");
        if page.has_content() {
            stream.send_data(page.upload(), true).expect("a stream that is open");
        }
        (response, stream)
    }

    async fn receive(self, response: ResponseFuture, mut sent: SendStream<Bytes>) {
        let (head, mut content) =
            response.await.unwrap_or_else(|error| panic!("{error}: {self:?}")).into_parts();
        let expected = self.page.check(&head.headers);
        if self.cancels {
            return sent.send_reset(Reason::CANCEL);
        }
        self.read(&mut content, expected).await;
    }

    async fn read(self, content: &mut RecvStream, expected: usize) {
        let (mut at, mut kept) = (0, 0);
        while let Some(data) = content.data().await {
            let data = data.unwrap_or_else(|error| panic!("{error} at {at}: {self:?}"));
            assert!(
                data.iter().enumerate().all(|(index, byte)| *byte == byte_at(at + index)),
                "{self:?}"
            );
            at += data.len();
            kept += data.len();
            if kept >= self.read {
                content.flow_control().release_capacity(kept).expect("as much as was received");
                kept = 0;
            }
        }
        assert_eq!(at, expected, "{self:?}");
    }
}
