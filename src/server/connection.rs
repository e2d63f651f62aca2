//! One connection, from its acceptance to its end.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Due};
use super::handshake::{HandshakeError, handshake};
use super::http1::{self, Http1};
use super::http2::{self, Http2};
use super::io::{Expected, Io};
use super::limits::{FIRST_REQUEST_TIME, HANDSHAKE_TIME, HEAD_TIME};
use super::requests::Requests;
use super::snapshot::Live;
use super::tls;
use crate::clock::Tick;
use crate::service::{Connection, Duty};

/// The first bytes of every HTTP/2 connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What every connection of a listener needs.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The current snapshot, loaded anew for each request and each handshake.
    pub live: Arc<Live>,
    /// Cancelled when the server is to stop.
    pub stop: CancellationToken,
}

/// How a listener's connections begin.
#[derive(Clone, Debug)]
pub enum Opening {
    /// In the clear.
    Plain(Duty),
    /// With a TLS handshake.
    Tls(Arc<ServerConfig>),
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The client's address.
    pub peer: IpAddr,
    /// Our port.
    pub port: u16,
}

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves one connection until it ends.
pub async fn serve(stream: TcpStream, ends: Ends, opening: Opening, shared: Shared) {
    match opening {
        Opening::Plain(duty) => in_the_clear(stream, ends, duty, shared).await,
        Opening::Tls(config) => over_tls(stream, ends, config, shared).await,
    }
}

async fn over_tls(stream: TcpStream, ends: Ends, config: Arc<ServerConfig>, shared: Shared) {
    let peer = ends.peer;
    let knows = |name: Option<&str>| {
        let snapshot = shared.live.load();
        name.is_some_and(|name| snapshot.certificates.resolve(name).is_some())
    };
    let shaken = timeout(HANDSHAKE_TIME, handshake(stream, config, knows));
    let Some(shaken) = while_wanted(&shared.stop, shaken).await else { return };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(HandshakeError::UnknownName(name))) => {
            shared.live.counters().unknown_names();
            let name = name.as_deref().unwrap_or("none");
            tracing::debug!(%peer, name, "no certificate for the server name");
            return;
        }
        Ok(Err(HandshakeError::Failed(error))) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            return;
        }
    };
    let session = stream.get_ref().1;
    let protocol = match session.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    let version = session.protocol_version().map(tls::version_name);
    let service = Arc::clone(shared.live.service());
    let connection = Connection::new(service, peer, version, Duty::Serve).on_port(ends.port);
    speak(stream, Bytes::new(), protocol, connection, shared).await;
}

async fn in_the_clear(mut stream: TcpStream, ends: Ends, duty: Duty, shared: Shared) {
    let recognized = while_wanted(&shared.stop, timeout(HEAD_TIME, recognize(&mut stream))).await;
    let Some(Ok(Ok((protocol, ahead)))) = recognized else {
        tracing::debug!(peer = %ends.peer, "no request came");
        return;
    };
    let service = Arc::clone(shared.live.service());
    let connection = Connection::new(service, ends.peer, None, duty).on_port(ends.port);
    speak(stream, ahead, protocol, connection, shared).await;
}

/// What comes of the beginning of a connection; `None` if the order to stop came and the client
/// was not done [in time](FIRST_REQUEST_TIME).
async fn while_wanted<T>(
    stop: &CancellationToken,
    beginning: impl Future<Output = T>,
) -> Option<T> {
    let unwanted = async {
        stop.cancelled().await;
        sleep_until(Instant::now() + FIRST_REQUEST_TIME).await;
    };
    tokio::select! {
        begun = beginning => Some(begun),
        () = unwanted => None,
    }
}

/// Tells the protocol by the first bytes, which are handed on: HTTP/2 begins with its preface.
async fn recognize(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Protocol, Bytes)> {
    let mut ahead = BytesMut::with_capacity(1024);
    loop {
        if stream.read_buf(&mut ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let known = ahead.len().min(PREFACE.len());
        if ahead[..known] != PREFACE[..known] {
            return Ok((Protocol::Http1, ahead.freeze()));
        }
        if known == PREFACE.len() {
            return Ok((Protocol::Http2, ahead.freeze()));
        }
    }
}

async fn speak<S>(
    stream: S,
    ahead: Bytes,
    protocol: Protocol,
    connection: Connection,
    shared: Shared,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new(shared.stop.child_token()));
    let connection = Arc::new(connection);
    let requests =
        Requests::new(Arc::clone(&shared.live), Arc::clone(&connection), Arc::clone(&activity));
    match protocol {
        Protocol::Http1 => {
            let io = Io::new(stream, &ahead, Arc::clone(&activity), Expected::First);
            if let End::Broken(error) = drive(Http1::new(io, requests), &activity).await {
                tracing::debug!(peer = %connection.peer(), %error, "connection ended");
                http1::log_refusal(&connection, &error);
            }
        }
        Protocol::Http2 => {
            let io = Io::new(stream, &ahead, Arc::clone(&activity), Expected::Never);
            if let End::Broken(error) = drive(Http2::new(io, requests), &activity).await {
                tracing::debug!(peer = %connection.peer(), %error, "connection ended");
            }
        }
    }
}

/// How a connection came to its end.
enum End<E> {
    /// As the protocol has it.
    Clean,
    /// By a deadline.
    Stalled,
    /// By an error of the client or of the network.
    Broken(E),
}

/// A connection that can be told to end after what is in flight.
trait Graceful: Future<Output = Result<(), Self::Error>> + Unpin {
    /// What may break it.
    type Error;

    /// Takes no more requests, and ends when those in flight have been answered.
    fn end(&mut self);
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Graceful for Http1<S> {
    type Error = hyper::Error;

    fn end(&mut self) {
        self.graceful_shutdown();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Graceful for Http2<S> {
    type Error = http2::Error;

    fn end(&mut self) {
        self.graceful_shutdown();
    }
}

/// Moves a connection forward until it ends, by itself or by its deadlines.
async fn drive<C: Graceful>(mut connection: C, activity: &Activity) -> End<C::Error> {
    let mut timer = pin!(sleep_until(Instant::now() + HEAD_TIME));
    let mut closing = false;
    let mut told = false;
    loop {
        tokio::select! {
            ended = &mut connection => return ended.map_or_else(End::Broken, |()| End::Clean),
            () = activity.told_to_close(), if !told => {
                told = true;
                if activity.is_new() {
                    // hyper would close at once, and the request that is on its way be lost. It
                    // is told to be the last one when it is answered.
                    timer.as_mut().reset(Instant::now() + FIRST_REQUEST_TIME);
                } else {
                    closing = true;
                    connection.end();
                }
            }
            () = &mut timer => {
                let now = Tick::now();
                let next = match activity.due(now) {
                    // The time for the first request is over.
                    _ if told && !closing => {
                        closing = true;
                        connection.end();
                        HEAD_TIME
                    }
                    Due::Stalled => return End::Stalled,
                    // What was asked to end politely and did not is ended.
                    Due::Idle if closing => return End::Stalled,
                    Due::Idle => {
                        (told, closing) = (true, true);
                        connection.end();
                        HEAD_TIME
                    }
                    Due::Later(at) => at.since(now).max(TIMER_STEP),
                };
                timer.as_mut().reset(Instant::now() + next);
            }
        }
    }
}

/// The least time between two looks at the deadlines; the coarse clock may lag by its own step.
const TIMER_STEP: Duration = Duration::from_millis(20);
