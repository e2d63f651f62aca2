//! HTTP/3 on a QUIC connection, as much of it as a load needs: requests whose fields are literals,
//! and of answers the status and the number of bytes.

use std::collections::HashMap;

use http::Request;
use quinn_proto::{ClientConfig, Dir, Event, StreamEvent, StreamId};

use crate::options::Options;
use crate::quic::{Quic, Room};
use crate::tally::Failure;

/// The control stream of a client whose settings are the usual ones (RFC 9114 §6.2.1).
const GREETING: &[u8] = &[0x00, 0x04, 0x00];

/// Type of the frame that has the fields (RFC 9114 §7.2.2).
const HEADERS: u8 = 0x01;

/// `:method: GET` and `:scheme: https` of the static table (RFC 9204 Appendix A).
const GET_HTTPS: [u8; 2] = [0xd1, 0xd7];

/// Names in the static table: `:authority` and `:path`.
const AUTHORITY: u8 = 0;
const PATH: u8 = 1;

/// `:status: 200` of the static table. Every server writes it so.
const OK: u8 = 0xd9;

/// Bytes of an answer that are kept to see its status.
const BEGINNING: usize = 16;

/// A connection and the answers that are on their way.
pub struct Http3 {
    pub quic: Quic,
    answers: HashMap<StreamId, Answer>,
    is_greeted: bool,
    /// Bytes of answers that have come, with those of their fields.
    pub bytes: u64,
    /// True once the server or the network has ended it.
    pub is_lost: bool,
}

/// An answer on its way.
#[derive(Debug, Default)]
pub struct Answer {
    beginning: Vec<u8>,
    /// Its content, if it is to be kept.
    content: Option<Vec<u8>>,
}

impl Http3 {
    /// Begins a connection.
    pub fn open(options: &Options, configured: &ClientConfig) -> Result<Self, Failure> {
        let quic = Quic::open(options, configured)?;
        Ok(Self { quic, answers: HashMap::new(), is_greeted: false, bytes: 0, is_lost: false })
    }

    /// Answers that are awaited.
    pub fn awaited(&self) -> usize {
        self.answers.len()
    }

    /// Sends a request, if the server lets it; `keeps` says whether its answer's bytes are kept.
    pub fn ask(&mut self, request: &[u8], keeps: bool) -> Result<bool, Failure> {
        let Some(id) = self.quic.connection.streams().open(Dir::Bi) else { return Ok(false) };
        let mut stream = self.quic.connection.send_stream(id);
        if stream.write(request)? < request.len() {
            return Err("a request that does not fit".into());
        }
        stream.finish()?;
        let content = keeps.then(Vec::new);
        self.answers.insert(id, Answer { content, ..Answer::default() });
        Ok(true)
    }

    /// Sends and receives; hands each answer that has come whole to `take`. Gives the number of
    /// datagrams that came.
    pub fn turn(
        &mut self,
        room: &mut Room,
        mut take: impl FnMut(Answer),
    ) -> Result<usize, Failure> {
        let received = self.quic.turn(room)?;
        while let Some(event) = self.quic.connection.poll() {
            match event {
                Event::Connected if !self.is_greeted => {
                    self.is_greeted = true;
                    let id = self.quic.connection.streams().open(Dir::Uni);
                    let id = id.ok_or("no room for a control stream")?;
                    self.quic.connection.send_stream(id).write(GREETING)?;
                }
                Event::ConnectionLost { .. } => self.is_lost = true,
                Event::Stream(StreamEvent::Readable { id }) => self.read(id, &mut take)?,
                Event::Stream(StreamEvent::Opened { dir }) => {
                    while let Some(id) = self.quic.connection.streams().accept(dir) {
                        self.read(id, &mut take)?;
                    }
                }
                _ => {}
            }
        }
        Ok(received)
    }

    /// Reads what has come of a stream. Of the server's own streams it is dropped.
    fn read(&mut self, id: StreamId, take: &mut impl FnMut(Answer)) -> Result<(), Failure> {
        let mut stream = self.quic.connection.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else { return Ok(()) };
        let mut answer = self.answers.get_mut(&id);
        let is_whole = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => {
                    self.bytes += chunk.bytes.len() as u64;
                    if let Some(answer) = &mut answer {
                        answer.add(&chunk.bytes);
                    }
                }
                Ok(None) => break true,
                Err(quinn_proto::ReadError::Blocked) => break false,
                Err(error) => return Err(error.into()),
            }
        };
        let _ = chunks.finalize();
        if is_whole && let Some(answer) = self.answers.remove(&id) {
            take(answer);
        }
        Ok(())
    }
}

impl Answer {
    fn add(&mut self, bytes: &[u8]) {
        let missing = BEGINNING - self.beginning.len();
        self.beginning.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        if let Some(content) = &mut self.content {
            content.extend_from_slice(bytes);
        }
    }

    /// True if its status is 200.
    pub fn is_good(&self) -> bool {
        let [HEADERS, length, rest @ ..] = &self.beginning[..] else { return false };
        // A length of 64 or more has a second byte; the section has a prefix of two (RFC 9204 §4.5.1).
        let prefix = 2 + usize::from(length >> 6 != 0);
        rest.get(prefix) == Some(&OK)
    }

    /// The bytes of an answer that were kept, the frames' own among them.
    pub fn into_text(self) -> String {
        String::from_utf8_lossy(&self.content.unwrap_or_default()).into_owned()
    }
}

/// A request as the bytes of its stream.
pub fn encode(request: &Request<()>) -> Vec<u8> {
    let mut section = vec![0, 0];
    section.extend_from_slice(&GET_HTTPS);
    let uri = request.uri();
    for (name, value) in [
        (AUTHORITY, uri.authority().map_or("", |authority| authority.as_str())),
        (PATH, uri.path()),
    ] {
        section.push(0x50 | name);
        string(&mut section, 0, 7, value.as_bytes());
    }
    for (name, value) in request.headers() {
        string(&mut section, 0x20, 3, name.as_str().as_bytes());
        string(&mut section, 0, 7, value.as_bytes());
    }
    let mut frame = vec![HEADERS];
    let length = u16::try_from(section.len()).unwrap_or(u16::MAX);
    // RFC 9000 §16: a length of two bytes.
    frame.extend_from_slice(&(0x4000 | length).to_be_bytes());
    frame.append(&mut section);
    frame
}

/// Appends a string as it is, whose length has a prefix of `prefix` bits behind `pattern` (RFC 9204
/// §4.1.2).
fn string(out: &mut Vec<u8>, pattern: u8, prefix: u32, text: &[u8]) {
    let most = (1_usize << prefix) - 1;
    if text.len() < most {
        out.push(pattern | low_byte(text.len()));
    } else {
        out.push(pattern | low_byte(most));
        let mut rest = text.len() - most;
        while rest >= 0x80 {
            out.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        out.push(low_byte(rest));
    }
    out.extend_from_slice(text);
}

fn low_byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}
