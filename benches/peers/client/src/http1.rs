//! HTTP/1.1, as much of it as a load needs: a GET, and an answer with a Content-Length.

use std::io::{self, Read, Write};

use rustix::net::{RecvFlags, recv};

use crate::connect::Stream;
use crate::options::Options;

/// The use that is made of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Read, as a client does.
    Read,
    /// Dropped in the kernel where that can be done, so that a large file costs the client little.
    Drop,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Bytes of content.
    pub bytes: u64,
}

/// The end of a head (RFC 9112 §2.1).
const HEAD_END: &[u8] = b"\r\n\r\n";

/// With [`Content::Drop`] the head is read in pieces no longer than this, in bytes, so that little
/// of the content comes with it.
const HEAD_PIECE: usize = 2048;

/// The text of a request. The server is told when it is the connection's last.
pub fn request(options: &Options, last: bool) -> Vec<u8> {
    let close = if last { "Connection: close\r\n" } else { "" };
    let (path, host) = (&options.path, &options.host);
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: peers-client\r\n{close}\r\n").into()
}

/// Sends a request and takes its answer; `buffer` has to have room for a head.
pub fn exchange(
    stream: &mut Stream,
    request: &[u8],
    buffer: &mut [u8],
    content: Content,
) -> io::Result<Answer> {
    stream.write_all(request)?;
    let (head, filled) = read_head(stream, buffer, content)?;
    let (status, length) = parse(&buffer[..head])?;
    let mut bytes = (filled - head) as u64;
    while bytes < length {
        let rest = usize::try_from(length - bytes).unwrap_or(usize::MAX).min(buffer.len());
        let count = match &mut *stream {
            Stream::Plain(socket) if content == Content::Drop => {
                recv(socket, &mut buffer[..rest], RecvFlags::TRUNC)?.1
            }
            readable => readable.read(&mut buffer[..rest])?,
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes += count as u64;
    }
    Ok(Answer { status, bytes })
}

/// Reads up to the end of the head; gives where it ends and how much was read.
fn read_head(
    stream: &mut Stream,
    buffer: &mut [u8],
    content: Content,
) -> io::Result<(usize, usize)> {
    let piece = if content == Content::Drop { HEAD_PIECE } else { buffer.len() };
    let mut filled = 0;
    loop {
        let end = (filled + piece).min(buffer.len());
        let count = stream.read(&mut buffer[filled..end])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        if let Some(end) = find(&buffer[..filled], HEAD_END) {
            return Ok((end + HEAD_END.len(), filled));
        }
    }
}

/// The status and the length of the content.
fn parse(head: &[u8]) -> io::Result<(u16, u64)> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok());
    match (status, length) {
        (Some(status), length) => Ok((status, length.unwrap_or(0))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
