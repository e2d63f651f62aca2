//! The stream under HTTP: tokio's, noting what happens on it, and ended so that nothing is lost.

use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::tls::encrypted_stream::EncryptedStream;
use crate::protocol::limits::{LINGER_BYTES, LINGER_TIME, UNSENT_BYTES, UNSENT_SHARED};
use crate::protocol::transport::Transport;

/// A stream that notes activity, and may begin with bytes that were read ahead of it.
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
    ahead: Bytes,
    activity: Arc<Activity>,
    lingering: Option<Lingering>,
    for_files: Option<ForFiles>,
}

/// Counts a connection that files are sent over without a copy, while it lives.
#[derive(Debug)]
struct ForFiles;

/// Connections that files are sent over without a copy.
static FOR_FILES: AtomicUsize = AtomicUsize::new(0);

impl ForFiles {
    /// One more, and how many others there are.
    fn new() -> (Self, usize) {
        (Self, FOR_FILES.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for ForFiles {
    fn drop(&mut self) {
        FOR_FILES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that may wait in the system for one connection beside so many `others`: `most`, while they
/// are few. The system cannot give up the memory of what waits, whoever takes none of it.
fn unsent_share(others: usize, most: u32) -> u32 {
    let share = UNSENT_SHARED / (others as u64 + 1);
    u32::try_from(share).map_or(most, |share| share.clamp(UNSENT_BYTES, most))
}

/// The last moments of a connection, bounded in time and bytes.
#[derive(Debug)]
struct Lingering {
    timer: Pin<Box<Sleep>>,
    dropped: usize,
}

impl Lingering {
    fn new() -> Self {
        Self { timer: Box::pin(sleep_until(Instant::now() + LINGER_TIME)), dropped: 0 }
    }
}

impl<S> Io<S> {
    /// `stream` with the bytes `ahead` of it.
    pub fn new(stream: S, ahead: Bytes, activity: Arc<Activity>) -> Self {
        Self { stream, ahead, activity, lingering: None, for_files: None }
    }

    fn note(&self, written: usize) -> usize {
        if written > 0 {
            self.activity.written();
        }
        written
    }
}

/// Bytes dropped at a time.
const READ_CHUNK: usize = 8 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for EncryptedStream<S> {}

impl<S: Transport> Transport for Io<S> {
    const ENDS_WHEN_DROPPED: bool = S::ENDS_WHEN_DROPPED;

    fn prepare_files(&mut self, unsent: u32) {
        if self.for_files.is_none() {
            let (counted, others) = ForFiles::new();
            self.stream.prepare_files(unsent_share(others, unsent));
            self.for_files = Some(counted);
        }
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        send: impl FnMut(BorrowedFd<'_>) -> Option<io::Result<usize>>,
    ) -> Poll<Option<io::Result<usize>>> {
        let result = ready!(self.stream.poll_send_file(context, send));
        if let Some(Ok(count)) = result {
            self.note(count);
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + Unpin> Io<S> {
    /// Drops what still comes until the client is done, or has had its share of patience.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(lingering) = &mut self.lingering else { return Poll::Ready(Ok(())) };
        let mut chunk = [std::mem::MaybeUninit::uninit(); READ_CHUNK];
        while lingering.dropped < LINGER_BYTES {
            let mut read = ReadBuf::uninit(&mut chunk);
            match Pin::new(&mut self.stream).poll_read(context, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    lingering.dropped += read.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.timer.as_mut().poll(context).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Io<S> {
    /// A ping or a window update may come as well as a request: only who reads the bytes can tell
    /// whether a head begins.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead.split_to(count));
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        Poll::Ready(Ok(self.note(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        Poll::Ready(Ok(self.note(written)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more will come, then waits for the client to say the same. Closing at
    /// once with bytes unread would make the system reset the connection, and the client lose the
    /// answer that it has not read yet (RFC 9112 §9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.lingering = Some(Lingering::new());
        }
        self.poll_linger(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::UNSENT_FILE_BYTES;
    use crate::server::connection::client_socket::ClientSocket;
    use socket2::SockRef;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_more_connections_files_go_over_the_less_waits_of_each() {
        let table = [
            (0, UNSENT_FILE_BYTES),
            (3, UNSENT_FILE_BYTES),
            (7, UNSENT_FILE_BYTES / 2),
            (127, UNSENT_BYTES),
            (1_000_000, UNSENT_BYTES),
        ];
        for (others, expected) in table {
            assert_eq!(unsent_share(others, UNSENT_FILE_BYTES), expected, "{others} others");
        }
        let all: u64 =
            (0..128).map(|others| u64::from(unsent_share(others, UNSENT_FILE_BYTES))).sum();
        assert!(all < 5 * UNSENT_SHARED, "{all}");
    }

    #[test]
    fn more_waits_once_files_are_sent() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let activity = Arc::new(Activity::new(super::super::stop::Stop::default()));
        let mut io = Io::new(ClientSocket::new(client), Bytes::new(), activity);
        io.prepare_files(UNSENT_FILE_BYTES);
        let set = SockRef::from(&io.stream.descriptor().unwrap()).tcp_notsent_lowat().unwrap();
        assert!((UNSENT_BYTES..=UNSENT_FILE_BYTES).contains(&set), "{set}");
        SockRef::from(&io.stream.descriptor().unwrap()).set_tcp_notsent_lowat(1).unwrap();
        io.prepare_files(UNSENT_FILE_BYTES);
        assert_eq!(
            SockRef::from(&io.stream.descriptor().unwrap()).tcp_notsent_lowat().unwrap(),
            1,
            "asked again"
        );
    }
}
