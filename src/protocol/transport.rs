//! Streams of bytes that connections run on.

use std::io;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes that a connection reads and writes.
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// True if dropping the stream is a clean end of it where the client sends nothing more. Over
    /// TLS it is not: both sides say a last word there (RFC 8446 §6.1).
    const ENDS_WHEN_DROPPED: bool = false;

    /// Prepares for files that will be [sent](Self::poll_send_file), while nothing more urgent than
    /// they are can follow on the same connection: up to `unsent` bytes of them may wait in the
    /// system.
    fn prepare_files(&mut self, unsent: u32) {
        let _ = unsent;
    }

    /// Has `send` write a file to the socket without a copy, once there is room. `None` if `send`
    /// has nothing for it, or if there is no socket that takes bytes as they are.
    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        send: impl FnMut(BorrowedFd<'_>) -> Option<io::Result<usize>>,
    ) -> Poll<Option<io::Result<usize>>> {
        let _ = (context, send);
        Poll::Ready(None)
    }
}

impl Transport for tokio::io::DuplexStream {}
