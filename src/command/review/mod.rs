//! The rules of a site, explained before it is served: their meaning, and what is wrong with them.
//!
//! `shost check` tells of one site or of a folder of them, `--check` of all that would be served.

mod differences;
mod finding;
mod foreign;
mod header_findings;
mod redirect_findings;
mod run;
mod walk;

pub use finding::{RuleFinding, Weight};
pub use run::{CheckArguments, run};

use std::path::Path;

use crate::rules::{HEADERS, Headers, Names, Problem, REDIRECTS, Redirects};
use crate::site::root::OpenRoot;
use crate::site::rules;
use walk::Walk;

/// Reads the rules of the site in `folder`, opened as `root`, and looks at each. The site is called
/// `name`, `*` if that is not known.
#[must_use]
pub fn site(root: &OpenRoot, folder: &Path, name: &str) -> Vec<RuleFinding> {
    let names = Names::of(name);
    let own = if name.starts_with('*') { "" } else { name };
    let mut findings = Vec::new();
    let mut file = |name: &str| match rules::read_now(root, name) {
        Ok(content) => content,
        Err(reason) => {
            let text = format!("not read: {reason}: none of its rules hold");
            findings.push(RuleFinding::new(name, 0, Weight::Error, text));
            None
        }
    };
    let (redirects, headers) = (file(REDIRECTS), file(HEADERS));
    let walked = redirects.as_deref().map(|file| Redirects::read(file, &names));
    let (redirects, skipped) = walked.unwrap_or_default();
    let walk = Walk { root, redirects: &redirects, names: &names };
    let mut of_redirects = told(REDIRECTS, skipped);
    redirect_findings::review(&walk, own, &mut of_redirects);
    let read = headers.as_deref().map(|file| Headers::read(file, &names));
    let (headers, skipped) = read.unwrap_or_default();
    let mut of_headers = told(HEADERS, skipped);
    header_findings::review(&headers, &walk, own, &mut of_headers);
    for mut part in [of_redirects, of_headers] {
        // Sorting is stable: what is said of one line stays in its order.
        part.sort_by_key(|finding| finding.line);
        findings.append(&mut part);
    }
    findings.append(&mut foreign::review(root, folder));
    findings
}

/// Skipped lines as findings.
fn told(file: &str, problems: Vec<Problem>) -> Vec<RuleFinding> {
    let finding = |problem: Problem| {
        let Problem { line, reason, mend } = problem;
        RuleFinding::new(file, line, Weight::Warning, format!("skipped: {reason}: {mend}"))
    };
    problems.into_iter().map(finding).collect()
}
