//! The one place where a status and fields are made of an answer.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW,
    ALT_SVC, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, StatusCode, Version};

use super::answer::{Answer, SelectedRepresentation};
use super::body::{Body, Pieces};
use super::fields::Fields;
use super::head::Present;
use super::refusal::Refusal;
use super::ruled::Ruled;
use super::{explanation, multipart};
use crate::coding::FormCoding;
use crate::semantics::dictionary::USE_AS_DICTIONARY;
use crate::semantics::field_block::FieldBlock;
use crate::semantics::{cross_origin, date, freshness, media_type, range};
use crate::site::{Form, Representation};

/// The methods there are (RFC 9110 §10.2.1).
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Seconds after which a client may try again; faults of the disk pass quickly or not at all.
const RETRY: HeaderValue = HeaderValue::from_static("1");

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Pages of any origin may see an answer of a site.
const ANY_ORIGIN: [(HeaderName, HeaderValue); 2] = [
    (ACCESS_CONTROL_ALLOW_ORIGIN, cross_origin::ANY),
    (ACCESS_CONTROL_EXPOSE_HEADERS, cross_origin::EXPOSED),
];

/// The fields of all answers of a kind, made when the first is given.
type Fixed = LazyLock<FieldBlock>;

static CROSS_ORIGIN: Fixed = Fixed::new(|| ANY_ORIGIN.into_iter().collect());

static ORIGINLESS_TEXT: Fixed = Fixed::new(|| as_text().into_iter().collect());

static TEXT: Fixed = Fixed::new(|| as_text().into_iter().chain(ANY_ORIGIN).collect());

static UNSTORED: Fixed = Fixed::new(|| {
    let unstored = [(CACHE_CONTROL, NO_STORE), (X_CONTENT_TYPE_OPTIONS, NOSNIFF)];
    unstored.into_iter().chain(ANY_ORIGIN).collect()
});

static UNSTORED_TEXT: Fixed = Fixed::new(|| {
    let unstored = [(CACHE_CONTROL, NO_STORE)];
    unstored.into_iter().chain(as_text()).chain(ANY_ORIGIN).collect()
});

const fn as_text() -> [(HeaderName, HeaderValue); 2] {
    [(CONTENT_TYPE, PLAIN_TEXT), (X_CONTENT_TYPE_OPTIONS, NOSNIFF)]
}

const MISSING_TEXT: Bytes = Bytes::from_static(b"404 Not Found\n");
const GONE_TEXT: Bytes = Bytes::from_static(b"410 Gone\n");

/// A response: its head, and content on its way out.
#[derive(Debug)]
pub struct Response<B = Body> {
    /// The status of the response.
    pub status: StatusCode,
    /// The fields, all but those that are the connection's affair.
    pub fields: Fields,
    /// True if the connection must end after it.
    pub closes: bool,
    /// The content of the response.
    pub body: B,
}

impl<B> Response<B> {
    /// The same response, its content changed.
    pub fn map<C>(self, change: impl FnOnce(B) -> C) -> Response<C> {
        let Self { status, fields, closes, body } = self;
        Response { status, fields, closes, body: change(body) }
    }
}

impl Response {
    /// A response that says in a line why the head is not answered, after which the connection
    /// ends.
    #[must_use]
    pub(super) fn explained(refusal: Refusal) -> Self {
        let ResponseDraft { status, mut fields, pieces, length } = malformed(refusal);
        fields.set_content_length(length);
        Self { status, fields, closes: true, body: Body::new(pieces, length) }
    }
}

impl<B> From<http::Response<B>> for Response<B> {
    fn from(plain: http::Response<B>) -> Self {
        let (head, body) = plain.into_parts();
        let fields = head.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        let fields = Fields::of(Arc::new(fields.collect()));
        Self { status: head.status, fields, closes: false, body }
    }
}

impl<B> From<Response<B>> for http::Response<B> {
    fn from(response: Response<B>) -> Self {
        let mut plain = Self::new(response.body);
        *plain.status_mut() = response.status;
        *plain.headers_mut() = response.fields.iter().collect();
        if response.closes {
            plain.headers_mut().insert(CONNECTION, CLOSE);
        }
        plain
    }
}

/// A response, without the fields that depend on the request and the connection.
struct ResponseDraft {
    status: StatusCode,
    fields: Fields,
    pieces: Pieces,
    length: u64,
}

/// The words to a client beside the answer.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// True if browsers are told to stay on HTTPS.
    pub(super) demands_https: bool,
    /// The offer of HTTP/3.
    pub(super) offer: Option<HeaderValue>,
}

/// The response, and the name of the coding of its content.
pub(super) fn build(
    answer: Answer,
    head: &Parts,
    present: &Present<'_>,
    said: Said,
    ruled: Option<&Ruled<'_>>,
) -> (Response, Option<&'static str>) {
    let Said { demands_https, offer } = said;
    let coding = coding(&answer);
    let has_parts = matches!(answer, Answer::Parts(..));
    let closes = matches!(answer, Answer::Malformed(_) | Answer::Refused(_))
        || has_unread_body(head, present);
    let ResponseDraft { status, mut fields, pieces, length } =
        draft(answer, present.has(Present::DICTIONARIES));
    if status != StatusCode::NOT_MODIFIED {
        if status != StatusCode::NO_CONTENT {
            fields.set_content_length(length);
        }
        if demands_https {
            fields.demand_https();
        }
    }
    let ruled = ruled.filter(|_| is_of_the_site(status));
    if let Some(ruled) = ruled {
        ruled.change(&mut fields, demands_https, status, has_parts);
    }
    if let Some(offer) = offer
        && !ruled.is_some_and(|ruled| ruled.names(&ALT_SVC))
    {
        fields.insert(ALT_SVC, offer);
    }
    // HEAD is GET without the content, whatever the answer (RFC 9110 §9.3.2).
    let body = if head.method == Method::HEAD { Body::empty() } else { Body::new(pieces, length) };
    (Response { status, fields, closes, body }, coding)
}

/// True if an answer is one that the rules of its site are for.
fn is_of_the_site(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 206 | 304 | 404 | 410) || status.is_redirection()
}

/// Content that a client sends with its request is not read; with HTTP/1 nobody can then tell where
/// the next request begins, and the connection ends with this one (RFC 9112 §9.3).
fn has_unread_body(head: &Parts, present: &Present<'_>) -> bool {
    head.version < Version::HTTP_2 && present.has(Present::CONTENT)
}

fn coding(answer: &Answer) -> Option<&'static str> {
    let (Answer::Whole(source) | Answer::Missing(Some(source)) | Answer::Gone(Some(source))) =
        answer
    else {
        return None;
    };
    let coding = source.form.coding();
    (coding != FormCoding::IDENTITY).then(|| coding.token())
}

fn draft(answer: Answer, may_offer: bool) -> ResponseDraft {
    match answer {
        Answer::Malformed(refusal) => malformed(refusal),
        Answer::InvalidPath(invalid) => {
            said(StatusCode::BAD_REQUEST, &TEXT, explanation::of_path(invalid))
        }
        Answer::Options(allowed) => options(allowed),
        Answer::MethodNotAllowed => with(StatusCode::METHOD_NOT_ALLOWED, ALLOW, METHODS),
        Answer::Refused(rule) => said(StatusCode::FORBIDDEN, &TEXT, explanation::of_bot(rule)),
        Answer::Forbidden => plain(StatusCode::FORBIDDEN),
        Answer::Challenge(text) => said(StatusCode::OK, &UNSTORED_TEXT, text),
        Answer::Misdirected => bare(StatusCode::MISDIRECTED_REQUEST),
        Answer::MovedHost(uri) => moved(StatusCode::MOVED_PERMANENTLY, uri),
        Answer::MovedPath(uri) => moved(StatusCode::PERMANENT_REDIRECT, uri),
        Answer::Redirect(status, uri) => moved(status, uri),
        Answer::Missing(page) => missing(StatusCode::NOT_FOUND, page),
        Answer::Gone(page) => missing(StatusCode::GONE, page),
        Answer::Unavailable => with(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, RETRY),
        Answer::NotModified(file, coding) => not_modified(&file, coding),
        Answer::PreconditionFailed => plain(StatusCode::PRECONDITION_FAILED),
        Answer::Unsatisfiable(file) => with(
            StatusCode::RANGE_NOT_SATISFIABLE,
            CONTENT_RANGE,
            range::unsatisfied(file.identity().length()),
        ),
        Answer::Whole(source) => whole(&source, may_offer),
        Answer::Part(source, range) => part(&source, range),
        Answer::Parts(source, ranges) => parts(&source, ranges),
    }
}

/// The methods there are; and to a preflight, that a page of any origin may use them.
fn options(allowed_fields: Option<HeaderValue>) -> ResponseDraft {
    let mut draft = with(StatusCode::NO_CONTENT, ALLOW, METHODS);
    if let Some(allowed) = allowed_fields {
        draft.fields.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        draft.fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        draft.fields.insert(ACCESS_CONTROL_MAX_AGE, cross_origin::PREFLIGHT_AGE);
    }
    draft
}

/// No content, and no fields but those that let pages of other origins see the answer.
fn plain(status: StatusCode) -> ResponseDraft {
    ResponseDraft { fields: Fields::fixed(&CROSS_ORIGIN), ..bare(status) }
}

fn bare(status: StatusCode) -> ResponseDraft {
    ResponseDraft { status, fields: Fields::default(), pieces: Pieces::Empty, length: 0 }
}

/// The explanation, in a line, of what is wrong with a head.
fn malformed(refusal: Refusal) -> ResponseDraft {
    said(refusal.status(), &ORIGINLESS_TEXT, explanation::of_head(refusal))
}

fn said(status: StatusCode, fields: &'static FieldBlock, text: Bytes) -> ResponseDraft {
    let length = text.len() as u64;
    ResponseDraft { status, fields: Fields::fixed(fields), pieces: Pieces::Whole(text), length }
}

fn with(status: StatusCode, name: http::HeaderName, value: HeaderValue) -> ResponseDraft {
    let mut draft = plain(status);
    draft.fields.insert(name, value);
    draft
}

/// A target is made of visible ASCII, or was percent-encoded; should one ever not be a field's
/// value, the client learns that it asked for something odd.
fn moved(status: StatusCode, uri: String) -> ResponseDraft {
    match HeaderValue::try_from(uri) {
        Ok(uri) => with(status, LOCATION, uri),
        Err(_) => plain(StatusCode::BAD_REQUEST),
    }
}

/// No validators, no ranges, nothing to be stored: what is missing now may be there in a second.
fn missing(status: StatusCode, page: Option<SelectedRepresentation>) -> ResponseDraft {
    let Some(source) = page else {
        let text = if status == StatusCode::GONE { GONE_TEXT } else { MISSING_TEXT };
        return said(status, &UNSTORED_TEXT, text);
    };
    let mut draft = ResponseDraft { fields: Fields::fixed(&UNSTORED), ..bare(status) };
    draft.fields.insert(CONTENT_TYPE, content_type(&source.representation));
    if let Some(coding) = content_encoding(&source.representation, &source.form) {
        draft.fields.insert(CONTENT_ENCODING, coding);
    }
    if source.representation.varies() {
        draft.fields.insert(VARY, by(source.form.coding()));
    }
    draft.length = source.length();
    draft.pieces = source.slice(0..draft.length);
    draft
}

/// Only what refreshes the stored answer (RFC 9110 §15.4.5).
fn not_modified(file: &Representation, coding: FormCoding) -> ResponseDraft {
    let mut draft = plain(StatusCode::NOT_MODIFIED);
    draft.fields = Fields::of(file.unchanged(coding, || {
        let all = block(file, file.identity(), false);
        let refreshing = [
            ETAG,
            LAST_MODIFIED,
            CACHE_CONTROL,
            VARY,
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS,
        ];
        all.iter()
            .filter(|(name, _)| refreshing.contains(name))
            .map(|(name, value)| match entity_tag(file, coding) {
                Some(tag) if name == ETAG => (name, tag),
                _ if name == VARY => (name, by(coding)),
                _ => (name, value),
            })
            .collect()
    }));
    draft
}

fn whole(source: &SelectedRepresentation, may_offer: bool) -> ResponseDraft {
    let length = source.length();
    ResponseDraft {
        status: StatusCode::OK,
        fields: Fields::of(block(&source.representation, &source.form, may_offer)),
        pieces: source.slice(0..length),
        length,
    }
}

fn part(source: &SelectedRepresentation, range: std::ops::Range<u64>) -> ResponseDraft {
    let mut fields = Fields::of(block(&source.representation, &source.form, false));
    fields.insert(CONTENT_RANGE, range::content_range(&range, source.length()));
    let length = range.end - range.start;
    ResponseDraft {
        status: StatusCode::PARTIAL_CONTENT,
        fields,
        pieces: source.slice(range),
        length,
    }
}

fn parts(source: &SelectedRepresentation, ranges: Vec<std::ops::Range<u64>>) -> ResponseDraft {
    let mut inner = PLAIN_TEXT;
    let whole = block(&source.representation, &source.form, false);
    let fields = whole.iter().map(|(name, value)| {
        if name != CONTENT_TYPE {
            return (name, value);
        }
        inner = value;
        (name, multipart::CONTENT_TYPE)
    });
    let fields = Fields::of(Arc::new(fields.collect()));
    let length = source.length();
    let (pieces, length) = multipart::content(ranges, length, &inner, |range| source.slice(range));
    ResponseDraft { status: StatusCode::PARTIAL_CONTENT, fields, pieces, length }
}

/// The fields of a served file in one of its forms, made once per version of it; with the offer to use it
/// as a dictionary, if it is one that may be `offered`.
fn block(file: &Representation, form: &Form, offered: bool) -> Arc<FieldBlock> {
    let scope = file.scope().filter(|_| offered);
    form.fields(file.inspection().is_some(), scope.is_some(), || {
        let essence = file.media_type().essence;
        let fields = [
            (CONTENT_TYPE, Some(content_type(file))),
            (CONTENT_ENCODING, content_encoding(file, form)),
            (ETAG, entity_tag(file, form.coding())),
            (LAST_MODIFIED, date::of_change(file.last_modified()).map(date::format)),
            (CACHE_CONTROL, Some(freshness::cache_control(file.file_name(), essence))),
            (ACCEPT_RANGES, Some(BYTES)),
            (VARY, file.varies().then(|| by(form.coding()))),
            (USE_AS_DICTIONARY, scope.and_then(|scope| scope.offer(file.relative()))),
            (ACCESS_CONTROL_ALLOW_ORIGIN, Some(cross_origin::ANY)),
            (ACCESS_CONTROL_EXPOSE_HEADERS, Some(cross_origin::EXPOSED)),
            (X_CONTENT_TYPE_OPTIONS, Some(NOSNIFF)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    })
}

/// The fields of a request that an answer in this coding depends on.
fn by(coding: FormCoding) -> HeaderValue {
    HeaderValue::from_static(match coding {
        FormCoding::Plain(_) => "Accept-Encoding",
        FormCoding::Dictionary(_) => "Accept-Encoding, Available-Dictionary",
    })
}

fn content_type(file: &Representation) -> HeaderValue {
    media_type::content_type(file.media_type(), file.is_utf8())
}

fn content_encoding(file: &Representation, form: &Form) -> Option<HeaderValue> {
    file.content_coding(form).map(|coding| HeaderValue::from_static(coding.token()))
}

fn entity_tag(file: &Representation, coding: FormCoding) -> Option<HeaderValue> {
    let hash = &file.inspection()?.hash;
    HeaderValue::try_from(format!("\"{hash}{}\"", coding.tag_suffix())).ok()
}
