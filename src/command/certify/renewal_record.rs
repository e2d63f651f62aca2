//! The memory of a name between two runs: `<state>/names/<name>.json`.
//!
//! ```json
//! {"refusals": 2,
//!  "failure": {"at": 1795780000, "directory": "https://…", "reason": "…"},
//!  "not_before": 1795783600,
//!  "window": {"leaf": "9f86…", "start": 1800000000, "end": 1800100000}}
//! ```
//!
//! Every field may be missing, and a file that cannot be read counts as empty: what is lost is the
//! pause before the next try. Whether certify made a certificate is written beside the certificate
//! (`installation`), so that it can't get lost with the state.

use serde::{Deserialize, Serialize};

use super::plan::Seconds;

/// The memory of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RenewalRecord {
    /// Refusals by an authority since the last certificate.
    pub(super) refusals: u32,
    /// The last failure since the last certificate, of any kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Failed>,
    /// The earliest time at which the authority wants to be asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<Seconds>,
    /// The time in which the authority wants the certificate to be renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<RenewalWindow>,
}

/// A failure: when, at which authority, and why, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    pub(super) at: Seconds,
    /// `None` if no authority was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<String>,
    pub(super) reason: String,
}

/// The window that an authority suggests for the renewal of one certificate (RFC 9773 §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RenewalWindow {
    /// SHA-256 of that certificate, in hexadecimal.
    pub(super) leaf: String,
    pub(super) start: Seconds,
    pub(super) end: Seconds,
}

impl RenewalRecord {
    /// Reads a record; what cannot be read counts as nothing.
    pub(super) fn parse(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// The record as it is kept.
    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and strings are JSON")
    }

    /// True if there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = RenewalRecord {
            refusals: 2,
            failure: Some(Failed { at: 1, directory: None, reason: "\"no\"\n".into() }),
            not_before: Some(2),
            window: Some(RenewalWindow { leaf: "ab".into(), start: 3, end: 4 }),
        };
        assert_eq!(RenewalRecord::parse(&record.text()), record);
        assert_eq!(
            RenewalRecord::parse(&RenewalRecord::default().text()),
            RenewalRecord::default()
        );
    }

    #[test]
    fn what_cannot_be_read_counts_as_nothing() {
        let table: [&[u8]; 6] =
            [b"", b"{", b"[]", b"{\"refusals\": -1}", b"{\"failure\": 3}", b"\xff"];
        for text in table {
            assert!(RenewalRecord::parse(text).is_empty(), "{text:?}");
        }
        assert_eq!(RenewalRecord::parse(b"{\"refusals\": 3, \"later\": 1}").refusals, 3);
    }
}
