//! Streams of bytes that connections run on.

use std::io;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes that a connection reads and writes.
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Says that files will be [sent](Self::poll_send_file) and that nothing more urgent than they are
    /// can follow on the same connection: up to `unsent` bytes of them may wait in the system.
    fn prepare_files(&mut self, unsent: u32) {
        let _ = unsent;
    }

    /// Where a file may be sent to without a copy: a socket that takes bytes as they are. `send`
    /// gives `None` if it has nothing for it, and so does this if there is no such socket.
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
