//! `shost certify`: a certificate for each site, from an authority that speaks ACME (RFC 8555).
//!
//! A short-lived process of its own, so that the server needs neither a network nor the right to
//! write. Both meet in the TLS folder: certify writes proofs and pairs, the server shows the ones
//! and serves the others.
//!
//! One run, for each site folder and its counterpart with or without `www.`:
//!
//! 1. What is held (`shelf`), what is remembered (`storage`, `renewal_record`), and when the
//!    authority wants to be asked again: is a certificate due (`plan`)?
//! 2. Does the name lead here (`probe`)?
//! 3. An order, proved by a file or by the DNS (`order`, `proof`), at the staging directory
//!    first if the last one was refused, then at one authority after the other (`session`).
//! 4. The pair, put in place in one step (`installation`).

mod account;
mod arguments;
mod failure;
mod http_client;
mod installation;
mod keeper;
mod messages;
mod order;
mod plan;
mod probe;
mod proof;
mod renewal_record;
mod rights;
mod session;
mod shelf;
mod storage;
mod wanted;

use std::fmt::{Display, Write};
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

pub(in crate::command) use arguments::STATE;
pub use arguments::{CertifyArguments, IssuingArguments};
pub use keeper::keep;

use crate::certificates::FolderName;
use crate::process::sandbox::hide_memory;
use failure::Failure;
use http_client::Http;
use plan::Seconds;
use session::Session;
use shelf::Shelf;
use storage::{Storage, read};

/// The word that makes the command line of a server with `--certify` one of its keeper.
pub const KEEP_BESIDE: &str = "certify-beside";

/// The word that makes it one of a single run for that server.
pub const RUN_BESIDE: &str = "certify-once";

/// Makes the folder of certificates for a server that looks after them itself, if there is none.
///
/// # Errors
/// When it cannot be made, in one line.
pub fn prepare(tls: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(shelf::FOLDER_MODE).create(tls);
    made.map_err(|error| format!("{}: {error}", tls.display()))
}

/// Runs `shost certify` with these arguments.
#[must_use]
pub fn run(arguments: CertifyArguments) -> ExitCode {
    match attempt(arguments) {
        Ok(failed) if failed.is_empty() => ExitCode::SUCCESS,
        Ok(failed) => {
            let names: Vec<_> = failed.iter().map(ToString::to_string).collect();
            messages::complain(&format!("error: no certificate for {}", names.join(", ")));
            ExitCode::FAILURE
        }
        Err(failure) => {
            messages::complain(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn attempt(arguments: CertifyArguments) -> Result<Vec<FolderName>, Failure> {
    let issuing = arguments.issuing.clone();
    rights::become_owner(&arguments.state, &arguments.tls)?;
    let shelf = Shelf::open(&arguments.tls)?;
    let roots = issuing.acme_ca.as_deref().map(roots).transpose()?.unwrap_or_default();
    let http = Http::new(roots).map_err(|error| Failure::Here(format!("--acme-ca: {error}")))?;
    if arguments.list {
        let storage = Storage::at(&arguments.state);
        let listed = Session::new(arguments, shelf, storage, http, now)?.list()?;
        listed.lines().for_each(messages::print);
        return Ok(Vec::new());
    }
    let storage = Storage::open(&arguments.state)?;
    let _lock = storage.lock()?;
    // What the operator's program may need cannot be known.
    if !arguments.no_sandbox && issuing.dns_hook.is_none() {
        let refused =
            |error: &dyn Display| Failure::Here(format!("{error} (--no-sandbox does without)"));
        hide_memory().map_err(|error| refused(&error))?;
        let directories = session::directories(&issuing.authorities());
        rights::confine(&arguments.sites, [&arguments.tls, &arguments.state], &directories)
            .map_err(|error| refused(&error))?;
    }
    installation::sweep(&shelf);
    proof::sweep(&shelf);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Here(error.to_string()))?;
    let session = Arc::new(Session::new(arguments, shelf, storage, http, now)?);
    let failed = runtime.block_on(session.run());
    // A look-up that hangs must not keep the process.
    runtime.shutdown_background();
    failed
}

fn now() -> Seconds {
    shelf::seconds(SystemTime::now())
}

/// The root certificates in a file.
fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failed = |error| Failure::file(path, &error);
    let text =
        read(path).and_then(|text| text.ok_or(ErrorKind::NotFound.into())).map_err(failed)?;
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match roots {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(Failure::Here(format!("{}: holds no certificate in PEM form", path.display()))),
    }
}

/// Bytes that nobody can guess.
fn random<const N: usize>() -> [u8; N] {
    crate::process::random::random().expect("the kernel's random numbers do not run out")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every digit");
        text
    })
}
