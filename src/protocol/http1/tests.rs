use std::convert::Infallible;
use std::future::{Future, Pending, Ready, pending, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

use super::Connection;
use crate::protocol::handler::{Content, Handler};
use crate::protocol::limits::KEPT_BYTES;
use crate::protocol::transport::Transport;
use crate::protocol::turn::TURN;
use crate::service::Response;

/// Answers `/` with two bytes, `/big` with many, and `/wait` never.
struct Pages;

/// As much as is held of a file.
const BIG: usize = 1024 * 1024;

enum Answer {
    Ready(Ready<Response<Text>>),
    Never(Pending<Infallible>),
}

struct Text(Bytes);

impl Handler for Pages {
    type Content = Text;
    type Answer = Answer;

    fn answer(&self, head: Parts) -> Answer {
        if head.uri.path() == "/wait" {
            return Answer::Never(pending());
        }
        let text = match head.uri.path() {
            "/big" => Bytes::from(vec![b'.'; BIG]),
            _ => Bytes::from_static(b"hi"),
        };
        let length = text.len();
        let mut response = http::Response::new(Text(text));
        response.headers_mut().insert("content-length", length.into());
        Answer::Ready(ready(response.into()))
    }

    fn head_begun(&self) {}

    /// Nothing is kept for the client.
    fn keeps(&self, bytes: usize) -> bool {
        bytes == 0
    }
}

impl Future for Answer {
    type Output = Response<Text>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(answer) => Pin::new(answer).poll(context),
            Self::Never(answer) => Pin::new(answer).poll(context).map(|never| match never {}),
        }
    }
}

impl Content for Text {}

impl Body for Text {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.0)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// A client that has sent this much, and takes everything.
struct Taker {
    sent: Vec<u8>,
    got: usize,
}

/// Bytes that the socket, or the encryption before it, takes at a time.
const TAKEN: usize = 64 * 1024;

impl Transport for Taker {}

impl AsyncRead for Taker {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let count = self.sent.len().min(buffer.remaining());
        buffer.put_slice(&self.sent[..count]);
        self.sent.drain(..count);
        if count > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl AsyncWrite for Taker {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = bytes.len().min(TAKEN);
        self.got += count;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_client_that_takes_everything_is_given_a_turn_at_a_time() {
    let sent = |path: &str, count| format!("GET {path} HTTP/1.1\r\n\r\n").repeat(count);
    let rows = [(sent("/big", 3), TURN + TAKEN, 3 * BIG), (sent("/", 200), 32 * 200, 200 * 2)];
    for (sent, most, least) in rows {
        let mut connection = Connection::new(Taker { sent: sent.into(), got: 0 }, Pages);
        let mut turns = Vec::new();
        while turns.last() != Some(&0) {
            assert!(
                pin!(&mut connection).poll(&mut Context::from_waker(Waker::noop())).is_pending()
            );
            turns.push(std::mem::take(&mut connection.io.got));
        }
        assert!(turns.iter().sum::<usize>() > least);
        assert!(turns.iter().all(|sent| *sent <= most), "{turns:?}");
    }
}

/// A connection to which `sent` has come, and the client's end of it.
async fn begun(sent: &str) -> (Connection<DuplexStream, Pages>, DuplexStream) {
    let (mut client, ours) = duplex(4096);
    client.write_all(sent.as_bytes()).await.unwrap();
    let mut connection = Connection::new(ours, Pages);
    assert!(poll(&mut connection).is_pending());
    (connection, client)
}

fn poll(connection: &mut Connection<DuplexStream, Pages>) -> Poll<std::io::Result<()>> {
    pin!(connection).poll(&mut Context::from_waker(Waker::noop()))
}

/// The bytes that come until the end, without the Date.
async fn rest(connection: Connection<DuplexStream, Pages>, mut client: DuplexStream) -> String {
    connection.await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: "));
    lines.collect()
}

#[tokio::test]
async fn a_late_head_is_told_so() {
    let (mut connection, client) = begun("GET / HTTP/1.1\r\nHost").await;
    assert!(connection.refuse_late());
    let answer = rest(connection, client).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn who_says_nothing_is_told_nothing() {
    let (mut connection, _client) = begun("").await;
    assert!(!connection.refuse_late());
}

#[tokio::test]
async fn an_answer_in_the_making_is_not_late() {
    let (mut connection, _client) = begun("GET /wait HTTP/1.1\r\n\r\n").await;
    assert!(!connection.refuse_late());
}

#[tokio::test]
async fn a_stop_ends_a_quiet_connection_and_announces_itself_to_a_busy_one() {
    let (mut quiet, client) = begun("").await;
    quiet.graceful_shutdown();
    assert_eq!(rest(quiet, client).await, "");
    let (mut busy, mut client) = begun("GET / HT").await;
    busy.graceful_shutdown();
    client.write_all(b"TP/1.1\r\n\r\n").await.unwrap();
    let expected = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
    assert_eq!(rest(busy, client).await, expected);
}

#[tokio::test]
async fn only_what_departs_from_the_version_is_said() {
    let table = [
        ("HTTP/1.1", "", ""),
        ("HTTP/1.0", "connection: keep-alive\r\n", "connection: keep-alive\r\n"),
    ];
    for (version, asked, said) in table {
        let last = "GET / HTTP/1.1\r\nconnection: close\r\n\r\n";
        let (mut client, ours) = duplex(4096);
        client.write_all(format!("GET / {version}\r\n{asked}\r\n{last}").as_bytes()).await.unwrap();
        let connection = Connection::new(ours, Pages);
        let expected = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{said}\r\nhi\
             HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"
        );
        assert_eq!(rest(connection, client).await, expected, "{version}");
    }
}

#[tokio::test]
async fn a_head_that_grows_is_not_kept_for_a_greedy_client() {
    for (length, expected) in [(KEPT_BYTES / 2, ""), (2 * KEPT_BYTES - 100, "HTTP/1.1 503 ")] {
        let (mut client, ours) = duplex(4 * KEPT_BYTES);
        let head = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(length));
        client.write_all(head.as_bytes()).await.unwrap();
        let mut connection = Box::pin(Connection::new(ours, Pages));
        let ended = connection.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut text = vec![0; 13];
        let read = tokio::io::AsyncReadExt::read(&mut client, &mut text);
        let count = tokio::time::timeout(std::time::Duration::ZERO, read)
            .await
            .map_or(0, |read| read.unwrap());
        assert_eq!(String::from_utf8_lossy(&text[..count]), expected, "{length}: {ended}");
    }
}
