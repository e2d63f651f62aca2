//! The record of an answer: everything its line in the access log says, kept until the content
//! has been sent or given up.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ::http::header::{self, HeaderName};
use ::http::request::Parts;

use super::connection::Connection;
use super::head;
use crate::log::Entry;

/// One answer, not yet in the log.
#[derive(Debug)]
pub struct Record {
    connection: Arc<Connection>,
    head: Parts,
    arrival: Arrival,
    status: u16,
    coding: Option<&'static str>,
    bot: Option<&'static str>,
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
        Self { connection, head, arrival, status, coding: None, bot: None }
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
        let host = head::authority_text(&self.head).unwrap_or_default();
        let normal = crate::http::host::Authority::parse(host).map(|authority| authority.host);
        service.log().record(&Entry {
            time: self.arrival.wall,
            duration: self.arrival.steady.elapsed(),
            peer: self.connection.peer(),
            port: self.connection.port(),
            method: self.head.method.as_str(),
            host: normal.as_deref().unwrap_or(host),
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
