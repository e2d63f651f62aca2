//! Why there is no certificate: one line for the operator, and whose turn it is.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::plan::Seconds;

/// Why a certificate could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Something on this side, before an authority was asked for anything.
    Here(String),
    /// The authority could not be reached, or what it said makes no sense.
    Unreachable(String),
    /// The authority said no. Asking again costs: it counts refusals.
    Refused {
        reason: String,
        /// The time for which it wants to be left alone.
        retry_after: Option<Duration>,
    },
}

impl Failure {
    /// A file or folder that cannot be used.
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Here(format!("{}: {error}", path.display()))
    }

    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// The time before which the authority does not want to be asked again.
    pub(super) fn not_before(&self, now: Seconds) -> Option<Seconds> {
        match self {
            Self::Refused { retry_after: Some(wait), .. } => {
                Some(now.saturating_add(wait.as_secs()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(reason) | Self::Unreachable(reason) | Self::Refused { reason, .. } => {
                formatter.write_str(reason)
            }
        }
    }
}

impl StdError for Failure {}

/// The beginning of the kinds of problems that are the authority's own (RFC 8555 §6.7).
const ACME_PROBLEM: &str = "urn:ietf:params:acme:error:";

impl From<instant_acme::Error> for Failure {
    fn from(error: instant_acme::Error) -> Self {
        let instant_acme::Error::Api(problem) = &error else {
            return Self::Unreachable(chain(&error));
        };
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.strip_prefix(ACME_PROBLEM).unwrap_or(kind);
        let mut reason = problem.detail.clone().unwrap_or_default();
        for part in &problem.subproblems {
            if let Some(detail) = &part.detail {
                reason = format!("{reason}; {detail}");
            }
        }
        let reason = format!("the authority says: {reason} ({kind})");
        match (kind, problem.status) {
            ("serverInternal" | "badNonce", _) | (_, Some(500..)) => Self::Unreachable(reason),
            _ => Self::Refused { reason, retry_after: None },
        }
    }
}

/// An error and what it was caused by, in one line. Layers that only repeat the next one are left
/// out.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_the_authoritys_or_a_refusal() {
        let table = [
            (r#"{"type":"urn:ietf:params:acme:error:serverInternal"}"#, false),
            (r#"{"type":"urn:ietf:params:acme:error:badNonce"}"#, false),
            (r#"{"type":"x","status":503}"#, false),
            ("{}", true),
            (r#"{"type":"urn:ietf:params:acme:error:rateLimited","status":429}"#, true),
            (r#"{"type":"urn:ietf:params:acme:error:unauthorized","status":403}"#, true),
        ];
        for (json, refusal) in table {
            let problem: instant_acme::Problem = serde_json::from_str(json).unwrap();
            let failure = Failure::from(instant_acme::Error::Api(problem));
            assert_eq!(failure.is_refusal(), refusal, "{json}: {failure}");
        }
    }

    #[test]
    fn a_refusal_names_its_parts() {
        let json = r#"{"type":"urn:ietf:params:acme:error:malformed","detail":"Bad names",
            "subproblems":[{"detail":"no underscore"}]}"#;
        let problem: instant_acme::Problem = serde_json::from_str(json).unwrap();
        let told = Failure::from(instant_acme::Error::Api(problem)).to_string();
        assert_eq!(told, "the authority says: Bad names; no underscore (malformed)");
    }
}
