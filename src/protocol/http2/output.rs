//! Bytes on their way out: frames in order, gathered so that whatever is ready leaves in one write.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::super::limits::{KEPT_BYTES, OUTPUT_BYTES};
use super::frame::{self, FrameHeader, Reason, flag, kind};
use crate::field_compression::hpack::FieldTable;

/// Content up to this many bytes is copied behind the head of its frame: one slice more costs the
/// system more than that.
const COPIED: usize = 1024;

/// Slices given to one write.
const SLICES: usize = 64;

/// Bytes of heads that are made room for at once.
const ROOM: usize = 4 * 1024;

#[derive(Debug, Default)]
pub(super) struct Output {
    /// Heads, small frames and small content, from `taken` on.
    small: Vec<u8>,
    taken: usize,
    segments: VecDeque<QueuedBytes>,
    queued: usize,
    /// The client's dynamic table, as the blocks that were queued leave it.
    table: FieldTable,
    /// True if bytes were written that a layer below may still hold.
    unflushed: bool,
}

#[derive(Debug)]
enum QueuedBytes {
    /// This many of the small bytes.
    Small(usize),
    /// Content of this stream, which is shared with others and not copied.
    Content(Bytes, u32),
    /// Content that is nobody else's.
    Detached(Bytes),
}

impl Output {
    /// True if the client has to take something before more is made.
    pub(super) fn is_full(&self) -> bool {
        self.queued >= OUTPUT_BYTES
    }

    /// Bytes that are queued.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes of memory that it keeps, but for content that is shared with others.
    pub(super) fn kept(&self) -> usize {
        let detached = self.segments.iter().map(|segment| match segment {
            QueuedBytes::Detached(content) => content.len(),
            QueuedBytes::Small(_) | QueuedBytes::Content(..) => 0,
        });
        self.small.capacity() + self.table.kept() + detached.sum::<usize>()
    }

    /// Queues a frame with a small payload.
    pub(super) fn control(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let head = FrameHeader { length: payload.len(), kind, flags, stream };
        self.small(|out, _| {
            out.extend_from_slice(&head.to_bytes());
            out.extend_from_slice(payload);
        });
    }

    /// Queues the reset of a stream.
    pub(super) fn reset(&mut self, stream: u32, reason: Reason) {
        self.control(kind::RST_STREAM, 0, stream, &reason.to_bytes());
    }

    /// The client keeps no more than `most` bytes of fields.
    pub(super) fn limit_table(&mut self, most: u32) {
        self.table.limit(most);
    }

    /// Queues a field block, in as many frames as it needs.
    pub(super) fn headers(
        &mut self,
        stream: u32,
        ends: bool,
        block: impl FnOnce(&mut Vec<u8>, &mut FieldTable),
    ) {
        let mut flags = if ends { flag::END_STREAM } else { 0 };
        self.small(|out, table| {
            let start = out.len();
            out.extend_from_slice(&[0; frame::HEAD]);
            table.begin(out);
            block(out, table);
            let length = out.len() - start - frame::HEAD;
            let rest = out.split_off(start + frame::HEAD + length.min(frame::PAYLOAD));
            let mut parts = rest.chunks(frame::PAYLOAD).peekable();
            let end = |last: bool| if last { flag::END_HEADERS } else { 0 };
            flags |= end(parts.peek().is_none());
            let head = FrameHeader {
                length: length.min(frame::PAYLOAD),
                kind: kind::HEADERS,
                flags,
                stream,
            };
            out[start..start + frame::HEAD].copy_from_slice(&head.to_bytes());
            while let Some(part) = parts.next() {
                let flags = end(parts.peek().is_none());
                let head =
                    FrameHeader { length: part.len(), kind: kind::CONTINUATION, flags, stream };
                out.extend_from_slice(&head.to_bytes());
                out.extend_from_slice(part);
            }
        });
    }

    /// Queues a frame of content.
    pub(super) fn data(&mut self, stream: u32, ends: bool, content: Bytes) {
        let flags = if ends { flag::END_STREAM } else { 0 };
        let head = FrameHeader { length: content.len(), kind: kind::DATA, flags, stream };
        let copied = content.len() <= COPIED;
        self.small(|out, _| {
            out.extend_from_slice(&head.to_bytes());
            if copied {
                out.extend_from_slice(&content);
            }
        });
        if !copied {
            self.queued += content.len();
            self.segments.push_back(QueuedBytes::Content(content, stream));
        }
    }

    fn small(&mut self, write: impl FnOnce(&mut Vec<u8>, &mut FieldTable)) {
        if self.small.capacity() == 0 {
            self.small.reserve(ROOM);
        }
        let before = self.small.len();
        write(&mut self.small, &mut self.table);
        let count = self.small.len() - before;
        self.queued += count;
        match self.segments.back_mut() {
            Some(QueuedBytes::Small(length)) => *length += count,
            _ => self.segments.push_back(QueuedBytes::Small(count)),
        }
    }

    /// Writes until everything has been written; then nothing is held.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.queued > 0 {
            let written = {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.slices(&mut slices);
                ready!(Pin::new(&mut *io).poll_write_vectored(context, &slices[..count]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.advance(written);
        }
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Fills slices with the bytes that are queued; gives the number of slices that were filled.
    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut small = &self.small[self.taken..];
        let mut count = 0;
        for (slice, segment) in slices.iter_mut().zip(&self.segments) {
            *slice = IoSlice::new(match segment {
                QueuedBytes::Small(length) => {
                    let (now, later) = small.split_at(*length);
                    small = later;
                    now
                }
                QueuedBytes::Content(content, _) | QueuedBytes::Detached(content) => content,
            });
            count += 1;
        }
        count
    }

    /// Lets go of what has been written.
    fn advance(&mut self, mut written: usize) {
        self.queued -= written;
        while written > 0 {
            let segment = self.segments.front_mut().expect("no more was written than was queued");
            let length = match segment {
                QueuedBytes::Small(length) => *length,
                QueuedBytes::Content(content, _) | QueuedBytes::Detached(content) => content.len(),
            };
            let count = length.min(written);
            written -= count;
            match segment {
                QueuedBytes::Small(length) => {
                    *length -= count;
                    self.taken += count;
                }
                QueuedBytes::Content(content, _) | QueuedBytes::Detached(content) => {
                    content.advance(count);
                }
            }
            if count == length {
                self.segments.pop_front();
            }
        }
        if self.segments.is_empty() {
            self.small.clear();
            self.taken = 0;
        } else if self.taken > ROOM {
            self.small.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// True if nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Makes copies of content whose stream no longer `holds` it, since a few bytes of it would keep
    /// the whole in memory.
    pub(super) fn detach(&mut self, holds: impl Fn(u32) -> bool) {
        for segment in &mut self.segments {
            if let QueuedBytes::Content(content, stream) = segment
                && !holds(*stream)
            {
                *segment = QueuedBytes::Detached(Bytes::copy_from_slice(content));
            }
        }
        // Half of what grew by doubling may be empty.
        if self.small.capacity() > KEPT_BYTES {
            self.small.drain(..self.taken);
            self.taken = 0;
            self.small.shrink_to(self.small.len() + ROOM);
        }
    }

    /// Gives back the memory of an empty queue.
    pub(super) fn shrink(&mut self) {
        if self.queued == 0 {
            self.small = Vec::new();
            self.segments = VecDeque::new();
            self.table.shrink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time.
    struct Slow(Vec<u8>, usize);

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let before = self.0.len();
            for slice in slices {
                let count = slice.len().min(self.1 - (self.0.len() - before));
                self.0.extend_from_slice(&slice[..count]);
            }
            Poll::Ready(Ok(self.0.len() - before))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn written(output: &mut Output, step: usize) -> Vec<u8> {
        let mut slow = Slow(Vec::new(), step);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(output.poll_write(&mut slow, &mut context), Poll::Ready(Ok(()))));
        assert!(output.queued == 0 && !output.unflushed);
        slow.0
    }

    #[test]
    fn frames_leave_in_order_whatever_the_writes_are() {
        for step in [1, 7, 1000, 5000, usize::MAX] {
            let mut output = Output::default();
            let mut expected = Vec::new();
            for index in 1..40_u8 {
                let content = Bytes::from(vec![index; usize::from(index) * 100]);
                output.control(kind::PING, flag::ACK, 0, &[index; 8]);
                output.data(u32::from(index), true, content.clone());
                expected.extend_from_slice(&[0, 0, 8, kind::PING, flag::ACK, 0, 0, 0, 0]);
                expected.extend_from_slice(&[index; 8]);
                let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
                let data = [0, high, low, kind::DATA, flag::END_STREAM, 0, 0, 0, index];
                expected.extend_from_slice(&data);
                expected.extend_from_slice(&content);
            }
            assert!(written(&mut output, step) == expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn a_large_block_is_continued() {
        let mut output = Output::default();
        let block: Vec<u8> = (0..40_000_u32).map(|index| index.to_be_bytes()[3]).collect();
        output.headers(1, true, |out, _| out.extend_from_slice(&block));
        output.headers(3, false, |out, _| out.extend_from_slice(b"small"));
        let bytes = written(&mut output, usize::MAX);
        let mut rest = bytes.as_slice();
        let mut heads = Vec::new();
        let mut payload = Vec::new();
        while let Some(head) = FrameHeader::parse(rest) {
            payload.extend_from_slice(&rest[frame::HEAD..frame::HEAD + head.length]);
            rest = &rest[frame::HEAD + head.length..];
            heads.push((head.length, head.kind, head.flags, head.stream));
        }
        assert!(payload == [&block, &b"small"[..]].concat());
        let continued = 40_000 - 2 * frame::PAYLOAD;
        let expected = [
            (frame::PAYLOAD, kind::HEADERS, flag::END_STREAM, 1),
            (frame::PAYLOAD, kind::CONTINUATION, 0, 1),
            (continued, kind::CONTINUATION, flag::END_HEADERS, 1),
            (5, kind::HEADERS, flag::END_HEADERS, 3),
        ];
        assert_eq!(heads, expected);
    }
}
