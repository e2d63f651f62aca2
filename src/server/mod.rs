//! Sockets, TLS, limits, reload and stop. Knows nothing of what fields mean.

mod addresses;
pub mod connection;
pub mod preparation;
pub mod report;
mod requests;
pub mod state;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use socket2::Socket;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::process::companion::Companion;
use crate::process::memory;
use crate::process::notify::Notifier;
use crate::process::reserve::Reserve;
use crate::process::sandbox::Sandbox;
use crate::process::secret::{Secret, SecretError};
use crate::process::signals::{Order, Orders};
use crate::process::watchdog;
use crate::protocol::limits::DRAIN_TIME;
use crate::service::{Alternative, Duty, HTTPS_PORT, Service};
use crate::site::Background;
use crate::visitor::proxy::Proxies;
use connection::client_socket::ListeningSocket;
use connection::drive::{Opening, Shared};
use connection::inherited::Useless;
use connection::limit::Limit;
use connection::listener::{Acceptor, BindError, Sockets};
use connection::quic::{DatagramSocket, QuicListener};
use connection::stop::Stop;
use connection::tls;
use preparation::Preparation;
use state::certifying::{Certifying, Wake};
use state::reload::{Reloads, Summary};
use state::snapshot::{Live, Resolver, Snapshot, SnapshotError, Sources};
use state::{control, daily, reload, watch};

/// HTTP/3, as far as it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http3 {
    /// It is not spoken.
    Off,
    /// A client asks once its handshake has ended.
    AfterHandshake,
    /// A client that comes back may ask before that.
    WithEarlyData,
}

/// The sockets, the sites and the options of a server.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folders of sites and certificates.
    pub sources: Sources,
    /// Addresses to bind; every one if empty.
    pub addresses: Vec<IpAddr>,
    /// The port of sites: HTTPS with certificates, HTTP without.
    pub port: u16,
    /// The port of plain HTTP beside HTTPS.
    pub http_port: Option<u16>,
    /// The port of HTTPS that clients know, if it is not ours.
    pub public_port: Option<u16>,
    /// The extent to which HTTP/3 is spoken beside HTTPS.
    pub http3: Http3,
    /// Those who may say on whose behalf they ask.
    pub proxies: Option<Proxies>,
    /// True if the process gives up what it does not need.
    pub sandbox: bool,
    /// True if changes of sites and certificates are taken up without an order.
    pub watch: bool,
    /// The command line of the process that looks after certificates, if one is wanted.
    pub companion: Option<Vec<OsString>>,
}

/// A server that is ready but has not accepted anything yet.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    live: Arc<Live>,
    background: Background,
    listening: Vec<Listening>,
    quic: Vec<QuicListener>,
    notifier: Notifier,
    sandbox: Sandbox,
    limit: Arc<Limit>,
    reserve: Reserve,
    companion: Option<Companion>,
}

#[derive(Debug)]
struct Listening {
    socket: ListeningSocket,
    opening: Opening,
}

/// Why a server cannot start: one line.
#[derive(Debug)]
pub enum StartError {
    /// Something cannot be served.
    Load(SnapshotError),
    /// An address cannot be bound.
    Bind(BindError),
    /// No socket that was passed on can be used.
    Inherited(Useless),
    /// The sandbox cannot be entered.
    Sandbox(landlock::RulesetError),
    /// The secret in the state folder cannot be used.
    Secret(SecretError),
    /// TLS cannot be set up.
    Tls(rustls::Error),
    /// The system refuses a thread, a signal handler or a socket.
    System(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => error.fmt(formatter),
            Self::Bind(error) => error.fmt(formatter),
            Self::Inherited(error) => error.fmt(formatter),
            Self::Sandbox(error) => write!(formatter, "{error} (--no-sandbox does without)"),
            Self::Secret(error) => error.fmt(formatter),
            Self::Tls(error) => error.fmt(formatter),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for StartError {}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}

impl Server {
    /// Loads everything, then listens: nobody is accepted who could not be served.
    ///
    /// # Errors
    /// The first thing that fails.
    pub fn start(
        setup: Setup,
        preparation: Preparation,
        service: Service,
    ) -> Result<Self, StartError> {
        let Preparation {
            mut sockets,
            notifier,
            sandbox,
            ledger,
            reserve,
            companion,
            secret,
            mut warnings,
        } = preparation;
        let background = Background::start()?;
        let (snapshot, odd) =
            Snapshot::load(&setup.sources, background.clone()).map_err(StartError::Load)?;
        warnings.extend(odd);
        reserve.keep_for(snapshot.sites.count());
        let datagrams = datagrams(std::mem::take(&mut sockets.quic), &mut warnings);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let ports = datagrams.iter().map(DatagramSocket::port).collect();
        let service = service.with_alternative(Alternative::on(ports, setup.public_port));
        let live = Arc::new(Live::new(snapshot, Arc::new(service)));
        let listening = listen(&setup, sockets, &live, &secret)?;
        let early_data = setup.http3 == Http3::WithEarlyData;
        let quic = datagrams.into_iter().map(|socket| {
            let resolver = Box::new(Resolver::new(Arc::clone(&live)));
            QuicListener::new(socket, resolver, &secret, early_data)
        });
        let quic = quic.collect::<Result<_, _>>()?;
        let limit = Limit::new(ledger);
        Ok(Self {
            setup,
            live,
            background,
            listening,
            quic,
            notifier,
            sandbox,
            limit,
            reserve,
            companion,
        })
    }

    /// Serves until the order to stop, then finishes what is in flight.
    ///
    /// # Errors
    /// When the system's sockets or signals fail.
    pub async fn run(mut self, mut orders: Orders) -> Result<(), StartError> {
        let shared = Shared { live: Arc::clone(&self.live), stop: Stop::default() };
        let connections = TaskTracker::new();
        let acceptors = TaskTracker::new();
        let (certifying, wake) = self.companion.take().map(Certifying::new).transpose()?.unzip();
        let wake = wake.unwrap_or_default();
        let reloads = self.reloads(wake.clone());
        if let Some(certifying) = certifying {
            tokio::spawn(certifying.follow(reloads.clone()));
        }
        if let Err(error) = control::start(reloads.clone(), self.reserve.clone()) {
            tracing::warn!(%error, "`shost reload` will not work, SIGHUP does");
        }
        if self.setup.watch {
            let (live, sources) = (Arc::clone(&self.live), self.setup.sources.clone());
            if let Err(error) = watch::start(live, sources, reloads.clone()) {
                tracing::warn!(%error, "changes are taken up only when a reload is asked for");
            }
        }
        watchdog::start(&self.notifier);
        daily::start(Arc::downgrade(&self.live), self.notifier.clone());
        self.announce();
        let proxies = self.setup.proxies.take().map(Arc::new);
        for Listening { socket, opening } in self.listening.drain(..) {
            let acceptor = Acceptor {
                opening,
                shared: shared.clone(),
                limit: Arc::clone(&self.limit),
                reserve: self.reserve.clone(),
                connections: connections.clone(),
                proxies: proxies.clone(),
            };
            acceptors.spawn(acceptor.accept(socket));
        }
        for listener in self.quic.drain(..) {
            let (shared, limit) = (shared.clone(), Arc::clone(&self.limit));
            // It ends behind its last connection.
            tokio::spawn(listener.take(shared, limit, connections.clone(), proxies.clone()));
        }
        wake.give();
        loop {
            match orders.next().await {
                Order::Reload => reloads.request(),
                Order::Report => {
                    let connections = report::Connections {
                        open: connections.len(),
                        refused: self.limit.refused(),
                        held: self.limit.ledger().holdings(),
                    };
                    report::write(&self.live, &self.background, connections);
                }
                Order::Stop => break,
            }
        }
        self.notifier.stopping();
        shared.stop.give();
        acceptors.close();
        acceptors.wait().await;
        connections.close();
        tracing::info!(connections = connections.len(), "stopping");
        tokio::select! {
            _ = timeout(DRAIN_TIME, connections.wait()) => {}
            () = orders.stop() => {}
        }
        shared.stop.cut().await;
        tracing::info!(cut = connections.len(), "stopped");
        Ok(())
    }

    fn reloads(&self, wake: Wake) -> Reloads {
        let reloading = reload::Reloading {
            sources: self.setup.sources.clone(),
            live: Arc::clone(&self.live),
            background: self.background.clone(),
            sandbox: self.sandbox.clone(),
            reserve: self.reserve.clone(),
        };
        Reloads::start(reloading, self.notifier.clone(), wake)
    }

    /// Tells the log and the service manager that the server has started.
    fn announce(&self) {
        let addresses = |wanted: fn(&Opening) -> bool| {
            let bound = self.listening.iter().filter(|listening| wanted(&listening.opening));
            let bound = bound.filter_map(|listening| listening.socket.local_addr().ok());
            bound.collect::<Vec<SocketAddr>>()
        };
        let secure = addresses(|opening| matches!(opening, Opening::Tls(_)));
        let clear = addresses(|opening| !matches!(opening, Opening::Tls(_)));
        let snapshot = self.live.load();
        let (sites, certificates) = (snapshot.sites.count(), snapshot.certificates.len());
        let (https, http) = (listed(&secure), listed(&clear));
        let threads = Handle::current().metrics().num_workers();
        let cache = memory::Size(self.setup.sources.sites.cache_bound);
        let sandbox = &self.sandbox;
        let bounds = self.limit.ledger().bounds();
        let days_left = snapshot.certificates.days_left(SystemTime::now());
        tracing::info!(
            https, http, sites, certificates, days_left, threads, %cache, %sandbox, %bounds, "started"
        );
        if io::stderr().is_terminal() {
            let (scheme, sockets) =
                if secure.is_empty() { ("http", &clear) } else { ("https", &secure) };
            let sites = snapshot.sites.all();
            let hosts: Vec<&str> = sites.iter().map(|site| site.name()).collect();
            let hosts = (!snapshot.sites.is_single()).then_some(&*hosts);
            for url in addresses::urls(scheme, sockets, hosts) {
                tracing::info!("open {url}");
            }
        }
        self.notifier.ready(&Summary::of(&snapshot));
    }
}

/// Addresses for an event; none if there are none.
fn listed(addresses: &[SocketAddr]) -> Option<String> {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    (!addresses.is_empty()).then(|| addresses.join(","))
}

/// The sockets of UDP that take HTTP/3. One that the system does not let be prepared, as `SELinux` may
/// with one that was passed on, costs HTTP/3 alone.
fn datagrams(sockets: Vec<Socket>, warnings: &mut Vec<String>) -> Vec<DatagramSocket> {
    let mut warn = |error| {
        let warning = format!("no HTTP/3: a socket of UDP cannot be used: {error}");
        warnings.push(warning + " (--no-http3 does without)");
    };
    let prepared = sockets.into_iter().map(DatagramSocket::new);
    prepared.filter_map(|socket| socket.map_err(&mut warn).ok()).collect()
}

fn listen(
    setup: &Setup,
    sockets: Sockets,
    live: &Arc<Live>,
    secret: &Arc<Secret>,
) -> Result<Vec<Listening>, StartError> {
    let own = sockets.https_port().unwrap_or(setup.port);
    let Sockets { https, http, inherited, .. } = sockets;
    let plain = match (&setup.sources.tls, setup.public_port) {
        (None, _) => Opening::Plain(Duty::Serve),
        (Some(_), Some(https_port)) => Opening::Plain(Duty::Redirect { https_port }),
        // Whoever hands sockets over may do so from any port: clients come to the usual one.
        (Some(_), None) if inherited => Opening::Plain(Duty::Redirect { https_port: HTTPS_PORT }),
        (Some(_), None) => Opening::Redirect { https_port: own },
    };
    let mut listening = Vec::new();
    if !https.is_empty() {
        tls::warm_up();
        let resolver = Arc::new(Resolver::new(Arc::clone(live)));
        let config = tls::config(resolver, Arc::clone(secret)).map_err(StartError::Tls)?;
        let opening = Opening::Tls(config);
        listening.extend(https.into_iter().map(|socket| (socket, opening.clone())));
    }
    listening.extend(http.into_iter().map(|socket| (socket, plain.clone())));
    let listening = listening.into_iter().map(|(socket, opening)| {
        let socket = Sockets::listen(inherited, socket).map_err(StartError::Bind)?;
        Ok(Listening { socket, opening })
    });
    listening.collect()
}
