//! `--check`: what would be served, without serving it.

use std::fmt::Write;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::time::SystemTime;

use crate::certificates::{Certificates, FolderName, URGENT};
use crate::command::config::Config;
use crate::command::review::{self, Weight};
use crate::log::one_line;
use crate::process::clock::Tick;
use crate::process::secret::{Secret, SecretError};
use crate::semantics::date;
use crate::server::state::snapshot::{Snapshot, SnapshotError};
use crate::site::{Answering, Background};

const SECONDS_PER_HOUR: u64 = 60 * 60;

/// The sites and certificates that would be served.
#[derive(Debug)]
pub struct Checked {
    /// A line for each site and each certificate, then one for each thing that is odd.
    pub report: String,
    /// A line for each thing that keeps visitors away, or soon will.
    pub faults: Vec<String>,
}

/// Loads everything as a start would, and says what was found.
///
/// # Errors
/// The first thing that would keep the server from starting.
pub fn run(config: &Config) -> Result<Checked, CheckError> {
    let now = SystemTime::now();
    let background = Background::start().map_err(CheckError::System)?;
    let sources = &config.setup.sources;
    let (snapshot, mut warnings) = Snapshot::load(sources, background).map_err(CheckError::Load)?;
    sources.state.as_deref().map_or(Ok(()), Secret::check).map_err(CheckError::Secret)?;
    let mut report = String::new();
    for site in snapshot.sites.all() {
        let (name, folder) = (site.name(), site.root().path());
        let files = files_beneath(folder);
        line(&mut report, format_args!("site {name} {} {files} files", folder.display()));
    }
    for certificate in snapshot.certificates.iter() {
        let expiry = date::format(certificate.not_after());
        let expiry = expiry.to_str().unwrap_or_default();
        let names = certificate.names().join(", ");
        let folder = certificate.folder().display();
        let expired = if certificate.not_after() < now { " (expired)" } else { "" };
        let text = format_args!("certificate {folder} for {names} until {expiry}{expired}");
        line(&mut report, text);
    }
    let (told, errors) = rules(&snapshot);
    report.push_str(&told);
    if sources.tls.is_some() {
        warnings.extend(out_of_reach(&snapshot, &config.setup.addresses));
    }
    for warning in warnings {
        line(&mut report, format_args!("warning {warning}"));
    }
    let mut faults: Vec<String> =
        snapshot.sites.unreadable().iter().map(ToString::to_string).collect();
    let findings = snapshot.certificates.findings(now);
    faults.extend(findings.iter().filter(|finding| finding.is_fault()).map(ToString::to_string));
    faults.extend(errors);
    if faults.is_empty() {
        faults.extend(ends_at_once(&snapshot.certificates, now));
    }
    Ok(Checked { report, faults })
}

/// The findings about the rules of each site: those to read, and those to mend.
fn rules(snapshot: &Snapshot) -> (String, Vec<String>) {
    let (mut told, mut errors) = (String::new(), Vec::new());
    for site in snapshot.sites.all() {
        let Some(root) = site.root().current(Tick::now()) else { continue };
        let folder = site.root().path();
        for finding in review::site(&root, folder, site.name()) {
            let text = finding.told(folder.display());
            match finding.kind {
                Weight::Error => errors.push(text),
                _ => line(&mut told, format_args!("{text}")),
            }
        }
    }
    (told, errors)
}

/// Sites without a certificate, certificates without a site, and those of an address that nobody
/// connects to.
fn out_of_reach(snapshot: &Snapshot, listening: &[IpAddr]) -> Vec<String> {
    let Snapshot { sites, certificates, .. } = snapshot;
    let mut lines = Vec::new();
    for certificate in certificates.iter() {
        let folder = certificate.folder().display();
        if let Some(address) = certificate.name().address()
            && !is_ours(address, listening)
        {
            lines.push(format!(
                "{folder}: {address} is not listened on, so only clients that send it as a server name \
                 get this certificate, and they are few"
            ));
        }
    }
    if sites.is_single() {
        return lines;
    }
    for site in sites.all() {
        // Any name beneath a wildcard is as good as another.
        let name = site.name();
        let asked = name.strip_prefix("*.").map(|parent| format!("any.{parent}"));
        if certificates.resolve(asked.as_deref().unwrap_or(name)).is_none() {
            lines.push(format!("{name}: no certificate is for it, so HTTPS does not reach it"));
        }
    }
    for certificate in certificates.iter() {
        if let FolderName::Host(host) = certificate.name()
            && matches!(sites.answering(host), Answering::Nobody)
        {
            let folder = certificate.folder().display();
            lines.push(format!("{folder}: there is no site for it"));
        }
    }
    lines
}

/// True if connections to `address` come here: it is this machine's, and listened on.
fn is_ours(address: IpAddr, listening: &[IpAddr]) -> bool {
    let listened = listening.is_empty() || listening.iter().any(IpAddr::is_unspecified);
    // Only an address of this machine can be bound. No packet leaves, and the port is any free one.
    (listened || listening.contains(&address)) && UdpSocket::bind((address, 0)).is_ok()
}

/// The certificate that ends first, in a line, if less than [`URGENT`] is left of it.
fn ends_at_once(certificates: &Certificates, now: SystemTime) -> Option<String> {
    let first = certificates.iter().min_by_key(|certificate| certificate.not_after())?;
    let folder = first.folder().display();
    let end = httpdate::fmt_http_date(first.not_after());
    let left = first.not_after().duration_since(now).ok().filter(|left| *left < URGENT)?;
    let hours = left.as_secs() / SECONDS_PER_HOUR;
    Some(format!("{folder}: the certificate ends in {hours} hours, on {end}: renew it"))
}

/// The number of files that are not hidden; folders that cannot be read count as empty.
fn files_beneath(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let mut files = 0;
    for entry in entries.flatten() {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        match entry.file_type() {
            Ok(kind) if hidden || kind.is_symlink() && !entry.path().is_file() => {}
            Ok(kind) if kind.is_dir() => files += files_beneath(&entry.path()),
            Ok(_) => files += 1,
            Err(_) => {}
        }
    }
    files
}

fn line(report: &mut String, text: std::fmt::Arguments<'_>) {
    // Names come from certificates and folders, and may hold what moves a cursor.
    writeln!(report, "{}", one_line(&text.to_string())).expect("a string takes every line");
}

/// Why there is nothing that could be served: one line.
#[derive(Debug)]
pub enum CheckError {
    /// Something cannot be served.
    Load(SnapshotError),
    /// The secret in the state folder cannot be used.
    Secret(SecretError),
    /// The system refuses a thread.
    System(std::io::Error),
}

impl std::fmt::Display for CheckError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => error.fmt(formatter),
            Self::Secret(error) => error.fmt(formatter),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for CheckError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::fixtures::{P256_SEC1, certificate_valid, folder, now};

    #[test]
    fn the_certificate_that_ends_first_has_three_days_left_or_is_named() {
        let table = [
            ((-10, 90), None),
            ((-10, 3), None),
            ((-10, 2), Some("ends in 48 hours, on ")),
            ((-10, 0), Some("ends in 0 hours, on ")),
        ];
        for (days, expected) in table {
            let fine = certificate_valid(P256_SEC1, &["a.test"], (-10, 90));
            let tried = certificate_valid(P256_SEC1, &["b.test"], days);
            let pairs = folder(&[
                ("a.test/cert.pem", fine.as_str()),
                ("a.test/key.pem", P256_SEC1),
                ("b.test/cert.pem", tried.as_str()),
                ("b.test/key.pem", P256_SEC1),
            ]);
            let certificates = Certificates::load(pairs.path(), now()).unwrap().0;
            let told = ends_at_once(&certificates, now());
            match expected {
                Some(part) => {
                    let told = told.unwrap();
                    assert!(told.contains(part) && told.contains("b.test: "), "{days:?}: {told}");
                }
                None => assert_eq!(told, None, "{days:?}"),
            }
        }
    }
}
