//! One connection, from its acceptance to its end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::Service as HyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Due};
use super::handshake::{HandshakeError, handshake};
use super::io::{Expected, Io};
use super::limits::{
    HANDSHAKE_TIME, HEAD_BYTES, HEAD_FIELDS, HEAD_TIME, LOCAL_RESETS, PENDING_RESETS,
    STREAM_BUFFER, STREAMS,
};
use super::snapshot::Live;
use super::tls;
use crate::clock::Tick;
use crate::log::Entry;
use crate::service::{self, Arrival, Body, Connection, Duty};

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

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves one connection until it ends.
pub async fn serve(stream: TcpStream, peer: IpAddr, opening: Opening, shared: Shared) {
    match opening {
        Opening::Plain(duty) => in_the_clear(stream, peer, duty, shared).await,
        Opening::Tls(config) => over_tls(stream, peer, config, shared).await,
    }
}

async fn over_tls(stream: TcpStream, peer: IpAddr, config: Arc<ServerConfig>, shared: Shared) {
    let knows = |name: Option<&str>| {
        let snapshot = shared.live.load();
        name.is_some_and(|name| snapshot.certificates.resolve(name).is_some())
    };
    let stream = match timeout(HANDSHAKE_TIME, handshake(stream, config, knows)).await {
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
    let connection = Connection::new(service, peer, version, Duty::Serve);
    speak(stream, Bytes::new(), protocol, connection, shared).await;
}

async fn in_the_clear(mut stream: TcpStream, peer: IpAddr, duty: Duty, shared: Shared) {
    let Ok(Ok((protocol, ahead))) = timeout(HEAD_TIME, recognize(&mut stream)).await else {
        tracing::debug!(%peer, "no request came");
        return;
    };
    let service = Arc::clone(shared.live.service());
    let connection = Connection::new(service, peer, None, duty);
    speak(stream, ahead, protocol, connection, shared).await;
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
    let requests = Requests {
        live: Arc::clone(&shared.live),
        connection: Arc::clone(&connection),
        activity: Arc::clone(&activity),
    };
    let request_line = match protocol {
        Protocol::Http1 => Expected::First,
        Protocol::Http2 => Expected::Never,
    };
    let io = Io::new(stream, &ahead, Arc::clone(&activity), request_line);
    let ended = match protocol {
        Protocol::Http1 => drive(http1().serve_connection(io, requests), &activity).await,
        Protocol::Http2 => drive(http2().serve_connection(io, requests), &activity).await,
    };
    if let End::Broken(error) = ended {
        tracing::debug!(peer = %connection.peer(), %error, "connection ended");
        log_refusal(&connection, &error, protocol);
    }
}

/// `pipeline_flush` stays off, tempting as its saved writes are: with it hyper takes a streamed
/// file into memory whole when the client stalls, and holds an answer back while part of the next
/// request has come.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_headers(HEAD_FIELDS)
        .max_header_size(HEAD_BYTES)
        .header_read_timeout(None)
        .half_close(true);
    builder
}

fn http2() -> http2::Builder<Executor> {
    let mut builder = http2::Builder::new(Executor);
    builder
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_send_buf_size(STREAM_BUFFER);
    builder
}

/// Runs each HTTP/2 stream in its own task.
#[derive(Clone, Copy, Debug)]
struct Executor;

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// How a connection came to its end.
enum End {
    /// As the protocol has it.
    Clean,
    /// By a deadline.
    Stalled,
    /// By an error of the client or of the network.
    Broken(hyper::Error),
}

/// A connection of hyper's that can be told to end after what is in flight.
trait Graceful: Future<Output = hyper::Result<()>> {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<S> Graceful for http1::Connection<Io<S>, Requests>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Graceful for http2::Connection<Io<S>, Requests, Executor>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Moves a connection forward until it ends, by itself or by its deadlines.
async fn drive(connection: impl Graceful, activity: &Activity) -> End {
    let mut connection = pin!(connection);
    let mut timer = pin!(sleep_until(Instant::now() + HEAD_TIME));
    let mut closing = false;
    loop {
        tokio::select! {
            ended = &mut connection => return ended.map_or_else(End::Broken, |()| End::Clean),
            () = activity.told_to_close(), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut timer => {
                let now = Tick::now();
                let next = match activity.due(now) {
                    Due::Stalled => return End::Stalled,
                    // What was asked to end politely and did not is ended.
                    Due::Idle if closing => return End::Stalled,
                    Due::Idle => {
                        closing = true;
                        connection.as_mut().graceful_shutdown();
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

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
struct Requests {
    live: Arc<Live>,
    connection: Arc<Connection>,
    activity: Arc<Activity>,
}

impl HyperService<Request<Incoming>> for Requests {
    type Response = hyper::Response<Tracked>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let active = Active::new(&self.activity);
        let connection = Arc::clone(&self.connection);
        let sites = Arc::clone(&self.live.load().sites);
        self.live.counters().request();
        // Content that came with the request is not read: the head is all that is answered.
        let (head, _) = request.into_parts();
        let is_http2 = head.version == hyper::Version::HTTP_2;
        Box::pin(async move {
            let mut response = service::call(connection, sites, head).await;
            // HTTP/2 has no Connection field (RFC 9113 §8.2.2); what it says there, GOAWAY does.
            if is_http2 && response.headers_mut().remove(hyper::header::CONNECTION).is_some() {
                active.0.close();
            }
            Ok(response.map(|body| Tracked { body, _active: active }))
        })
    }
}

/// Counts a request among the active ones of its connection while it lives.
#[derive(Debug)]
struct Active(Arc<Activity>);

impl Active {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.request();
        Self(Arc::clone(activity))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The content of an answer; its request is active until it has gone.
#[derive(Debug)]
struct Tracked {
    body: Body,
    _active: Active,
}

impl hyper::body::Body for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A head that hyper refused never became a request; it gets its line all the same.
fn log_refusal(connection: &Connection, error: &hyper::Error, protocol: Protocol) {
    if protocol != Protocol::Http1 || !error.is_parse() {
        return;
    }
    let status = if error.is_parse_too_large() { 431 } else { 400 };
    let arrival = Arrival::now();
    connection.service().log().record(&Entry {
        time: arrival.wall(),
        duration: Duration::ZERO,
        peer: connection.peer(),
        method: "-",
        host: "",
        target: "",
        version: hyper::Version::HTTP_11,
        status,
        bytes: 0,
        referer: None,
        user_agent: None,
        coding: None,
        tls: connection.tls(),
        bot: None,
        fields: None,
    });
}
