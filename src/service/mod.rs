//! From the head of a request to an answer: the pipeline, top to bottom.
//!
//! Knows nothing of sockets and TLS. The steps are those of the contract:
//!
//! 1. The head: a host, and a target of bearable length.
//! 2. The method.
//! 3. The bot verdict.
//! 4. The challenge of a certificate authority, in the clear, for every host.
//! 5. The host's site.
//! 6. The path.
//! 7. What lies there.
//! 8. Preconditions and ranges, on the selected representation.
//!
//! Each step either knows the `Answer` or hands on to the next. The response is built once, from
//! the answer, in `response`; the access log's line is written when its [`Body`] has gone.

mod answer;
pub mod body;
mod connection;
mod fields;
mod head;
mod multipart;
mod record;
mod response;

use std::sync::Arc;

use http::Method;
use http::request::Parts;

use crate::certificates::Challenges;
use crate::log::AccessLog;
use crate::semantics::host::Authority;
use crate::semantics::target::{ACME_CHALLENGE, Path, Resolved};
use crate::site::{Answering, Found, Site, Sites};
use crate::visitor::bot;
use answer::{Answer, Place};
use head::Malformed;
use record::{NormalHost, Record};

pub use body::Body;
pub use connection::{Connection, Duty};
pub use fields::Fields;
pub use record::Arrival;
pub use response::Response;

/// What answers requests; one for the whole process.
#[derive(Debug)]
pub struct Service {
    policy: Policy,
    log: AccessLog,
    challenges: Challenges,
}

/// What the operator decided.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What the bot verdict does.
    pub bots: BotPolicy,
    /// Whether a refused bot's fields are logged.
    pub log_bad_bots: bool,
}

/// What the bot verdict does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotPolicy {
    /// A bot is refused.
    Block,
    /// A bot is served, and the log says which rule it met.
    Log,
    /// No verdict is made.
    Off,
}

impl Service {
    /// A service that writes its answers to `log`.
    #[must_use]
    pub fn new(policy: Policy, log: AccessLog) -> Self {
        Self { policy, log, challenges: Challenges::default() }
    }

    /// The same service that also answers these challenges.
    #[must_use]
    pub fn with_challenges(mut self, challenges: Challenges) -> Self {
        self.challenges = challenges;
        self
    }

    /// The access log.
    #[must_use]
    pub fn log(&self) -> &AccessLog {
        &self.log
    }

    fn logs_bad_bots(&self) -> bool {
        self.policy.log_bad_bots
    }
}

/// Answers one request from one snapshot of the sites.
pub async fn call(connection: Arc<Connection>, sites: Arc<Sites>, head: Parts) -> Response {
    let service = connection.service();
    // Only the log asks when it was.
    let arrival = service.log.is_enabled().then(Arrival::now);
    let checked = head::check(&head);
    let host = checked.as_ref().map(NormalHost::of).unwrap_or_default();
    let (answer, bot) = match checked {
        Err(malformed) => (Answer::Malformed(malformed), None),
        Ok(authority) => match service.verdict(&connection, &head, &authority) {
            Some(rule) if service.policy.bots == BotPolicy::Block => {
                (Answer::Refused(rule), Some(rule.name))
            }
            rule => {
                let bot = rule.map(|rule| rule.name);
                (answer(&connection, &sites, &head, &authority).await, bot)
            }
        },
    };
    let (response, coding) = response::build(answer, &head, &connection);
    let Some(arrival) = arrival else { return response };
    let status = response.status.as_u16();
    let record = Record::new(Arc::clone(&connection), head, arrival, status);
    let record = record.to(host).with(coding, bot);
    response.map(|body| body.recorded(Box::new(record)))
}

/// Answers a request of a client that has too many answers waiting.
#[must_use]
pub fn refuse(connection: &Arc<Connection>, head: Parts) -> Response {
    let (response, _) = response::build(Answer::Unavailable, &head, connection);
    if !connection.service().log.is_enabled() {
        return response;
    }
    let status = response.status.as_u16();
    let record = Record::new(Arc::clone(connection), head, Arrival::now(), status);
    response.map(|body| body.recorded(Box::new(record)))
}

impl Service {
    /// The bot rule that the request meets, if its method is one that is served.
    fn verdict(
        &self,
        connection: &Connection,
        head: &Parts,
        authority: &Authority<'_>,
    ) -> Option<&'static bot::Rule> {
        if self.policy.bots == BotPolicy::Off || !matches!(head.method, Method::GET | Method::HEAD)
        {
            return None;
        }
        bot::verdict(&bot::Request {
            method: &head.method,
            fields: &head.headers,
            path: head.uri.path(),
            secure: connection.tls().is_some(),
            host: &authority.host,
        })
    }
}

async fn answer(
    connection: &Connection,
    sites: &Arc<Sites>,
    head: &Parts,
    authority: &Authority<'_>,
) -> Answer {
    match head.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Answer::Options,
        _ => return Answer::MethodNotAllowed,
    }
    if let Some(answer) = challenge(connection, head).await {
        return answer;
    }
    if authority.host.is_empty() && !sites.is_single() {
        return Answer::Malformed(Malformed::Host);
    }
    let (site, counterpart) = match sites.answering(&authority.host) {
        Answering::Site(site) => (site, None),
        Answering::Counterpart(site) => (site, Some(site.name())),
        Answering::Nobody => return Answer::Misdirected,
    };
    if let Duty::Redirect { https_port } = connection.duty() {
        let host = counterpart.unwrap_or(&authority.host);
        return challenge_or_https(connection, sites, site, head, host, https_port).await;
    }
    if let Some(name) = counterpart {
        return Answer::host_redirect(connection.scheme(), name, authority.port, head);
    }
    match Path::resolve(head.uri.path()) {
        Ok(Resolved::Path(path)) => lead(connection, sites, site, head, &path).await,
        Ok(Resolved::Merge(merged)) => Answer::path_redirect(merged, head),
        Err(invalid) => Answer::InvalidPath(invalid),
    }
}

/// The answer to a certificate authority, whatever name it asks by.
async fn challenge(connection: &Connection, head: &Parts) -> Option<Answer> {
    if connection.tls().is_some() || !head.uri.path().starts_with(ACME_CHALLENGE) {
        return None;
    }
    let Ok(Resolved::Path(path)) = Path::resolve(head.uri.path()) else { return None };
    let challenges = connection.service().challenges.clone();
    if challenges.is_off() {
        return None;
    }
    let token = path.acme_token()?.to_owned();
    let reading = tokio::task::spawn_blocking(move || challenges.answer(&token));
    reading.await.ok().flatten().map(Answer::Challenge)
}

/// The answer on a port that only sends people to HTTPS.
async fn challenge_or_https(
    connection: &Connection,
    sites: &Arc<Sites>,
    site: &Arc<Site>,
    head: &Parts,
    host: &str,
    https_port: u16,
) -> Answer {
    match Path::resolve(head.uri.path()) {
        Ok(Resolved::Path(path)) if path.acme_token().is_some() => {
            lead(connection, sites, site, head, &path).await
        }
        _ => {
            let port = (https_port != HTTPS_PORT).then_some(https_port);
            Answer::host_redirect("https", host, port, head)
        }
    }
}

/// The port that `https` URIs mean when they name none (RFC 9110 §4.2.2).
const HTTPS_PORT: u16 = 443;

async fn lead(
    connection: &Connection,
    sites: &Arc<Sites>,
    site: &Arc<Site>,
    head: &Parts,
    path: &Path<'_>,
) -> Answer {
    let account = connection.account();
    if path.is_hidden() {
        return hidden(connection, sites, site, head, path).await;
    }
    match sites.find(site, path.as_str(), answer::wanted(head)).await {
        Found::File(file) => {
            Answer::select(Place { sites, site, path: path.as_str(), account }, head, file).await
        }
        Found::Folder => Answer::path_redirect(path.encode() + "/", head),
        Found::Index => {
            let mut folder = path.encode();
            folder.truncate(folder.len() - path.last_segment().len());
            Answer::path_redirect(folder, head)
        }
        Found::Page => {
            let mut page = path.encode();
            page.pop();
            Answer::path_redirect(page, head)
        }
        Found::Missing(Some(page)) => missing(connection, sites, site, head, &page).await,
        Found::Missing(None) => Answer::Missing(None),
        Found::Forbidden => Answer::Forbidden,
        Found::Unavailable => Answer::Unavailable,
    }
}

/// What is hidden is missing without a look at it; its page is that of the folder it would be in.
async fn hidden(
    connection: &Connection,
    sites: &Arc<Sites>,
    site: &Arc<Site>,
    head: &Parts,
    path: &Path<'_>,
) -> Answer {
    let shown = path.segments().take_while(|segment| !segment.starts_with('.'));
    let folder = shown.collect::<Vec<_>>().join("/");
    match sites.missing_page(site, &folder).await {
        Some(page) => missing(connection, sites, site, head, &page).await,
        None => Answer::Missing(None),
    }
}

/// The page for what is missing is a file like any other, found and kept the same way.
async fn missing(
    connection: &Connection,
    sites: &Arc<Sites>,
    site: &Arc<Site>,
    head: &Parts,
    page: &str,
) -> Answer {
    let account = connection.account();
    match sites.find(site, page, answer::wanted(head)).await {
        Found::File(file) => {
            Answer::missing_page(Place { sites, site, path: page, account }, head, file).await
        }
        _ => Answer::Missing(None),
    }
}
