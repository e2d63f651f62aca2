//! One line of `_redirects`: `from [k=v…] [to] [status[!]] [conditions]`.

use super::pattern::{Pattern, SPLAT, Subject};
use super::redirect_target::Target;
use super::source::{Names, Source, SourceLine, Values};
use super::{Fault, fault};

/// The statuses that there are, for whoever wrote another.
const STATUSES: &str = "use 200, 301, 302, 303, 307, 308, 404 or 410";

/// A redirect, or a page that answers for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The requests that it is for.
    pub from: SourceLine,
    pub(super) target: Option<Target>,
    pub(super) status: u16,
    pub(super) forced: bool,
    pub(super) says_status: bool,
}

impl Redirect {
    /// The place that it leads to; `None` for a status without a page.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The status that it answers with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// True if the line says which status it is.
    #[must_use]
    pub fn says_status(&self) -> bool {
        self.says_status
    }

    /// True if it applies where a file is found as well.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.forced
    }

    /// True if it sends the client elsewhere.
    #[must_use]
    pub fn moves(&self) -> bool {
        (300..400).contains(&self.status)
    }

    /// True if it is the rule of a single-page application: one document for all that is beneath.
    #[must_use]
    pub fn is_application(&self) -> bool {
        self.status == 200
            && !self.forced
            && self.from.source.path().takes_all_beneath()
            && self.target.as_ref().is_some_and(|target| {
                let path = target.path(&self.sample());
                !target.uses(SPLAT) && path.is_some_and(|path| names_document(path.as_str()))
            })
    }

    /// Reads a line without its comment.
    pub(super) fn read(line: usize, text: &str, names: &Names) -> Result<Self, Fault> {
        let mut words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
        let from = words.next().unwrap_or_default();
        let words: Vec<_> = words.collect();
        let written = Written::of(&words)?;
        let (status, forced) = written.status()?;
        let source = Source::read(from, names)?;
        let known: Vec<_> = source.names().collect();
        let target = match written.target {
            Some(target) => Some(Target::read(target, &known)?),
            None if matches!(status, 404 | 410) => None,
            None if status == 200 && source.path().takes_all_beneath() => {
                Some(Target::read(&itself(source.path()), &known)?)
            }
            None => return Err(fault("the line has no target", "write `from to status`")),
        };
        let says_status = written.status.is_some();
        let from = SourceLine { line, source };
        let redirect = Self { from, target, status, forced, says_status };
        redirect.check(names)?;
        Ok(redirect)
    }

    fn check(&self, names: &Names) -> Result<(), Fault> {
        let Some(target) = &self.target else { return Ok(()) };
        if !self.moves() {
            if target.is_url() {
                let mend = "use 301 or 302, or let the browser ask the other server itself";
                return Err(fault("shost does not proxy", mend));
            }
            if target.path(&self.sample()).is_none() {
                let mend = "write a path without %2F, %00 and encoded dot segments";
                return Err(fault("no file can have the path of the target", mend));
            }
            return Ok(());
        }
        if self.leads_to_itself(target, names) {
            let mend = if self.from.source.path().takes_all_beneath() && target.is_fixed() {
                "write 200 behind it, which answers with that page where nothing is found"
            } else {
                "let the source leave out where the target leads"
            };
            return Err(fault("the redirect leads to itself", mend));
        }
        Ok(())
    }

    /// Values for the names of the source, for trying the target.
    fn sample(&self) -> Values<'static> {
        Values::sample(self.from.source.names().count())
    }

    /// True if the target, tried with values that no rule would name, is a source of its own.
    fn leads_to_itself(&self, target: &Target, names: &Names) -> bool {
        let values = self.sample();
        let host = match (target.host(&values), self.from.source.host()) {
            (None, _) => true,
            (Some(host), None) => names.has(&host),
            (Some(host), Some(pattern)) => {
                names.has(&host) && pattern.captures(&Subject::host(&host)).is_some()
            }
        };
        let leads = |path: &str| {
            if let Some(literal) = self.from.source.path().literal() {
                return literal == path;
            }
            let subject = Subject::path(path);
            self.from.source.path().captures(&subject).is_some()
        };
        host && target.path(&values).is_some_and(|path| leads(path.as_str()))
    }
}

/// The target of `/assets/* 200`, which answers for nothing else: missing assets stay missing, and a
/// later rule is not asked (Netlify's forward rule).
fn itself(source: &Pattern) -> String {
    let written = source.to_string();
    let folder = written.strip_suffix('*').unwrap_or(&written);
    format!("{folder}:{SPLAT}")
}

/// True if a path names a page, by its last segment: no extension, or `.html`.
pub(super) fn names_document(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    match last.rsplit_once('.') {
        Some((stem, extension)) => {
            stem.is_empty() || extension.is_empty() || extension.eq_ignore_ascii_case("html")
        }
        None => true,
    }
}

/// The words behind the source, by their places.
struct Written<'a> {
    target: Option<&'a str>,
    status: Option<&'a str>,
}

impl<'a> Written<'a> {
    fn of(words: &[&'a str]) -> Result<Self, Fault> {
        let is_pair =
            |word: &&&str| word.contains('=') && !word.starts_with('/') && !word.contains("://");
        let pairs = words.iter().take_while(is_pair).count();
        if pairs > 0 {
            let mend = "name the path alone, and leave the query to the page";
            return Err(fault(format!("the query condition {}", words[0]), mend));
        }
        let (target, rest) = match words {
            [status, ..] if is_status(status) => (None, words),
            [target, rest @ ..] => (Some(*target), rest),
            [] => (None, words),
        };
        match rest {
            [] => Ok(Self { target, status: None }),
            [status] if !status.contains('=') => Ok(Self { target, status: Some(status) }),
            [condition] | [_, condition, ..] if condition.contains('=') => {
                let mend = "remove it: shost does not know countries, languages, roles or cookies";
                Err(fault(format!("the condition {condition}"), mend))
            }
            [..] => Err(fault("more words than `from to status`", "write %20 for a space")),
        }
    }

    fn status(&self) -> Result<(u16, bool), Fault> {
        let Some(word) = self.status else { return Ok((302, false)) };
        let (digits, forced) = match word.strip_suffix('!') {
            Some(digits) => (digits, true),
            None => (word, false),
        };
        match digits.parse().ok().filter(|_| is_status(word)) {
            Some(status @ (200 | 301 | 302 | 303 | 307 | 308 | 404 | 410)) => Ok((status, forced)),
            _ => Err(fault(format!("the status {word}"), STATUSES)),
        }
    }
}

fn is_status(word: &str) -> bool {
    let digits = word.strip_suffix('!').unwrap_or(word);
    digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit())
}
