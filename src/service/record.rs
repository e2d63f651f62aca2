//! The record of an answer: everything its line in the access log says, kept until the content
//! has been sent or given up.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ::http::header::{self, HeaderName};
use ::http::request::Parts;

use super::connection::Connection;
use super::head;
use crate::http::host::Authority;
use crate::log::Entry;

/// One answer, not yet in the log.
#[derive(Debug)]
pub struct Record {
    connection: Arc<Connection>,
    head: Parts,
    arrival: Arrival,
    status: u16,
    host: NormalHost,
    coding: Option<&'static str>,
    bot: Option<&'static str>,
}

/// The host in normal form, as it was found when the head was checked.
#[derive(Debug, Default)]
pub(super) enum NormalHost {
    /// The head was refused before anybody looked, or for its host: the line tells what was sent.
    #[default]
    Unknown,
    /// So many bytes of the authority, as it was sent.
    Sent(usize),
    /// Another text.
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

/// When a request arrived, by the clock on the wall and by one that cannot be set.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    wall: SystemTime,
    steady: Instant,
}

impl Arrival {
    /// The present.
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
    pub fn new(connection: Arc<Connection>, head: Parts, arrival: Arrival, status: u16) -> Self {
        let host = NormalHost::Unknown;
        Self { connection, head, arrival, status, host, coding: None, bot: None }
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
        self.coding = coding;
        self.bot = bot;
        self
    }

    /// Writes the line: `bytes` of content have been sent.
    pub fn write(&self, bytes: u64) {
        let service = self.connection.service();
        let sent = head::authority_text(&self.head).unwrap_or_default();
        let found = match &self.host {
            NormalHost::Unknown => &Authority::parse(sent).map_or_else(
                |_| NormalHost::Sent(sent.len()),
                |authority| NormalHost::of(&authority),
            ),
            found => found,
        };
        let host = match found {
            NormalHost::Unknown => sent,
            NormalHost::Sent(length) => sent.get(..*length).unwrap_or(sent),
            NormalHost::Other(host) => host,
        };
        service.log().record(&Entry {
            time: self.arrival.wall,
            duration: self.arrival.steady.elapsed(),
            peer: self.connection.peer(),
            port: self.connection.port(),
            method: self.head.method.as_str(),
            host,
            target: self.head.uri.path_and_query().map_or("*", |target| target.as_str()),
            version: self.head.version,
            status: self.status,
            bytes,
            referer: self.field(&header::REFERER),
            user_agent: self.field(&header::USER_AGENT),
            coding: self.coding,
            tls: self.connection.tls(),
            bot: self.bot,
            fields: (self.bot.is_some() && service.logs_bad_bots()).then_some(&self.head.headers),
        });
    }

    fn field(&self, name: &HeaderName) -> Option<&[u8]> {
        self.head.headers.get(name).map(::http::HeaderValue::as_bytes)
    }
}
