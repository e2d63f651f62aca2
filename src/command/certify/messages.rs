//! Messages of a run: a line for each name that something was done for or that failed.

use std::io::Write;

use super::failure::Failure;
use super::plan::{CurrentCertificate, DAY, NextStep, OrderReason, Seconds};
use super::renewal_record::RenewalRecord;
use crate::certificates::FolderName;
use crate::log::one_line;
use crate::process::companion::ISSUED;

/// The outcome of a run for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NameOutcome {
    Quiet,
    /// Nothing was done, for this reason, and that is no failure.
    LeftOut(String),
    /// The certificate that is held is good.
    Kept,
    /// There is a new certificate.
    Issued {
        directory: String,
        not_after: Seconds,
    },
    /// There is none, or it is due and there is no other.
    Failed(String),
}

/// One line of `--list`.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    pub(super) name: &'a FolderName,
    pub(super) held: &'a CurrentCertificate,
    pub(super) record: &'a RenewalRecord,
    /// `None` where no certificate can be had, with the reason.
    pub(super) step: Result<NextStep, &'static str>,
}

/// Tells what came of a name at once.
pub(super) fn tell(name: &FolderName, outcome: &NameOutcome) {
    match outcome {
        NameOutcome::Quiet | NameOutcome::Kept => {}
        NameOutcome::LeftOut(reason) => print(&format!("{name}: left out: {reason}")),
        NameOutcome::Issued { directory, not_after } => {
            let authority = authority(directory);
            let end = day(*not_after);
            print(&format!("{name}: {ISSUED}{authority} until {end}"));
        }
        NameOutcome::Failed(reason) => complain(&format!("error: {name}: {reason}")),
    }
}

/// Something that somebody should look at, though the run goes on.
pub(super) fn warn(failure: &Failure) {
    complain(&format!("warning: {failure}"));
}

pub(super) fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", one_line(line));
}

pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", one_line(line));
}

/// The lines of `--list`, under a head.
pub(super) fn table(listed: &[Listed<'_>], now: Seconds) -> String {
    let head = ["NAME", "AUTHORITY", "DAYS LEFT", "NEXT", "LAST FAILURE"].map(String::from);
    let rows: Vec<[String; 5]> =
        std::iter::once(head).chain(listed.iter().map(|it| row(it, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn row(listed: &Listed<'_>, now: Seconds) -> [String; 5] {
    let none = || "-".to_owned();
    let (issuer, left) = match listed.held {
        CurrentCertificate::Ours(life) => {
            let left = if life.not_after < now {
                "expired".to_owned()
            } else {
                ((life.not_after - now) / DAY).to_string()
            };
            (authority(&life.directory), left)
        }
        CurrentCertificate::Foreign => ("elsewhere".to_owned(), none()),
        CurrentCertificate::Covered | CurrentCertificate::Nothing => (none(), none()),
    };
    let next = match &listed.step {
        Err(reason) => format!("none: {reason}"),
        Ok(NextStep::Leave) if *listed.held == CurrentCertificate::Covered => {
            "none: another one names it".to_owned()
        }
        Ok(NextStep::Leave) => "none: not made by certify".to_owned(),
        Ok(NextStep::Keep { until }) => format!("renew {}", day(*until)),
        Ok(NextStep::Pause { until }) => format!("retry {}", moment(*until)),
        Ok(NextStep::WrongClock) => "none: the clock is wrong".to_owned(),
        Ok(NextStep::Order { due: OrderReason::Missing, .. }) => "order".to_owned(),
        Ok(NextStep::Order { .. }) => "renew".to_owned(),
    };
    let failure = listed.record.failure.as_ref().map_or_else(none, |failure| {
        format!("{}: {}", moment(failure.at), one_line(&failure.reason))
    });
    [listed.name.to_string(), issuer, left, next, failure]
}

/// The host of a directory, which is what people know an authority by.
pub(super) fn authority(directory: &str) -> String {
    let bare = directory.split_once("://").map_or(directory, |(_, bare)| bare);
    bare.split('/').next().unwrap_or(bare).to_owned()
}

/// A day in UTC, as ISO 8601 writes it.
pub(super) fn day(at: Seconds) -> String {
    moment(at).chars().take("2027-01-09".len()).collect()
}

/// A time in UTC to the minute.
pub(super) fn moment(at: Seconds) -> String {
    let time = i64::try_from(at).ok();
    let time = time.and_then(|at| x509_parser::time::ASN1Time::from_timestamp(at).ok());
    let Some(time) = time.map(|time| time.to_datetime()) else { return "never".into() };
    let (date, clock) = (time.date(), time.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year}-{month:02}-{day:02} {:02}:{:02}Z", clock.hour(), clock.minute())
}

#[cfg(test)]
mod tests {
    use super::super::plan::Life;
    use super::super::renewal_record::Failed;
    use super::*;

    const NOW: Seconds = 21_000 * DAY;

    #[test]
    fn times_are_written_as_iso_8601_has_them() {
        let table = [
            (0, "1970-01-01 00:00Z"),
            (951_782_459, "2000-02-29 00:00Z"),
            (1_799_452_740, "2027-01-08 23:59Z"),
            (u64::MAX, "never"),
        ];
        for (at, expected) in table {
            assert_eq!(moment(at), expected);
        }
        assert_eq!(day(1_799_452_800), "2027-01-09");
    }

    #[test]
    fn the_list_shows_what_is_next() {
        let ours = CurrentCertificate::Ours(Life {
            leaf: "ab".into(),
            directory: "https://ca.test:14000/dir".into(),
            not_before: NOW - DAY,
            not_after: NOW + 10 * DAY + 1,
        });
        let (fine, mut failed) = (RenewalRecord::default(), RenewalRecord::default());
        failed.failure = Some(Failed { at: NOW, directory: None, reason: "no\nway".into() });
        let names = ["a.net", "b.net", "_wildcard.c.net"].map(|it| FolderName::parse(it).unwrap());
        let listed = [
            (&ours, &fine, Ok(NextStep::Keep { until: NOW })),
            (&CurrentCertificate::Nothing, &failed, Ok(NextStep::Pause { until: NOW + 60 })),
            (&CurrentCertificate::Nothing, &fine, Err("a wildcard")),
        ];
        let listed: Vec<_> = names
            .iter()
            .zip(listed)
            .map(|(name, (held, record, step))| Listed { name, held, record, step })
            .collect();
        let expected = "\
NAME     AUTHORITY      DAYS LEFT  NEXT                     LAST FAILURE
a.net    ca.test:14000  10         renew 2027-07-01         -
b.net    -              -          retry 2027-07-01 00:01Z  2027-07-01 00:00Z: no\\nway
*.c.net  -              -          none: a wildcard         -
";
        assert_eq!(table(&listed, NOW), expected);
    }
}
