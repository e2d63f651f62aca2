//! The service with the model's sites, and two ways to ask it. More ways are in `engines`.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http_body::Body as _;
use shost::log::{AccessLog, Format, Options};
use shost::protocol::handler::Handler;
use shost::protocol::http1;
use shost::service::{self, Body, BotPolicy, Duty, Peer, Policy, Response};
use shost::site::{Background, Sites, SitesFolder};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::runtime::Runtime;

use super::model::Listener;
use super::{Answer, site};

/// Bytes that the cache may take: less than all that is asked for, so that entries come and go.
const CACHE_BOUND: u64 = 256 * 1024;

/// Bytes on their way in each direction of a connection; smaller than the largest file, so that
/// answers have to wait.
const PIPE_BYTES: usize = 1024;

/// Asks the service, and notes what it was asked.
#[derive(Clone)]
pub(super) struct Asked {
    heads: Arc<Mutex<Vec<Parts>>>,
    connection: Arc<Peer>,
    sites: Arc<Sites>,
}

impl Asked {
    /// The requests that were understood.
    pub(super) fn heads(&self) -> Vec<Parts> {
        self.heads.lock().expect("nothing panics with it").clone()
    }
}

impl Handler for Asked {
    type Content = Body;
    type Answer = Pin<Box<dyn Future<Output = Response>>>;

    fn answer(&self, head: Parts) -> Self::Answer {
        self.heads.lock().expect("nothing panics with it").push(head.clone());
        let (connection, sites) = (Arc::clone(&self.connection), Arc::clone(&self.sites));
        Box::pin(service::call(connection, sites, head))
    }

    fn head_begun(&self) {}
}

/// A service and its sites, which are removed with it.
pub(super) struct Service {
    pub(super) runtime: Runtime,
    sites: Arc<Sites>,
    inner: Arc<service::Service>,
    _folder: TempDir,
}

impl Service {
    pub(super) fn start() -> Self {
        let folder = site::write();
        let source = SitesFolder {
            folder: folder.path().join("sites"),
            single: false,
            cache_bound: CACHE_BOUND,
        };
        let background = Background::start().expect("a thread");
        let (sites, _) = Sites::load(&source, background).expect("the sites were just written");
        let options = Options { format: Format::Json, timestamps: true };
        let log = AccessLog::start(options, io::sink()).expect("a thread");
        let policy = Policy { bots: BotPolicy::Off, log_bad_bots: false, dictionaries: true };
        let inner = Arc::new(service::Service::new(policy, log));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self { runtime, sites: Arc::new(sites), inner, _folder: folder }
    }

    /// The requests that were understood, and every byte that was sent back.
    pub(super) fn exchange(&self, input: &[u8]) -> (Vec<Parts>, Vec<u8>) {
        let asked = self.asked();
        let answers = asked.clone();
        let (client, ours) = duplex(PIPE_BYTES);
        let (mut reader, mut writer) = split(client);
        let output = self.runtime.block_on(async {
            let served = async {
                let served = http1::Connection::new(ours, answers).await;
                served.expect("a pipe in memory");
            };
            let sent = async {
                // The server may close before it has read everything.
                let _ = writer.write_all(input).await;
                let _ = writer.shutdown().await;
            };
            let mut output = Vec::new();
            let received = reader.read_to_end(&mut output);
            let ((), (), received) = tokio::join!(served, sent, received);
            received.expect("a pipe in memory");
            output
        });
        (asked.heads(), output)
    }

    /// Whoever asks on one connection in the clear.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            heads: Arc::default(),
            connection: self.connection(Listener::Plain),
            sites: Arc::clone(&self.sites),
        }
    }

    /// The answer to one head, without a connection around it.
    pub(super) fn answer(&self, listener: Listener, head: Parts) -> Answer {
        self.runtime.block_on(async {
            let call = service::call(self.connection(listener), Arc::clone(&self.sites), head);
            let (head, mut body) = http::Response::from(call.await).into_parts();
            let mut content = Vec::new();
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                let data = frame.expect("a file that holds still").into_data();
                content.extend_from_slice(&data.expect("no trailers"));
            }
            Answer { status: head.status.as_u16(), fields: head.headers, content }
        })
    }

    fn connection(&self, listener: Listener) -> Arc<Peer> {
        let (tls, duty) = match listener {
            Listener::Plain => (None, Duty::Serve),
            Listener::Secure => (Some("TLSv1.3"), Duty::Serve),
            Listener::Redirecting => (None, Duty::Redirect { https_port: 8443 }),
        };
        Arc::new(Peer::new(Arc::clone(&self.inner), [127, 0, 0, 1].into(), tls, duty))
    }
}
