//! The rules that a site brings with it: `_redirects` and `_headers`, as pure functions.
//!
//! Both files are read line by line ([`lines`]). A line that cannot be a rule here is skipped, and
//! becomes a [`Problem`] that says why and what to do about it; the others stand. A [`source`] is
//! what a rule is for, matched by [`pattern`]; a `target` is where a redirect leads. Requests are
//! looked up in [`redirects`] and [`headers`].

pub mod headers;
pub mod lines;
pub mod overlay;
pub mod pattern;
pub mod redirect_target;
pub mod redirects;
pub mod source;

mod escaping;
mod index;
mod line;
#[cfg(test)]
mod linear;

use std::borrow::Cow;
use std::fmt;

use crate::coding::Coding;

pub use headers::Headers;
pub use overlay::Overlay;
pub use redirects::{Matched, Redirects};
pub use source::{Names, Source};

/// The file of redirects, in the root of a site.
pub const REDIRECTS: &str = "_redirects";

/// The file of header fields, in the root of a site.
pub const HEADERS: &str = "_headers";

/// The longest file of rules, in bytes. The largest public one is 214 KB; a longer one is not read
/// at all, since half of the rules would be another site than the one that was meant.
pub const FILE_LIMIT: u64 = 1024 * 1024;

/// The longest line of `_redirects`, in bytes: twice what Cloudflare takes.
pub const REDIRECT_LINE_LIMIT: usize = 2_000;

/// Most redirects without a wildcard. They are found by a hash of the path, and cost memory only.
pub const STATIC_LIMIT: usize = 50_000;

/// Most redirects with a wildcard. Those may each be tried on a request: ten times what Cloudflare
/// takes, and still within 20 µs.
pub const DYNAMIC_LIMIT: usize = 1_000;

/// The longest line of `_headers`, in bytes: twice what Cloudflare takes. A Content-Security-Policy
/// of 2 KB is not rare.
pub const HEADER_LINE_LIMIT: usize = 4_000;

/// Most blocks of `_headers`.
pub const HEADER_RULE_LIMIT: usize = 10_000;

/// Most bytes of fields that rules add to one answer. Clients refuse heads much larger than that:
/// nginx and curl at 100 KB, Node.js at 16 KiB.
pub const ADDED_LIMIT: usize = 16 * 1024;

/// Texts that no rule names, of each shape that a `*` can take.
pub const SAMPLES: [&str; 4] = ["", "x", "x.y", "x/y"];

/// A line that is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its number, from one.
    pub line: usize,
    /// The reason why the line is skipped.
    pub reason: Cow<'static, str>,
    /// The way to mend it.
    pub mend: Cow<'static, str>,
}

impl Problem {
    pub(crate) fn new(
        line: usize,
        reason: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { line, reason: reason.into(), mend: mend.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} skipped: {}: {}", self.line, self.reason, self.mend)
    }
}

/// A reason and its mend, before the number of the line is known.
pub(crate) type Fault = (Cow<'static, str>, Cow<'static, str>);

pub(crate) fn fault(
    reason: impl Into<Cow<'static, str>>,
    mend: impl Into<Cow<'static, str>>,
) -> Fault {
    (reason.into(), mend.into())
}

/// True if a path in normal form is that of a file of rules, or of a coded form of it. They are
/// orders to the server and no content, so nobody gets to see them.
#[must_use]
pub fn is_rules_file(path: &str) -> bool {
    // Nearly all paths are told apart by their second byte.
    if path.as_bytes().get(1) != Some(&b'_') {
        return false;
    }
    let name = &path[1..];
    let stem = [REDIRECTS, HEADERS].iter().find_map(|stem| name.strip_prefix(stem));
    stem.is_some_and(|rest| {
        rest.is_empty() || Coding::CODED.iter().any(|coding| rest == coding.file_suffix())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_rules_are_known_by_their_paths() {
        let table = [
            ("/_redirects", true),
            ("/_headers", true),
            ("/_headers.br", true),
            ("/_redirects.gz", true),
            ("/_redirects.zst", true),
            ("/_headers.html", false),
            ("/_headers/", false),
            ("/_headersx", false),
            ("/_Headers", false),
            ("/a/_headers", false),
            ("/_", false),
            ("/", false),
            ("/é", false),
        ];
        for (path, expected) in table {
            assert_eq!(is_rules_file(path), expected, "{path}");
        }
    }

    #[test]
    fn a_problem_is_one_line() {
        let problem = Problem::new(7, "two of them", "leave one out");
        assert_eq!(problem.to_string(), "line 7 skipped: two of them: leave one out");
    }
}
