//! Sockets of TCP: those that listen, and those of clients that they give.
//!
//! The runtime's poller is told of a client's socket only when it has to be waited for. Most
//! requests are here as soon as their connection is, and where a connection ends with its first
//! answer the poller never hears of it: two system calls less, and no memory for its events.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::protocol::transport::Transport;

/// A socket that connections are accepted from.
///
/// The runtime's own listener tells the poller of each connection that it accepts. Its stream, for
/// which any socket of TCP will do, waits until there is something to accept, and no more.
#[derive(Debug)]
pub struct ListeningSocket(TcpStream);

impl ListeningSocket {
    /// `socket`, which listens and does not block.
    ///
    /// # Errors
    /// When the poller does not take it. It has to be called within a runtime.
    pub fn new(socket: TcpListener) -> io::Result<Self> {
        TcpStream::from_std(OwnedFd::from(socket).into()).map(Self)
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next connection, and the address of its client.
    ///
    /// # Errors
    /// Those of accept(2), some of which are of the connection that was to be accepted.
    pub async fn accept(&self) -> io::Result<(ClientSocket, SocketAddr)> {
        const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
        let accept = || Ok(acceptfrom_with(&self.0, FLAGS)?);
        let (socket, peer) = self.0.async_io(Interest::READABLE, accept).await?;
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((ClientSocket::new(socket.into()), peer))
    }
}

/// The socket of a client.
#[derive(Debug)]
pub struct ClientSocket {
    polling: Polling,
    /// True if it has been read: what it had is taken, and for more it most likely has to be waited.
    read: bool,
}

#[derive(Debug)]
enum Polling {
    /// It has not had to be waited for, and so many times more it may be tried before the runtime
    /// has a say in how long its task goes on.
    New(std::net::TcpStream, u8),
    /// The poller tells when it is ready.
    Polled(TcpStream),
    /// The poller did not take it, and it is closed.
    Lost,
}

/// Times that a socket is tried without the poller: for a request, its answer and its end.
const TRIES: u8 = 8;

impl ClientSocket {
    /// `socket`, which does not block.
    #[must_use]
    pub fn new(socket: std::net::TcpStream) -> Self {
        Self { polling: Polling::New(socket, TRIES), read: false }
    }

    /// The address that the client connected to.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let descriptor = self.descriptor().ok_or(io::ErrorKind::NotConnected)?;
        let address = SockRef::from(&descriptor).local_addr()?;
        Ok(address.as_socket().ok_or(io::ErrorKind::NotConnected)?)
    }

    /// The descriptor; `None` if the poller did not take the socket, which is closed by then.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.polling {
            Polling::New(socket, _) => Some(socket.as_fd()),
            Polling::Polled(stream) => Some(stream.as_fd()),
            Polling::Lost => None,
        }
    }

    /// The stream of which the poller knows.
    ///
    /// # Errors
    /// When the poller does not take it.
    pub fn polled(&mut self) -> io::Result<&mut TcpStream> {
        if let Polling::New(..) = self.polling
            && let Polling::New(socket, _) = std::mem::replace(&mut self.polling, Polling::Lost)
        {
            self.polling = Polling::Polled(TcpStream::from_std(socket)?);
        }
        match &mut self.polling {
            Polling::Polled(stream) => Ok(stream),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The outcome of `attempt`; `None` if it is for the poller to tell when it can be made.
    fn at_once<T>(
        &mut self,
        attempt: impl FnOnce(&mut std::net::TcpStream) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let Polling::New(socket, tries) = &mut self.polling else { return None };
        *tries = tries.checked_sub(1)?;
        match attempt(socket) {
            Err(error) if is_later(&error) => None,
            outcome => Some(outcome),
        }
    }
}

/// True for what is no fault: the socket is not ready, or the system was interrupted.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let first = !std::mem::replace(&mut self.read, true);
        if first
            && let Some(read) = self.at_once(|socket| socket.read(buffer.initialize_unfilled()))
        {
            return Poll::Ready(read.map(|count| buffer.advance(count)));
        }
        Pin::new(self.polled()?).poll_read(context, buffer)
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(written) = self.at_once(|socket| socket.write(bytes)) {
            return Poll::Ready(written);
        }
        Pin::new(self.polled()?).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(written) = self.at_once(|socket| socket.write_vectored(slices)) {
            return Poll::Ready(written);
        }
        Pin::new(self.polled()?).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(shut) = self.at_once(|socket| socket.shutdown(Shutdown::Write)) {
            return Poll::Ready(shut);
        }
        Pin::new(self.polled()?).poll_shutdown(context)
    }
}

impl Transport for ClientSocket {
    const ENDS_WHEN_DROPPED: bool = true;

    fn prepare_files(&mut self, unsent: u32) {
        // Where the system does not know this, files are sent in smaller pieces.
        if let Some(descriptor) = self.descriptor()
            && let Err(error) = SockRef::from(&descriptor).set_tcp_notsent_lowat(unsent)
        {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT");
        }
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        mut send: impl FnMut(BorrowedFd<'_>) -> Option<io::Result<usize>>,
    ) -> Poll<Option<io::Result<usize>>> {
        if let Some(sent) = self.at_once(|socket| send(socket.as_fd()).transpose()) {
            return Poll::Ready(sent.transpose());
        }
        let stream = match self.polled() {
            Ok(stream) => stream,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        loop {
            if let Err(error) = ready!(stream.poll_write_ready(context)) {
                return Poll::Ready(Some(Err(error)));
            }
            let count = stream.try_io(Interest::WRITABLE, || send(stream.as_fd()).transpose());
            match count {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                count => return Poll::Ready(count.transpose()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};
    use std::task::Waker;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Both ends of a connection, that of the server as it is when it has been accepted.
    fn pair() -> (std::net::TcpStream, ClientSocket) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (client, ClientSocket::new(socket))
    }

    /// There is no runtime here, and so no poller that could hear of the socket.
    #[test]
    fn a_socket_that_need_not_wait_needs_no_poller() {
        let mut context = Context::from_waker(Waker::noop());
        let (mut client, mut socket) = pair();
        client.write_all(b"GET").unwrap();
        let mut memory = [0; 8];
        let mut read = ReadBuf::new(&mut memory);
        assert!(Pin::new(&mut socket).poll_read(&mut context, &mut read).is_ready());
        assert_eq!(read.filled(), b"GET");
        let written = Pin::new(&mut socket).poll_write(&mut context, b"200");
        assert!(matches!(written, Poll::Ready(Ok(3))), "{written:?}");
        let slices = [IoSlice::new(b" O"), IoSlice::new(b"K")];
        let written = Pin::new(&mut socket).poll_write_vectored(&mut context, &slices);
        assert!(matches!(written, Poll::Ready(Ok(3))), "{written:?}");
        let sent = socket.poll_send_file(&mut context, |to| {
            Some(rustix::io::write(to, b"file").map_err(io::Error::from))
        });
        assert!(matches!(sent, Poll::Ready(Some(Ok(4)))), "{sent:?}");
        assert!(Pin::new(&mut socket).poll_shutdown(&mut context).is_ready());
        let mut came = String::new();
        client.read_to_string(&mut came).unwrap();
        assert_eq!(came, "200 OKfile");
        assert_eq!(socket.local_addr().unwrap(), client.peer_addr().unwrap());
    }

    #[tokio::test]
    async fn what_is_not_there_yet_is_waited_for() {
        let (mut client, mut socket) = pair();
        let mut came = [0; 3];
        let (read, ()) = tokio::join!(socket.read_exact(&mut came), async {
            client.write_all(b"one").unwrap();
        });
        read.unwrap();
        assert_eq!(&came, b"one");
        client.set_nonblocking(true).unwrap();
        let mut client = TcpStream::from_std(client).unwrap();
        let much = vec![7; 8 * 1024 * 1024];
        let mut taken = vec![0; much.len()];
        let (written, read) = tokio::join!(socket.write_all(&much), client.read_exact(&mut taken));
        written.unwrap();
        read.unwrap();
        assert!(much == taken);
    }

    /// Only the poller makes a task give way to others that always has something to do.
    #[tokio::test]
    async fn a_socket_that_never_waits_is_polled_in_the_end() {
        let (mut client, mut socket) = pair();
        for turn in 1..=TRIES + 1 {
            assert!(matches!(socket.polling, Polling::New(..)), "before turn {turn}");
            socket.write_all(b".").await.unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        assert!(matches!(socket.polling, Polling::Polled(_)));
        let (mut client, mut socket) = pair();
        client.write_all(b"..").unwrap();
        for polled in [false, true] {
            socket.read_exact(&mut [0]).await.unwrap();
            assert_eq!(matches!(socket.polling, Polling::Polled(_)), polled);
        }
    }

    #[tokio::test]
    async fn a_socket_that_the_poller_refuses_is_closed() {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let file = rustix::fs::open("Cargo.toml", flags, Mode::empty()).unwrap();
        let mut socket = ClientSocket::new(file.into());
        assert_eq!(socket.polled().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(socket.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert!(socket.descriptor().is_none());
        assert_eq!(socket.local_addr().unwrap_err().kind(), io::ErrorKind::NotConnected);
        let sent = socket.poll_send_file(&mut Context::from_waker(Waker::noop()), |_| panic!());
        assert!(matches!(sent, Poll::Ready(Some(Err(_)))), "{sent:?}");
    }
}
