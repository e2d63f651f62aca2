//! Sockets, TLS, limits, reload and stop. Knows nothing of what fields mean.

pub mod activity;
pub mod certificates;
pub mod connection;
mod date;
pub mod handshake;
mod http1;
mod http2;
pub mod io;
mod lenient;
pub mod limits;
pub mod listener;
mod requests;
pub mod sandbox;
pub mod separation;
pub mod signals;
pub mod snapshot;
pub mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::{Duty, Service};
use crate::site::Background;
use connection::{Opening, Shared};
use limits::DRAIN_TIME;
use listener::BindError;
use signals::{Order, Orders};
use snapshot::{Live, LoadError, Resolver, Snapshot, Sources};

/// What the server listens on and what it serves.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Sites and certificates.
    pub sources: Sources,
    /// Addresses to bind; every one if empty.
    pub addresses: Vec<IpAddr>,
    /// The port of sites: HTTPS with certificates, HTTP without.
    pub port: u16,
    /// The port of plain HTTP beside HTTPS.
    pub http_port: Option<u16>,
}

/// A server that is ready but has not accepted anything yet.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    live: Arc<Live>,
    background: Background,
    listening: Vec<Listening>,
}

#[derive(Debug)]
struct Listening {
    socket: TcpListener,
    opening: Opening,
}

/// Why a server cannot start: one line.
#[derive(Debug)]
pub enum StartError {
    /// Something cannot be served.
    Load(LoadError),
    /// An address cannot be bound.
    Bind(BindError),
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
    /// Loads everything, then binds everything: what fails leaves nothing half-started.
    ///
    /// # Errors
    /// The first thing that fails.
    pub fn start(setup: Setup, service: Service) -> Result<Self, StartError> {
        let background = Background::start()?;
        let (snapshot, warnings) =
            Snapshot::load(&setup.sources, background.clone()).map_err(StartError::Load)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let live = Arc::new(Live::new(snapshot, Arc::new(service)));
        let listening = listen(&setup, &live)?;
        Ok(Self { setup, live, background, listening })
    }

    /// Serves until the order to stop, then finishes what is in flight.
    ///
    /// # Errors
    /// When the system's sockets or signals fail.
    pub async fn run(self, mut orders: Orders) -> Result<(), StartError> {
        self.announce();
        let shared = Shared { live: Arc::clone(&self.live), stop: CancellationToken::new() };
        let connections = TaskTracker::new();
        let acceptors = TaskTracker::new();
        for Listening { socket, opening } in self.listening {
            acceptors.spawn(listener::accept(socket, opening, shared.clone(), connections.clone()));
        }
        while orders.next().await == Order::Reload {
            let (sources, live) = (self.setup.sources.clone(), Arc::clone(&self.live));
            let background = self.background.clone();
            let reloading =
                tokio::task::spawn_blocking(move || reload(&sources, &live, background));
            if let Err(error) = reloading.await {
                tracing::error!(%error, "reload failed, the old state stays");
            }
        }
        shared.stop.cancel();
        acceptors.close();
        acceptors.wait().await;
        connections.close();
        tracing::info!(connections = connections.len(), "stopping");
        tokio::select! {
            _ = timeout(DRAIN_TIME, connections.wait()) => {}
            () = orders.stop() => {}
        }
        tracing::info!(cut = connections.len(), "stopped");
        Ok(())
    }

    fn announce(&self) {
        let addresses = |wanted: fn(&Opening) -> bool| {
            let bound = self.listening.iter().filter(|listening| wanted(&listening.opening));
            let bound = bound.filter_map(|listening| listening.socket.local_addr().ok());
            bound.map(|address: SocketAddr| address.to_string()).collect::<Vec<_>>().join(",")
        };
        let https = addresses(|opening| matches!(opening, Opening::Tls(_)));
        let http = addresses(|opening| matches!(opening, Opening::Plain(_)));
        let snapshot = self.live.load();
        let (sites, certificates) = (snapshot.sites.count(), snapshot.certificates.len());
        let (https, http) = (not_empty(&https), not_empty(&http));
        tracing::info!(https, http, sites, certificates, "started");
    }
}

fn not_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn listen(setup: &Setup, live: &Arc<Live>) -> Result<Vec<Listening>, StartError> {
    let mut listening = Vec::new();
    let sockets = listener::bind(&setup.addresses, setup.port).map_err(StartError::Bind)?;
    let port = match sockets.first() {
        Some(socket) => socket.local_addr()?.port(),
        None => setup.port,
    };
    let opening = if setup.sources.tls.is_some() {
        tls::warm_up();
        let resolver = Arc::new(Resolver(Arc::clone(live)));
        Opening::Tls(tls::config(resolver).map_err(StartError::Tls)?)
    } else {
        Opening::Plain(Duty::Serve)
    };
    for socket in sockets {
        listening
            .push(Listening { socket: TcpListener::from_std(socket)?, opening: opening.clone() });
    }
    if let Some(http_port) = setup.http_port {
        let opening = Opening::Plain(Duty::Redirect { https_port: port });
        for socket in listener::bind(&setup.addresses, http_port).map_err(StartError::Bind)? {
            let socket = TcpListener::from_std(socket)?;
            listening.push(Listening { socket, opening: opening.clone() });
        }
    }
    Ok(listening)
}

/// Builds a new snapshot beside the current one and puts it in place whole; if anything in it is
/// wrong, nothing changes.
fn reload(sources: &Sources, live: &Live, background: Background) {
    match Snapshot::load(sources, background) {
        Ok((snapshot, warnings)) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            let (sites, certificates) = (snapshot.sites.count(), snapshot.certificates.len());
            let before = live.replace(snapshot);
            let changes = changes(&before.sites, &live.load().sites);
            tracing::info!(sites, certificates, changes, "reloaded");
        }
        Err(error) => tracing::error!(%error, "reload failed, the old state stays"),
    }
}

/// Which sites came and went, as `+new.example -old.example`.
fn changes(before: &crate::site::Sites, after: &crate::site::Sites) -> String {
    let names = |sites: &crate::site::Sites| {
        let all = sites.all();
        all.iter().map(|site| site.name().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let (before, after) = (names(before), names(after));
    let came = after.difference(&before).map(|name| format!("+{name}"));
    let went = before.difference(&after).map(|name| format!("-{name}"));
    came.chain(went).collect::<Vec<_>>().join(" ")
}
