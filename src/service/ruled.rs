//! The rules of a site in the pipeline: a redirect, another page, other fields.

use std::sync::Arc;

use http::StatusCode;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, VARY};
use http::request::Parts;

use super::Request;
use super::answer::Answer;
use super::fields::Fields;
use crate::rules::redirects::Documents;
use crate::rules::source::Asked;
use crate::rules::{Matched, Overlay, is_rules_file};
use crate::semantics::field_block::Variant;
use crate::semantics::target::{Path, Resolved};
use crate::site::Site;
use crate::site::rules::Rules;

/// A request of a site that has rules.
#[derive(Debug)]
pub(super) struct Ruled<'a> {
    rules: Arc<Rules>,
    host: &'a str,
    path: Path<'a>,
    /// True if the answer was chosen by what the request accepts.
    by_accept: bool,
}

/// Another page that answers.
#[derive(Debug)]
struct Page {
    /// 200, 404 or 410.
    status: u16,
    /// Its path; `None` for the page that answers for what is missing.
    path: Option<Path<'static>>,
    /// True if only requests for HTML are answered so.
    by_accept: bool,
}

/// The outcome of the redirects for a request.
#[derive(Debug)]
enum RedirectOutcome {
    Answer(Answer),
    /// This page answers, whatever is found.
    Instead(Page),
    /// This page answers if nothing is found.
    Otherwise(Page),
    /// The path is looked up.
    GoOn,
}

impl<'a> Ruled<'a> {
    pub(super) fn new(rules: Arc<Rules>, host: &'a str, path: Path<'a>) -> Self {
        Self { rules, host, path, by_accept: false }
    }

    /// The next step of a request. Challenges of an ACME server are never redirected: who moves a
    /// whole site should still get a certificate for it. The files of rules are missing, whatever
    /// they say.
    fn step(&self, head: &Parts) -> RedirectOutcome {
        let Self { rules, host, path, .. } = self;
        if rules.redirects.is_empty() {
            return RedirectOutcome::GoOn;
        }
        if path.acme_token().is_some() || is_rules_file(path.as_str()) {
            return RedirectOutcome::GoOn;
        }
        match rules.redirects.find(host, path, head.uri.query()) {
            None => RedirectOutcome::GoOn,
            Some(Matched::Moved { status, location }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
                RedirectOutcome::Answer(Answer::Redirect(status, location))
            }
            Some(Matched::Page { status, page, forced, documents }) => {
                let by_accept = documents == Documents::ByAccept;
                let page = Page { status, path: page, by_accept };
                if forced {
                    RedirectOutcome::Instead(page)
                } else {
                    RedirectOutcome::Otherwise(page)
                }
            }
        }
    }

    /// True if the site says itself what stands in a field, or that there is none.
    pub(super) fn names(&self, name: &HeaderName) -> bool {
        let Self { rules, host, path, .. } = self;
        let matching = || rules.headers.matching(&Asked::new(host, path.as_str()));
        !rules.headers.is_empty() && matching().overlay().names(name)
    }

    /// Changes the fields of an answer, which may consist of several parts.
    pub(super) fn change(
        &self,
        fields: &mut Fields,
        is_secure: bool,
        status: StatusCode,
        has_parts: bool,
    ) {
        if self.rules.headers.is_empty() && !self.by_accept {
            return;
        }
        let Self { rules, host, path, by_accept } = self;
        let path = path.as_str();
        let overlay = || -> Overlay {
            let mut overlay = rules.headers.matching(&Asked::new(host, path)).overlay();
            if *by_accept {
                overlay.set(&VARY, ACCEPT.as_str());
            }
            if has_parts {
                // The type says where each part ends, and is no type of the file.
                overlay.forget(&CONTENT_TYPE);
            }
            if is_missing(status) {
                // Without the field caches would keep what may be there in a second.
                overlay.keep(&CACHE_CONTROL);
            }
            overlay
        };
        fields.change(&Variant { version: rules.version, is_secure, host, path }, overlay);
    }
}

impl Request<'_> {
    /// The answer where the site has rules: the first redirect that matches decides.
    pub(super) async fn find_by_rules(
        &self,
        site: &Arc<Site>,
        path: &Path<'_>,
        ruled: &mut Ruled<'_>,
    ) -> Answer {
        match ruled.step(self.head) {
            RedirectOutcome::Answer(answer) => answer,
            RedirectOutcome::GoOn => self.find(site, path).await,
            RedirectOutcome::Instead(page) => self.instead(site, path, page).await,
            RedirectOutcome::Otherwise(page) => match self.find(site, path).await {
                Answer::Missing(missing) => {
                    ruled.by_accept = page.by_accept;
                    if page.by_accept && !asks_for_html(self.head) {
                        return Answer::Missing(missing);
                    }
                    self.instead(site, path, page).await
                }
                found => found,
            },
        }
    }

    /// Another page of the site in the place of the one that was asked: one step, whatever rules
    /// there are for that page.
    async fn instead(&self, site: &Arc<Site>, asked: &Path<'_>, page: Page) -> Answer {
        let Page { status, path, .. } = page;
        if let (200, Some(path)) = (status, &path) {
            return match self.find(site, path).await {
                // A folder without its slash, or a page with one: its address is not shown.
                Answer::MovedPath(moved) => {
                    let moved = moved.split('?').next().unwrap_or_default();
                    match Path::resolve(moved) {
                        Ok(Resolved::Path(path)) => self.find(site, &path).await,
                        _ => Answer::Missing(None),
                    }
                }
                found => found,
            };
        }
        let page = match path {
            Some(path) if path.is_hidden() || is_rules_file(path.as_str()) => None,
            Some(path) => Some(path.as_str().into()),
            None => {
                let folder = asked.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
                self.sites.missing_page(site, folder.trim_start_matches('/')).await
            }
        };
        let page = match page {
            Some(page) => self.missing(site, &page).await,
            None => Answer::Missing(None),
        };
        match page {
            Answer::Missing(page) if status == 410 => Answer::Gone(page),
            page => page,
        }
    }
}

fn is_missing(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// True if a client says that it takes HTML, as browsers do for a page and for nothing else.
fn asks_for_html(head: &Parts) -> bool {
    let lines = head.headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_html = parts.next().is_some_and(|range| range.eq_ignore_ascii_case("text/html"));
        let is_refused = |part: &str| {
            let weight =
                part.strip_prefix(['q', 'Q']).and_then(|rest| rest.trim().strip_prefix('='));
            weight.is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|q| q == 0.0))
        };
        is_html && !parts.any(is_refused)
    })
}
