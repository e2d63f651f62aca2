//! An HTTP/1.1 client that sends the bytes it is told to and reads one answer exactly, so that
//! framing mistakes show instead of being repaired.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use super::{DEADLINE, USER_AGENT};

/// One request, as it will be written.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    version: &'static str,
    pub(crate) fields: Vec<(String, String)>,
}

/// One answer, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in the order they were sent.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// One connection, kept open until the test or the server closes it.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// Bytes read beyond the answer before.
    unread: Vec<u8>,
}

/// Something bytes go through both ways: a socket, or TLS over one.
pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl Request {
    /// A GET to `a.test` that no bot rule refuses.
    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// The same as a HEAD.
    pub(crate) fn head(target: &str) -> Self {
        Self::new("HEAD", target)
    }

    /// The same with another method.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let fields = [("Host", "a.test"), ("User-Agent", USER_AGENT)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { method: method.to_owned(), target: target.to_owned(), version: "HTTP/1.1", fields }
    }

    /// Asks another host.
    pub(crate) fn host(self, host: &str) -> Self {
        let mut request = self.without("host");
        request.fields.insert(0, ("Host".to_owned(), host.to_owned()));
        request
    }

    /// Adds a field.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds every field.
    pub(crate) fn fields(self, fields: &[(&str, &str)]) -> Self {
        fields.iter().fold(self, |request, (name, value)| request.field(name, value))
    }

    /// Leaves a field out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }

    /// Names another version of the protocol.
    pub(crate) fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} {}", self.method, self.target, self.version)];
        lines.extend(self.fields.iter().map(|(name, value)| format!("{name}: {value}")));
        (lines.join("\r\n") + "\r\n\r\n").into_bytes()
    }
}

impl Response {
    /// The value of a field that may be sent once at the most.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} was sent twice: {self:?}");
        value
    }

    /// The value of a field that has to be there.
    #[track_caller]
    pub(crate) fn must(&self, name: &str) -> &str {
        match self.field(name) {
            Some(value) => value,
            None => panic!("{name} is missing: {self:?}"),
        }
    }

    /// The content as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Parses a whole answer head.
    fn parse_head(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let status_line = lines.next().expect("split yields at least one piece");
        let versions = ["HTTP/1.1 ", "HTTP/1.0 "];
        let rest = versions.iter().find_map(|version| status_line.strip_prefix(version));
        let status = rest.and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| digits.parse().ok());
        let fields = lines.filter(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(':').expect("a field has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Self {
            status: status.unwrap_or_else(|| panic!("not a status line: {status_line:?}")),
            fields: fields.collect(),
            body: Vec::new(),
        }
    }

    /// How many bytes of content follow, `None` when the close of the connection ends them
    /// (RFC 9112 §6.3).
    #[track_caller]
    fn content_length(&self, method: &str) -> Option<usize> {
        if method == "HEAD" || self.status < 200 || matches!(self.status, 204 | 304) {
            return Some(0);
        }
        assert_eq!(self.field("transfer-encoding"), None, "every answer states its length");
        self.field("content-length").map(|length| length.parse().expect("the length is a number"))
    }
}

impl Connection {
    /// A plain connection.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::over(connect(address))
    }

    /// A plain connection from an address of our own.
    pub(crate) fn open_from(own: [u8; 4], address: SocketAddr) -> Self {
        Self::over(connect_from(Some(own.into()), address))
    }

    /// A connection through any stream.
    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), unread: Vec::new() }
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.write(&request.bytes());
        self.read(&request.method)
    }

    /// Sends a request on a connection that may have been refused, and says whether it is answered.
    #[track_caller]
    pub(crate) fn is_served(&mut self) -> bool {
        let sent = self.stream.write_all(&Request::head("/").bytes());
        let served = sent.is_ok() && self.fill();
        if served {
            self.read_head();
        }
        served
    }

    /// Writes bytes as they are.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).expect("the server reads");
    }

    /// Writes bytes, of which the server may take only a part before it refuses them.
    pub(crate) fn write_as_far_as_possible(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).and_then(|()| self.stream.flush()));
    }

    /// Reads one whole answer to a request of this method.
    #[track_caller]
    pub(crate) fn read(&mut self, method: &str) -> Response {
        let mut response = self.read_head();
        match response.content_length(method) {
            Some(length) => response.body = self.read_exactly(length),
            None => response.body = self.read_to_close(),
        }
        response
    }

    /// Reads the head of an answer and leaves its content.
    #[track_caller]
    pub(crate) fn read_head(&mut self) -> Response {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.fill(),
                "closed within the head: {:?}",
                self.unread.escape_ascii().to_string()
            );
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        Response::parse_head(&String::from_utf8_lossy(&head))
    }

    /// Reads this many bytes of content.
    #[track_caller]
    pub(crate) fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(self.fill(), "closed after {} of {length} bytes", self.unread.len());
        }
        self.unread.drain(..length).collect()
    }

    /// Reads until the server closes.
    #[track_caller]
    pub(crate) fn read_to_close(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }

    /// Reads until these bytes have come or the server closes.
    #[track_caller]
    pub(crate) fn read_until(&mut self, end: &str) -> Vec<u8> {
        let end = end.as_bytes();
        while !self.unread.windows(end.len()).any(|bytes| bytes == end) && self.fill() {}
        std::mem::take(&mut self.unread)
    }

    /// Holds that the server closes the connection without another byte.
    #[track_caller]
    pub(crate) fn expect_close(&mut self) {
        let rest = self.read_to_close();
        assert!(rest.is_empty(), "bytes after the last answer: {}", rest.escape_ascii());
    }

    /// Reads some bytes more; false at the end. A reset is an end too: a server that closes while
    /// bytes of the request are unread cannot close otherwise.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut some = [0; 16 * 1024];
        match self.stream.read(&mut some) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&some[..length]);
                true
            }
            Err(error) if closed(error.kind()) => false,
            Err(error) => panic!("nothing came within {DEADLINE:?}: {error}"),
        }
    }
}

/// Bytes that the kernel may keep for the client: little, so that a response that the test does
/// not read soon stays in flight (Linux would let it grow to 32 MiB).
const RECEIVE_BUFFER: usize = 256 * 1024;

/// A socket on which no read or write takes longer than the deadline.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    connect_from(None, address)
}

/// The same from an address of our own, of which the loopback has many.
pub(crate) fn connect_from(own: Option<IpAddr>, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
    let socket = socket.expect("a socket can be made");
    if let Some(own) = own {
        socket.bind(&SocketAddr::new(own, 0).into()).expect("the address is this machine's");
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("it is within every limit");
    socket.connect_timeout(&address.into(), DEADLINE).expect("the server listens");
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
    socket.set_write_timeout(Some(DEADLINE)).expect("the deadline is not zero");
    socket.set_nodelay(true).expect("a TCP socket knows the option");
    socket
}

/// `UnexpectedEof` is how rustls reports a close without `close_notify`.
fn closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof
    )
}
