//! A TLS connection after its handshake: what is written is sealed, what is read is opened.
//!
//! rustls makes the handshake and the keys, here are the records (RFC 8446 §5; RFC 5246 §6.2).
//! rustls's own connection keeps a buffer of 4 KiB to read into and what only a handshake needs,
//! more than half of what an idle connection has, and it copies what it seals. Here the memory to
//! read and to seal into belongs to the thread, and a connection has none while it is idle.

use std::cell::Cell;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ContentType, ExtractedSecrets, ProtocolVersion, SupportedCipherSuite};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::post_handshake::PartialMessage;
use super::received_records::ReceivedRecords;
use super::record_key::{CONTENT, RecordKey, SEALED};
use super::unsealed::Unsealed;
use super::violation::Violation;

mod post_handshake;

/// Records that are sealed for one write.
const RECORDS: usize = 4;

thread_local! {
    /// Memory to seal into.
    static WRITTEN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stream of bytes over TLS.
pub struct EncryptedStream<S> {
    io: S,
    sealing: RecordKey,
    opening: RecordKey,
    /// Records that one key may seal.
    most: u64,
    /// Makes the keys that follow; TLS 1.2 has none.
    keys: Option<Box<KernelConnection<ServerConnectionData>>>,
    received: ReceivedRecords,
    unsent: Unsent,
    handshake: PartialMessage,
    reading: ReadState,
    /// No record follows: the last one says that, or why.
    is_closed: bool,
    warnings: u8,
    key_updates: u8,
}

/// How far the connection has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    Goes,
    /// The client has said that nothing follows.
    Ended,
    Failed(Violation),
}

/// Bytes that were read behind a handshake.
#[derive(Debug, Default)]
pub struct Behind {
    /// Content that has been opened.
    pub content: Vec<u8>,
    /// Records that have not.
    pub records: Vec<u8>,
    /// True if the client has said that nothing follows.
    pub is_ended: bool,
}

impl<S> EncryptedStream<S> {
    /// The connection of a handshake that is over.
    ///
    /// # Errors
    ///
    /// When the handshake has agreed on something that is not known here.
    pub fn new(
        io: S,
        (secrets, keys): (ExtractedSecrets, KernelConnection<ServerConnectionData>),
        behind: Behind,
    ) -> Result<Self, rustls::Error> {
        let version = keys.protocol_version();
        let most = match keys.negotiated_cipher_suite() {
            SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
            SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
        };
        let reading = if behind.is_ended { ReadState::Ended } else { ReadState::Goes };
        Ok(Self {
            io,
            sealing: RecordKey::new(version, secrets.tx)?,
            opening: RecordKey::new(version, secrets.rx)?,
            most,
            keys: (version == ProtocolVersion::TLSv1_3).then(|| Box::new(keys)),
            received: ReceivedRecords::behind(behind),
            unsent: Unsent::default(),
            handshake: PartialMessage::default(),
            reading,
            is_closed: false,
            warnings: 0,
            key_updates: 0,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> EncryptedStream<S> {
    fn poll_content(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            self.received.deliver(buffer);
            let has_some = buffer.filled().len() > before;
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match self.reading {
                ReadState::Goes => {}
                ReadState::Failed(violation) if !has_some => {
                    return Poll::Ready(Err(violation.into()));
                }
                ReadState::Ended | ReadState::Failed(_) => return Poll::Ready(Ok(())),
            }
            match self.open_next() {
                Ok(true) => {}
                Ok(false) if has_some => return Poll::Ready(Ok(())),
                Ok(false) => {
                    let read = self.received.poll_fill(&mut self.io, context);
                    if ready!(read)? == 0 {
                        // The end may have been cut off by anybody (RFC 8446 §6.1).
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                Err(violation) => {
                    let error = self.fail(violation);
                    // What cannot be sent at once may never be: the connection ends.
                    let _ = self.poll_unsent(context);
                    if !has_some {
                        return Poll::Ready(Err(error));
                    }
                }
            }
            if !self.unsent.bytes.is_empty()
                && let Poll::Ready(sent) = self.poll_unsent(context)
            {
                sent?;
            }
        }
    }

    /// Opens the next record, if it is here.
    fn open_next(&mut self) -> Result<bool, Violation> {
        let Some(record) = self.received.next_record(&self.opening)? else { return Ok(false) };
        let start = record.start;
        let (kind, content) = self.opening.open(&mut self.received.bytes[record])?;
        self.take(kind, start + content.start..start + content.end)?;
        Ok(true)
    }

    /// Sends what is sealed.
    fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unsent.sent < self.unsent.bytes.len() {
            let rest = &self.unsent.bytes[self.unsent.sent..];
            self.unsent.sent += some(ready!(Pin::new(&mut self.io).poll_write(context, rest))?)?;
        }
        self.unsent = Unsent::default();
        Poll::Ready(Ok(()))
    }

    /// Seals what fits into a few records, and gives how much of `slices` that is and how long
    /// they are.
    fn seal(&mut self, slices: &[IoSlice<'_>], records: &mut [u8]) -> (usize, usize) {
        let mut rest = Unsealed::of(slices);
        let (mut consumed, mut filled) = (0, 0);
        while filled + SEALED <= records.len() {
            let record = &mut records[filled..];
            let content = rest.first();
            if content.is_empty() {
                break;
            }
            let whole = content.len() >= CONTENT || rest.is_last();
            let length = if whole {
                let content = &content[..content.len().min(CONTENT)];
                filled += self.sealing.seal(ContentType::ApplicationData, content, record);
                rest.advance(content.len());
                content.len()
            } else {
                let prefix = self.sealing.prefix();
                let length = rest.copy(&mut record[prefix..prefix + CONTENT]);
                filled += self.sealing.seal_in_place(ContentType::ApplicationData, length, record);
                length
            };
            consumed += length;
        }
        (consumed, filled)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for EncryptedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.received.begin();
        let result = this.poll_content(context, buffer);
        this.received.settle();
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for EncryptedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_unsent(context))?;
        if this.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        // With room for the records of this write and for an alert or two.
        if this.sealing.sequence() > this.most.saturating_sub(2 * RECORDS as u64) {
            if this.keys.is_none() {
                return Poll::Ready(Err(io::Error::other("the key of the connection is used up")));
            }
            this.update_sealing()?;
            ready!(this.poll_unsent(context))?;
        }
        let mut records = WRITTEN.take();
        records.resize(RECORDS * SEALED, 0);
        let (consumed, filled) = this.seal(slices, &mut records);
        let mut sent = 0;
        let mut result = Ok(consumed);
        while sent < filled {
            match Pin::new(&mut this.io).poll_write(context, &records[sent..filled]) {
                Poll::Ready(Ok(0)) => result = Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    sent += count;
                    continue;
                }
                Poll::Ready(Err(error)) => result = Err(error),
                Poll::Pending => this.unsent.bytes = records[sent..filled].to_vec(),
            }
            break;
        }
        WRITTEN.set(records);
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_unsent(context))?;
        Pin::new(&mut this.io).poll_flush(context)
    }

    /// Says that nothing follows, in a record and in TCP.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_closed {
            this.is_closed = true;
            this.queue_close_notify();
        }
        ready!(this.poll_unsent(context))?;
        match ready!(Pin::new(&mut this.io).poll_shutdown(context)) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

impl<S> fmt::Debug for EncryptedStream<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sealing, opening, reading, .. } = self;
        formatter
            .debug_struct("EncryptedStream")
            .field("sealing", sealing)
            .field("opening", opening)
            .field("reading", reading)
            .finish_non_exhaustive()
    }
}

/// Records on their way to the client.
#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    has_key_update: bool,
}

/// A count of bytes that were written, of which there is at least one.
fn some(count: usize) -> io::Result<usize> {
    if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
}

#[cfg(test)]
mod tests;
