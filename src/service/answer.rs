//! The outcomes of the pipeline, as data: a status and fields are made of them elsewhere.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use ::http::Method;
use ::http::request::Parts;

use super::body::Pieces;
use super::head::Malformed;
use crate::coding::Coding;
use crate::http::precondition::{self, Validators, Verdict};
use crate::http::range::{self, Selection};
use crate::http::target::InvalidPath;
use crate::site::{Representation, Site, Sites, Stream};

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Answer {
    /// The head cannot be answered; nothing behind it on the connection can be believed either.
    Malformed(Malformed),
    /// The path names nothing that could exist.
    InvalidPath(InvalidPath),
    /// Which methods there are.
    Options,
    /// Another method.
    MethodNotAllowed,
    /// A bot that pretends to be a browser, or looks for a hole.
    Refused,
    /// A host that is not served here.
    Misdirected,
    /// The same thing under another host or scheme, at this URI.
    MovedHost(String),
    /// The same thing at this path of the same host.
    MovedPath(String),
    /// Nothing there; the site's own page for that, if it has one.
    Missing(Option<Source>),
    /// Not readable by this process.
    Forbidden,
    /// Not readable at the moment.
    Unavailable,
    /// The client has it already, in this coding.
    NotModified(Arc<Representation>, Coding),
    /// A precondition does not hold.
    PreconditionFailed,
    /// None of the ranges lies within the representation.
    Unsatisfiable(Arc<Representation>),
    /// The whole of it.
    Whole(Source),
    /// A part of it.
    Part(Source, Range<u64>),
    /// Several parts of it.
    Parts(Source, Vec<Range<u64>>),
}

/// A representation, and where its bytes come from.
#[derive(Debug)]
pub(super) struct Source {
    /// What is sent.
    pub(super) representation: Arc<Representation>,
    /// The coding that was selected.
    pub(super) coding: Coding,
    file: Option<Arc<OwnedFd>>,
}

impl Answer {
    /// The same target at another authority.
    pub(super) fn host_redirect(scheme: &str, host: &str, port: Option<u16>, head: &Parts) -> Self {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('/') { target } else { "/" };
        Self::MovedHost(match port {
            Some(port) => format!("{scheme}://{host}:{port}{target}"),
            None => format!("{scheme}://{host}{target}"),
        })
    }

    /// Another path of the same host, the query kept. `path` begins with one slash.
    pub(super) fn path_redirect(path: String, head: &Parts) -> Self {
        Self::MovedPath(match head.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        })
    }

    /// Preconditions first, then ranges (RFC 9110 §13.2.2, §14.2).
    pub(super) async fn select(
        sites: &Arc<Sites>,
        site: &Arc<Site>,
        head: &Parts,
        file: Arc<Representation>,
    ) -> Self {
        let validators = validators(&file);
        match precondition::evaluate(&head.headers, &validators) {
            Verdict::NotModified(coding) => return Self::NotModified(file, coding),
            Verdict::Failed => return Self::PreconditionFailed,
            Verdict::Proceed => {}
        }
        // Ranges are defined for GET alone, and ignored with any other method (RFC 9110 §14.2).
        let selection = if head.method == Method::GET {
            range::select(&head.headers, file.length(), &validators, SystemTime::now())
        } else {
            Selection::Whole
        };
        if matches!(selection, Selection::Unsatisfiable) {
            return Self::Unsatisfiable(file);
        }
        let source = match Source::open(sites, site, file).await {
            Ok(source) => source,
            Err(answer) => return answer,
        };
        match selection {
            Selection::One(range) if range.end <= source.length() => Self::Part(source, range),
            Selection::Many(ranges) if ranges.iter().all(|range| range.end <= source.length()) => {
                Self::Parts(source, ranges)
            }
            // The file changed since the ranges were chosen: they mean nothing any more.
            _ => Self::Whole(source),
        }
    }

    /// The site's page for a missing path.
    pub(super) async fn missing_page(
        sites: &Arc<Sites>,
        site: &Arc<Site>,
        page: Arc<Representation>,
    ) -> Self {
        Self::Missing(Source::open(sites, site, page).await.ok())
    }
}

impl Source {
    /// Content that is not held comes from an open file, and that file's facts are the answer's.
    async fn open(
        sites: &Arc<Sites>,
        site: &Arc<Site>,
        representation: Arc<Representation>,
    ) -> Result<Self, Answer> {
        let coding = Coding::Identity;
        if representation.held().is_some() {
            return Ok(Self { representation, coding, file: None });
        }
        match sites.open(site, representation).await {
            Ok(Some((representation, file))) => {
                Ok(Self { representation, coding, file: Some(Arc::new(file)) })
            }
            Ok(None) => Err(Answer::Missing(None)),
            Err(error) => {
                tracing::error!(site = %site.name(), %error, "cannot read");
                Err(Answer::Unavailable)
            }
        }
    }

    /// Length of the content in bytes.
    pub(super) fn length(&self) -> u64 {
        self.representation.length()
    }

    /// The bytes of `range`, which lies within the content.
    pub(super) fn slice(&self, range: Range<u64>) -> Pieces {
        match (self.representation.held(), &self.file) {
            (Some(bytes), _) => Pieces::Whole(bytes.slice(in_memory(&range))),
            (None, Some(file)) => {
                Pieces::Stream(Stream::new(Arc::clone(file), range.start, range.end))
            }
            (None, None) => Pieces::Empty,
        }
    }
}

fn validators(file: &Representation) -> Validators<'_> {
    Validators {
        hash: file.inspection().map(|inspection| &*inspection.hash),
        selected: Coding::Identity,
        last_modified: file.last_modified(),
    }
}

fn in_memory(range: &Range<u64>) -> Range<usize> {
    let index = |at| usize::try_from(at).expect("held content fits the address space");
    index(range.start)..index(range.end)
}
