//! The limit: what an answer costs when nothing is done for it but to move its bytes.
//!
//!     peers-limit FOLDER CERTIFICATE KEY PLAIN_PORT TLS_PORT
//!
//! One thread, one event loop, one read and one write for each answer. Of a request only the target
//! is looked at, and whether it is conditional; a whole answer lies ready for each, made at the
//! first request. There is no parsing to speak of, no check, no limit, no log and no second look at
//! a file: it is no server, and none can be cheaper on the same system calls.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

type Failure = Box<dyn std::error::Error>;

const PLAIN: Token = Token(0);
const TLS: Token = Token(1);
/// The tokens of connections come after those of the two listeners.
const FIRST: usize = 2;

/// Bytes read at a time: far more than a request of the loads.
const READ: usize = 16 * 1024;

/// Bytes that rustls reads at a time.
const READ_BY_RUSTLS: usize = 4096;

/// As many events as a connection each; the loads have fewer.
const EVENTS: usize = 2048;

/// A head as long as those of the servers that are measured.
const FIELDS: &str = "date: Tue, 24 Nov 2026 12:00:00 GMT\r\n\
    last-modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n\
    cache-control: no-cache\r\nvary: accept-encoding\r\n\
    x-content-type-options: nosniff\r\netag: \"3vQB7B6MrGQZaxCuFg4oh0\"\r\n";

struct Answers {
    folder: PathBuf,
    ready: HashMap<Vec<u8>, Vec<u8>>,
    unchanged: Vec<u8>,
}

impl Answers {
    fn new(folder: &str) -> Self {
        let unchanged = format!("HTTP/1.1 304 Not Modified\r\n{FIELDS}\r\n").into_bytes();
        Self { folder: folder.into(), ready: HashMap::new(), unchanged }
    }

    /// The answer to a request that came whole.
    fn to(&mut self, request: &[u8]) -> &[u8] {
        if contains(request, b"If-None-Match") {
            return &self.unchanged;
        }
        let target = request.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
        if !self.ready.contains_key(target) {
            let answer = self.made(target);
            self.ready.insert(target.to_vec(), answer);
        }
        &self.ready[target]
    }

    #[expect(clippy::disallowed_methods, reason = "the benchmark's own site")]
    fn made(&self, target: &[u8]) -> Vec<u8> {
        let name = String::from_utf8_lossy(target);
        let index = if name.ends_with('/') { "index.html" } else { "" };
        let file = self.folder.join(format!("{}{index}", name.trim_start_matches('/')));
        let (status, content) = match fs::read(file) {
            Ok(content) => ("200 OK", content),
            Err(_) => ("404 Not Found", Vec::new()),
        };
        let length = content.len();
        let mut answer = format!(
            "HTTP/1.1 {status}\r\n{FIELDS}content-type: text/html; charset=utf-8\r\n\
             content-length: {length}\r\n\r\n"
        )
        .into_bytes();
        answer.extend(content);
        answer
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

struct Connection {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// Bytes that the socket did not take at once.
    rest: Vec<u8>,
}

/// A connection that is over.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Connection {
    /// Reads and answers once: the loads have one request on a connection at a time.
    fn serve(&mut self, buffer: &mut [u8], answers: &mut Answers) -> Result<(), Over> {
        let Some(tls) = &mut self.tls else {
            self.send_rest()?;
            let read = count(self.socket.read(buffer))?;
            if buffer[..read].ends_with(b"\r\n\r\n") {
                let answer = answers.to(&buffer[..read]);
                let sent = count(self.socket.write(answer))?;
                self.rest.extend_from_slice(&answer[sent..]);
            }
            return Ok(());
        };
        while count(tls.read_tls(&mut self.socket))? == READ_BY_RUSTLS {}
        let read = tls.process_new_packets().is_ok();
        if let Ok(read) = tls.reader().read(buffer)
            && buffer[..read].ends_with(b"\r\n\r\n")
        {
            tls.writer().write_all(answers.to(&buffer[..read]))?;
        }
        while tls.wants_write() && count(tls.write_tls(&mut self.socket))? > 0 {}
        if read { Ok(()) } else { Err(Over) }
    }

    fn send_rest(&mut self) -> Result<(), Over> {
        while !self.rest.is_empty() {
            match count(self.socket.write(&self.rest))? {
                0 => break,
                sent => drop(self.rest.drain(..sent)),
            }
        }
        Ok(())
    }
}

/// How much was read or written: nothing where it would have blocked.
fn count(result: io::Result<usize>) -> Result<usize, Over> {
    match result {
        Ok(0) => Err(Over),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => Ok(result?),
    }
}

/// All connections, each at the place that its token names.
struct Connections {
    poll: Poll,
    all: Vec<Option<Connection>>,
    free: Vec<usize>,
}

impl Connections {
    /// Takes what waits at a listener.
    fn accept(&mut self, listener: &TcpListener, config: Option<&Arc<ServerConfig>>) {
        while let Ok((mut socket, _)) = listener.accept() {
            let place = self.free.pop().unwrap_or(self.all.len());
            let token = Token(FIRST + place);
            let interest = Interest::READABLE | Interest::WRITABLE;
            let tls = config.map(|config| ServerConnection::new(Arc::clone(config)));
            let Ok(tls) = tls.transpose() else { continue };
            if socket.set_nodelay(true).is_err()
                || self.poll.registry().register(&mut socket, token, interest).is_err()
            {
                continue;
            }
            let tls = tls.map(|mut tls| {
                tls.set_buffer_limit(None);
                Box::new(tls)
            });
            if place == self.all.len() {
                self.all.push(None);
            }
            self.all[place] = Some(Connection { socket, tls, rest: Vec::new() });
        }
    }

    fn serve(&mut self, place: usize, buffer: &mut [u8], answers: &mut Answers) {
        let Some(connection) = &mut self.all[place] else { return };
        if let Err(Over) = connection.serve(buffer, answers) {
            self.all[place] = None;
            self.free.push(place);
        }
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, certificate, key, plain, tls] = &arguments[..] else {
        return Err("usage: peers-limit FOLDER CERTIFICATE KEY PLAIN_PORT TLS_PORT".into());
    };
    let config = Arc::new(config(certificate.as_ref(), key.as_ref())?);
    let mut connections = Connections { poll: Poll::new()?, all: Vec::new(), free: Vec::new() };
    let plain = listen(&connections.poll, plain, PLAIN)?;
    let tls = listen(&connections.poll, tls, TLS)?;
    let mut answers = Answers::new(folder);
    let mut events = Events::with_capacity(EVENTS);
    let mut buffer = vec![0; READ];
    loop {
        connections.poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                PLAIN => connections.accept(&plain, None),
                TLS => connections.accept(&tls, Some(&config)),
                Token(token) => connections.serve(token - FIRST, &mut buffer, &mut answers),
            }
        }
    }
}

fn listen(poll: &Poll, port: &str, token: Token) -> Result<TcpListener, Failure> {
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?)))?;
    poll.registry().register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}

/// TLS 1.3 with AES-128, by the same library as shost.
fn config(certificate: &Path, key: &Path) -> Result<ServerConfig, Failure> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.ignore_client_order = true;
    Ok(config)
}
