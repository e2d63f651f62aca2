//! How far a certificate is in its life, at any moment.

use std::time::{Duration, SystemTime};

/// The time before its end from which on a certificate is worth a warning. ACME clients renew a
/// 90-day certificate 30 days before, so two weeks of failed attempts have gone by.
const RENEWAL_OVERDUE: Duration = Duration::from_hours(14 * 24);

/// A certificate with no longer life than this is always near its end. Public authorities call those
/// of up to ten days short-lived.
const SHORT_LIFE: Duration = Duration::from_hours(10 * 24);

/// A short-lived certificate is overdue in the last third of its life, the point where ACME clients
/// have already renewed it.
const RENEWAL_OVERDUE_SHARE: u32 = 3;

/// The time that a certificate is valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment at which it is valid.
    pub not_before: SystemTime,
    /// The last moment at which it is valid.
    pub not_after: SystemTime,
}

/// The state of a certificate at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeliness {
    /// Its time has not come.
    NotYetValid,
    /// It is valid for this long, and its renewal is not overdue.
    Valid(Duration),
    /// It is valid for this long, and should have been renewed.
    EndsSoon(Duration),
    /// Its time is over.
    Expired,
}

impl Validity {
    /// The state at `now`.
    #[must_use]
    pub fn state(self, now: SystemTime) -> Timeliness {
        if now < self.not_before {
            return Timeliness::NotYetValid;
        }
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        let overdue =
            if life <= SHORT_LIFE { life / RENEWAL_OVERDUE_SHARE } else { RENEWAL_OVERDUE };
        match self.not_after.duration_since(now) {
            Err(_) => Timeliness::Expired,
            Ok(left) if left < overdue => Timeliness::EndsSoon(left),
            Ok(left) => Timeliness::Valid(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_overdue_two_weeks_before_its_end_or_in_the_last_third_of_a_short_life() {
        let day = Duration::from_hours(24);
        let at = |days: u32| SystemTime::UNIX_EPOCH + 20_000 * day + days * day;
        let table = [
            ((10, 100), 9, Timeliness::NotYetValid),
            ((10, 100), 10, Timeliness::Valid(90 * day)),
            ((10, 100), 86, Timeliness::Valid(14 * day)),
            ((10, 100), 87, Timeliness::EndsSoon(13 * day)),
            ((10, 100), 100, Timeliness::EndsSoon(Duration::ZERO)),
            ((10, 100), 101, Timeliness::Expired),
            ((10, 16), 14, Timeliness::Valid(2 * day)),
            ((10, 16), 15, Timeliness::EndsSoon(day)),
            ((10, 20), 16, Timeliness::Valid(4 * day)),
            ((10, 20), 17, Timeliness::EndsSoon(3 * day)),
            ((10, 21), 11, Timeliness::EndsSoon(10 * day)),
            ((10, 410), 397, Timeliness::EndsSoon(13 * day)),
            ((10, 10), 10, Timeliness::Valid(Duration::ZERO)),
            ((10, 5), 12, Timeliness::Expired),
        ];
        for ((begin, end), now, expected) in table {
            let validity = Validity { not_before: at(begin), not_after: at(end) };
            assert_eq!(validity.state(at(now)), expected, "{begin} to {end}, on {now}");
        }
    }
}
