//! Meanings that differ from Cloudflare's or Netlify's, each told once a file with its lines.

use super::finding::{RuleFinding, Weight};

/// Lines that are named one by one; of the others there is a number.
const NAMED: usize = 5;

/// Differences of one file, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Differences(Vec<(&'static str, Vec<usize>)>);

impl Differences {
    /// Notes a difference of a line, if there is one.
    pub(super) fn note(&mut self, differs: bool, line: usize, text: &'static str) {
        if !differs {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == text) {
            Some((_, lines)) if lines.last() == Some(&line) => {}
            Some((_, lines)) => lines.push(line),
            None => self.0.push((text, vec![line])),
        }
    }

    pub(super) fn tell(self, file: &str, findings: &mut Vec<RuleFinding>) {
        for (text, lines) in self.0 {
            let others = &lines[1..];
            let named: Vec<_> = others.iter().take(NAMED).map(usize::to_string).collect();
            let more = others.len().saturating_sub(NAMED);
            let also = match (named.is_empty(), more) {
                (true, _) => String::new(),
                (false, 0) => format!(" (also of lines {})", named.join(", ")),
                (false, more) => format!(" (also of lines {} and {more} more)", named.join(", ")),
            };
            findings.push(RuleFinding::new(file, lines[0], Weight::Note, format!("{text}{also}")));
        }
    }
}
