//! The changes of a reload, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use rustls_pki_types::CertificateDer;

use super::snapshot::Snapshot;

/// Names that are told of each kind. A line of more is read by nobody, and the number tells enough.
const TOLD: usize = 50;

/// The sites and certificates that came, went or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    sites: Vec<Change>,
    certificates: Vec<Change>,
}

/// One name, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Came(String),
    Went(String),
    Changed(String),
}

impl Changes {
    /// True if nothing came, went or changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty() && self.certificates.is_empty()
    }

    /// True if a site came.
    pub(super) fn have_new_sites(&self) -> bool {
        self.sites.iter().any(|change| matches!(change, Change::Came(_)))
    }

    /// From one snapshot to the next. A site has changed if its folder is another; its content
    /// changes without a reload.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        Self {
            sites: difference(&sites(before), &sites(after)),
            certificates: difference(&certificates(before), &certificates(after)),
        }
    }
}

fn sites(snapshot: &Snapshot) -> BTreeMap<String, &Path> {
    let all = snapshot.sites.all().into_iter();
    all.map(|site| (site.name().to_owned(), site.root().path())).collect()
}

fn certificates(snapshot: &Snapshot) -> BTreeMap<String, &[CertificateDer<'static>]> {
    let all = snapshot.certificates.iter();
    all.map(|one| (one.name().to_string(), one.key().cert.as_slice())).collect()
}

/// In the order of names within each kind: came, went, changed.
fn difference<T: PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> Vec<Change> {
    let came = after.keys().filter(|name| !before.contains_key(*name)).cloned();
    let went = before.keys().filter(|name| !after.contains_key(*name)).cloned();
    let changed =
        after.iter().filter(|(name, now)| before.get(*name).is_some_and(|was| was != *now));
    let changed = changed.map(|(name, _)| name.clone());
    came.map(Change::Came)
        .chain(went.map(Change::Went))
        .chain(changed.map(Change::Changed))
        .collect()
}

/// As `sites +new.example -old.example, certificates ~renewed.example`, or `none`.
impl fmt::Display for Changes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("sites", &self.sites), ("certificates", &self.certificates)];
        let told = kinds.iter().filter(|(_, changes)| !changes.is_empty());
        let told: Vec<String> = told.map(|(noun, changes)| list(noun, changes)).collect();
        if told.is_empty() {
            formatter.write_str("none")
        } else {
            formatter.write_str(&told.join(", "))
        }
    }
}

fn list(noun: &str, changes: &[Change]) -> String {
    let mut text = noun.to_owned();
    for change in changes.iter().take(TOLD) {
        let (sign, name) = match change {
            Change::Came(name) => ('+', name),
            Change::Went(name) => ('-', name),
            Change::Changed(name) => ('~', name),
        };
        text.push(' ');
        text.push(sign);
        text.push_str(name);
    }
    match changes.len().saturating_sub(TOLD) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, u8)]) -> BTreeMap<String, u8> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[track_caller]
    fn check(before: &[(&str, u8)], after: &[(&str, u8)], expected: &str) {
        let changes =
            Changes { sites: difference(&map(before), &map(after)), certificates: Vec::new() };
        assert_eq!(changes.to_string(), expected);
    }

    #[test]
    fn what_came_went_and_changed_is_told_by_name() {
        check(&[], &[], "none");
        check(&[("a", 1)], &[("a", 1)], "none");
        check(&[], &[("b", 1), ("a", 1)], "sites +a +b");
        check(&[("a", 1)], &[], "sites -a");
        check(&[("a", 1)], &[("a", 2)], "sites ~a");
        check(&[("a", 1), ("b", 1), ("c", 1)], &[("a", 2), ("c", 1), ("d", 1)], "sites +d -b ~a");
    }

    #[test]
    fn both_kinds_stand_in_one_line() {
        let changes = Changes {
            sites: vec![Change::Came("a.test".into())],
            certificates: vec![Change::Changed("b.test".into())],
        };
        assert_eq!(changes.to_string(), "sites +a.test, certificates ~b.test");
    }

    #[test]
    fn a_flood_of_names_is_cut() {
        let many = vec![Change::Came("a".into()); TOLD + 3];
        let changes = Changes { sites: many, certificates: Vec::new() };
        let text = changes.to_string();
        assert_eq!(text.matches("+a").count(), TOLD);
        assert!(text.ends_with(" and 3 more"), "{text}");
    }
}
