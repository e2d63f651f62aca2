//! An HTTP/2 client: the h2 crate driven directly, in the clear by prior knowledge or over TLS.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::Version;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::DEADLINE;
use super::client::{Request, Response};
use super::tls::{self, Trust};

/// How many streams the client opens before it knows the server's limit, as browsers do.
const INITIAL_STREAMS: usize = 100;

/// One HTTP/2 connection.
pub(crate) struct Http2 {
    pub(crate) sender: SendRequest<Bytes>,
    /// Ends when the connection does, with the error if there was one.
    pub(crate) connection: JoinHandle<Result<(), h2::Error>>,
}

/// An answer whose content is still to be read.
pub(crate) struct Opened {
    pub(crate) head: Response,
    pub(crate) content: RecvStream,
}

/// Runs a test that speaks HTTP/2, with a bound on its time.
#[track_caller]
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let bounded = async { tokio::time::timeout(3 * DEADLINE, test).await };
    runtime.block_on(bounded).expect("the test ends in time")
}

impl Http2 {
    /// In the clear, by prior knowledge (RFC 9113 §3.3).
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("the server listens");
        socket.set_nodelay(true).expect("a TCP socket knows the option");
        Self::over(socket).await
    }

    /// The same behind a proxy, which sends `header` first.
    pub(crate) async fn open_behind(address: SocketAddr, header: &[u8]) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("the server listens");
        socket.set_nodelay(true).expect("a TCP socket knows the option");
        socket.write_all(header).await.expect("the server reads");
        Self::over(socket).await
    }

    /// Over TLS, negotiated by ALPN (RFC 9113 §3.2).
    pub(crate) async fn open_tls(address: SocketAddr, name: &str, trust: &Trust) -> Self {
        let socket = TcpStream::connect(address).await.expect("the server listens");
        socket.set_nodelay(true).expect("a TCP socket knows the option");
        let connector = TlsConnector::from(Arc::clone(&trust.config(&["h2", "http/1.1"], true)));
        let stream = connector.connect(tls::server_name(name), socket).await;
        let stream = stream.expect("the handshake succeeds");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the server chooses h2");
        Self::over(stream).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        // RFC 9113 §6.5.2: no limit until the server states one, and what it refuses then may be
        // sent again; a browser begins with 100.
        let mut client = h2::client::Builder::new();
        client.initial_max_send_streams(INITIAL_STREAMS);
        let (sender, connection) = client.handshake(stream).await.expect("the preface is answered");
        Self { sender, connection: tokio::spawn(connection) }
    }

    /// A second user of the same connection; it does not see its end.
    pub(crate) fn share(&self) -> Self {
        Self { sender: self.sender.clone(), connection: tokio::spawn(async { Ok(()) }) }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&mut self, scheme: &str, request: &Request) -> Response {
        self.start(scheme, request).await.expect("the request is answered").read().await
    }

    /// Sends a request and reads the head of its answer.
    pub(crate) async fn start(
        &mut self,
        scheme: &str,
        request: &Request,
    ) -> Result<Opened, h2::Error> {
        let mut sender = self.sender.clone().ready().await?;
        let (answer, _) = sender.send_request(head(scheme, request), true)?;
        let (parts, content) = answer.await?.into_parts();
        let fields = parts.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let fields = fields.collect();
        let head = Response { status: parts.status.as_u16(), fields, body: Vec::new() };
        Ok(Opened { head, content })
    }
}

impl Opened {
    /// Reads the content to its end.
    pub(crate) async fn read(self) -> Response {
        let (response, end) = self.read_until_end().await;
        assert_eq!(end, None, "the stream was reset");
        response
    }

    /// Reads the content to its end or to the reset of the stream.
    pub(crate) async fn read_until_end(mut self) -> (Response, Option<Reason>) {
        while let Some(piece) = self.content.data().await {
            match piece {
                Ok(piece) => {
                    let flow = self.content.flow_control();
                    flow.release_capacity(piece.len()).expect("these bytes were received");
                    self.head.body.extend_from_slice(&piece);
                }
                Err(error) => {
                    return (self.head, Some(error.reason().unwrap_or(Reason::CANCEL)));
                }
            }
        }
        (self.head, None)
    }
}

/// The request in h2's terms: its Host field is the authority.
fn head(scheme: &str, request: &Request) -> http::Request<()> {
    let mut authority = String::new();
    let mut builder = http::Request::builder().method(request.method.as_str());
    for (name, value) in &request.fields {
        if name.eq_ignore_ascii_case("host") && authority.is_empty() {
            authority.clone_from(value);
        } else {
            builder = builder.header(name, value);
        }
    }
    let uri = format!("{scheme}://{authority}{}", request.target);
    builder.uri(uri).version(Version::HTTP_2).body(()).expect("the request is well formed")
}
