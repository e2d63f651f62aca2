//! `--check`: what would be served, without serving it.

use std::fmt::Write;
use std::path::Path;
use std::time::SystemTime;

use crate::command::config::Config;
use crate::log::one_line;
use crate::semantics::date;
use crate::server::state::snapshot::{LoadError, Snapshot};
use crate::site::Background;

/// Loads everything as a start would, and says what was found: a line for each site and each
/// certificate, then one for each thing that is odd.
///
/// # Errors
/// The first thing that would keep the server from starting.
pub fn run(config: &Config) -> Result<String, CheckError> {
    let background = Background::start().map_err(CheckError::System)?;
    let (snapshot, warnings) =
        Snapshot::load(&config.setup.sources, background).map_err(CheckError::Load)?;
    if let Some(error) = snapshot.sites.unreadable().first() {
        return Err(CheckError::Load(LoadError::Sites(error.clone())));
    }
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
        let expired = if certificate.not_after() < SystemTime::now() { " (expired)" } else { "" };
        let text = format_args!("certificate {folder} for {names} until {expiry}{expired}");
        line(&mut report, text);
    }
    for warning in warnings {
        line(&mut report, format_args!("warning {warning}"));
    }
    Ok(report)
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
    Load(LoadError),
    /// The system refuses a thread.
    System(std::io::Error),
}

impl std::fmt::Display for CheckError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => error.fmt(formatter),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for CheckError {}
