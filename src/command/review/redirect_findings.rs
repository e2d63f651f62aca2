//! Findings about the rules of `_redirects`.

use super::differences::Differences;
use super::finding::{RuleFinding, Weight};
use super::walk::{Walk, WayEnd, resolved};
use crate::rules::redirects::Redirect;
use crate::rules::source::{Asked, Values};
use crate::rules::{REDIRECTS, SAMPLES, Source};
use crate::semantics::target::Path;
use crate::site::Found;

/// A text that no rule names, in the place of what a wildcard takes.
const ANY: &str = "x";

/// Findings about each rule, from top to bottom.
pub(super) fn review(walk: &Walk<'_>, own: &str, findings: &mut Vec<RuleFinding>) {
    let mut differences = Differences::default();
    let mut has_dynamic = false;
    let (mut fixed, mut dynamic) = (0, 0);
    for rule in walk.redirects.rules() {
        let line = rule.from.line;
        findings.push(RuleFinding::new(REDIRECTS, line, Weight::Rule, meaning(rule)));
        let review = Review { walk, own, rule };
        for (kind, text) in review.findings() {
            findings.push(RuleFinding::new(REDIRECTS, line, kind, text));
        }
        differ(walk, rule, &mut differences);
        has_dynamic |= !rule.from.source.is_static();
        if has_dynamic {
            dynamic += 1;
        } else {
            fixed += 1;
        }
        let is_beyond = fixed > CLOUDFLARE_STATIC || dynamic > CLOUDFLARE_DYNAMIC;
        differences.note(
            is_beyond,
            line,
            "Cloudflare takes 2,000 static and 100 dynamic redirects",
        );
    }
    differences.tell(REDIRECTS, findings);
}

/// Places of a circle that are told.
const TOLD: usize = 4;

/// Redirects that Cloudflare takes before the first with a wildcard, and from there on.
const CLOUDFLARE_STATIC: usize = 2_000;
const CLOUDFLARE_DYNAMIC: usize = 100;

/// The meaning of a rule, in words.
fn meaning(rule: &Redirect) -> String {
    let (source, status) = (&rule.from.source, rule.status());
    let page = rule.target().map(ToString::to_string);
    let when = if rule.is_forced() { "always" } else { "where nothing is found" };
    match (status, page) {
        (300..400, Some(to)) => format!("{source} is redirected to {to} ({status})"),
        (200, Some(to)) if rule.is_application() => format!(
            "{source} is a single-page application: {to} answers where nothing is found, and a \
             missing asset stays 404"
        ),
        (200, Some(to)) => format!("{source} is answered with {to} {when}"),
        (_, Some(to)) => format!("{source} is answered with {status} and {to} {when}"),
        (_, None) => format!("{source} is answered with {status} {when}"),
    }
}

/// One rule, looked at from all sides.
struct Review<'a> {
    walk: &'a Walk<'a>,
    /// The host that requests are for where a rule names none.
    own: &'a str,
    rule: &'a Redirect,
}

impl Review<'_> {
    fn findings(&self) -> Vec<(Weight, String)> {
        let mut found: Vec<_> = self.never().into_iter().collect();
        // What never applies leads nobody astray.
        if found.is_empty() {
            found.extend(self.circle().or_else(|| self.dead()));
        }
        found
    }

    fn host(&self) -> String {
        self.rule.from.source.example_host().unwrap_or_else(|| self.own.to_owned())
    }

    /// The reason why the rule never applies.
    fn never(&self) -> Option<(Weight, String)> {
        let source = &self.rule.from.source;
        if !self.own.is_empty() && !source.is_for_host(self.own) {
            let text = format!(
                "never applies: requests for this host are sent to {} before: remove it",
                self.own
            );
            return Some((Weight::Warning, text));
        }
        let (host, path) = (self.host(), source.path().example(ANY));
        let asked = Asked::new(&host, &path);
        let earlier = self.walk.redirects.matching(&asked).map(|(rule, _)| rule);
        let earlier = earlier
            .take_while(|rule| rule.from.line != self.rule.from.line)
            .find(|rule| rule.from.source.covers(source));
        if let Some(earlier) = earlier {
            let (line, first) = (earlier.from.line, &earlier.from.source);
            let text = format!("never applies: line {line} ({first}) matches first: move it up");
            return Some((Weight::Warning, text));
        }
        let found = self.file_at_source()?;
        let is_other = !self.rule.moves() && !self.rule.is_forced();
        is_other.then(|| {
            let status = self.rule.status();
            let text = format!("never applies: {found} is there: remove it, or write {status}!");
            (Weight::Warning, text)
        })
    }

    /// The file that answers without the rule, if the source is one path.
    fn file_at_source(&self) -> Option<String> {
        file_at(self.walk, &self.rule.from.source)
    }

    /// A circle that the rule leads into.
    fn circle(&self) -> Option<(Weight, String)> {
        if !self.rule.moves() {
            return None;
        }
        SAMPLES.iter().find_map(|splat| {
            let path = self.rule.from.source.example(splat)?;
            let mut way = match self.walk.follow(&self.host(), &path) {
                WayEnd::Circle(way) => way,
                WayEnd::Endless(mut way) => {
                    way.truncate(TOLD);
                    way.push("and on".into());
                    way
                }
                _ => return None,
            };
            if way.len() > TOLD + 1 {
                way.drain(TOLD - 1..way.len() - 1);
                way.insert(TOLD - 1, "…".into());
            }
            let way = way.join(" -> ");
            let text = format!("leads in a circle: {way}: remove one of these redirects");
            Some((Weight::Error, text))
        })
    }

    /// A target that leads to nothing.
    fn dead(&self) -> Option<(Weight, String)> {
        let target = self.rule.target()?;
        let host = self.host();
        let sample = Values::sample(SAMPLE_NAMES);
        let unreachable = || {
            let text = format!("dead target: no request can have the path of {target}: mend it");
            Some((Weight::Error, text))
        };
        if target.host(&sample).is_some_and(|to| to != host && !self.walk.names.has(&to)) {
            return None;
        }
        if !target.is_fixed() {
            let folder = target.folder();
            let Some(sample) = target.path(&sample) else { return unreachable() };
            let is_empty = !self.walk.has_folder(folder)
                && resolved(folder)
                    .is_none_or(|at| matches!(self.walk.find(&at), Found::Missing(_)))
                && self.end(&host, &sample) == WayEnd::Missing;
            return is_empty.then(|| {
                (
                    Weight::Warning,
                    format!("dead target: there is no folder {folder}: mend the path"),
                )
            });
        }
        let Some(path) = target.path(&Values::default()) else { return unreachable() };
        let reason = match self.end(&host, &path) {
            WayEnd::Missing => "leads to nothing: put a file there, or mend the path".to_owned(),
            WayEnd::Status(status) => format!("is answered with {status} by another rule"),
            WayEnd::Unreadable => {
                "leads to a file that cannot be read: give others the right to".into()
            }
            WayEnd::File | WayEnd::Elsewhere | WayEnd::Circle(_) | WayEnd::Endless(_) => {
                return None;
            }
        };
        Some((Weight::Error, format!("dead target: {target} {reason}")))
    }

    fn end(&self, host: &str, path: &Path<'static>) -> WayEnd {
        if self.rule.moves() { self.walk.follow(host, path) } else { self.walk.page(path) }
    }
}

/// Names of a source, at the most: no line has room for more.
const SAMPLE_NAMES: usize = 1_000;

fn file_at(walk: &Walk<'_>, source: &Source) -> Option<String> {
    let path = source.only_path()?;
    let found = walk.find(&path);
    matches!(found, Found::File(_)).then(|| path.encode())
}

/// Differences from what the rule means elsewhere.
fn differ(walk: &Walk<'_>, rule: &Redirect, differences: &mut Differences) {
    let (source, line, status) = (&rule.from.source, rule.from.line, rule.status());
    let target = rule.target();
    let url = target.filter(|target| target.is_url()).map(ToString::to_string);
    let ends_bare = source.path().literal().is_some_and(|path| path.len() > 1);
    let takes_file = rule.moves() && !rule.is_forced() && file_at(walk, source).is_some();
    let is_inner = source.path().has_inner_splat();
    let rows = [
        (!rule.says_status(), "without a status 302 is sent, as by Cloudflare; Netlify sends 301"),
        (
            takes_file,
            "the redirect wins over the file that is there, as with Cloudflare; with Netlify the \
             file wins, unless the status ends in !",
        ),
        (matches!(status, 404 | 410), "Cloudflare knows no rules of status 404 and 410"),
        (matches!(status, 303 | 307 | 308 | 410), "Netlify knows no 303, 307, 308 and 410"),
        (rule.is_forced(), "Cloudflare knows no ! behind the status and skips the line"),
        (
            status == 200 && !rule.is_forced(),
            "a file that is there wins, as with Netlify; with Cloudflare the rule does",
        ),
        (
            rule.is_application(),
            "a missing file with an extension stays 404; Netlify sends the page for it, and \
             Cloudflare skips /* /index.html",
        ),
        (
            ends_bare,
            "the path is matched with its last slash or without it, as it is written, as by \
             Cloudflare; Netlify takes both",
        ),
        (
            source.path().takes_all_beneath() && source.path().first_segment().is_some(),
            "/a/* is not for /a itself, as with Cloudflare; with Netlify it is",
        ),
        (is_inner, "Netlify takes * only at the end of a path"),
        (
            source.host().is_some_and(|host| !host.names().is_empty()),
            "Netlify takes no placeholder in a host",
        ),
        (
            url.is_some_and(|url| url.starts_with("http://")),
            "Cloudflare takes only https:// in a target",
        ),
    ];
    for (differs, text) in rows {
        differences.note(differs, line, text);
    }
}
