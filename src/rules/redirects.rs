//! The rules of `_redirects`, and the one that a request meets.

use std::collections::HashMap;
use std::fmt;

pub use super::line::Redirect;

use super::index::Index;
use super::line::names_document;
use super::lines::lines;
use super::source::{Asked, Names, Values};
use super::{DYNAMIC_LIMIT, Problem, REDIRECT_LINE_LIMIT, STATIC_LIMIT};
use crate::semantics::target::Path;

/// Redirects in Cloudflare's order: those for one path that stand before the first with a wildcard,
/// then the others from top to bottom.
#[derive(Clone, Debug, Default)]
pub struct Redirects {
    rules: Vec<Redirect>,
    /// By path; those for one host are tried as well.
    first: HashMap<Box<str>, Vec<u32>>,
    then: Index,
}

/// The answer of a rule to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The client is sent to this place.
    Moved {
        /// A status of 3xx.
        status: u16,
        /// The value of the Location field.
        location: String,
    },
    /// Another page of the site answers.
    Page {
        /// 200, 404 or 410.
        status: u16,
        /// The page; `None` for the one that answers for what is missing.
        page: Option<Path<'static>>,
        /// True if it answers even where a file is found.
        forced: bool,
        /// The requests that are answered so: all, or only those for documents, as the path or the
        /// client tells.
        documents: Documents,
    },
}

/// The requests that a page answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// Requests for whatever there is.
    Any,
    /// All of them: the path is that of a document.
    ByName,
    /// Those that ask for HTML: the path is that of an asset.
    ByAccept,
}

impl Redirects {
    /// Reads a file. A line that is no rule here is left out, and told.
    #[must_use]
    pub fn read(file: &[u8], names: &Names) -> (Self, Vec<Problem>) {
        let mut redirects = Self::default();
        let mut problems = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let (mut fixed, mut dynamic) = (0, 0);
        for line in lines(file, REDIRECT_LINE_LIMIT) {
            let read = line.and_then(|(number, text)| {
                Redirect::read(number, text, names)
                    .map_err(|(reason, mend)| Problem::new(number, reason, mend))
            });
            let rule = match read {
                Ok(rule) => rule,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let number = rule.from.line;
            let key = rule.from.source.key();
            if let Some(first) = seen.get(&key) {
                let reason = format!("the source is that of line {first}, which comes first");
                problems.push(Problem::new(number, reason, "remove one of the two"));
                continue;
            }
            let (count, limit, kind) = if rule.from.source.is_static() {
                (&mut fixed, STATIC_LIMIT, "without")
            } else {
                (&mut dynamic, DYNAMIC_LIMIT, "with")
            };
            if *count == limit {
                let reason = format!("more than {limit} redirects {kind} a wildcard");
                problems.push(Problem::new(number, reason, "let one pattern stand for several"));
                continue;
            }
            *count += 1;
            seen.insert(key, number);
            redirects.push(rule);
        }
        (redirects, problems)
    }

    fn push(&mut self, rule: Redirect) {
        let number = u32::try_from(self.rules.len()).expect("there are at most 51,000");
        match rule.from.source.path().literal() {
            Some(path) if self.then.is_empty() && rule.from.source.is_static() => {
                self.first.entry(path.into()).or_default().push(number);
            }
            _ => self.then.add(number, &rule.from.source),
        }
        self.rules.push(rule);
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules, from top to bottom.
    #[must_use]
    pub fn rules(&self) -> &[Redirect] {
        &self.rules
    }

    /// The answer of the first rule that matches a request for a host and a path, both in normal
    /// form. A redirect that would lead to where the request is already is passed over.
    #[must_use]
    pub fn find(&self, host: &str, path: &Path<'_>, query: Option<&str>) -> Option<Matched> {
        let asked = Asked::new(host, path.as_str());
        self.matching(&asked).find_map(|(rule, values)| rule.apply(&asked, &values, query))
    }

    /// The rules that match, in the order in which they are tried.
    pub fn matching<'a>(
        &'a self,
        asked: &'a Asked<'a>,
    ) -> impl Iterator<Item = (&'a Redirect, Values<'a>)> {
        let first = self.first.get(asked.path.text()).map_or(&[][..], Vec::as_slice);
        let numbers = first.iter().copied().chain(self.then.candidates(asked.path.text()));
        numbers.filter_map(move |number| {
            let rule = self.rules.get(usize::try_from(number).ok()?)?;
            Some((rule, rule.from.source.values(asked)?))
        })
    }
}

impl Redirect {
    fn apply(
        &self,
        asked: &Asked<'_>,
        values: &Values<'_>,
        query: Option<&str>,
    ) -> Option<Matched> {
        let path = asked.path.text();
        let page = self.target.as_ref().map(|target| target.path(values));
        if self.moves() {
            let target = self.target.as_ref()?;
            let stays = target.host(values).is_none_or(|host| host == asked.host);
            let is_itself = page.flatten().is_some_and(|page| page.as_str() == path);
            if stays && is_itself {
                return None;
            }
            let location = target.location(values, query)?;
            return Some(Matched::Moved { status: self.status, location });
        }
        let page = match page {
            // Values can make a path of the target that no file has.
            Some(None) => return None,
            Some(page) => page,
            None => None,
        };
        let documents = match (self.is_application(), names_document(path)) {
            (false, _) => Documents::Any,
            (true, true) => Documents::ByName,
            (true, false) => Documents::ByAccept,
        };
        Some(Matched::Page { status: self.status, page, forced: self.forced, documents })
    }
}

impl fmt::Display for Redirects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|rule| writeln!(formatter, "{rule}"))
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.from.source.fmt(formatter)?;
        if let Some(target) = &self.target {
            write!(formatter, " {target}")?;
        }
        write!(formatter, " {}{}", self.status, if self.forced { "!" } else { "" })
    }
}

#[cfg(test)]
mod tests;
