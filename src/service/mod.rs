//! From the head of a request to an answer: the pipeline, top to bottom.
//!
//! Knows nothing of sockets and TLS. The steps are those of docs/behaviour.md, "From request to
//! file", in the order of the code:
//!
//! 1. The head: a host, and a target of at most 8 KiB.
//! 2. The method.
//! 3. The bot verdict.
//! 4. The challenge of a certificate authority, in the clear, for every host.
//! 5. The site of the host.
//! 6. The path.
//! 7. A redirect to HTTPS or to the host that has a folder.
//! 8. The rules of the site, and the file at the path.
//! 9. Preconditions and ranges, on the selected representation.
//!
//! Each step either knows the `Answer` or hands on to the next. The response is built once, from
//! the answer, in `response`; the access log's line is written when its [`Body`] has gone.

mod alternative;
mod answer;
pub mod body;
mod challenge_reader;
mod explanation;
mod fields;
mod head;
mod multipart;
mod peer;
mod record;
mod refusal;
mod response;
mod ruled;

use std::future::Future;
use std::sync::Arc;

use clap::ValueEnum;
use http::Method;
use http::request::Parts;

use crate::certificates::{Certificates, Challenges};
use crate::log::AccessLog;
use crate::process::clock::Tick;
use crate::rules::is_rules_file;
use crate::semantics::cross_origin;
use crate::semantics::host::{self, Authority};
use crate::semantics::target::{ACME_CHALLENGE, Path, Resolved};
use crate::site::{Answering, Found, Need, Site, Sites};
use crate::visitor::bot;
use answer::{Answer, Place, Selected};
use challenge_reader::ChallengeReader;
use head::Present;
use record::{NormalHost, Record};
use response::Said;
use ruled::Ruled;

pub use alternative::Alternative;
pub use body::Body;
pub use fields::Fields;
pub use peer::{Duty, Peer};
pub use record::Arrival;
pub use refusal::Refusal;
pub use response::Response;

/// The answerer of requests; one for the whole process.
#[derive(Debug)]
pub struct Service {
    policy: Policy,
    log: AccessLog,
    challenges: ChallengeReader,
    alternative: Alternative,
}

/// The decisions of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The treatment of requests that are those of bots.
    pub bots: BotPolicy,
    /// True if a refused bot's fields are logged.
    pub log_bad_bots: bool,
    /// True if pages are dictionaries of others, over HTTPS.
    pub dictionaries: bool,
}

/// The consequence of the bot verdict. Names and comments of the variants are those of `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BotPolicy {
    /// Refuse the requests of bots
    Block,
    /// Serve them, and name the rule in the log
    Log,
    /// Judge no request at all
    Off,
}

impl Service {
    /// A service that writes its answers to `log`.
    #[must_use]
    pub fn new(policy: Policy, log: AccessLog) -> Self {
        let challenges = Challenges::default().into();
        Self { policy, log, challenges, alternative: Alternative::default() }
    }

    /// The same service that also answers these challenges.
    #[must_use]
    pub fn with_challenges(mut self, challenges: Challenges) -> Self {
        self.challenges = challenges.into();
        self
    }

    /// The same service, beside which HTTP/3 is spoken as this says.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }

    /// HTTP/3 beside the other protocols.
    #[must_use]
    pub fn alternative(&self) -> &Alternative {
        &self.alternative
    }

    /// The access log of the service.
    #[must_use]
    pub fn log(&self) -> &AccessLog {
        &self.log
    }

    fn logs_bad_bots(&self) -> bool {
        self.policy.log_bad_bots
    }
}

/// Marks the head of a request that came before the handshake had ended, and may be a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Early;

/// Answers one request from one snapshot of the sites.
///
/// The steps that wait for the disk are in boxes of their own, so that the state which every request
/// needs stays small.
pub fn call(
    peer: Arc<Peer>,
    sites: Arc<Sites>,
    head: Parts,
) -> impl Future<Output = Response> + Send {
    // Only the log asks when it was.
    let arrival = peer.service().log.is_enabled().then(Arrival::now);
    async move {
        let mut present = Present::among(&head.headers);
        // Only in secure contexts (RFC 9842 §8).
        present.set_dictionaries(peer.is_secure() && peer.service().policy.dictionaries);
        let checked = head::check(&head, &present);
        let (mut rule, mut ruled) = (None, None);
        let answer = match &checked {
            Err(refusal) => Answer::Malformed(*refusal),
            Ok(authority) => {
                let (peer, sites, head, present) = (&peer, &sites, &head, &present);
                let request = Request { peer, sites, head, present, authority };
                request.answer(&mut rule, &mut ruled).await
            }
        };
        let demands_https = peer.is_secure()
            && checked.as_ref().is_ok_and(|authority| {
                // Nobody has that for good, and other programs answer there too (RFC 6797 §8.1.1).
                !host::is_loopback(&authority.host) && !host::is_address(&authority.host)
            });
        let port = checked.as_ref().map(|authority| authority.port.unwrap_or(HTTPS_PORT));
        let offer = port.ok().and_then(|port| peer.offer(port));
        let said = Said { demands_https, offer };
        let (response, coding) = response::build(answer, &head, &present, said, ruled.as_ref());
        let Some(arrival) = arrival else { return response };
        let bot = rule.map(|rule: &bot::Rule| rule.name);
        let host = checked.as_ref().map_or(NormalHost::Unknown, NormalHost::of);
        let status = response.status.as_u16();
        let record = Record::new(Arc::clone(&peer), head, arrival, status);
        let record = record.to(host).with(coding, bot);
        response.map(|body| body.recorded(Box::new(record)))
    }
}

/// Answers a request of a client that has too many answers waiting.
#[must_use]
pub fn refuse(peer: &Arc<Peer>, head: Parts) -> Response {
    let present = Present::among(&head.headers);
    let (response, _) =
        response::build(Answer::Unavailable, &head, &present, Said::default(), None);
    if !peer.service().log.is_enabled() {
        return response;
    }
    let status = response.status.as_u16();
    let record = Record::new(Arc::clone(peer), head, Arrival::now(), status);
    response.map(|body| body.recorded(Box::new(record)))
}

/// A request whose head can be answered, on its way through the pipeline.
struct Request<'a> {
    peer: &'a Peer,
    sites: &'a Arc<Sites>,
    head: &'a Parts,
    present: &'a Present<'a>,
    authority: &'a Authority<'a>,
}

impl<'a> Request<'a> {
    /// Steps 2 to 9 of the pipeline, in the order of the module's doc. Notes the bot rule that the
    /// request meets, and the rules of the site.
    async fn answer(
        &self,
        rule: &mut Option<&'static bot::Rule>,
        ruled: &mut Option<Ruled<'a>>,
    ) -> Answer {
        // 2. The method.
        match self.head.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => {
                return Answer::Options(cross_origin::allowed_fields(&self.head.headers));
            }
            _ => return Answer::MethodNotAllowed,
        }
        // 3. The bot verdict.
        *rule = self.verdict();
        if let Some(rule) = rule
            && self.peer.service().policy.bots == BotPolicy::Block
        {
            return Answer::Refused(rule);
        }
        // 4. The challenge of a certificate authority.
        if self.is_for_an_authority()
            && let Some(answer) = self.challenge().await
        {
            return answer;
        }
        // 5. The site of the host.
        if self.authority.host.is_empty() && !self.sites.is_single() {
            return Answer::Malformed(Refusal::Host);
        }
        let (site, host) = match self.sites.answering(&self.authority.host) {
            Answering::Site(site) => (site, None),
            Answering::Counterpart(site) => (site, Some(site.name())),
            Answering::Nobody => return Answer::Misdirected,
        };
        // 6. The path.
        let path = Path::resolve(self.head.uri.path());
        // 7. What is served elsewhere: HTTPS for the port of plain HTTP, the host that has a folder.
        if !self.peer.is_secure() {
            if let Ok(Resolved::Path(path)) = &path
                && path.is_validation()
            {
                return self.find(site, path).await;
            }
            if let Duty::Redirect { https_port } = self.peer.duty()
                && let name = host.unwrap_or(&self.authority.host)
                && self.has_https(name)
            {
                return self.to_https(name, https_port);
            }
        }
        if let Some(host) = host {
            let Self { peer, head, authority, .. } = self;
            return Answer::host_redirect(peer.scheme(), host, authority.port, head);
        }
        // 8. and 9. What lies there, then preconditions and ranges.
        match path {
            Ok(Resolved::Path(path)) => {
                let found = match site.trusted_rules(Tick::now()) {
                    Some(found) => found,
                    None => site.rules().await,
                };
                let Some(found) = found else { return self.find(site, &path).await };
                let ruled = ruled.insert(Ruled::new(found, &self.authority.host, path.clone()));
                Box::pin(self.find_by_rules(site, &path, ruled)).await
            }
            Ok(Resolved::Merge(merged)) => Answer::path_redirect(merged, self.head),
            Err(invalid) => Answer::InvalidPath(invalid),
        }
    }

    /// The bot rule that the request meets.
    fn verdict(&self) -> Option<&'static bot::Rule> {
        if self.peer.service().policy.bots == BotPolicy::Off {
            return None;
        }
        let request = bot::BotRequest {
            method: &self.head.method,
            fields: &self.head.headers,
            path: self.head.uri.path(),
            secure: self.peer.is_secure(),
            host: &self.authority.host,
        };
        bot::verdict_of(&request, self.present.user_agent())
    }

    /// True if the path is one that certificate authorities ask for, in the clear.
    fn is_for_an_authority(&self) -> bool {
        !self.peer.is_secure() && self.head.uri.path().starts_with(ACME_CHALLENGE)
    }

    /// The answer to a certificate authority, whatever name it asks by.
    async fn challenge(&self) -> Option<Answer> {
        let Ok(Resolved::Path(path)) = Path::resolve(self.head.uri.path()) else { return None };
        let answer = self.peer.service().challenges.answer(path.acme_token()?).await;
        answer.map(Answer::Challenge)
    }

    /// True if there is a certificate for `host`. Whoever hands the request over puts the
    /// certificates beside its fields; without them HTTPS is taken for granted.
    fn has_https(&self, host: &str) -> bool {
        let certificates = self.head.extensions.get::<Arc<Certificates>>();
        certificates.is_none_or(|all| all.are_for(host, self.sites.is_single()))
    }

    /// The same target of `host` over HTTPS.
    fn to_https(&self, host: &str, port: u16) -> Answer {
        let port = (port != HTTPS_PORT).then_some(port);
        Answer::host_redirect("https", host, port, self.head)
    }

    /// The answer with the file at `path` of `site`, or with the part of it that the client asks
    /// for.
    async fn find(&self, site: &Arc<Site>, path: &Path<'_>) -> Answer {
        if path.is_hidden() || is_rules_file(path.as_str()) {
            return Box::pin(self.hidden(site, path)).await;
        }
        let (path_text, wanted) = (path.as_str(), self.wanted());
        let found = match self.sites.find_at_once(site, path_text, wanted) {
            Some(found) => found,
            None => Box::pin(self.sites.find(site, path_text, wanted)).await,
        };
        match found {
            Found::File(file) => {
                let place = self.place(site, path_text);
                match Selected::of(place, self.head, file) {
                    Selected::Answer(answer) => answer,
                    Selected::Closed(closed) => Box::pin(closed.open(place, self.head)).await,
                }
            }
            Found::Folder => Answer::path_redirect(path.encode() + "/", self.head),
            Found::Index => {
                let mut folder = path.encode();
                folder.truncate(folder.len() - path.last_segment().len());
                Answer::path_redirect(folder, self.head)
            }
            Found::Page => {
                let mut page = path.encode();
                page.pop();
                Answer::path_redirect(page, self.head)
            }
            Found::Missing(Some(page)) => Box::pin(self.missing(site, &page)).await,
            Found::Missing(None) => Answer::Missing(None),
            Found::Forbidden => Answer::Forbidden,
            Found::Unavailable => Answer::Unavailable,
        }
    }

    /// A hidden file is missing without a look at it; its page is that of the folder it would be in.
    async fn hidden(&self, site: &Arc<Site>, path: &Path<'_>) -> Answer {
        let shown = path.segments().take_while(|segment| !segment.starts_with('.'));
        let folder = shown.collect::<Vec<_>>().join("/");
        match self.sites.missing_page(site, &folder).await {
            Some(page) => self.missing(site, &page).await,
            None => Answer::Missing(None),
        }
    }

    /// The page for what is missing is a file like any other, found and kept the same way.
    async fn missing(&self, site: &Arc<Site>, page: &str) -> Answer {
        match self.sites.find(site, page, self.wanted()).await {
            Found::File(file) => {
                Answer::missing_page(self.place(site, page), self.head, file).await
            }
            _ => Answer::Missing(None),
        }
    }

    fn place<'p>(&'p self, site: &'p Arc<Site>, path: &'p str) -> Place<'p> {
        let Self { sites, present, .. } = *self;
        Place { sites, site, path, present, account: self.peer.account() }
    }

    fn wanted(&self) -> Need {
        answer::wanted(self.head, self.present)
    }
}

/// The port that `https` URIs mean when they name none (RFC 9110 §4.2.2).
pub(crate) const HTTPS_PORT: u16 = 443;
