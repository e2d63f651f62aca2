//! One connection, from its acceptance to its end.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};

use super::activity::{Activity, Due};
use super::client_socket::ClientSocket;
use super::first_bytes::{FirstBytes, Protocol};
use super::forwarding::is_forwarded;
use super::handshake::{Choice, Established, HandshakeError, handshake, turn};
use super::io::Io;
use super::stop::Stop;
use super::tls;
use crate::ledger::Account;
use crate::process::clock::Tick;
use crate::protocol::http1;
use crate::protocol::http2;
use crate::protocol::limits::{FIRST_REQUEST_TIME, HANDSHAKE_TIME, HEAD_TIME};
use crate::protocol::transport::Transport;
use crate::server::requests::Requests;
use crate::server::state::snapshot::Live;
use crate::service::{Duty, HTTPS_PORT, Peer};
use crate::visitor::proxy::Proxies;

/// The state that all connections of a listener share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The current snapshot, loaded anew for each request and each handshake.
    pub live: Arc<Live>,
    /// The order to stop.
    pub stop: Stop,
}

/// The beginning of a listener's connections.
#[derive(Clone, Debug)]
pub enum Opening {
    /// Connections in the clear.
    Plain(Duty),
    /// In the clear, to be sent to HTTPS at this port. Where a firewall forwards other ports to
    /// ours, to its usual port.
    Redirect {
        /// The port that HTTPS listens on.
        https_port: u16,
    },
    /// With a TLS handshake.
    Tls(Arc<ServerConfig>),
}

/// The two ends of a connection.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The address of the client.
    pub peer: IpAddr,
    /// The account of the client.
    pub account: Arc<Account>,
    /// The local port of the connection.
    pub port: u16,
    /// Bytes that have been read of the connection.
    pub ahead: Bytes,
    /// The trusted proxies, if the client is one of them.
    pub proxies: Option<Arc<Proxies>>,
}

/// An HTTP/1 connection of the server.
type Http1<S> = http1::Connection<Io<S>, Requests>;

/// An HTTP/2 connection of the server.
type Http2<S> = http2::Connection<Io<S>, Requests>;

/// A connection that has begun to speak HTTP.
type Speaking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves one connection until it ends. Each stage is a box of its own, so that a connection that
/// idles for a minute does not keep what its handshake needed.
pub async fn serve(stream: ClientSocket, ends: Ends, opening: Opening, shared: Shared) {
    let begun = match opening {
        Opening::Plain(duty) => Box::pin(in_the_clear(stream, ends, duty, shared)).await,
        Opening::Redirect { https_port } => {
            let https_port = if is_forwarded(&stream, ends.port) { HTTPS_PORT } else { https_port };
            let duty = Duty::Redirect { https_port };
            Box::pin(in_the_clear(stream, ends, duty, shared)).await
        }
        Opening::Tls(config) => Box::pin(over_tls(stream, ends, config, shared)).await,
    };
    if let Some(speaking) = begun {
        speaking.await;
    }
}

async fn over_tls(
    stream: ClientSocket,
    ends: Ends,
    config: Arc<ServerConfig>,
    shared: Shared,
) -> Option<Speaking> {
    let peer = ends.peer;
    let choose = |stream: &ClientSocket, name: Option<&str>| {
        let snapshot = shared.live.load();
        match name {
            Some(name) if snapshot.certificates.resolve(name).is_some() => Choice::ByName,
            Some(_) => Choice::Nothing,
            None => {
                let address = stream.local_addr().ok().map(|address| address.ip());
                let key = address.and_then(|address| snapshot.certificate_without_name(address));
                key.cloned().map_or(Choice::Nothing, Choice::ByAddress)
            }
        }
    };
    let kept = ends.account.keep();
    let shaken = timeout(HANDSHAKE_TIME, async {
        turn(&kept).await;
        handshake(stream, config, choose).await
    });
    let Established { stream, version, protocol } = match shared.stop.while_wanted(shaken).await? {
        Ok(Ok(established)) => established,
        Ok(Err(HandshakeError::UnknownName(name))) => {
            shared.live.counters().unknown_names();
            let name = name.as_deref().unwrap_or("none");
            tracing::debug!(%peer, name, "no certificate for the server name");
            return None;
        }
        Ok(Err(HandshakeError::Failed(error))) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            return None;
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            return None;
        }
    };
    drop(kept);
    let protocol = match protocol.as_deref() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    let version = version.map(tls::version_name);
    let service = Arc::clone(shared.live.service());
    let connection =
        Peer::new(service, peer, version, Duty::Serve).on_port(ends.port).charged_to(ends.account);
    let connection = connection.among(ends.proxies);
    Some(speak(stream, Bytes::new(), protocol, connection, shared))
}

async fn in_the_clear(
    mut stream: ClientSocket,
    ends: Ends,
    duty: Duty,
    shared: Shared,
) -> Option<Speaking> {
    let mut first_bytes = FirstBytes::after(&ends.ahead);
    // The first bytes of most clients are here: no deadline has to be set for them.
    let at_hand = poll_fn(|context| Poll::Ready(first_bytes.poll_told(&mut stream, context))).await;
    let told = match at_hand {
        Poll::Ready(told) => Some(Ok(told)),
        Poll::Pending => {
            let told = poll_fn(|context| first_bytes.poll_told(&mut stream, context));
            Box::pin(shared.stop.while_wanted(timeout(HEAD_TIME, told))).await
        }
    };
    let Some(Ok(Ok(protocol))) = told else {
        tracing::debug!(peer = %ends.peer, "no request came");
        return None;
    };
    let service = Arc::clone(shared.live.service());
    let connection =
        Peer::new(service, ends.peer, None, duty).on_port(ends.port).charged_to(ends.account);
    let connection = connection.among(ends.proxies);
    Some(speak(stream, first_bytes.into_bytes(), protocol, connection, shared))
}

fn speak<S>(
    stream: S,
    ahead: Bytes,
    protocol: Protocol,
    connection: Peer,
    shared: Shared,
) -> Speaking
where
    S: Transport + Send + 'static,
{
    let account = connection.account().cloned();
    let activity = Arc::new(Activity::new(shared.stop).charged_to(account));
    let connection = Arc::new(connection);
    let requests = Requests::new(shared.live, Arc::clone(&connection), Arc::clone(&activity));
    let io = Io::new(stream, ahead, Arc::clone(&activity));
    match protocol {
        Protocol::Http1 => {
            let http = Box::new(Http1::new(io, requests));
            Box::pin(async move { tell(drive(http, &activity).await, &connection) })
        }
        Protocol::Http2 => {
            let http = Box::new(Http2::new(io, requests));
            Box::pin(async move { tell(drive(http, &activity).await, &connection) })
        }
    }
}

fn tell<E: std::fmt::Display>(end: End<E>, connection: &Peer) {
    if let End::Broken(error) = end {
        tracing::debug!(peer = %connection.address(), %error, "connection ended");
    }
}

/// The end of a connection.
enum End<E> {
    /// As the protocol has it.
    Clean,
    Stalled,
    /// By an error of the client or of the network.
    Broken(E),
}

/// A connection that can be told to end after what is in flight.
trait Graceful: Future<Output = Result<(), Self::Error>> + Unpin {
    /// The error that breaks it.
    type Error;

    /// Takes no more requests, and ends when those in flight have been answered.
    fn end(&mut self);

    /// Tells the client that its head did not end in time; `false` if there is no telling.
    fn refuse_late(&mut self) -> bool;

    /// Gives up the answers of which the client has taken nothing for too long at `now`, if the
    /// others can go on without them. Gives the time when the next one will be.
    fn give_up_stalled(&mut self, now: Tick) -> Option<Tick>;

    /// True if the client takes nothing of what is on its way to it.
    fn is_blocked(&self) -> bool;
}

impl<S: Transport> Graceful for Http1<S> {
    type Error = io::Error;

    fn end(&mut self) {
        self.graceful_shutdown();
    }

    fn refuse_late(&mut self) -> bool {
        Http1::refuse_late(self)
    }

    /// There is one answer at a time, and it is all that the connection does.
    fn give_up_stalled(&mut self, _: Tick) -> Option<Tick> {
        None
    }

    fn is_blocked(&self) -> bool {
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Graceful for Http2<S> {
    type Error = http2::Error;

    fn end(&mut self) {
        self.graceful_shutdown();
    }

    /// There is no status for half a frame.
    fn refuse_late(&mut self) -> bool {
        false
    }

    fn give_up_stalled(&mut self, now: Tick) -> Option<Tick> {
        Http2::give_up_stalled(self, now)
    }

    fn is_blocked(&self) -> bool {
        Http2::is_blocked(self)
    }
}

/// Moves a connection forward until it ends, by itself or by its deadlines.
///
/// The order to stop and the timer wake this task once they have been asked for; they are not asked
/// again each time the connection wakes it, which is for every request.
async fn drive<C: Graceful>(mut connection: Box<C>, activity: &Activity) -> End<C::Error> {
    let mut stopped = pin!(activity.told_to_stop());
    let mut timer = pin!(sleep_until(Instant::now() + HEAD_TIME));
    let mut due = Tick::now().after(HEAD_TIME);
    let mut progress = ShutdownProgress::default();
    let mut asked = false;
    poll_fn(move |context| {
        loop {
            if !progress.told
                && activity.is_closing()
                && let Some(wait) = progress.stop(&mut *connection, activity)
            {
                due = Tick::now().after(wait);
                timer.as_mut().reset(Instant::now() + wait);
                asked = false;
            }
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
                return Poll::Ready(ended.map_or_else(End::Broken, |()| End::Clean));
            }
            if !progress.told
                && (activity.is_closing() || !asked && stopped.as_mut().poll(context).is_ready())
            {
                // The answer just given said so, or the order came.
                continue;
            }
            if asked && due.since(Tick::now()) > TIMER_STEP {
                return Poll::Pending;
            }
            asked = true;
            ready!(timer.as_mut().poll(context));
            let Some(wait) = progress.look(&mut *connection, activity) else {
                return Poll::Ready(End::Stalled);
            };
            due = Tick::now().after(wait);
            timer.as_mut().reset(Instant::now() + wait);
            asked = false;
        }
    })
    .await
}

/// Progress of ending a connection.
#[derive(Debug, Default)]
struct ShutdownProgress {
    /// It has been told that it is to end.
    told: bool,
    /// It has been told to end now.
    closing: bool,
}

impl ShutdownProgress {
    /// Acts upon the order to end; gives the time until the next look, if that has changed.
    fn stop(&mut self, connection: &mut impl Graceful, activity: &Activity) -> Option<Duration> {
        self.told = true;
        if activity.is_new() {
            // The request is most likely on its way. It is told to be the last one when it is
            // answered.
            return Some(FIRST_REQUEST_TIME);
        }
        self.closing = true;
        connection.end();
        None
    }

    /// Looks at the deadlines; gives the time until the next look, or `None` at the end.
    fn look(&mut self, connection: &mut impl Graceful, activity: &Activity) -> Option<Duration> {
        let now = Tick::now();
        let mut due = activity.due(now);
        let next = connection.give_up_stalled(now);
        if due == Due::Stalled && !connection.is_blocked() {
            // Those were the answers that stalled, or the others are not due yet.
            due = activity.due(now);
        }
        match due {
            // The time for the first request is over.
            _ if self.told && !self.closing => {}
            Due::Later(at) => {
                let at = next.map_or(at, |next| at.min(next));
                return Some(at.since(now).max(TIMER_STEP));
            }
            // What was asked to end politely and did not is ended.
            _ if self.closing => return None,
            Due::Idle => {}
            Due::Stalled if connection.refuse_late() => {}
            Due::Stalled => return None,
        }
        (self.told, self.closing) = (true, true);
        connection.end();
        Some(HEAD_TIME)
    }
}

/// The least time between two looks at the deadlines; the coarse clock may lag by its own step.
pub(super) const TIMER_STEP: Duration = Duration::from_millis(20);
