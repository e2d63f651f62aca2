//! From the path of a request to the file there (docs/behaviour.md, "From request to file").
//!
//! Everything here asks the disk and may block: it runs on the threads for that.

use std::iter;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::Found;
use super::facts::{Facts, Kind};
use super::root::OpenRoot;

/// The documents that stand for their folder. The first that is there does.
pub(super) const INDEXES: [&str; 3] = ["index.html", "index.htm", "index.xhtml"];

/// The ending that `/about` does without: `about.html` answers if no `about` does.
pub(super) const CLEAN_SUFFIX: &str = ".html";

/// The page that a folder answers with for anything missing beneath it.
pub(super) const MISSING_PAGE: &str = "404.html";

/// Folders from the root downward that are searched for a page for what is missing, and whose names
/// are kept. Each takes a look at the disk, and a client may invent paths of thousands.
pub(super) const DEEPEST: usize = 32;

/// A regular file and the facts it had when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// The descriptor, which never blocks.
    pub descriptor: OwnedFd,
    /// The answer of the file system right after the file was opened.
    pub facts: Facts,
    /// Its name beneath the root.
    pub relative: Box<str>,
    /// Names that would answer before this one if they were those of files.
    pub shadows: Vec<Box<str>>,
}

/// The reason why a name beneath the root cannot be opened as a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAFile {
    /// It is a folder.
    Folder,
    /// There is nothing of this name that is served.
    Absent,
    /// There is something, and the system refuses to open it.
    Refused(Errno),
}

/// A file that the system refuses to open.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name beneath the root.
    pub relative: Box<str>,
    /// The reason that the system gave.
    pub cause: Errno,
}

/// Finds what `path` leads to: a path in normal form, without hidden segments.
///
/// # Errors
/// When the file that would answer cannot be opened.
pub fn find(root: &OpenRoot, path: &str) -> Result<Found<OpenFile>, Unreadable> {
    let relative = path.trim_start_matches('/');
    let found = match relative.strip_suffix('/') {
        Some(folder) => in_folder(root, folder)?,
        None if relative.is_empty() => in_folder(root, "")?,
        None => named(root, relative)?,
    };
    Ok(found.unwrap_or_else(|| Found::Missing(nearest_missing_page(root, relative))))
}

/// The page for what is missing in `folder`, a name beneath the root that may itself be missing.
#[must_use]
pub fn missing_page(root: &OpenRoot, folder: &str) -> Option<Arc<str>> {
    nearest_missing_page(root, &join(folder, ""))
}

/// Opens the regular file of this very name beneath the root.
///
/// # Errors
/// When the name is not that of a file which can be opened.
pub fn open(root: &OpenRoot, relative: &str) -> Result<OpenFile, NotAFile> {
    let descriptor = root.open_beneath(relative)?;
    let facts = Facts::of(&descriptor)?;
    match facts.kind() {
        Kind::File => {
            Ok(OpenFile { descriptor, facts, relative: relative.into(), shadows: Vec::new() })
        }
        Kind::Folder => Err(NotAFile::Folder),
        Kind::Other => Err(NotAFile::Absent),
    }
}

/// The answer to a path with a slash at its end: the folder's document, or else the page of the
/// folder's name, which has no slash.
fn in_folder(root: &OpenRoot, folder: &str) -> Result<Option<Found<OpenFile>>, Unreadable> {
    let mut shadows = Vec::new();
    for index in INDEXES {
        let index = join(folder, index);
        match open(root, &index) {
            Ok(file) => return Ok(Some(Found::File(OpenFile { shadows, ..file }))),
            Err(NotAFile::Folder | NotAFile::Absent) => shadows.push(index.into()),
            Err(NotAFile::Refused(cause)) => {
                return Err(Unreadable { relative: index.into(), cause });
            }
        }
    }
    let is_page = !folder.is_empty() && open(root, &format!("{folder}{CLEAN_SUFFIX}")).is_ok();
    Ok(is_page.then_some(Found::Page))
}

/// The answer to a path without a slash at its end. A folder answers before the page of its name
/// only if it has a document.
fn named(root: &OpenRoot, relative: &str) -> Result<Option<Found<OpenFile>>, Unreadable> {
    match open(root, relative) {
        Ok(_) if is_index(root, relative) => Ok(Some(Found::Index)),
        Ok(file) => Ok(Some(Found::File(file))),
        Err(NotAFile::Folder) if has_index(root, relative) => Ok(Some(Found::Folder)),
        Err(NotAFile::Folder) => Ok(Some(clean(root, relative)?.unwrap_or(Found::Folder))),
        Err(NotAFile::Absent) => clean(root, relative),
        Err(NotAFile::Refused(cause)) => Err(Unreadable { relative: relative.into(), cause }),
    }
}

fn clean(root: &OpenRoot, relative: &str) -> Result<Option<Found<OpenFile>>, Unreadable> {
    let page = format!("{relative}{CLEAN_SUFFIX}");
    match open(root, &page) {
        Ok(file) => {
            let indexes = INDEXES.map(|index| join(relative, index).into());
            let shadows = iter::once(relative.into()).chain(indexes).collect();
            Ok(Some(Found::File(OpenFile { shadows, ..file })))
        }
        Err(NotAFile::Folder | NotAFile::Absent) => Ok(None),
        Err(NotAFile::Refused(cause)) => Err(Unreadable { relative: page.into(), cause }),
    }
}

/// True if a file is the document of the folder it is in.
fn is_index(root: &OpenRoot, relative: &str) -> bool {
    let name = last_segment(relative);
    let folder = relative[..relative.len() - name.len()].trim_end_matches('/');
    INDEXES.contains(&name)
        && INDEXES
            .into_iter()
            .take_while(|before| *before != name)
            .all(|before| open(root, &join(folder, before)).is_err())
}

/// True if a folder has a document, readable or not.
fn has_index(root: &OpenRoot, folder: &str) -> bool {
    INDEXES
        .into_iter()
        .any(|index| matches!(open(root, &join(folder, index)), Ok(_) | Err(NotAFile::Refused(_))))
}

/// The deepest page for missing paths on the way to `relative`. The search goes downward and ends
/// at the first folder that is not there, and after [`DEEPEST`] of them, so that a path of a
/// thousand folders costs a few looks and not two thousand.
fn nearest_missing_page(root: &OpenRoot, relative: &str) -> Option<Arc<str>> {
    let mut nearest = None;
    let mut folder = String::new();
    for name in relative.split('/').take(DEEPEST) {
        let page = join(&folder, MISSING_PAGE);
        if open(root, &page).is_ok() {
            nearest = Some(format!("/{page}").into());
        }
        folder = join(&folder, name);
        if !is_folder(root, &folder) {
            break;
        }
    }
    nearest
}

fn is_folder(root: &OpenRoot, relative: &str) -> bool {
    Facts::at(root.folder(), relative).is_ok_and(|facts| facts.kind() == Kind::Folder)
}

/// The one table from a system's error to its meaning for a request.
impl From<Errno> for NotAFile {
    fn from(error: Errno) -> Self {
        match error {
            // No such name, a file used as a folder, a link that leaves the site or leads in a
            // circle, a name longer than the file system has, a socket or a device without a
            // driver.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::XDEV
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO
            | Errno::NODEV => Self::Absent,
            error => Self::Refused(error),
        }
    }
}

impl Unreadable {
    /// The outcome of a look-up that met this file.
    #[must_use]
    pub fn outcome<F>(&self) -> Found<F> {
        match self.cause {
            Errno::ACCESS | Errno::PERM => Found::Forbidden,
            // The disk or the process is in trouble, which may pass.
            _ => Found::Unavailable,
        }
    }
}

/// The paths that may lead to the file of this name beneath the root.
pub(super) fn paths_of(relative: &str) -> Vec<String> {
    let path = format!("/{relative}");
    let name = last_segment(relative);
    let page = path.strip_suffix(CLEAN_SUFFIX).map(str::to_owned);
    let folder = INDEXES.contains(&name).then(|| path[..path.len() - name.len()].to_owned());
    [Some(path.clone()), page, folder].into_iter().flatten().collect()
}

/// The name of an entry of a folder; the root itself has the empty name.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The last segment of a name beneath the root.
pub(super) fn last_segment(relative: &str) -> &str {
    relative.rsplit('/').next().unwrap_or(relative)
}

/// The folder that a file lies in, by its name beneath the root; empty for the root itself.
pub(super) fn folder_of(relative: &str) -> &str {
    relative.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests;
