//! A page as a browser loads it: the document, then all that it refers to, on one HTTP/2
//! connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::chromium;
use crate::connect::{configuration, server_name};
use crate::options::{Mode, Options};
use crate::tally::{Failure, Tally};

/// How long a page may take before the load counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Settings that the pages of one load have in common.
#[derive(Debug)]
struct Page {
    options: Options,
    tls: Arc<ClientConfig>,
    resources: Vec<String>,
}

/// Loads pages on `connections` connections at a time until the time is up.
pub fn load(options: &Options) -> Result<Tally, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let tls = configuration(options, b"h2")?.ok_or("HTTP/2 needs certificate=")?;
        let mut page = Page { options: options.clone(), tls, resources: Vec::new() };
        page.resources = page.discover().await?;
        let page = Arc::new(page);
        let start = Instant::now();
        let end = start + options.duration;
        let mut readers = JoinSet::new();
        for _ in 0..options.connections {
            readers.spawn(Arc::clone(&page).read(end));
        }
        let mut total = Tally::default();
        while let Some(tally) = readers.join_next().await {
            total.merge(tally??);
        }
        total.elapsed = start.elapsed();
        Ok(total)
    })
}

impl Page {
    /// Loads the page over and over.
    async fn read(self: Arc<Self>, end: Instant) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let mut connection = self.connect().await?;
        while Instant::now() < end {
            let start = Instant::now();
            if self.options.mode == Mode::Visit {
                connection = self.connect().await?;
            }
            timeout(PATIENCE, self.once(&mut connection, &mut tally)).await??;
            tally.latencies.push(start.elapsed());
        }
        Ok(tally)
    }

    /// The document first: only then is it known what else there is.
    async fn once(
        &self,
        connection: &mut SendRequest<Bytes>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let (authority, document) = (&self.options.host, &self.options.path);
        take(connection, authority, document, None, tally).await?;
        let mut answers = Vec::with_capacity(self.resources.len());
        for path in &self.resources {
            let request = chromium::request(authority, path, Some(document))?;
            *connection = connection.clone().ready().await?;
            answers.push(connection.send_request(request, true)?.0);
        }
        for answer in answers {
            let response = answer.await?;
            tally.bad += u64::from(!response.status().is_success());
            tally.bytes += drain(response.into_body()).await?;
        }
        Ok(())
    }

    /// The paths that the document refers to, in its order.
    async fn discover(&self) -> Result<Vec<String>, Failure> {
        let mut connection = self.connect().await?;
        let uri = format!("https://{}{}", self.options.host, self.options.path);
        let request = http::Request::get(uri).header("user-agent", "peers-client").body(())?;
        connection = connection.ready().await?;
        let mut body = connection.send_request(request, true)?.0.await?.into_body();
        let mut text = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            text.extend_from_slice(&data);
        }
        let resources = references(&String::from_utf8_lossy(&text));
        if resources.is_empty() { Err("the page refers to nothing".into()) } else { Ok(resources) }
    }

    async fn connect(&self) -> Result<SendRequest<Bytes>, Failure> {
        let socket = TcpStream::connect(&self.options.address).await?;
        socket.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(server_name(), socket).await?;
        let (requests, connection) = chromium::settings().handshake(stream).await?;
        // It ends with its last request; what goes wrong before is seen by the requests.
        tokio::spawn(async move { drop(connection.await) });
        Ok(requests)
    }
}

/// Asks for one thing, and takes all of it.
async fn take(
    connection: &mut SendRequest<Bytes>,
    authority: &str,
    path: &str,
    referer: Option<&str>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let request = chromium::request(authority, path, referer)?;
    *connection = connection.clone().ready().await?;
    let response = connection.send_request(request, true)?.0.await?;
    tally.bad += u64::from(!response.status().is_success());
    tally.bytes += drain(response.into_body()).await?;
    Ok(())
}

async fn drain(mut body: RecvStream) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
        bytes += length as u64;
    }
    Ok(bytes)
}

/// Every `src="/…"` and `href="/…"` of a document.
pub fn references(document: &str) -> Vec<String> {
    let attribute = |part: &&str| part.ends_with("src=") || part.ends_with("href=");
    let parts: Vec<&str> = document.split('"').collect();
    parts
        .windows(2)
        .filter(|pair| attribute(&pair[0]) && pair[1].starts_with('/'))
        .map(|pair| pair[1].to_owned())
        .collect()
}
