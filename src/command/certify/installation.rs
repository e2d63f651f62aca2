//! A new pair put into the TLS folder: whole or not at all, whenever the run ends.
//!
//! ```text
//! <TLS>/.certify-example.com-5f0c…/    made, filled, forced to the disk, checked
//!     cert.pem  key.pem  certify.json
//! <TLS>/example.com/                   exchanged with it in one step
//! ```
//!
//! Dot folders are none of the server's business. What an ended run left behind is taken away by
//! the next one. `certify.json` tells a pair that certify made from one of somebody else's: it
//! names the certificate, so that one that is copied over it is somebody else's at once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_lc_rs::digest;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::order::Issued;
use super::shelf::Shelf;
use super::storage::{folder_name, read};
use super::{hexadecimal, random};
use crate::certificates::{self, CERTIFICATE_FILE, Certificate, FolderName, KEY_FILE, Leaf};

/// The file that marks a pair as made by certify.
const MARK_FILE: &str = "certify.json";

/// The beginning of the names of unfinished folders.
const UNFINISHED: &str = ".certify-";

/// The content of the file beside a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// SHA-256 of the certificate, in hexadecimal.
    pub(super) leaf: String,
    /// The directory of the authority that issued it.
    pub(super) directory: String,
}

impl Mark {
    /// The mark in `folder`, if it means the certificate that is there.
    pub(super) fn read(folder: &Path, leaf: &Leaf) -> Option<Self> {
        let mark: Self = serde_json::from_slice(&read(&folder.join(MARK_FILE)).ok()??).ok()?;
        (mark.leaf == fingerprint(leaf)).then_some(mark)
    }
}

/// SHA-256 of a certificate, in hexadecimal.
pub(super) fn fingerprint(leaf: &Leaf) -> String {
    hexadecimal(digest::digest(&digest::SHA256, leaf.der()).as_ref())
}

/// Puts a pair in the place of the one that is there, or where none is. Gives it as the server
/// will load it.
///
/// # Errors
/// When it cannot be written or would not be served; what was there before still is.
pub(super) fn put(
    shelf: &Shelf,
    name: &FolderName,
    issued: &Issued,
    directory: &str,
) -> Result<Certificate, Failure> {
    let new = Unfinished::new(shelf, name)?;
    let file = |file: &str, text: &[u8]| {
        let path = new.0.join(file);
        shelf.write(&path, text).map_err(|error| Failure::file(&path, &error))
    };
    file(CERTIFICATE_FILE, issued.chain.as_bytes())?;
    file(KEY_FILE, issued.key.as_bytes())?;
    let unusable = |reason: String| {
        Failure::Unreachable(format!("the authority's certificate cannot be served: {reason}"))
    };
    let leaf = Leaf::read(&new.0).map_err(|error| unusable(error.to_string()))?;
    let mark = Mark { leaf: fingerprint(&leaf), directory: directory.to_owned() };
    file(MARK_FILE, &serde_json::to_vec(&mark).expect("strings are JSON"))?;
    let certificate = certificates::load_pair(&new.0, name.clone())
        .map_err(|error| unusable(error.to_string()))?;
    if !certificate.names_its_folder() {
        return Err(unusable(format!("it does not name {name}")));
    }
    if certificate.not_after() <= SystemTime::now() {
        let end = httpdate::fmt_http_date(certificate.not_after());
        let reason = format!("it ended on {end}, so this machine's clock may be wrong");
        return Err(unusable(reason));
    }
    let place = shelf.path().join(folder_name(name));
    new.exchange(shelf.path(), &place).map_err(|error| Failure::file(&place, &error))?;
    Ok(certificate)
}

/// Takes away what an ended run left unfinished. What cannot be taken away is in nobody's way.
pub(super) fn sweep(shelf: &Shelf) {
    for entry in fs::read_dir(shelf.path()).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder that is taken away with this value.
struct Unfinished(PathBuf);

impl Unfinished {
    fn new(shelf: &Shelf, name: &FolderName) -> Result<Self, Failure> {
        let path = format!("{UNFINISHED}{}-{}", folder_name(name), hexadecimal(&random::<8>()));
        let path = shelf.path().join(path);
        let new = Self(path);
        shelf.make_folder(&new.0).map_err(|error| Failure::file(&new.0, &error))?;
        Ok(new)
    }

    /// Changes places with the folder at `place`. The old one is then in this one's.
    fn exchange(&self, tls: &Path, place: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        let rename =
            |flags| renameat_with(CWD, &self.0, CWD, place, flags).map_err(io::Error::from);
        match rename(RenameFlags::EXCHANGE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                rename(RenameFlags::NOREPLACE)?;
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Err(io::Error::other(
                    "this file system cannot exchange two folders in one step; local ones can",
                ));
            }
            done => done?,
        }
        File::open(tls)?.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
