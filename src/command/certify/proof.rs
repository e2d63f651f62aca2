//! Proofs that a name is the operator's: a file that the server shows to the authority (HTTP-01),
//! or a record that the operator's program puts into the DNS (DNS-01).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use instant_acme::{ChallengeType, KeyAuthorization};
use tokio::process::Command;
use tokio::time::timeout;

use super::failure::Failure;
use super::shelf::Shelf;
use crate::certificates::CHALLENGE_FOLDER;

/// The longest time that the operator's program may take to tell the DNS. Providers need up to a
/// few minutes until all of their servers know.
const HOOK_TIME: Duration = Duration::from_mins(10);

/// The longest token that is taken from an authority; theirs have 22 or 43 characters.
const TOKEN_BYTES: usize = 200;

/// A way to prove a name.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// By files in the TLS folder that the server shows.
    Http(Shelf),
    /// By a program that knows how to change the DNS.
    Dns(PathBuf),
}

/// A proof that can be seen until it is withdrawn.
#[derive(Debug)]
pub(super) enum Shown {
    /// A file, which goes with this value.
    File { _gone_with_it: TokenFile },
    /// A record, which the program has to be asked to remove.
    Record { program: PathBuf, domain: String, value: String },
}

/// A file of the challenge folder, removed with this value.
#[derive(Debug)]
pub(super) struct TokenFile(PathBuf);

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Proof {
    pub(super) fn kind(&self) -> ChallengeType {
        match self {
            Self::Http(_) => ChallengeType::Http01,
            Self::Dns(_) => ChallengeType::Dns01,
        }
    }

    /// Shows the proof for `host`, which is bare of a wildcard's star.
    pub(super) async fn show(
        &self,
        host: &str,
        token: &str,
        key: &KeyAuthorization,
    ) -> Result<Shown, Failure> {
        match self {
            Self::Http(tls) => {
                let file = show_file(tls, token, key.as_str())?;
                Ok(Shown::File { _gone_with_it: file })
            }
            Self::Dns(program) => {
                let (domain, value) = (format!("_acme-challenge.{host}"), key.dns_value());
                run_hook(program, "add", &domain, &value).await?;
                Ok(Shown::Record { program: program.clone(), domain, value })
            }
        }
    }
}

impl Shown {
    /// Takes the proof away; a record that stays is no reason to fail.
    pub(super) async fn withdraw(self) -> Option<Failure> {
        let Self::Record { program, domain, value } = self else { return None };
        run_hook(&program, "remove", &domain, &value).await.err()
    }
}

/// Writes a file for the server to show. Its name is the token, so it must not lead anywhere.
pub(super) fn show_file(shelf: &Shelf, token: &str, text: &str) -> Result<TokenFile, Failure> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=TOKEN_BYTES).contains(&token.len()) || !token.bytes().all(is_token) {
        return Err(Failure::Unreachable("the authority's token is not base64url".into()));
    }
    let folder = shelf.path().join(CHALLENGE_FOLDER);
    shelf.make_folder(&folder).map_err(|error| Failure::file(&folder, &error))?;
    let file = TokenFile(folder.join(token));
    let _ = fs::remove_file(&file.0);
    shelf.write(&file.0, text.as_bytes()).map_err(|error| Failure::file(&file.0, &error))?;
    Ok(file)
}

/// Takes away the files of runs that were ended. The folder is certify's own, and whoever holds the
/// lock is alone in it.
pub(super) fn sweep(shelf: &Shelf) {
    let entries = fs::read_dir(shelf.path().join(CHALLENGE_FOLDER));
    for entry in entries.into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
}

async fn run_hook(program: &Path, action: &str, domain: &str, value: &str) -> Result<(), Failure> {
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::Here(format!("{} {action} {domain}: {reason}", program.display()))
    };
    let mut command = Command::new(program);
    command.args([action, domain, value]).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(HOOK_TIME, command.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(&status)),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&format!("no end within {} minutes", HOOK_TIME.as_secs() / 60))),
    }
}
