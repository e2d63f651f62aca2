//! Keys stay away from sites: whatever lies beneath a site can be asked for by anybody.
//!
//! A link out of a site is never followed, so a key can only be had through a site that it lies
//! in. Folders are compared where they really are, behind all links.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::certificates::Certificates;
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

/// Checks that no key lies beneath a site, and no site among the keys in the folder `tls`.
///
/// # Errors
/// The first pair of folders that do not go together.
pub fn check(sites: &Sites, certificates: &Certificates, tls: &Path) -> Result<(), Exposed> {
    let sites: Vec<PathBuf> = sites.all().iter().map(|site| real(site.root().path())).collect();
    let mut keys = vec![real(tls)];
    for certificate in certificates.iter() {
        keys.push(real(certificate.folder()));
        keys.push(real(&certificate.folder().join(KEY_FILE)));
    }
    apart(&sites, &keys)
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
