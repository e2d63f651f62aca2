//! Renewal of a set of certificates by itself: pairs that have changed are loaded, the others are
//! kept as they are. A pair that cannot be served leaves the one before it in force, and holds up no
//! other.

use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::problem::{Finding, PairError, Warning};
use super::{CERTIFICATE_FILE, Certificate, Certificates, FolderName, KEY_FILE, Listed, list};
use crate::process::stamp::Stamp;

/// The files of a pair as they were just before they were read, whatever came of that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    folder: PathBuf,
    certificate: Option<Stamp>,
    key: Option<Stamp>,
}

/// One file of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFile {
    /// The certificate with its chain.
    Certificate,
    /// The private key that belongs to the certificate.
    Key,
}

/// The next set of certificates.
#[derive(Debug)]
pub struct Renewal {
    /// The certificates that are served.
    pub certificates: Certificates,
    /// Findings about pairs that are served all the same.
    pub findings: Vec<Finding>,
    /// Errors of pairs that have changed and cannot be served. The pair before goes on, if there
    /// was one.
    pub failures: Vec<PairError>,
}

impl Seen {
    /// Looks at the files of the pair in `folder`.
    #[must_use]
    pub fn look(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            certificate: Stamp::of(&folder.join(CERTIFICATE_FILE)),
            key: Stamp::of(&folder.join(KEY_FILE)),
        }
    }

    /// True if a file is not as it was. `among` is the folder that the folder of the pair is in.
    #[must_use]
    pub fn differs(&self, file: PairFile, among: impl AsFd) -> bool {
        let Some(folder) = self.folder.file_name() else { return false };
        let (file, seen) = match file {
            PairFile::Certificate => (CERTIFICATE_FILE, self.certificate),
            PairFile::Key => (KEY_FILE, self.key),
        };
        let path = [folder.as_bytes(), b"/", file.as_bytes()].concat();
        Stamp::beneath(among, &path) != seen
    }

    /// True if both files are there and nothing has changed for so long a time before `now`.
    #[must_use]
    pub fn has_settled(&self, time: Duration, now: SystemTime) -> bool {
        let has_settled = |file: &Stamp| file.has_settled(time, now);
        self.certificate.as_ref().is_some_and(has_settled)
            && self.key.as_ref().is_some_and(has_settled)
    }

    /// The folder of the pair.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Certificates {
    /// The stamp of the folder before it was listed; `None` without a folder.
    #[must_use]
    pub fn listed(&self) -> Option<Stamp> {
        self.listed
    }

    /// Every pair as it was before it was read, in the order of folders.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Loads what has changed in `folder` since this set was loaded, judged as of `now`.
    ///
    /// # Errors
    /// When `folder` cannot be listed.
    pub fn renew(&self, folder: &Path, now: SystemTime) -> Result<Renewal, PairError> {
        let certificates = Certificates { listed: Stamp::of(folder), ..Certificates::default() };
        let mut renewal = Renewal { certificates, findings: Vec::new(), failures: Vec::new() };
        let mut named = list(folder, &mut renewal.findings)?;
        // Of two folders for one name, the one that is served goes on.
        named.sort_by_key(|listed| !self.serves(listed));
        for listed in named {
            self.take(listed, &mut renewal);
        }
        renewal.certificates.seen.sort_by(|one, other| one.folder.cmp(&other.folder));
        renewal.findings.extend(renewal.certificates.findings(now));
        renewal.findings.sort_by(|one, other| one.path().cmp(other.path()));
        Ok(renewal)
    }

    fn take(&self, listed: Listed, renewal: &mut Renewal) {
        let seen = Seen::look(&listed.path);
        let is_known = self.seen.binary_search_by(|it| it.folder.cmp(&seen.folder));
        let is_known = is_known.is_ok_and(|at| self.seen[at] == seen);
        renewal.certificates.seen.push(seen);
        let (kept, path) = (self.named(&listed.name), listed.path.clone());
        let loaded = match kept {
            Some(kept) if is_known && self.serves(&listed) => Ok(Some(kept.clone())),
            _ => listed.load(),
        };
        let inserted = match loaded {
            Ok(Some(certificate)) => renewal.certificates.insert(certificate),
            Ok(None) => {
                renewal.findings.push(Warning::NoPair.at(path));
                Ok(())
            }
            Err(error) => Err(error),
        };
        let Err(error) = inserted else { return };
        if !is_known {
            renewal.failures.push(error);
        }
        if let Some(kept) = kept
            && renewal.certificates.named(kept.name()).is_none()
        {
            let inserted = renewal.certificates.insert(kept.clone());
            inserted.expect("there is none of this name");
        }
    }

    /// True if the certificate of a folder's name is the one in that folder.
    fn serves(&self, listed: &Listed) -> bool {
        self.named(&listed.name).is_some_and(|it| it.folder() == listed.path)
    }

    /// The certificate in the folder of a name.
    fn named(&self, name: &FolderName) -> Option<&Certificate> {
        match name {
            FolderName::Host(host) => self.exact.get(host),
            FolderName::WildcardOf(parent) => self.wildcard.get(parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{P256_SEC1, certificate, folder, now};
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A set of `a.test` and `b.test`, and where it is.
    fn set() -> (tempfile::TempDir, Certificates) {
        let pair = certificate(P256_SEC1, &["a.test"]);
        let files = ["a.test", "b.test"].map(|name| {
            [
                (format!("{name}/cert.pem"), pair.clone()),
                (format!("{name}/key.pem"), P256_SEC1.into()),
            ]
        });
        let files: Vec<_> = files.iter().flatten().map(|(path, text)| (&**path, text)).collect();
        let folder = folder(&files);
        let certificates = Certificates::load(folder.path(), now()).unwrap().0;
        (folder, certificates)
    }

    /// Which names are served, with a star where the chain is another one than before.
    fn served(before: &Certificates, after: &Certificates) -> String {
        let told = after.iter().map(|one| {
            let old = before.named(one.name());
            let is_new = old.is_none_or(|old| old.key().cert != one.key().cert);
            format!("{}{}", one.name(), if is_new { "*" } else { "" })
        });
        told.collect::<Vec<_>>().join(" ")
    }

    /// Changes the folder, renews, and renews once more: nothing is told twice.
    #[track_caller]
    fn check(change: impl FnOnce(&Path), names: &str, failures: &[&str]) {
        let (folder, before) = set();
        change(folder.path());
        let renewal = before.renew(folder.path(), now()).unwrap();
        assert_eq!(served(&before, &renewal.certificates), names);
        assert_eq!(renewal.failures.len(), failures.len(), "{:?}", renewal.failures);
        for (failure, expected) in renewal.failures.iter().zip(failures) {
            assert!(failure.to_string().contains(expected), "{failure}");
        }
        let again = renewal.certificates.renew(folder.path(), now()).unwrap();
        assert_eq!(served(&before, &again.certificates), names);
        assert_eq!(again.failures.len(), 0, "{:?}", again.failures);
    }

    fn write(folder: &Path, name: &str, names: &[&str]) {
        let pair = folder.join(name);
        fs::create_dir_all(&pair).unwrap();
        fs::write(pair.join("cert.pem"), certificate(P256_SEC1, names)).unwrap();
        fs::write(pair.join("key.pem"), P256_SEC1).unwrap();
    }

    #[test]
    fn what_changed_is_taken_up_and_what_is_broken_is_not() {
        check(|_| {}, "a.test b.test", &[]);
        check(|tls| write(tls, "c.test", &["c.test"]), "a.test b.test c.test*", &[]);
        check(|tls| write(tls, "b.test", &["b.test"]), "a.test b.test*", &[]);
        check(|tls| fs::remove_dir_all(tls.join("b.test")).unwrap(), "a.test", &[]);
        check(
            |tls| {
                fs::write(tls.join("a.test/key.pem"), "half").unwrap();
                write(tls, "b.test", &["b.test"]);
            },
            "a.test b.test*",
            &["a.test/key.pem: holds no private key"],
        );
        check(
            |tls| fs::remove_file(tls.join("a.test/key.pem")).unwrap(),
            "a.test b.test",
            &["is missing"],
        );
        check(
            |tls| {
                fs::create_dir(tls.join("c.test")).unwrap();
                fs::write(tls.join("c.test/cert.pem"), "half").unwrap();
            },
            "a.test b.test",
            &["c.test/key.pem: is missing"],
        );
        check(
            |tls| {
                fs::remove_dir_all(tls.join("a.test")).unwrap();
                symlink("nowhere", tls.join("a.test")).unwrap();
            },
            "a.test b.test",
            &["a.test: cannot be read"],
        );
    }

    #[test]
    fn of_two_folders_for_a_name_the_one_that_is_served_goes_on() {
        let twin = "A.test: means the same name as ";
        check(|tls| write(tls, "A.test", &["x.test"]), "a.test b.test", &[twin]);
    }

    #[test]
    fn the_other_folder_for_a_name_takes_over_when_the_first_goes() {
        let (folder, before) = set();
        write(folder.path(), "A.test", &["x.test"]);
        let two = before.renew(folder.path(), now()).unwrap().certificates;
        fs::remove_dir_all(folder.path().join("a.test")).unwrap();
        let one = two.renew(folder.path(), now()).unwrap().certificates;
        assert_eq!(served(&before, &one), "a.test* b.test");
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_an_error() {
        let (folder, before) = set();
        assert!(before.renew(&folder.path().join("nowhere"), now()).is_err());
    }
}
