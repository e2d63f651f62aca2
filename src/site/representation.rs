//! A representation: one file's content together with all that is known of it (RFC 9110 §3.2).

mod offering;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::content::{self, HELD_LIMIT, ReadError};
use super::dictionary_forms::DictionaryForms;
use super::facts::Facts;
use super::form::{Availability, Coded, ContentSource, Form};
use super::inspection::{Inspection, Reading, begins_as_utf8};
use super::lookup::{OpenFile, last_segment};
use super::names::FolderNames;
use super::root::OpenRoot;
use super::sibling::{self, Siblings};
use crate::coding::encode::Effort;
use crate::coding::{Coding, FormCoding};
use crate::process::clock;
use crate::semantics::dictionary::DictionaryScope;
use crate::semantics::field_block::FieldBlock;
use crate::semantics::media_type;
use crate::semantics::media_type::MediaType;

/// Content shorter than this, in bytes, is sent as it is: what a coding could save is less than a
/// packet's own head.
pub const CODED_MINIMUM: u64 = 256;

/// Content longer than this, in bytes, is sent as it is: a coded form would take seconds of a
/// processor and megabytes of the cache.
pub const CODED_LIMIT: u64 = 16 * 1024 * 1024;

/// Bytes at the beginning of a file too large to hold that tell whether it is text.
const BEGINNING: u64 = 64 * 1024;

/// A file that was last changed so long before it was read has no other version with the same facts,
/// however coarse the clock of its file system is and however long it took to read it.
const SETTLED_AGE: Duration = Duration::from_secs(5);

/// One version of one file.
#[derive(Debug)]
pub struct Representation {
    relative: Box<str>,
    facts: Facts,
    media_type: MediaType,
    last_modified: SystemTime,
    utf8: bool,
    /// The time at which it was read.
    read: SystemTime,
    /// The coding that the file itself is in, by its name.
    own_coding: Option<Coding>,
    /// By coding: a form beside it that is empty, as a compressor leaves it that had no room.
    empty_siblings: [bool; Coding::CODED.len()],
    inspection: OnceLock<Inspection>,
    identity: Arc<Form>,
    coded: [Coded; Coding::CODED.len()],
    with_dictionaries: OnceLock<Box<DictionaryForms>>,
    /// The requests that the content may be offered to as a dictionary.
    scope: Option<DictionaryScope>,
    siblings: [Option<Facts>; Coding::CODED.len()],
    unchanged: [OnceLock<Arc<FieldBlock>>; Coding::ALL.len()],
}

impl Representation {
    /// Reads the content of an open file into memory, and the coded forms that lie beside it.
    ///
    /// # Errors
    /// [`ReadError::Short`] when the file changed while it was read: what was read is then
    /// neither its old nor its new content. Else what the system says.
    pub fn read(
        root: &OpenRoot,
        file: &OpenFile,
        known: Option<Reading>,
    ) -> Result<(Self, Reading), ReadError> {
        let size = usize::try_from(file.facts.size).expect("held content fits the address space");
        let bytes = content::read(&file.descriptor, size)?;
        content::is_still(&file.descriptor, &file.facts)?;
        let reading = known.unwrap_or_else(|| Reading::of(&bytes));
        let mut representation = Self::new(file, ContentSource::Held(bytes));
        representation.inspected(reading);
        representation.settle_codings();
        representation.find_siblings(root, Siblings::Held);
        // A deploy may have put the siblings of the next version there meanwhile.
        content::is_still(&file.descriptor, &file.facts)?;
        Ok((representation, reading))
    }

    /// Reads the content of an open file once, for what it tells, and keeps none of it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn tell(file: &OpenFile) -> Result<Reading, ReadError> {
        let size = usize::try_from(file.facts.size).expect("held content fits the address space");
        let reading = Reading::of(&content::read(&file.descriptor, size)?);
        content::is_still(&file.descriptor, &file.facts)?;
        Ok(reading)
    }

    /// An open file of which nothing is read, with what a reading of it once told. Its content is
    /// streamed from the disk, if at all.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn unread(
        root: &OpenRoot,
        file: &OpenFile,
        reading: Option<Reading>,
    ) -> Result<Self, ReadError> {
        let mut representation = Self::on_disk(file);
        match reading {
            Some(reading) => representation.inspected(reading),
            None if representation.is_maybe_text() => {
                let length = file.facts.size.min(BEGINNING);
                let mut beginning = vec![0; usize::try_from(length).unwrap_or_default()];
                content::fill(&file.descriptor, &mut beginning, 0)?;
                representation.utf8 = begins_as_utf8(&beginning);
            }
            None => {}
        }
        representation.settle_codings();
        representation.find_siblings(root, Siblings::Streamed);
        content::is_still(&file.descriptor, &file.facts)?;
        Ok(representation)
    }

    /// A file that is streamed whatever its size, because it will not hold still to be read.
    #[must_use]
    pub fn streamed(file: &OpenFile) -> Self {
        let representation = Self::on_disk(file);
        for coded in &representation.coded {
            coded.settle(None);
        }
        representation
    }

    fn on_disk(file: &OpenFile) -> Self {
        let relative = file.relative.clone();
        Self::new(file, ContentSource::Streamed { relative, facts: file.facts })
    }

    fn new(file: &OpenFile, content: ContentSource) -> Self {
        let media_type = media_type::at(&file.relative);
        let own_coding = own_coding(&file.relative);
        let read = clock::wall();
        Self {
            relative: file.relative.clone(),
            facts: file.facts,
            media_type,
            last_modified: file.facts.modified().min(read),
            read,
            utf8: false,
            own_coding,
            empty_siblings: [false; Coding::CODED.len()],
            inspection: OnceLock::new(),
            identity: Arc::new(Form::new(Coding::Identity, content)),
            coded: Default::default(),
            with_dictionaries: OnceLock::new(),
            scope: offering::scope(&media_type, &file.facts),
            siblings: [None; Coding::CODED.len()],
            unchanged: Default::default(),
        }
    }

    /// True if the beginning of the content tells something that the name does not.
    fn is_maybe_text(&self) -> bool {
        self.media_type.charset || self.media_type.is_unknown()
    }

    /// True if a content coding is worth trying: by the type, or by the content where there is no
    /// telling the type.
    fn is_compressible(&self) -> bool {
        let is_text = || self.media_type.is_unknown() && self.is_sized() && self.is_utf8();
        self.own_coding.is_none() && (self.media_type.compressible || is_text())
    }

    /// True if the content has a length that a coding pays for.
    fn is_sized(&self) -> bool {
        (CODED_MINIMUM..=CODED_LIMIT).contains(&self.facts.size)
    }

    /// Settles that no coded forms are made where none are worth it, or the content is not where
    /// they are made from.
    fn settle_codings(&self) {
        if !self.is_sized() || self.is_unread() || !self.is_compressible() {
            for coded in &self.coded {
                coded.settle(None);
            }
        }
    }

    fn find_siblings(&mut self, root: &OpenRoot, content: Siblings) {
        for (index, coding) in Coding::CODED.into_iter().enumerate() {
            let found = sibling::find(root, &self.relative, coding, &self.facts, content);
            match found {
                Some(_) if self.own_coding.is_some() => {}
                Some((form, facts)) => {
                    self.coded[index].settle(Some(form));
                    self.siblings[index] = Some(facts);
                }
                None if sibling::is_empty(root, &self.relative, coding, &self.facts) => {
                    self.empty_siblings[index] = true;
                }
                None => {}
            }
        }
    }

    /// Takes note of what a reading of the content told, if that is news.
    pub fn inspected(&self, reading: Reading) {
        self.inspection.get_or_init(|| reading.into());
    }

    /// True if the content was left on the disk although it is small enough to be held.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.facts.size <= HELD_LIMIT
            && matches!(self.identity.content(), ContentSource::Streamed { .. })
    }

    /// True if the content is UTF-8, as far as is known. Of a file too large to hold, its beginning
    /// decides.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.inspection.get().map_or(self.utf8, |inspection| inspection.utf8)
    }

    /// True if the coded forms beside the file are the ones that were found with it.
    #[must_use]
    pub fn has_its_siblings(&self, root: &OpenRoot) -> bool {
        Coding::CODED.into_iter().zip(&self.siblings).all(|(coding, found)| {
            let name = sibling::name(&self.relative, coding);
            match (Facts::at(root.folder(), &name), found) {
                (Ok(now), Some(found)) => now == *found,
                // One that was passed over for its age or size still is.
                (Ok(now), None) => !sibling::is_coded_form(&now, &self.facts),
                (Err(_), found) => found.is_none(),
            }
        })
    }

    /// True if there are coded forms beside the file.
    #[must_use]
    pub fn has_siblings(&self) -> bool {
        self.siblings.iter().any(Option::is_some)
    }

    /// True if the `names` in its folder leave it open that there are coded forms beside the file.
    #[must_use]
    pub fn may_have_siblings(&self, names: &FolderNames) -> bool {
        let name = self.file_name();
        Coding::CODED.into_iter().any(|coding| names.may_have(name, coding.file_suffix()))
    }

    /// True if the facts of the file or of a sibling may hide a change from `now` on.
    #[must_use]
    pub fn may_hide_a_change(&self, now: SystemTime) -> bool {
        let siblings = self.siblings.iter().flatten();
        siblings.chain([&self.facts]).any(|facts| facts.may_hide_a_change(now))
    }

    /// True if `other` is the same in everything that an answer could tell, so that the forms made
    /// of the one may be kept for the other.
    #[must_use]
    pub fn is_the_same(&self, other: &Self) -> bool {
        let hash = |one: &Self| one.inspection().map(|inspection| inspection.hash.clone());
        self.facts == other.facts
            && self.siblings == other.siblings
            && self.relative == other.relative
            && hash(self).is_some()
            && hash(self) == hash(other)
    }

    /// The file's name beneath the root of its site.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.relative
    }

    /// The last segment of its name.
    #[must_use]
    pub fn file_name(&self) -> &str {
        last_segment(&self.relative)
    }

    /// The facts it was read with.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The media type by its name.
    #[must_use]
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The modification time, not later than the moment it was read (RFC 9110 §8.8.2.1).
    #[must_use]
    pub fn last_modified(&self) -> SystemTime {
        self.last_modified
    }

    /// The facts that only the content tells; `None` until it has been read.
    #[must_use]
    pub fn inspection(&self) -> Option<&Inspection> {
        self.inspection.get()
    }

    /// The content as it is.
    #[must_use]
    pub fn identity(&self) -> &Arc<Form> {
        &self.identity
    }

    /// The content in a coding, if there is such a form; and the work that should be done for it
    /// now, which is given to one caller only, and only to one who `may_claim` it.
    #[must_use]
    pub fn ask(&self, coding: Coding, may_claim: bool) -> (Availability, Option<Effort>) {
        match self.coded(coding) {
            Some(coded) => coded.ask(may_claim),
            None => (Availability::Ready(Arc::clone(&self.identity)), None),
        }
    }

    /// The names of coded forms beside the file that are empty although the file is not.
    pub fn empty_siblings(&self) -> impl Iterator<Item = String> {
        let codings = Coding::CODED.into_iter().zip(self.empty_siblings);
        codings
            .filter(|(_, is_empty)| *is_empty)
            .map(|(coding, _)| sibling::name(&self.relative, coding))
    }

    /// The content coding of an answer with `form`.
    #[must_use]
    pub fn content_coding(&self, form: &Form) -> Option<FormCoding> {
        match form.coding() {
            FormCoding::IDENTITY => self.own_coding.map(FormCoding::Plain),
            coding => Some(coding),
        }
    }

    /// True if answers may depend on Accept-Encoding.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.is_compressible() || self.has_siblings()
    }

    /// The place of a coded form; `None` for the identity.
    #[must_use]
    pub fn coded(&self, coding: Coding) -> Option<&Coded> {
        self.coded.get(coding as usize)
    }

    /// The fields that tell a client that what it has in `coding` is still right, which `build`
    /// makes once; again and again until it is known what the content tells.
    pub fn unchanged(
        &self,
        coding: FormCoding,
        build: impl FnOnce() -> FieldBlock,
    ) -> Arc<FieldBlock> {
        match coding {
            FormCoding::Plain(coding) if self.inspection.get().is_some() => {
                Arc::clone(self.unchanged[coding as usize].get_or_init(|| Arc::new(build())))
            }
            _ => Arc::new(build()),
        }
    }

    /// The file on the disk that is the content in `coding`, by its name beneath the root and its
    /// facts; `None` if the coded form is in memory only, or the file was so young when it was read
    /// that another version of it may look the same.
    #[must_use]
    pub fn file_of(&self, coding: FormCoding) -> Option<(Box<str>, Facts)> {
        let FormCoding::Plain(coding) = coding else { return None };
        let (name, facts) = if coding == Coding::Identity {
            (self.relative.clone(), self.facts)
        } else {
            let facts = self.siblings.get(coding as usize).copied().flatten()?;
            (sibling::name(&self.relative, coding).into(), facts)
        };
        let age = self.read.duration_since(facts.changed()).unwrap_or_default();
        (age >= SETTLED_AGE).then_some((name, facts))
    }

    /// Bytes that all forms together take of memory.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let with_dictionaries = self.with_dictionaries.get().map_or(0, |forms| forms.weight());
        let coded: u64 = self.coded.iter().map(Coded::weight).sum();
        self.identity.weight() + coded + with_dictionaries
    }
}

/// The coding that a file is in by its name, where its type is that of the content without it:
/// `x.svgz` is a picture, coded, while `x.svg.gz` is a file of gzip.
fn own_coding(relative: &str) -> Option<Coding> {
    let (_, extension) = last_segment(relative).rsplit_once('.')?;
    extension.eq_ignore_ascii_case("svgz").then_some(Coding::Gzip)
}
