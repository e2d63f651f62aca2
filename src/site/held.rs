//! Content in memory on its way out.
//!
//! While an answer waits, the cache may drop what it sends, which then is the answer's alone. An
//! answer that may not hold so much lets go of it, and goes on with what it finds: the same form, if
//! the cache still has it, or else the file on the disk, if that is still the same.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;

use super::form::{ContentSource, Form};
use super::{FileStream, Representation, Site, StreamedFile};
use crate::ledger::Account;

/// A part of up to this many bytes is copied where it is less than a [quarter](COPIED_PART) of the
/// whole, so that it does not hold the rest in memory.
const COPIED: usize = 16 * 1024;

/// The number of copied parts, as for [`COPIED`].
const COPIED_PART: usize = 4;

/// A part of content that was in memory when the answer began.
#[derive(Debug)]
pub struct Held {
    source: HeldContent,
    at: u64,
    end: u64,
}

#[derive(Debug)]
enum HeldContent {
    /// In memory, and where that content came from.
    Memory(Arc<Form>, ContentOrigin),
    /// In memory as long as somebody else holds it, or else in this file.
    Released(Weak<Form>, Option<Arc<StreamedFile>>),
    /// In a file: rarely, and so it does not make all others larger.
    File(Box<FileStream>),
}

/// The source from which content can be had once more.
#[derive(Debug)]
enum ContentOrigin {
    /// From the file of this representation, if it has one.
    Representation(Arc<Site>, Arc<Representation>),
    /// From this file, if there is one.
    File(Option<Arc<StreamedFile>>),
}

impl Held {
    /// The bytes from `start` to `end` of `form`, which is a form of `representation` of `site`.
    #[must_use]
    pub fn new(
        site: Arc<Site>,
        representation: Arc<Representation>,
        form: Arc<Form>,
        start: u64,
        end: u64,
    ) -> Self {
        let origin = ContentOrigin::Representation(site, representation);
        Self { source: HeldContent::Memory(form, origin), at: start, end }
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.source {
            HeldContent::Memory(form, _) => usize::try_from(form.length()).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// True if it holds an open file.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(&self.source, HeldContent::File(stream) if stream.is_open())
    }

    /// Lets go of memory and files. The last `unsent` bytes that were handed out come again, by a
    /// file that is opened on `account` if need be.
    pub fn release(&mut self, unsent: usize, account: Option<&Arc<Account>>) {
        self.at -= unsent as u64;
        self.source =
            match std::mem::replace(&mut self.source, HeldContent::Released(Weak::new(), None)) {
                HeldContent::Memory(form, origin) => {
                    let file = origin.file(&form, account);
                    HeldContent::Released(Arc::downgrade(&form), file)
                }
                HeldContent::File(mut stream) => {
                    stream.release(unsent);
                    HeldContent::File(stream)
                }
                released @ HeldContent::Released(..) => released,
            };
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the content was let go of and is not to be had any more, or its disk fails.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.at == self.end {
            return Poll::Ready(None);
        }
        if let HeldContent::Released(form, file) = &mut self.source {
            self.source = match (form.upgrade(), file.take()) {
                (Some(form), file) => HeldContent::Memory(form, ContentOrigin::File(file)),
                (None, Some(file)) => {
                    HeldContent::File(Box::new(FileStream::new(file, None, self.at, self.end)))
                }
                (None, None) => return Poll::Ready(Some(Err(gone()))),
            };
        }
        let chunk = match &mut self.source {
            HeldContent::Memory(form, _) => Some(part(form, self.at, self.end)),
            HeldContent::File(stream) => std::task::ready!(stream.poll_chunk(context)),
            HeldContent::Released(..) => None,
        };
        if let Some(Ok(bytes)) = &chunk {
            self.at += bytes.len() as u64;
        }
        Poll::Ready(chunk)
    }

    /// As [`FileStream::send_to`].
    ///
    /// # Errors
    /// As there.
    pub fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let HeldContent::File(stream) = &mut self.source else { return None };
        let sent = stream.send_to(socket)?;
        if let Ok(count) = &sent {
            self.at += *count as u64;
        }
        Some(sent)
    }
}

impl ContentOrigin {
    fn file(self, form: &Form, account: Option<&Arc<Account>>) -> Option<Arc<StreamedFile>> {
        match self {
            Self::File(file) => file,
            Self::Representation(site, representation) => {
                let (name, facts) = representation.file_of(form.coding())?;
                Some(StreamedFile::new(site, name, facts, account.cloned()))
            }
        }
    }
}

fn part(form: &Form, start: u64, end: u64) -> io::Result<Bytes> {
    let ContentSource::Held(whole) = form.content() else { return Err(gone()) };
    let index = |at| usize::try_from(at).expect("held content fits the address space");
    let part = index(start)..index(end);
    Ok(if part.len() <= COPIED && part.len() < whole.len() / COPIED_PART {
        Bytes::copy_from_slice(&whole[part])
    } else {
        whole.slice(part)
    })
}

fn gone() -> io::Error {
    io::Error::other("the content was dropped while the client took nothing")
}
