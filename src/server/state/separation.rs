//! Keys stay away from sites: whatever lies beneath a site can be asked for by anybody.
//!
//! A link out of a site is never followed, so a key can only be had through a site that it lies
//! in. Folders are compared where they really are, behind all links.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::snapshot::Sources;
use crate::certificates::Certificates;
use crate::process::secret::SECRET_FILE;
use crate::site::Sites;

/// The key of a pair.
const KEY_FILE: &str = "key.pem";

/// A folder of keys and a folder that is served lie one in the other.
#[derive(Debug)]
pub struct Exposed {
    keys: PathBuf,
    site: PathBuf,
}

impl fmt::Display for Exposed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (keys, site) = (self.keys.display(), self.site.display());
        write!(formatter, "{keys}: its keys could be read through the site {site}, move one away")
    }
}

impl std::error::Error for Exposed {}

/// Checks that no key and no secret lies beneath a site, and no site among them.
///
/// # Errors
/// The first pair of folders that do not go together.
pub fn check(sites: &Sites, certificates: &Certificates, sources: &Sources) -> Result<(), Exposed> {
    if sources.tls.is_none() && sources.state.is_none() {
        return Ok(());
    }
    let mut links = Links::default();
    let sites: Vec<PathBuf> =
        sites.all().iter().map(|site| links.real(site.root().path())).collect();
    let mut keys: Vec<PathBuf> =
        [&sources.tls, &sources.state].into_iter().flatten().map(|folder| real(folder)).collect();
    if let Some(state) = &sources.state {
        keys.push(real(&state.join(SECRET_FILE)));
    }
    for certificate in certificates.iter() {
        keys.push(links.real(certificate.folder()));
        let key = certificate.folder().join(KEY_FILE);
        // One that is no link lies in the folder.
        if key.is_symlink() {
            keys.push(real(&key));
        }
    }
    apart(&sites, &keys)
}

/// Follows the links of paths that mostly lie in one folder, whose own links are followed once.
#[derive(Default)]
struct Links {
    /// The folder of the last path, and where it leads.
    folder: Option<(PathBuf, PathBuf)>,
}

impl Links {
    fn real(&mut self, path: &Path) -> PathBuf {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return real(path);
        };
        if folder.as_os_str().is_empty() || path.is_symlink() {
            return real(path);
        }
        match &self.folder {
            Some((known, leads_to)) if known == folder => leads_to.join(name),
            _ => {
                let leads_to = real(folder);
                let path = leads_to.join(name);
                self.folder = Some((folder.to_owned(), leads_to));
                path
            }
        }
    }
}

fn apart(sites: &[PathBuf], keys: &[PathBuf]) -> Result<(), Exposed> {
    within(keys, sites)
        .or_else(|| within(sites, keys).map(|(site, keys)| (keys, site)))
        .map_or(Ok(()), |(keys, site)| {
            Err(Exposed { keys: keys.to_owned(), site: site.to_owned() })
        })
}

/// The first of `inner` that is in one of `outer`, or the same.
fn within<'a>(inner: &'a [PathBuf], outer: &[PathBuf]) -> Option<(&'a Path, &'a Path)> {
    let outer: HashSet<&Path> = outer.iter().map(PathBuf::as_path).collect();
    inner.iter().find_map(|path| {
        path.ancestors().find(|above| outer.contains(above)).map(|above| (path.as_path(), above))
    })
}

/// The place that a path leads to; one that leads nowhere has nothing to give away.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_wherever_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("one/site")).unwrap();
        std::fs::create_dir(folder.join("two")).unwrap();
        symlink("one", folder.join("link")).unwrap();
        symlink("../one/site", folder.join("two/site")).unwrap();
        symlink("nowhere", folder.join("two/dangling")).unwrap();
        let table = [
            ("one/site", "one/site"),
            ("link/site", "one/site"),
            ("two/site", "one/site"),
            ("two", "two"),
            ("two/other", "two/other"),
            ("two/dangling", "two/dangling"),
            ("link/../two/site", "one/site"),
            ("link/..", ""),
        ];
        let mut links = Links::default();
        for (path, expected) in table {
            assert_eq!(links.real(&folder.join(path)), folder.join(expected), "{path}");
        }
        assert_eq!(links.real("/".as_ref()), Path::new("/"));
        assert_eq!(links.real("relative".as_ref()), Path::new("relative"));
    }

    #[test]
    fn keys_and_sites_lie_apart() {
        let table: [(&[&str], &[&str], bool); 8] = [
            (&["/s/a", "/s/b"], &["/t", "/t/a", "/t/a/key.pem"], true),
            (&["/s/a"], &["/s/.tls", "/s/.tls/a"], true),
            (&["/s/a"], &["/s/ab"], true),
            (&["/s/tls"], &["/s/tls"], false),
            (&["/s/a"], &["/s/a/tls"], false),
            (&["/t/a"], &["/t"], false),
            (&["/s/a"], &["/t", "/s/a/private/key.pem"], false),
            (&["/"], &["/t"], false),
        ];
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        for (sites, keys, expected) in table {
            assert_eq!(apart(&paths(sites), &paths(keys)).is_ok(), expected, "{sites:?} {keys:?}");
        }
    }
}
