//! The outcomes of the pipeline, as data: a status and fields are made of them elsewhere.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::body::Pieces;
use super::head::Present;
use super::refusal::Refusal;
use crate::coding::{Coding, FormCoding, negotiation};
use crate::ledger::{Account, FilePermit};
use crate::semantics::dictionary::{self, AvailableDictionary};
use crate::semantics::precondition;
use crate::semantics::precondition::{Validators, Verdict};
use crate::semantics::range;
use crate::semantics::range::Selection;
use crate::semantics::target::InvalidPath;
use crate::site::{
    Availability, ContentSource, Descriptor, FileStream, Form, Found, Held, Need, OpenFile,
    Representation, Site, Sites, StreamedFile, WantedForm,
};
use crate::visitor::bot::Rule;

/// The answer to a request, before it becomes a response.
#[derive(Debug)]
pub(super) enum Answer {
    /// The head cannot be answered; nothing behind it on the connection can be believed either.
    Malformed(Refusal),
    /// The path names nothing that could exist.
    InvalidPath(InvalidPath),
    /// The methods there are, and the fields that a page of another origin may send, if it is asked
    /// for them.
    Options(Option<HeaderValue>),
    MethodNotAllowed,
    /// A bot that pretends to be a browser, or looks for a hole, by this rule.
    Refused(&'static Rule),
    /// The file that a certificate authority is shown.
    Challenge(Bytes),
    /// A host that is not served here.
    Misdirected,
    /// The client is sent to this URI: another host, or HTTPS.
    MovedHost(String),
    /// The client is sent to this path of the same host.
    MovedPath(String),
    /// The client is sent elsewhere by a rule of the site.
    Redirect(StatusCode, String),
    /// A rule of the site says that it has gone; with a page that says so, if there is one.
    Gone(Option<SelectedRepresentation>),
    /// Nothing there; the site's own page for that, if it has one.
    Missing(Option<SelectedRepresentation>),
    /// Not readable by this process.
    Forbidden,
    /// Not readable at the moment.
    Unavailable,
    /// The client has it already, in this coding.
    NotModified(Arc<Representation>, FormCoding),
    /// A precondition does not hold.
    PreconditionFailed,
    /// None of the ranges lies within the representation.
    Unsatisfiable(Arc<Representation>),
    /// The whole of it.
    Whole(SelectedRepresentation),
    /// A part of it.
    Part(SelectedRepresentation, Range<u64>),
    /// Several parts of it.
    Parts(SelectedRepresentation, Vec<Range<u64>>),
}

/// The selected representation, and where its bytes come from.
#[derive(Debug)]
pub(super) struct SelectedRepresentation {
    /// The representation that is sent.
    pub(super) representation: Arc<Representation>,
    pub(super) form: Arc<Form>,
    site: Arc<Site>,
    file: Option<(Arc<StreamedFile>, Arc<Descriptor>)>,
}

/// The answer to a request for a file, as far as it is known without a wait.
pub(super) enum Selected {
    /// As a whole: nearly always.
    Answer(Answer),
    /// But for the content, which is not in memory.
    Closed(Box<Closed>),
}

/// Content to be sent of a file that is not open yet.
pub(super) struct Closed {
    representation: Arc<Representation>,
    form: Arc<Form>,
    selection: Selection,
}

/// The place at which a representation was found, for what has to be asked of it later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) sites: &'a Sites,
    /// The site in it.
    pub(super) site: &'a Arc<Site>,
    /// The path in normal form.
    pub(super) path: &'a str,
    /// The fields of the request that the answer depends on.
    pub(super) present: &'a Present<'a>,
    /// The account that files are opened on.
    pub(super) account: Option<&'a Arc<Account>>,
}

/// A path with the query of the request.
fn with_query(path: String, head: &Parts) -> String {
    match head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

impl Answer {
    /// The same target at another authority.
    pub(super) fn host_redirect(scheme: &str, host: &str, port: Option<u16>, head: &Parts) -> Self {
        // A target in absolute form may have a query and no path (RFC 9110 §4.2.3).
        let path = head.uri.path();
        let target = with_query(if path.starts_with('/') { path } else { "/" }.to_owned(), head);
        Self::MovedHost(match port {
            Some(port) => format!("{scheme}://{host}:{port}{target}"),
            None => format!("{scheme}://{host}{target}"),
        })
    }

    /// Another path of the same host, the query kept. `path` begins with one slash.
    pub(super) fn path_redirect(path: String, head: &Parts) -> Self {
        Self::MovedPath(with_query(path, head))
    }

    /// The representation in the coding that the client likes best, then preconditions, then
    /// ranges (RFC 9110 §12.1, §13.2.2, §14.2).
    pub(super) async fn select(place: Place<'_>, head: &Parts, file: Arc<Representation>) -> Self {
        match Selected::of(place, head, file) {
            Selected::Answer(answer) => answer,
            Selected::Closed(closed) => closed.open(place, head).await,
        }
    }

    /// The site's page for a missing path.
    pub(super) async fn missing_page(
        place: Place<'_>,
        head: &Parts,
        page: Arc<Representation>,
    ) -> Self {
        let form = negotiate(place, head, &page);
        if head.method == Method::HEAD {
            let site = Arc::clone(place.site);
            return Self::Missing(Some(SelectedRepresentation {
                representation: page,
                form,
                site,
                file: None,
            }));
        }
        Self::Missing(SelectedRepresentation::open(place, page, form).await.ok())
    }
}

impl Selected {
    /// The selection of content of `file`.
    pub(super) fn of(place: Place<'_>, head: &Parts, file: Arc<Representation>) -> Self {
        let form = negotiate(place, head, &file);
        if place.present.has(Present::CONDITION) {
            match precondition::evaluate(&head.headers, &validators(&file, &form)) {
                Verdict::NotModified(coding) => {
                    return Self::Answer(Answer::NotModified(file, coding));
                }
                Verdict::Failed => return Self::Answer(Answer::PreconditionFailed),
                Verdict::Proceed => {}
            }
        }
        // Ranges are defined for GET alone, and ignored with any other method (RFC 9110 §14.2).
        let selection = if place.present.has(Present::RANGE) && head.method == Method::GET {
            let (length, validators) = (file.identity().length(), validators(&file, &form));
            range::select(&head.headers, length, &validators, SystemTime::now())
        } else {
            Selection::Whole
        };
        if matches!(selection, Selection::Unsatisfiable) {
            return Self::Answer(Answer::Unsatisfiable(file));
        }
        let is_held = matches!(form.content(), ContentSource::Held(_)) && !file.is_unread();
        if !is_held && head.method == Method::GET {
            return Self::Closed(Box::new(Closed { representation: file, form, selection }));
        }
        let site = Arc::clone(place.site);
        let source = SelectedRepresentation { representation: file, form, site, file: None };
        Self::Answer(source.part(selection))
    }
}

impl Closed {
    /// The answer, once the content has been read or its file has been opened.
    pub(super) async fn open(self: Box<Self>, place: Place<'_>, head: &Parts) -> Answer {
        let Self { representation, form, selection } = *self;
        if matches!(selection, Selection::Whole)
            && representation.is_unread()
            && wanted(head, place.present) == Need::Facts
            && let Some(read) = place.read().await
        {
            return Box::pin(Answer::select(place, head, read)).await;
        }
        match SelectedRepresentation::open(place, representation, form).await {
            Ok(source) => source.part(selection),
            Err(answer) => answer,
        }
    }
}

/// The needs of a request for a file. Whether a condition or a range lets it do without the content
/// is told by the facts, and for those nothing has to be read.
pub(super) fn wanted(head: &Parts, present: &Present<'_>) -> Need {
    if head.method == Method::GET && !present.has(Present::CONDITION | Present::RANGE) {
        Need::Content
    } else {
        Need::Facts
    }
}

impl Place<'_> {
    /// The file as it is now, in memory, if it can be had there.
    async fn read(&self) -> Option<Arc<Representation>> {
        match self.sites.find(self.site, self.path, Need::Content).await {
            Found::File(file) => Some(file).filter(|file| !file.is_unread()),
            _ => None,
        }
    }
}

/// The best form that is there; the identity for a client that names no coding. With a Range too it
/// is the identity, so that the parts of a download that is resumed always fit together, whatever
/// was made in the meantime.
fn negotiate(place: Place<'_>, head: &Parts, file: &Arc<Representation>) -> Arc<Form> {
    if place.present.has(Present::RANGE) || !place.present.has(Present::ACCEPT_ENCODING) {
        return Arc::clone(file.identity());
    }
    if place.present.has(Present::DICTIONARIES)
        && place.present.has(Present::DICTIONARY)
        && let Some(form) = with_dictionary(place, head, file)
    {
        return form;
    }
    // What the client likes best is made for it, and nothing else that it would take meanwhile.
    let mut may_claim = true;
    for coding in negotiation::preferences(&head.headers).order() {
        let Place { site, path, .. } = place;
        let wanted = WantedForm { site, path, representation: file, coding, may_claim };
        match place.sites.form(&wanted) {
            Availability::Ready(form) => return form,
            Availability::Coming => may_claim = false,
            Availability::Never => {}
        }
    }
    Arc::clone(file.identity())
}

/// The form with the dictionary that the client has.
fn with_dictionary(
    place: Place<'_>,
    head: &Parts,
    file: &Arc<Representation>,
) -> Option<Arc<Form>> {
    let available = AvailableDictionary::of(&head.headers)?;
    if !dictionary::is_readable(&head.headers) || !negotiation::prefers_dictionary(&head.headers) {
        return None;
    }
    let Place { sites, site, path, .. } = place;
    let coding = Coding::Zstd;
    let wanted = WantedForm { site, path, representation: file, coding, may_claim: true };
    sites.form_with_dictionary(&wanted, &available)
}

impl SelectedRepresentation {
    /// The answer with what was selected.
    fn part(self, selection: Selection) -> Answer {
        match selection {
            Selection::One(range) if range.end <= self.length() => Answer::Part(self, range),
            Selection::Many(ranges) if ranges.iter().all(|range| range.end <= self.length()) => {
                Answer::Parts(self, ranges)
            }
            // The file changed since the ranges were chosen: they mean nothing any more.
            _ => Answer::Whole(self),
        }
    }

    /// Content that is not held comes from an open file, and that file's facts are the answer's.
    async fn open(
        place: Place<'_>,
        representation: Arc<Representation>,
        form: Arc<Form>,
    ) -> Result<Self, Answer> {
        let ContentSource::Streamed { relative, facts } = form.content() else {
            let site = Arc::clone(place.site);
            return Ok(Self { representation, form, site, file: None });
        };
        let permit = match place.account {
            Some(account) => Some(account.open_file().await),
            None => None,
        };
        match place.sites.open(place.site, relative).await {
            Ok(Some(file)) if file.facts == *facts => {
                Ok(Self::streamed(place, representation, form, file, permit))
            }
            Ok(Some(file)) if form.coding() == FormCoding::IDENTITY => {
                let representation = Arc::new(Representation::streamed(&file));
                let form = Arc::clone(representation.identity());
                // Another version than the one that was found: it is answered with as it is.
                Ok(Self::streamed(place, representation, form, file, permit))
            }
            Ok(_) if form.coding() != FormCoding::IDENTITY => {
                let identity = Arc::clone(representation.identity());
                Box::pin(Self::open(place, representation, identity)).await
            }
            Ok(_) => Err(Answer::Missing(None)),
            Err(error) => {
                tracing::error!(site = %place.site.name(), path = relative, %error, "this file cannot be \
                    read, it is answered with 503");
                Err(Answer::Unavailable)
            }
        }
    }

    fn streamed(
        place: Place<'_>,
        representation: Arc<Representation>,
        form: Arc<Form>,
        file: OpenFile,
        permit: Option<FilePermit>,
    ) -> Self {
        let (site, account) = (Arc::clone(place.site), place.account.cloned());
        let streamed = StreamedFile::new(Arc::clone(&site), file.relative, file.facts, account);
        let file = Some((streamed, Descriptor::new(file.descriptor, permit)));
        Self { representation, form, site, file }
    }

    /// Length of the content in bytes.
    pub(super) fn length(&self) -> u64 {
        self.form.length()
    }

    /// The bytes of `range`, which lies within the content.
    pub(super) fn slice(&self, range: Range<u64>) -> Pieces {
        match (self.form.content(), &self.file) {
            (ContentSource::Held(_), _) => {
                let (site, representation, form) = (
                    Arc::clone(&self.site),
                    Arc::clone(&self.representation),
                    Arc::clone(&self.form),
                );
                Pieces::Held(Held::new(site, representation, form, range.start, range.end))
            }
            (ContentSource::Streamed { .. }, Some((file, open))) => {
                let (file, open) = (Arc::clone(file), Some(Arc::clone(open)));
                Pieces::Stream(Box::new(FileStream::new(file, open, range.start, range.end)))
            }
            (ContentSource::Streamed { .. }, None) => Pieces::Empty,
        }
    }
}

fn validators<'a>(file: &'a Representation, form: &Form) -> Validators<'a> {
    Validators {
        hash: file.inspection().map(|inspection| &*inspection.hash),
        selected: form.coding(),
        last_modified: file.last_modified(),
    }
}
