//! Sockets that wait for connections.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::client_socket::{ClientSocket, ListeningSocket};
use super::drive::{Ends, Opening, Shared, serve};
use super::flood::Flood;
use super::limit::Limit;
use super::proxied::{Introduced, introduce};
use crate::ledger::Connected;
use crate::process::reserve::Reserve;
use crate::protocol::limits::{BACKLOG, UNSENT_BYTES};
use crate::server::{Http3, Setup};
use crate::visitor::proxy::Proxies;

/// Out of descriptors or memory, accepting again at once would only burn a processor. A tenth of
/// a second is long enough for connections to end, and too short for clients to give up.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Without an error for so long, accepting is told to work again: while single descriptors come and
/// go it does not.
const RECOVERED: Duration = Duration::from_secs(1);

/// Sockets to accept on, by what is spoken on them.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Sockets that take HTTPS.
    pub https: Vec<Socket>,
    /// HTTP in the clear.
    pub http: Vec<Socket>,
    /// Sockets of UDP that take HTTP/3.
    pub quic: Vec<Socket>,
    /// True if they were passed on, and listen already.
    pub inherited: bool,
}

impl Sockets {
    /// Binds what `setup` says, and does not listen yet: clients are refused until there is
    /// something to serve. Without HTTP/3 all goes on, with one of the `warnings`.
    ///
    /// # Errors
    /// The address that cannot be bound, and why.
    pub fn bind(setup: &Setup, warnings: &mut Vec<String>) -> Result<Self, BindError> {
        if setup.sources.tls.is_none() {
            return Ok(Self { http: bind(&setup.addresses, setup.port)?, ..Self::default() });
        }
        let (sites, quic) = bind_both(setup, warnings)?;
        let http = match setup.http_port {
            Some(port) => bind(&setup.addresses, port)?,
            None => Vec::new(),
        };
        Ok(Self { https: sites, http, quic, inherited: false })
    }

    /// The port of HTTPS, where there is a socket for it.
    #[must_use]
    pub fn https_port(&self) -> Option<u16> {
        Some(self.https.first()?.local_addr().ok()?.as_socket()?.port())
    }

    /// Makes `socket`, one of these, ready to accept.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn listen(inherited: bool, socket: Socket) -> Result<ListeningSocket, BindError> {
        let failed = |error, socket: &Socket| {
            let address = socket.local_addr().ok().and_then(|address| address.as_socket());
            let nowhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
            BindError { address: address.unwrap_or(nowhere), error }
        };
        if !inherited {
            socket.listen(BACKLOG).map_err(|error| failed(error, &socket))?;
        }
        // Accepted sockets inherit both, so that no answer's last segment waits for an
        // acknowledgement, and none hands over more than is sent soon. Under SELinux options of a
        // socket that was passed on may be refused.
        if let Err(error) = socket.set_tcp_nodelay(true) {
            tracing::debug!(%error, "a socket keeps Nagle's algorithm");
        }
        if let Err(error) = socket.set_tcp_notsent_lowat(UNSENT_BYTES) {
            tracing::debug!(%error, "a socket buffers as much as the system likes");
        }
        socket.set_nonblocking(true).map_err(|error| failed(error, &socket))?;
        let address = failed(io::ErrorKind::Other.into(), &socket).address;
        ListeningSocket::new(socket.into()).map_err(|error| BindError { address, error })
    }
}

/// Binds `port` on each of `addresses`, or on every address of the machine if there is none.
/// With port 0 the system chooses one that is free, the same for all addresses.
fn bind(addresses: &[IpAddr], port: u16) -> Result<Vec<Socket>, BindError> {
    if addresses.is_empty() {
        return everywhere(port).map(|socket| vec![socket]);
    }
    let mut port = port;
    let mut sockets = Vec::with_capacity(addresses.len());
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        let socket = bind_one(address, true).map_err(|error| BindError { address, error })?;
        let bound = socket.local_addr().ok().and_then(|bound| bound.as_socket());
        port = bound.map_or(port, |bound| bound.port());
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Ports of the system's choice that are tried before one is free for UDP as well.
const PORTS_TRIED: usize = 16;

/// Binds the port of HTTPS, and the same for HTTP/3.
fn bind_both(
    setup: &Setup,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Socket>, Vec<Socket>), BindError> {
    let mut tried = 0;
    loop {
        tried += 1;
        let https = bind(&setup.addresses, setup.port)?;
        if setup.http3 == Http3::Off {
            return Ok((https, Vec::new()));
        }
        match bind_udp(&https) {
            Ok(quic) => return Ok((https, quic)),
            Err(_) if setup.port == 0 && tried < PORTS_TRIED => {}
            Err(BindError { address, error }) => {
                warnings.push(format!(
                    "no HTTP/3: cannot listen on UDP {address}: {error} (--no-http3 does without)"
                ));
                return Ok((https, Vec::new()));
            }
        }
    }
}

/// Binds the same addresses and port for UDP.
fn bind_udp(sockets: &[Socket]) -> Result<Vec<Socket>, BindError> {
    let bound = sockets.iter().filter_map(|socket| {
        let address = socket.local_addr().ok()?.as_socket()?;
        Some((address, address.is_ipv6() && socket.only_v6().unwrap_or(true)))
    });
    let bound = bound.map(|(address, only_v6)| {
        let made = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP));
        let bound = made.and_then(|socket| {
            if address.is_ipv6() {
                socket.set_only_v6(only_v6)?;
            }
            socket.bind(&address.into())?;
            Ok(socket)
        });
        bound.map_err(|error| BindError { address, error })
    });
    bound.collect()
}

/// An address that cannot be bound.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cannot listen on {}: {}", self.address, self.error)
    }
}

impl std::error::Error for BindError {}

/// One IPv6 socket that also takes IPv4; an IPv4 socket on a machine without IPv6.
fn everywhere(port: u16) -> Result<Socket, BindError> {
    let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match bind_one(six, false) {
        Err(error) if lacks_ipv6(&error) => {
            let four = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            bind_one(four, false).map_err(|error| BindError { address: four, error })
        }
        bound => bound.map_err(|error| BindError { address: six, error }),
    }
}

fn lacks_ipv6(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let absent = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL];
    absent.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn bind_one(address: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart must not wait until the old connections' last packets have surely gone.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Accepts the connections of one socket.
#[derive(Debug)]
pub struct Acceptor {
    /// The way in which its connections begin.
    pub opening: Opening,
    /// The state that its connections share.
    pub shared: Shared,
    /// The limit on their number.
    pub limit: Arc<Limit>,
    /// Descriptors that are kept for orders and reloads.
    pub reserve: Reserve,
    /// Those that are served.
    pub connections: TaskTracker,
    /// The proxies that are believed when they say on whose behalf they connect, if there are any.
    pub proxies: Option<Arc<Proxies>>,
}

impl Acceptor {
    /// Accepts from `listener` until the order to stop, each connection served in a task of its
    /// own.
    ///
    /// Errors of one connection are that connection's; errors of the process, such as no more
    /// descriptors, pass, and accepting goes on after a pause.
    pub async fn accept(self, listener: ListeningSocket) {
        let port = listener.local_addr().map_or(0, |address| address.port());
        let failures = Arc::new(Flood::default());
        let mut failed: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shared.stop.wait() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if failed.is_some_and(|last| last.elapsed() >= RECOVERED) {
                        failed = None;
                        self.reserve.refill();
                        tracing::info!("connections are accepted again");
                    }
                    self.begin(stream, peer, port);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    failed = Some(Instant::now());
                    failures.count(move |attempts| {
                        tracing::error!(%error, attempts, "cannot accept connections, trying again");
                    });
                    self.back_off().await;
                }
            }
        }
    }

    /// Serves a connection if there is a place for it; else it is closed, which a client takes for
    /// a reason to try again later. An answer would need a handshake first, and that is what a
    /// flood is after.
    fn begin(&self, stream: ClientSocket, peer: SocketAddr, port: u16) {
        let Some(connected) = self.limit.admit(peer.ip()) else { return };
        let (account, peer) = (Arc::clone(connected.account()), peer.ip());
        if let Some(proxies) = &self.proxies
            && proxies.contain(peer)
        {
            return self.begin_proxied(stream, peer, port, connected, Arc::clone(proxies));
        }
        let ends = Ends { peer, account, port, ahead: Bytes::new(), proxies: None };
        let (opening, shared) = (self.opening.clone(), self.shared.clone());
        let serving = move || serve(stream, ends, opening, shared);
        self.connections.spawn(hold(connected, serving));
    }

    /// Serves a connection from a trusted proxy. Once its client is known, the connection is in the
    /// client's books and no longer in the proxy's.
    fn begin_proxied(
        &self,
        mut stream: ClientSocket,
        proxy: IpAddr,
        port: u16,
        connected: Connected,
        proxies: Arc<Proxies>,
    ) {
        let (opening, shared) = (self.opening.clone(), self.shared.clone());
        let limit = Arc::clone(&self.limit);
        self.connections.spawn(async move {
            let introduced = introduce(&mut stream, proxy, &shared.stop).await;
            let Some(Introduced { source, ahead }) = introduced else { return };
            let (peer, connected) = match source {
                None => (proxy, connected),
                Some(source) => {
                    // Out of the proxy's books now, and not when the connection ends.
                    drop(connected);
                    let Some(admitted) = limit.admit(source) else { return };
                    (source, admitted)
                }
            };
            let account = Arc::clone(connected.account());
            let proxies = proxies.contain(peer).then_some(proxies);
            let ends = Ends { peer, account, port, ahead, proxies };
            hold(connected, move || serve(stream, ends, opening, shared)).await;
        });
    }

    /// Waits for better times, but no longer than to the order to stop.
    async fn back_off(&self) {
        while timeout(BACK_OFF, self.shared.stop.wait()).await.is_err() && self.reserve.is_lent() {}
    }
}

/// Serves a connection that is in the books, which it leaves also if it panics. The connection is
/// made in here, so that it is not kept twice.
async fn hold<C: Future<Output = ()>>(connected: Connected, connection: impl FnOnce() -> C) {
    let _connected = connected;
    connection().await;
}

/// Errors that accept(2) passes on from the connection that was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Bounds, Ledger};
    use crate::log::panics;
    use socket2::SockRef;

    #[tokio::test]
    async fn an_accepted_connection_has_the_options_of_its_listener() {
        let mut sockets = bind(&[Ipv4Addr::LOCALHOST.into()], 0).unwrap();
        let listener = Sockets::listen(false, sockets.remove(0)).unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
        let (_client, accepted) = tokio::join!(client, listener.accept());
        let (stream, _) = accepted.unwrap();
        let stream = stream.descriptor().unwrap();
        assert!(SockRef::from(&stream).tcp_nodelay().unwrap());
        assert_eq!(SockRef::from(&stream).tcp_notsent_lowat().unwrap(), UNSENT_BYTES);
    }

    #[test]
    fn a_connection_that_panics_is_counted_and_costs_itself_alone() {
        panics::watch();
        let before = panics::total();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let ledger = Ledger::new(Bounds { connections: 2, ..Bounds::NONE });
        let take = || ledger.connect([127, 0, 0, 1].into());
        let (first, second) = (take().unwrap(), take().unwrap());
        take().unwrap_err();
        runtime.unwrap().block_on(async {
            let panicked = tokio::spawn(hold(first, || async { panic!("for the test") }));
            assert!(panicked.await.unwrap_err().is_panic());
            let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
            let other = tokio::spawn(hold(second, || async { wait.await.unwrap() }));
            take().unwrap();
            go_on.send(()).unwrap();
            other.await.unwrap();
        });
        assert!(panics::total() > before);
    }
}
