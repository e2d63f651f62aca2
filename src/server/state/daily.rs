//! A look at the certificates once a day: one that nobody renews ends while the server runs, and the
//! warnings of the start are long forgotten by then.

use std::sync::Weak;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use super::reload::Summary;
use super::snapshot::Live;
use crate::certificates::Finding;
use crate::process::notify::Notifier;

/// The time between two looks: often enough to be seen in time, and too seldom to be taken for
/// noise.
const EVERY: Duration = Duration::from_hours(24);

/// Starts the looks, which end with what is served. The service manager is told the days that are
/// left, too.
pub fn start(live: Weak<Live>, notifier: Notifier) {
    let findings = move || {
        let live = live.upgrade()?;
        let snapshot = live.load();
        notifier.ready(&Summary::of(&snapshot));
        Some(snapshot.certificates.findings(SystemTime::now()))
    };
    tokio::spawn(look(EVERY, findings, |finding| {
        if finding.is_urgent() {
            tracing::error!("{finding}");
        } else {
            tracing::warn!("{finding}");
        }
    }));
}

/// Tells each day, `every` so often, what there is to tell, until there is nobody to ask.
async fn look(
    every: Duration,
    findings: impl Fn() -> Option<Vec<Finding>>,
    tell: impl Fn(&Finding),
) {
    let mut days = interval(every);
    days.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first day has been told at the start.
    days.tick().await;
    loop {
        days.tick().await;
        let Some(findings) = findings() else { return };
        findings.iter().for_each(&tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use crate::certificates::Certificates;
    use crate::certificates::fixtures::{DAY, P256_SEC1, certificate_valid, folder, now};

    #[tokio::test]
    async fn each_day_tells_what_it_finds() {
        let pem = certificate_valid(P256_SEC1, &["a.test"], (-60, 15));
        let pair = folder(&[("a.test/cert.pem", pem.as_str()), ("a.test/key.pem", P256_SEC1)]);
        let (set, findings) = Certificates::load(pair.path(), now()).unwrap();
        assert!(findings.is_empty(), "the day of the start: {findings:?}");
        let day = AtomicU32::new(0);
        let (told, lines) = mpsc::channel();
        let looks = look(
            Duration::from_millis(1),
            || {
                let day = day.fetch_add(1, Ordering::Relaxed) + 1;
                (day <= 3).then(|| set.findings(now() + day * DAY))
            },
            |finding| told.send(finding.to_string()).unwrap(),
        );
        looks.await;
        let lines: Vec<String> = lines.try_iter().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let urgent = |days| set.findings(now() + days * DAY).iter().any(Finding::is_urgent);
        assert_eq!([1, 11, 12, 13, 15, 16].map(urgent), [false, false, false, true, true, true]);
        for (line, days) in lines.iter().zip(["in 13 days", "in 12 days"]) {
            assert!(line.contains("a.test/cert.pem") && line.ends_with(days), "{line}");
        }
    }
}
