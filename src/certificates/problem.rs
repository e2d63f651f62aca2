//! Problems of certificates, in words for the person who can mend it.
//!
//! Every message is one line, and begins with the path that it is about.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::chain::Intermediate;
use super::pem::MAX_FILE_BYTES;

const SECONDS_PER_HOUR: u64 = 60 * 60;

/// Why the certificates were not loaded.
#[derive(Debug)]
pub struct PairError {
    path: PathBuf,
    problem: PairProblem,
}

/// Something that is served all the same, but that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    path: PathBuf,
    warning: Warning,
}

/// A reason why a pair cannot be served.
#[derive(Debug)]
pub(super) enum PairProblem {
    Unreadable(io::Error),
    /// A link leads to this place, which may be one that the sandbox does not know.
    OutOfReach(io::Error, PathBuf),
    /// One file of the pair is there and this one is not.
    Missing {
        beside: &'static str,
    },
    NotAFile,
    TooLarge,
    /// The PEM framing is broken.
    NotPem(&'static str),
    NoCertificate,
    BadCertificate(String),
    NoKey,
    EncryptedKey,
    UnsupportedKey,
    KeyMismatch,
    SameName {
        other: PathBuf,
    },
}

/// The subject of a [`Finding`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The folder's name is not a host name, so it was skipped.
    NotAHostName,
    /// The folder holds neither file, so it was skipped.
    NoPair,
    /// The certificate does not name the folder's domain: clients will refuse it.
    OtherName {
        /// The name that the certificate lacks.
        wanted: String,
    },
    /// The certificate has expired.
    Expired(SystemTime),
    /// The certificate is not valid before this time.
    NotYetValid(SystemTime),
    /// The certificate expires soon: its renewal is overdue.
    ExpiresSoon {
        /// The end of its validity.
        not_after: SystemTime,
        /// The time from now until then.
        left: Duration,
    },
    /// There is nothing but the server's own certificate, and this authority issued it.
    NoChain(Intermediate),
    /// The certificates are not in the order of the chain.
    WrongOrder,
    /// This many certificates are in the file twice, or have issued none of the others.
    NotOfTheChain(usize),
    /// The file begins with a byte order mark, or has one in the middle.
    ByteOrderMark,
    /// One section ends and the next begins in one line.
    JoinedSections,
}

impl PairProblem {
    /// A file or folder that cannot be read, behind links or not.
    pub(super) fn unreadable(path: &Path, error: io::Error) -> PairError {
        let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
        match path.canonicalize() {
            Ok(place) if is_denied && place != path => Self::OutOfReach(error, place),
            _ => Self::Unreadable(error),
        }
        .at(path)
    }

    pub(super) fn at(self, path: impl Into<PathBuf>) -> PairError {
        PairError { path: path.into(), problem: self }
    }
}

impl Warning {
    pub(super) fn at(self, path: impl Into<PathBuf>) -> Finding {
        Finding { path: path.into(), warning: self }
    }
}

impl Warning {
    /// True if clients or other programs will not take the pair as it is, so that a check has to
    /// fail.
    fn is_fault(&self) -> bool {
        !matches!(self, Self::NotAHostName | Self::NoPair)
    }
}

/// The time before the end of a certificate in which only a weekend is left for repairs.
pub(crate) const URGENT: Duration = Duration::from_hours(3 * 24);

impl Finding {
    /// True if visitors are turned away, or will be within three days.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        match &self.warning {
            Warning::Expired(_) => true,
            Warning::ExpiresSoon { left, .. } => *left < URGENT,
            _ => false,
        }
    }

    /// True if `--check` has to fail for it.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.warning.is_fault()
    }

    /// The file or folder it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The subject of the warning.
    #[must_use]
    pub fn warning(&self) -> &Warning {
        &self.warning
    }
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", OneLine(&self.path), self.problem)
    }
}

impl std::error::Error for PairError {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", OneLine(&self.path), self.warning)
    }
}

impl fmt::Display for PairProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PairProblem::Unreadable(error) => write!(f, "cannot be read: {error}"),
            PairProblem::OutOfReach(error, place) => write!(
                f,
                "leads to {}, which cannot be read: {error}; if that is a new place, only a \
                 restart lets the sandbox reach it (or keep it beside its place at the start)",
                OneLine(place)
            ),
            PairProblem::Missing { beside } => write!(f, "is missing, though {beside} is there"),
            PairProblem::NotAFile => f.write_str("is not a regular file"),
            PairProblem::TooLarge => {
                write!(f, "is larger than {} KiB, so it is no PEM file", MAX_FILE_BYTES / 1024)
            }
            PairProblem::NotPem(reason) => write!(f, "is not valid PEM: {reason}"),
            PairProblem::NoCertificate => f.write_str("holds no certificate in PEM form"),
            PairProblem::BadCertificate(reason) => {
                write!(f, "the certificate is unusable: {reason}")
            }
            PairProblem::NoKey => f.write_str("holds no private key in PEM form"),
            PairProblem::EncryptedKey => {
                f.write_str("the key is encrypted; it must be stored without a passphrase")
            }
            PairProblem::UnsupportedKey => f.write_str(
                "the key is damaged or of an unsupported kind (RSA, ECDSA P-256 or P-384, and \
                 Ed25519 work)",
            ),
            PairProblem::KeyMismatch => {
                f.write_str("the key does not belong to the certificate in cert.pem")
            }
            PairProblem::SameName { other } => {
                write!(f, "means the same name as {}: remove one", OneLine(other))
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::NotAHostName => f.write_str(
                "skipped: the folder's name is not a host name: rename it, or put a dot in front",
            ),
            Warning::NoPair => f.write_str("skipped: there is neither cert.pem nor key.pem"),
            Warning::OtherName { wanted } => {
                write!(f, "the certificate does not name {wanted}: clients will refuse it")
            }
            Warning::Expired(not_after) => {
                write!(f, "the certificate expired on {}", httpdate::fmt_http_date(*not_after))
            }
            Warning::NotYetValid(not_before) => {
                let date = httpdate::fmt_http_date(*not_before);
                write!(f, "the certificate is not valid before {date}")
            }
            Warning::ExpiresSoon { not_after, left } => {
                let date = httpdate::fmt_http_date(*not_after);
                // Two whole days at least: one day and a bit is told in hours.
                match left.as_secs() / SECONDS_PER_HOUR {
                    hours @ 0..48 => {
                        write!(f, "the certificate expires on {date}, in {hours} hours")
                    }
                    hours => write!(f, "the certificate expires on {date}, in {} days", hours / 24),
                }
            }
            Warning::NoChain(Intermediate { name, address: Some(address) }) => write!(
                f,
                "the certificate is without its chain: its issuer \"{name}\" is for clients to \
                 fetch at {address}, which most do not; append that certificate in PEM form, or \
                 use fullchain.pem"
            ),
            Warning::NoChain(Intermediate { name, address: None }) => write!(
                f,
                "the certificate is without its chain: its issuer \"{name}\" is of a public \
                 authority, whose roots sign no certificates of servers; append that of the \
                 issuer, or use fullchain.pem"
            ),
            Warning::WrongOrder => f.write_str(
                "the chain is in the wrong order, and served in the right one: the server's own \
                 certificate comes first, then that of its issuer, and so on",
            ),
            Warning::NotOfTheChain(count) => {
                write!(
                    f,
                    "certificates that do not belong to the chain, or twice: {count}, not sent"
                )
            }
            Warning::JoinedSections => f.write_str(
                "two sections meet in one line, and other programs see only the first: put a line \
                 break before the second `-----BEGIN`",
            ),
            Warning::ByteOrderMark => f.write_str(
                "holds a byte order mark, which other programs stumble over: save it as UTF-8 \
                 without BOM",
            ),
        }
    }
}

/// A path as text that cannot break a line or drive a terminal: any user who may create a
/// folder chooses its name.
struct OneLine<'a>(&'a Path);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string_lossy().chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}
