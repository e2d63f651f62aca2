//! Answers to the challenges of certificate authorities (RFC 8555 §8.3): `shost certify` puts one
//! into the folder of certificates, and it is answered for every name, also for one without a site.
//!
//! A deploy may replace a site whole, and a new name has none yet; this folder is nobody else's.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

/// The name of that folder, which lies in the folder of certificates. It begins with a dot, so that
/// nobody takes it for a certificate.
pub const CHALLENGE_FOLDER: &str = ".acme-challenge";

/// Bytes of an answer: a token and the hash of a key are about 90.
const ANSWER_BYTES: u64 = 1024;

/// The longest token that is looked for; those of authorities have 22 or 43 characters.
const TOKEN_BYTES: usize = 128;

/// The folder of answers to challenges, if there are certificates; cloned freely.
#[derive(Clone, Debug, Default)]
pub struct Challenges(Option<Arc<Path>>);

impl Challenges {
    /// Those beside the certificates in `tls`.
    #[must_use]
    pub fn beside(tls: &Path) -> Self {
        Self(Some(PathBuf::from(tls).join(CHALLENGE_FOLDER).into()))
    }

    /// True if no challenge is answered at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Reads the answer to the challenge with this token, if there is one. Waits for the disk.
    #[must_use]
    pub fn answer(&self, token: &str) -> Option<Bytes> {
        let folder = self.0.as_ref().filter(|_| token.len() <= TOKEN_BYTES)?;
        match read(folder, token) {
            Ok(answer) => Some(answer),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, "the answer to a certificate authority cannot be read");
                }
                None
            }
        }
    }
}

/// Reads a file that lies in the folder itself. What is no regular file is not waited for.
fn read(folder: &Path, token: &str) -> io::Result<Bytes> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat2(CWD, folder, flags, Mode::empty(), ResolveFlags::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let file = openat2(&folder, token, flags, Mode::empty(), beneath)?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut answer = Vec::new();
    File::from(file).take(ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(answer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_files_of_the_folder_are_read() {
        let tls = tempfile::tempdir().unwrap();
        let folder = tls.path().join(CHALLENGE_FOLDER);
        assert!(read(&folder, "aB3-_x").is_err(), "no folder is no matter");
        fs::create_dir_all(folder.join("folder")).unwrap();
        fs::write(folder.join("aB3-_x"), "aB3-_x.key").unwrap();
        fs::write(folder.join("long"), [b'x'; 5000]).unwrap();
        fs::write(tls.path().join("secret"), "key").unwrap();
        symlink("../secret", folder.join("link")).unwrap();
        symlink("aB3-_x", folder.join("inside")).unwrap();
        let fifo = rustix::fs::mknodat(
            CWD,
            folder.join("fifo"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        );
        fifo.unwrap();
        let table = [
            ("aB3-_x", Some(10)),
            ("long", Some(1024)),
            ("missing", None),
            ("folder", None),
            ("link", None),
            ("inside", None),
            ("fifo", None),
            ("..", None),
            ("../secret", None),
            ("/etc/passwd", None),
        ];
        for (token, expected) in table {
            let told = read(&folder, token).ok().map(|answer| answer.len());
            assert_eq!(told, expected, "{token}");
        }
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_followed() {
        let tls = tempfile::tempdir().unwrap();
        fs::create_dir(tls.path().join("elsewhere")).unwrap();
        fs::write(tls.path().join("elsewhere/a"), "x").unwrap();
        symlink("elsewhere", tls.path().join(CHALLENGE_FOLDER)).unwrap();
        assert!(read(&tls.path().join(CHALLENGE_FOLDER), "a").is_err());
    }
}
