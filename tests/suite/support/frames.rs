//! HTTP/2 frame by frame, as no library would send it: for floods and for what is malformed.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::client::connect;

/// Kinds of frames (RFC 9113 §6).
pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;

/// Flags.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
#[allow(dead_code, reason = "for whoever writes the next frame by hand")]
pub(crate) const ACK: u8 = 0x1;

/// Settings.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// The client's first bytes (RFC 9113 §3.4), before its settings.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame before its payload.
const FRAME_HEAD: usize = 9;

/// One frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

/// SETTINGS with these values.
pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let pairs = values.iter().flat_map(|(name, value)| {
        name.to_be_bytes().into_iter().chain(value.to_be_bytes()).collect::<Vec<u8>>()
    });
    frame(SETTINGS, 0, 0, &pairs.collect::<Vec<u8>>())
}

/// `WINDOW_UPDATE`, on the connection if the stream is 0.
pub(crate) fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

/// `RST_STREAM` with CANCEL.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 0x8;
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// A whole GET of a short path on `a.test`.
pub(crate) fn get(stream: u32, path: impl AsRef<[u8]>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields_of_get(path))
}

/// The fields of a GET that no bot rule refuses: static names, literal values, nothing that is
/// kept in a table (RFC 7541 §6).
pub(crate) fn fields_of_get(path: impl AsRef<[u8]>) -> Vec<u8> {
    const GET: u8 = 0x82;
    const HTTP: u8 = 0x86;
    let mut fields = vec![GET, HTTP];
    fields.extend(literal(&[0x04], path));
    fields.extend(literal(&[0x01], "a.test"));
    fields.extend(literal(&[0x0f, 0x2b], super::USER_AGENT));
    fields
}

/// A field with a literal value behind its name in whatever form (RFC 7541 §6.2).
pub(crate) fn literal(name: &[u8], value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [name, &length(value.len()), value].concat()
}

/// A field that the table of the other side keeps (RFC 7541 §6.2.1).
pub(crate) fn indexed_literal(name: &str, value: &str) -> Vec<u8> {
    literal(&literal(&[0x40], name), value)
}

/// The length of a string that is not Huffman coded, up to 16 KiB: seven bits, then groups of
/// seven, the lowest first (RFC 7541 §5.1).
fn length(length: usize) -> Vec<u8> {
    const LONG: usize = 0x7f;
    let byte = |part: usize| u8::try_from(part).expect("a length of at most 16 KiB");
    match length.checked_sub(LONG) {
        None => vec![byte(length)],
        Some(more) => vec![byte(LONG), byte(more & 0x7f | 0x80), byte(more >> 7)],
    }
}

/// An HTTP/2 connection without a library.
pub(crate) struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A frame that came.
#[derive(Debug)]
#[allow(dead_code, reason = "every part of it is shown when a test fails")]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The outcome of an attempt to read or write.
#[derive(Debug)]
pub(crate) enum Came<T> {
    This(T),
    /// The server has closed the connection.
    End,
    /// Nothing moved in time.
    Nothing,
}

impl Raw {
    /// A connection with these settings of ours.
    pub(crate) fn open(address: SocketAddr, values: &[(u16, u32)]) -> Self {
        let mut raw = Self::unspoken(address);
        raw.write(&[PREFACE, &settings(values)].concat(), super::DEADLINE);
        raw
    }

    /// A connection on which nothing has been said yet, not even that it speaks HTTP/2.
    pub(crate) fn unspoken(address: SocketAddr) -> Self {
        Self { stream: connect(address), unread: Vec::new() }
    }

    /// A second hand on the same connection, which reads nothing that the first has read.
    pub(crate) fn share(&self) -> Self {
        let stream = self.stream.try_clone().expect("the socket can be shared");
        Self { stream, unread: Vec::new() }
    }

    /// Writes all of this, as far as the server lets us within the time.
    pub(crate) fn write(&mut self, mut bytes: &[u8], within: Duration) -> Came<()> {
        self.stream.set_write_timeout(Some(within)).expect("the time is not zero");
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_late(error.kind()) => return Came::Nothing,
                Err(_) => return Came::End,
            }
        }
        Came::This(())
    }

    /// The next frame.
    pub(crate) fn read(&mut self, within: Duration) -> Came<Frame> {
        let until = Instant::now() + within;
        loop {
            if let Some(frame) = self.take_frame() {
                return Came::This(frame);
            }
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|t| !t.is_zero())
            else {
                return Came::Nothing;
            };
            self.stream.set_read_timeout(Some(left)).expect("the time is not zero");
            let mut some = [0; 16 * 1024];
            match self.stream.read(&mut some) {
                Ok(0) => return Came::End,
                Ok(count) => self.unread.extend_from_slice(&some[..count]),
                Err(error) if is_late(error.kind()) => return Came::Nothing,
                Err(_) => return Came::End,
            }
        }
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let head: [u8; FRAME_HEAD] = self.unread.get(..FRAME_HEAD)?.try_into().ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = self.unread.get(FRAME_HEAD..FRAME_HEAD + length)?.to_vec();
        self.unread.drain(..FRAME_HEAD + length);
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream) & (u32::MAX >> 1), payload })
    }
}

fn is_late(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
