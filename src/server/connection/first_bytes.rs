//! The first bytes of a connection in the clear, by which its protocol is told.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use crate::protocol::http2::PREFACE;

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1, by the head of a request (RFC 9112).
    Http1,
    /// HTTP/2, by ALPN or by its preface (RFC 9113).
    Http2,
}

/// Bytes read at a time; the head of a request is seldom longer.
const READ_CHUNK: usize = 1024;

/// The first bytes of a connection in the clear, which tell its protocol and are handed on.
#[derive(Debug)]
pub struct FirstBytes {
    ahead: BytesMut,
}

impl FirstBytes {
    /// Bytes of which so many have been `read` already.
    #[must_use]
    pub fn after(read: &[u8]) -> Self {
        let mut ahead = BytesMut::with_capacity(READ_CHUNK.max(read.len()));
        ahead.extend_from_slice(read);
        Self { ahead }
    }

    /// Reads until the protocol can be told: HTTP/2 begins with its preface (RFC 9113 §3.4).
    ///
    /// # Errors
    /// When the stream fails, or ends before.
    pub fn poll_told(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Protocol>> {
        loop {
            if let Some(protocol) = self.told() {
                return Poll::Ready(Ok(protocol));
            }
            if ready!(poll_read_buf(Pin::new(&mut *stream), context, &mut self.ahead))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// The protocol, if what has been read tells it.
    fn told(&self) -> Option<Protocol> {
        let known = self.ahead.len().min(PREFACE.len());
        if self.ahead[..known] != PREFACE[..known] {
            return Some(Protocol::Http1);
        }
        (known == PREFACE.len()).then_some(Protocol::Http2)
    }

    /// The bytes that have been read.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.ahead.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt;

    /// The protocol of a stream that brings these pieces and then ends, `None` if it ends before that
    /// can be told; all that was read is handed on.
    async fn told(pieces: &[&str]) -> Option<Protocol> {
        let mut first_bytes = FirstBytes::after(b"");
        let mut written = String::new();
        for piece in pieces {
            let (mut near, mut far) = tokio::io::duplex(READ_CHUNK);
            far.write_all(piece.as_bytes()).await.unwrap();
            written += piece;
            let polled = poll_fn(|context| Poll::Ready(first_bytes.poll_told(&mut near, context)));
            if let Poll::Ready(protocol) = polled.await {
                assert_eq!(first_bytes.into_bytes(), written);
                return protocol.ok();
            }
        }
        let mut ended = tokio::io::empty();
        poll_fn(|context| first_bytes.poll_told(&mut ended, context)).await.ok()
    }

    #[tokio::test]
    async fn what_was_read_before_is_enough() {
        for (read, expected) in
            [("GET", Protocol::Http1), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::Http2)]
        {
            let mut first_bytes = FirstBytes::after(read.as_bytes());
            let mut ended = tokio::io::empty();
            let told = poll_fn(|context| first_bytes.poll_told(&mut ended, context)).await;
            assert_eq!(told.unwrap(), expected, "{read:?}");
        }
    }

    #[tokio::test]
    async fn a_protocol_is_told_by_the_first_byte_that_differs() {
        let table: [(&[&str], _); 8] = [
            (&["GET / HTTP/1.1\r\n"], Some(Protocol::Http1)),
            (&["G"], Some(Protocol::Http1)),
            (&["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], Some(Protocol::Http2)),
            (&["PRI * HTTP/2.0\r\n", "\r\nSM\r\n\r\n\0\0"], Some(Protocol::Http2)),
            (&["P", "R", "I", "N"], Some(Protocol::Http1)),
            (&["PRI * HTTP/2.0\r\n", "\r\nSN"], Some(Protocol::Http1)),
            (&["PRI * HTTP/2.0\r\n"], None),
            (&[], None),
        ];
        for (pieces, expected) in table {
            assert_eq!(told(pieces).await, expected, "{pieces:?}");
        }
    }
}
