//! The plan: which name is due for a certificate, why, and when it is looked at next. A pure
//! function of the time and of what is known, so that years pass in a table of tests.

use super::renewal_record::RenewalRecord;

/// Seconds since 1970, in UTC.
pub(super) type Seconds = u64;

pub(super) const HOUR: Seconds = 60 * 60;
pub(super) const DAY: Seconds = 24 * HOUR;

/// The longest time between two runs: half a day, and the three hours that the timer spreads runs
/// over. A renewal that falls due before the next run is done in this one (RFC 9773 §4.2).
const RUN_INTERVAL: Seconds = 15 * HOUR;

/// Certificates with a shorter life than this are renewed at half of it, since a third would leave
/// a few days for repairs.
const SHORT_LIFE: Seconds = 10 * DAY;

/// The time by which the clock may be before the beginning of a certificate. Authorities date
/// certificates an hour back.
const CLOCK_TOLERANCE: Seconds = HOUR;

/// The pause after so many refusals in a row; more of them stay at the last. The first retry may
/// come at once, since it goes to the staging directory where there is one.
const PAUSES: [Seconds; 6] = [0, 0, 10 * 60, HOUR, 6 * HOUR, DAY];

/// The certificate that is in the TLS folder for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CurrentCertificate {
    Nothing,
    /// One that certify did not make.
    Foreign,
    /// None of its own, but that of another folder names it.
    Covered,
    /// One that certify made.
    Ours(Life),
}

/// A certificate that certify made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// SHA-256 of the certificate, in hexadecimal.
    pub(super) leaf: String,
    /// The directory of the authority that issued it.
    pub(super) directory: String,
    pub(super) not_before: Seconds,
    pub(super) not_after: Seconds,
}

/// The next step for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Nothing, ever: somebody else takes care of the name.
    Leave,
    /// Nothing before this time; the certificate that is held is good until then.
    Keep { until: Seconds },
    /// Nothing before this time, though a certificate is due: the last tries were refused.
    Pause { until: Seconds },
    /// Nothing can be said: by this machine's clock the certificate is from the future.
    WrongClock,
    /// A certificate is ordered.
    Order { due: OrderReason, rehearse: bool },
}

/// Why a certificate is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderReason {
    Missing,
    /// The one that is held comes from an authority that is no longer named.
    OtherAuthority,
    /// The authority says so (RFC 9773).
    Suggested,
    /// The life that is left says so.
    Ending,
}

/// The next step for one name at `now`. `directories` are those of the named authorities.
pub(super) fn step(
    held: &CurrentCertificate,
    record: &RenewalRecord,
    directories: &[String],
    now: Seconds,
) -> NextStep {
    let due = match held {
        CurrentCertificate::Foreign | CurrentCertificate::Covered => return NextStep::Leave,
        CurrentCertificate::Nothing => OrderReason::Missing,
        CurrentCertificate::Ours(life) if now + CLOCK_TOLERANCE < life.not_before => {
            return NextStep::WrongClock;
        }
        CurrentCertificate::Ours(life) if !directories.contains(&life.directory) => {
            OrderReason::OtherAuthority
        }
        CurrentCertificate::Ours(life) => {
            let (at, due) = renewal(life, record);
            if now < at {
                return NextStep::Keep { until: at };
            }
            due
        }
    };
    match resume(record, now) {
        Some(until) => NextStep::Pause { until },
        None => NextStep::Order { due, rehearse: record.refusals > 0 },
    }
}

/// The time at which a certificate is due for renewal, and the reason. The authority's window
/// decides if it was told and is not later than is safe, else the life that is left.
fn renewal(life: &Life, record: &RenewalRecord) -> (Seconds, OrderReason) {
    let whole = life.not_after.saturating_sub(life.not_before);
    let left = if whole < SHORT_LIFE { whole / 2 } else { whole / 3 };
    let ending = life.not_after.saturating_sub(left);
    let window = record.window.as_ref().filter(|window| window.leaf == life.leaf);
    match window {
        Some(window) => {
            // A window that begins after half of the spare time has gone is not believed.
            let latest = life.not_after.saturating_sub(left / 2);
            let chosen = chosen(window.start, window.end, &life.leaf);
            (chosen.saturating_sub(RUN_INTERVAL).min(latest), OrderReason::Suggested)
        }
        None => (ending, OrderReason::Ending),
    }
}

/// A point in the window, drawn evenly: the hash of a certificate is as random as its serial
/// number, and the point stays the same from run to run.
fn chosen(start: Seconds, end: Seconds, leaf: &str) -> Seconds {
    let drawn = leaf.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    let width = u128::from(end.saturating_sub(start));
    let offset = (width * u128::from(drawn)) >> 32;
    start.saturating_add(u64::try_from(offset).unwrap_or(0))
}

/// The time at which a name whose last tries failed may be tried again; `None` if that is not later
/// than `now`.
///
/// A time that lies further ahead than the longest pause was written by a wrong clock.
fn resume(record: &RenewalRecord, now: Seconds) -> Option<Seconds> {
    let refusals = usize::try_from(record.refusals).unwrap_or(usize::MAX);
    let pause = PAUSES[refusals.min(PAUSES.len() - 1)];
    let failed = record.failure.as_ref().map_or(0, |failure| failure.at);
    let paused = (failed <= now).then_some(failed + pause);
    let asked = record.not_before.filter(|&until| until <= now + MAX_RETRY_AFTER);
    paused.max(asked).filter(|&until| until > now)
}

/// The longest time that an authority can keep a name waiting with Retry-After. Rate limits of a
/// week are in use.
pub(super) const MAX_RETRY_AFTER: Seconds = 8 * DAY;

#[cfg(test)]
mod tests {
    use super::super::renewal_record::{Failed, RenewalWindow};
    use super::*;

    /// When the tests take place.
    const NOW: Seconds = 21_000 * DAY;
    const AUTHORITY: &str = "https://ca.test/dir";

    fn ours(age: Seconds, left: Seconds) -> CurrentCertificate {
        CurrentCertificate::Ours(Life {
            leaf: "8000000000000000".into(),
            directory: AUTHORITY.into(),
            not_before: NOW - age,
            not_after: NOW + left,
        })
    }

    #[track_caller]
    fn check(held: &CurrentCertificate, record: &RenewalRecord, expected: &NextStep) {
        assert_eq!(step(held, record, &[AUTHORITY.into()], NOW), *expected, "{held:?} {record:?}");
    }

    fn order(due: OrderReason) -> NextStep {
        NextStep::Order { due, rehearse: false }
    }

    #[test]
    fn what_is_held_decides() {
        let table = [
            (CurrentCertificate::Nothing, order(OrderReason::Missing)),
            (CurrentCertificate::Foreign, NextStep::Leave),
            (CurrentCertificate::Covered, NextStep::Leave),
            // 90 days: due when 30 are left.
            (ours(59 * DAY, 31 * DAY), NextStep::Keep { until: NOW + DAY }),
            (ours(60 * DAY, 30 * DAY), order(OrderReason::Ending)),
            (ours(89 * DAY, DAY), order(OrderReason::Ending)),
            // 45 days: 15.
            (ours(29 * DAY, 16 * DAY), NextStep::Keep { until: NOW + DAY }),
            (ours(30 * DAY, 15 * DAY), order(OrderReason::Ending)),
            // 10 days are not short, less are.
            (ours(6 * DAY, 4 * DAY), NextStep::Keep { until: NOW + 4 * DAY - 10 * DAY / 3 }),
            (ours(2 * DAY, 4 * DAY), NextStep::Keep { until: NOW + DAY }),
            (ours(3 * DAY, 3 * DAY), order(OrderReason::Ending)),
            (ours(HOUR, 0), order(OrderReason::Ending)),
        ];
        for (held, expected) in table {
            check(&held, &RenewalRecord::default(), &expected);
        }
    }

    #[test]
    fn an_expired_certificate_is_due() {
        let CurrentCertificate::Ours(mut life) = ours(100 * DAY, 0) else { unreachable!() };
        life.not_after = NOW - 10 * DAY;
        check(
            &CurrentCertificate::Ours(life),
            &RenewalRecord::default(),
            &order(OrderReason::Ending),
        );
    }

    #[test]
    fn a_certificate_from_the_future_shows_a_wrong_clock() {
        let CurrentCertificate::Ours(mut life) = ours(0, 90 * DAY) else { unreachable!() };
        for (ahead, expected) in [
            (HOUR, NextStep::Keep { until: NOW + 60 * DAY + 1200 }),
            (2 * HOUR, NextStep::WrongClock),
        ] {
            life.not_before = NOW + ahead;
            check(&CurrentCertificate::Ours(life.clone()), &RenewalRecord::default(), &expected);
        }
    }

    #[test]
    fn a_certificate_of_an_authority_that_is_not_named_any_more_is_replaced() {
        let step =
            step(&ours(0, 90 * DAY), &RenewalRecord::default(), &["https://b.test".into()], NOW);
        assert_eq!(step, order(OrderReason::OtherAuthority));
    }

    #[test]
    fn the_authority_says_when() {
        let held = ours(10 * DAY, 80 * DAY);
        // The leaf draws the middle of the window.
        let table = [
            ((NOW - DAY, NOW - HOUR), order(OrderReason::Suggested)),
            // The middle comes before the next run.
            ((NOW, NOW + DAY), order(OrderReason::Suggested)),
            (
                (NOW + 4 * DAY, NOW + 6 * DAY),
                NextStep::Keep { until: NOW + 5 * DAY - RUN_INTERVAL },
            ),
            // Later than is safe: half of the last third.
            ((NOW + 500 * DAY, NOW + 600 * DAY), NextStep::Keep { until: NOW + 65 * DAY }),
            ((NOW + 2 * DAY, NOW), NextStep::Keep { until: NOW + 2 * DAY - RUN_INTERVAL }),
            ((u64::MAX, u64::MAX), NextStep::Keep { until: NOW + 65 * DAY }),
            ((0, u64::MAX), NextStep::Keep { until: NOW + 65 * DAY }),
        ];
        for ((start, end), expected) in table {
            let window = RenewalWindow { leaf: "8000000000000000".into(), start, end };
            let record = RenewalRecord { window: Some(window), ..RenewalRecord::default() };
            check(&held, &record, &expected);
        }
    }

    #[test]
    fn the_window_of_another_certificate_says_nothing() {
        let window = RenewalWindow { leaf: "ff".into(), start: NOW - DAY, end: NOW - HOUR };
        let record = RenewalRecord { window: Some(window), ..RenewalRecord::default() };
        check(&ours(10 * DAY, 80 * DAY), &record, &NextStep::Keep { until: NOW + 50 * DAY });
    }

    #[test]
    fn refusals_slow_it_down_to_once_a_day() {
        let failed = |at| Some(Failed { at, directory: None, reason: "no".into() });
        let retry = NextStep::Order { due: OrderReason::Missing, rehearse: true };
        let until = |until| NextStep::Pause { until };
        let table = [
            (0, NOW - 1, None, order(OrderReason::Missing)),
            (1, NOW - 1, None, retry.clone()),
            (2, NOW - 60, None, until(NOW + 9 * 60)),
            (2, NOW - 600, None, retry.clone()),
            (3, NOW - 60, None, until(NOW + 59 * 60)),
            (4, NOW, None, until(NOW + 6 * HOUR)),
            (5, NOW, None, until(NOW + DAY)),
            (500, NOW, None, until(NOW + DAY)),
            (500, NOW - DAY, None, retry.clone()),
            // The clock was wrong when this was written.
            (5, NOW + 300 * DAY, None, retry.clone()),
            // The authority asked for time.
            (1, NOW - 1, Some(NOW + HOUR), until(NOW + HOUR)),
            (1, NOW - 1, Some(NOW), retry.clone()),
            (1, NOW - 1, Some(NOW + 300 * DAY), retry.clone()),
            (1, NOW - 1, Some(u64::MAX), retry),
        ];
        for (refusals, at, not_before, expected) in table {
            let record = RenewalRecord { refusals, failure: failed(at), not_before, window: None };
            check(&CurrentCertificate::Nothing, &record, &expected);
        }
    }
}
