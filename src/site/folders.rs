//! Which folders are sites, and of which host.

use std::fs;
use std::path::{Path, PathBuf};

use super::SitesError;
use crate::semantics::host;

/// The beginning of the name of a site for all hosts of a domain that have no site of their own.
pub(super) const WILDCARD: &str = "*.";

/// The same in the name of a folder, where a star is awkward.
const WILDCARD_FOLDER: &str = "_wildcard.";

/// A host, and the folder that is its site.
type Named = (Box<str>, PathBuf);

/// The folders of sites, each with its host, and what was skipped, one line each.
pub(super) fn of_sites(folder: &Path) -> Result<(Vec<Named>, Vec<String>), SitesError> {
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for path in folders(folder)? {
        match site_name(&path) {
            Ok(Some(name)) => found.push((name, path)),
            Ok(None) => {}
            Err(warning) => warnings.push(warning),
        }
    }
    Ok((found, warnings))
}

/// The entries of a folder, sorted, so that messages come in the same order each time.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, SitesError> {
    let entries = fs::read_dir(folder).map_err(|error| SitesError::new(folder, &error))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| SitesError::new(folder, &error))?;
    paths.sort();
    Ok(paths)
}

/// The host that a folder is the site of. `None` for what is not meant as a site: plain files and
/// names that begin with a dot.
///
/// # Errors
/// The reason why the name is that of no host.
pub fn site_name(path: &Path) -> Result<Option<Box<str>>, String> {
    let name = path.file_name().unwrap_or_default();
    let is_folder = path.is_dir() || path.is_symlink() && !path.exists();
    if name.as_encoded_bytes().starts_with(b".") || !is_folder {
        return Ok(None);
    }
    let wildcard = |name: &str| {
        let domain = name.strip_prefix(WILDCARD_FOLDER).or_else(|| name.strip_prefix(WILDCARD))?;
        host::normal_form(domain).ok().map(|domain| format!("{WILDCARD}{domain}").into())
    };
    if let Some(name) = name.to_str().and_then(wildcard) {
        return Ok(Some(name));
    }
    let reason = match name.to_str().map(host::normal_form) {
        Some(Ok(name)) => return Ok(Some(name.into())),
        Some(Err(error)) => error.to_string(),
        None => "is not UTF-8".to_owned(),
    };
    Err(format!("{}: skipped, not a host name: {reason}", path.display()))
}
