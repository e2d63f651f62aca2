//! Findings about the files of a site, one line each.

use std::fmt;

use crate::log::one_line;

/// The weight of a finding. Only errors fail a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The meaning of a line.
    Rule,
    /// Visitors would be led to nothing, or in a circle; or the rules cannot be read at all.
    Error,
    /// A line that does nothing.
    Warning,
    /// A meaning that differs from Cloudflare's or Netlify's.
    Note,
    /// A rule in a file that shost does not read.
    Hint,
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Hint => "hint",
        }
    }
}

/// A finding. The line is 0 where it is about all of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFinding {
    /// The name of the file beneath the site.
    pub file: String,
    /// The line, from one; 0 if it is about all of the file.
    pub line: usize,
    /// The weight of the finding.
    pub kind: Weight,
    /// The finding in words.
    pub text: String,
}

impl RuleFinding {
    pub(super) fn new(file: &str, line: usize, kind: Weight, text: impl Into<String>) -> Self {
        Self { file: file.into(), line, kind, text: text.into() }
    }

    /// The finding as a line of a report on the site in `folder`.
    #[must_use]
    pub fn told(&self, folder: impl fmt::Display) -> String {
        let Self { file, line, kind, text } = self;
        let word = kind.word();
        let place = match line {
            0 => format!("{folder}/{file}"),
            line => format!("{folder}/{file}:{line}"),
        };
        // Names and lines of a file may hold what moves a cursor.
        one_line(&format!("{place}: {word}: {text}"))
    }
}
