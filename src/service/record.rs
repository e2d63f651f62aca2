//! The record of an answer: everything its line in the access log says, kept until the content
//! has been sent or given up.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::Version;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use super::Early;
use super::head;
use super::peer::Peer;
use crate::log::Entry;
use crate::semantics::host::Authority;

/// The version of TLS in the line of a request that came before the handshake had ended.
const EARLY: &str = "TLSv1.3+early";

/// One answer, not yet in the log.
#[derive(Debug)]
pub struct Record {
    facts: AnswerFacts,
    head: Parts,
    host: NormalHost,
}

/// The facts of an answer beside the words of the head.
#[derive(Debug)]
struct AnswerFacts {
    peer: Arc<Peer>,
    arrival: Arrival,
    status: u16,
    tls: Option<&'static str>,
    coding: Option<&'static str>,
    bot: Option<&'static str>,
}

/// The record of an answer that waits: of its head nothing is kept but the words of the line.
#[derive(Debug)]
pub struct KeptRecord {
    facts: AnswerFacts,
    version: Version,
    text: Box<[u8]>,
    /// The ends of the words in the text: method, host, target, Referer, User-Agent.
    ends: [u32; 5],
    has_referer: bool,
    has_user_agent: bool,
    /// All fields, where the operator wants those of bots in the log.
    fields: Option<Box<HeaderMap>>,
}

/// The words of a line.
struct Words<'a> {
    method: &'a str,
    host: Cow<'a, str>,
    target: &'a str,
    referer: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
}

/// The host in normal form, as it was found when the head was checked.
#[derive(Debug, Default)]
pub(super) enum NormalHost {
    /// The head was refused before anybody looked, or for its host: the line tells what was sent.
    #[default]
    Unknown,
    /// This many bytes of the authority, as it was sent.
    Sent(usize),
    Other(Box<str>),
}

impl NormalHost {
    pub(super) fn of(authority: &Authority<'_>) -> Self {
        match &authority.host {
            // What is left out of an authority, a port or a last dot, is at its end.
            Cow::Borrowed(host) => Self::Sent(host.len()),
            Cow::Owned(host) => Self::Other(host.as_str().into()),
        }
    }
}

/// The time at which a request arrived, by the clock on the wall and by one that cannot be set.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    wall: SystemTime,
    steady: Instant,
}

impl Arrival {
    /// The moment of the call.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// The time on the wall.
    #[must_use]
    pub fn wall(self) -> SystemTime {
        self.wall
    }
}

impl Record {
    /// The record of a request that was answered with `status`.
    #[must_use]
    pub fn new(peer: Arc<Peer>, head: Parts, arrival: Arrival, status: u16) -> Self {
        let is_early = head.extensions.get::<Early>().is_some();
        let tls = if is_early { Some(EARLY) } else { peer.tls() };
        let facts = AnswerFacts { peer, arrival, status, tls, coding: None, bot: None };
        Self { facts, head, host: NormalHost::Unknown }
    }

    /// Notes the host that was asked.
    #[must_use]
    pub(super) fn to(mut self, host: NormalHost) -> Self {
        self.host = host;
        self
    }

    /// Notes the content coding of the answer and the bot rule that refused it.
    #[must_use]
    pub fn with(mut self, coding: Option<&'static str>, bot: Option<&'static str>) -> Self {
        (self.facts.coding, self.facts.bot) = (coding, bot);
        self
    }

    /// Writes the line: `bytes` of content have been sent.
    pub fn write(&self, bytes: u64) {
        let fields = self.facts.wants_fields().then_some(&self.head.headers);
        self.facts.write(&self.words(), self.head.version, fields, bytes);
    }

    /// Lets go of all of the head that its line does not need.
    #[must_use]
    pub fn keep(self) -> KeptRecord {
        let words = self.words();
        let parts = [
            words.method.as_bytes(),
            words.host.as_bytes(),
            words.target.as_bytes(),
            words.referer.unwrap_or_default(),
            words.user_agent.unwrap_or_default(),
        ];
        let text = parts.concat().into_boxed_slice();
        let mut end = 0;
        let ends = parts.map(|part| {
            end += u32::try_from(part.len()).expect("a head is at most 32 KiB");
            end
        });
        let (has_referer, has_user_agent) = (words.referer.is_some(), words.user_agent.is_some());
        let wanted = self.facts.wants_fields();
        KeptRecord {
            version: self.head.version,
            fields: wanted.then(|| Box::new(self.head.headers)),
            facts: self.facts,
            text,
            ends,
            has_referer,
            has_user_agent,
        }
    }

    fn words(&self) -> Words<'_> {
        let sent = head::authority_text(&self.head).unwrap_or_default();
        let host = match &self.host {
            NormalHost::Unknown => {
                Authority::parse(sent).map_or(Cow::Borrowed(sent), |found| found.host)
            }
            NormalHost::Sent(length) => sent.get(..*length).unwrap_or(sent).into(),
            NormalHost::Other(host) => Cow::Borrowed(&**host),
        };
        let field = |name: &HeaderName| self.head.headers.get(name).map(HeaderValue::as_bytes);
        Words {
            method: self.head.method.as_str(),
            host,
            target: self.head.uri.path_and_query().map_or("*", |target| target.as_str()),
            referer: field(&header::REFERER),
            user_agent: field(&header::USER_AGENT),
        }
    }
}

impl KeptRecord {
    /// Bytes of memory that it takes for what the client sent.
    #[must_use]
    pub fn weight(&self) -> usize {
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            FIELD_OVERHEAD + name.as_str().len() + value.len()
        };
        self.text.len()
            + self.fields.iter().flat_map(|fields| fields.iter()).map(field).sum::<usize>()
    }

    /// Writes the line: `bytes` of content have been sent.
    pub fn write(&self, bytes: u64) {
        let mut start = 0;
        let [method, host, target, referer, user_agent] = self.ends.map(|end| {
            let end = end as usize;
            let part = &self.text[start..end];
            start = end;
            part
        });
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let words = Words {
            method: text(method),
            host: text(host).into(),
            target: text(target),
            referer: self.has_referer.then_some(referer),
            user_agent: self.has_user_agent.then_some(user_agent),
        };
        self.facts.write(&words, self.version, self.fields.as_deref(), bytes);
    }
}

/// Bytes that a field takes in a map beside its name and value.
const FIELD_OVERHEAD: usize = 100;

impl AnswerFacts {
    fn wants_fields(&self) -> bool {
        self.bot.is_some() && self.peer.service().logs_bad_bots()
    }

    fn write(&self, words: &Words<'_>, version: Version, fields: Option<&HeaderMap>, bytes: u64) {
        self.peer.service().log().record(&Entry {
            time: self.arrival.wall,
            duration: self.arrival.steady.elapsed(),
            peer: self.peer.address(),
            port: self.peer.port(),
            method: words.method,
            host: &words.host,
            target: words.target,
            version,
            status: self.status,
            bytes,
            referer: words.referer,
            user_agent: words.user_agent,
            coding: self.coding,
            tls: self.tls,
            bot: self.bot,
            fields,
        });
    }
}
