//! From the path of a request to what lies there (the contract's steps 5 to 9).
//!
//! Everything here asks the disk and may block: it runs on the threads for that.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::facts::{Facts, Kind};
use super::root::OpenRoot;

/// The document that stands for its folder.
pub(super) const INDEX: &str = "index.html";

/// What `/about` falls back to when there is no such file or folder.
pub(super) const CLEAN_SUFFIX: &str = ".html";

/// The page that a folder answers with for anything missing beneath it.
pub(super) const MISSING_PAGE: &str = "404.html";

/// The last segment of a path that stands for whatever is missing in its folder. No path in normal
/// form has it.
pub const NOTHING: &str = ".";

/// What a path leads to.
#[derive(Debug)]
pub enum Place {
    /// A regular file, open.
    File(OpenFile),
    /// A folder asked for without its slash.
    Folder,
    /// `index.html` asked for by name: the folder is its one address.
    Index,
    /// Nothing; the path of the nearest `404.html`, if there is one.
    Missing(Option<Arc<str>>),
    /// Something that this process may not read.
    Forbidden,
    /// The disk or the process is in trouble; the cause goes to the log, never to the client.
    Unavailable(std::io::Error),
}

/// A regular file and the facts it had when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// The descriptor, which never blocks.
    pub descriptor: OwnedFd,
    /// What the file system said right after it was opened.
    pub facts: Facts,
    /// Its name beneath the root.
    pub relative: Box<str>,
    /// A name that must stay without a file or folder for this one to be the answer.
    pub shadow: Option<Box<str>>,
}

enum Opened {
    File(OpenFile),
    Folder,
    Absent,
    Forbidden,
    Unavailable(std::io::Error),
}

/// Finds what `path` leads to: a path in normal form, without hidden segments.
#[must_use]
pub fn place(root: &OpenRoot, path: &str) -> Place {
    let relative = path.trim_start_matches('/');
    let found = match relative.strip_suffix('/') {
        Some(folder) => in_folder(root, folder),
        None if relative.is_empty() => in_folder(root, ""),
        None if last_segment(relative) == NOTHING => None,
        None => named(root, relative),
    };
    found.unwrap_or_else(|| Place::Missing(nearest_missing_page(root, relative)))
}

/// Opens the regular file of this very name beneath the root; `None` if there is none.
///
/// # Errors
/// When there is one that cannot be opened.
pub fn file(root: &OpenRoot, relative: &str) -> std::io::Result<Option<OpenFile>> {
    match open(root, relative) {
        Opened::File(file) => Ok(Some(file)),
        Opened::Folder | Opened::Absent => Ok(None),
        Opened::Forbidden => Err(Errno::ACCESS.into()),
        Opened::Unavailable(error) => Err(error),
    }
}

fn in_folder(root: &OpenRoot, folder: &str) -> Option<Place> {
    match open(root, &join(folder, INDEX)) {
        Opened::File(file) => Some(Place::File(file)),
        Opened::Folder | Opened::Absent => None,
        Opened::Forbidden => Some(Place::Forbidden),
        Opened::Unavailable(error) => Some(Place::Unavailable(error)),
    }
}

fn named(root: &OpenRoot, relative: &str) -> Option<Place> {
    match open(root, relative) {
        Opened::File(_) if last_segment(relative) == INDEX => Some(Place::Index),
        Opened::File(file) => Some(Place::File(file)),
        Opened::Folder => Some(Place::Folder),
        Opened::Absent => clean(root, relative),
        Opened::Forbidden => Some(Place::Forbidden),
        Opened::Unavailable(error) => Some(Place::Unavailable(error)),
    }
}

fn clean(root: &OpenRoot, relative: &str) -> Option<Place> {
    match open(root, &format!("{relative}{CLEAN_SUFFIX}")) {
        Opened::File(file) => Some(Place::File(OpenFile { shadow: Some(relative.into()), ..file })),
        Opened::Folder | Opened::Absent => None,
        Opened::Forbidden => Some(Place::Forbidden),
        Opened::Unavailable(error) => Some(Place::Unavailable(error)),
    }
}

/// The deepest page for missing paths on the way to `relative`. The search goes downward and ends
/// at the first folder that is not there, so that a path of a thousand invented folders costs two
/// looks and not two thousand.
fn nearest_missing_page(root: &OpenRoot, relative: &str) -> Option<Arc<str>> {
    let mut nearest = None;
    let mut folder = String::new();
    for name in relative.split('/') {
        let page = join(&folder, MISSING_PAGE);
        if matches!(open(root, &page), Opened::File(_)) {
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

/// Opens one name and sorts what comes of it.
fn open(root: &OpenRoot, relative: &str) -> Opened {
    let opened = root.open_beneath(relative).and_then(|file| Ok((Facts::of(&file)?, file)));
    match opened {
        Ok((facts, descriptor)) => match facts.kind() {
            Kind::File => {
                let relative = relative.into();
                Opened::File(OpenFile { descriptor, facts, relative, shadow: None })
            }
            Kind::Folder => Opened::Folder,
            Kind::Other => Opened::Absent,
        },
        Err(error) => sort(error),
    }
}

/// The one table from a system's error to what it means for a request.
fn sort(error: Errno) -> Opened {
    match error {
        // No such name, a file used as a folder, a link that leaves the site or leads in a
        // circle, a name longer than the file system has, a socket or a device without a driver.
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::XDEV
        | Errno::LOOP
        | Errno::NAMETOOLONG
        | Errno::NXIO
        | Errno::NODEV => Opened::Absent,
        Errno::ACCESS | Errno::PERM => Opened::Forbidden,
        error => Opened::Unavailable(error.into()),
    }
}

/// The name of what lies in a folder; the root itself has the empty name.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The last segment of a name beneath the root.
pub(super) fn last_segment(relative: &str) -> &str {
    relative.rsplit('/').next().unwrap_or(relative)
}

#[cfg(test)]
mod tests {
    use super::super::root::Root;
    use super::*;
    use crate::clock::Tick;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A word for the outcome, so that a table can state it.
    fn describe(place: &Place) -> String {
        match place {
            Place::File(file) => format!("file {}", file.relative),
            Place::Folder => "folder".into(),
            Place::Index => "index".into(),
            Place::Missing(page) => format!("missing {}", page.as_deref().unwrap_or("-")),
            Place::Forbidden => "forbidden".into(),
            Place::Unavailable(error) => format!("unavailable {error}"),
        }
    }

    #[test]
    fn paths_lead_where_the_contract_says() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path();
        for name in ["blog/post", "empty", "only"] {
            fs::create_dir_all(site.join(name)).unwrap();
        }
        for name in [
            "index.html",
            "about.html",
            "only.html",
            "blog/index.html",
            "blog/404.html",
            "blog/post/a.txt",
            "extensionless",
        ] {
            fs::write(site.join(name), name).unwrap();
        }
        symlink("about.html", site.join("link")).unwrap();
        symlink("/etc/hostname", site.join("out.txt")).unwrap();
        let root = Root::open(site).unwrap().current(Tick::now());
        let long = format!("/{}", "x".repeat(300));
        let table = [
            ("/", "file index.html"),
            ("/index.html", "index"),
            ("/about.html", "file about.html"),
            ("/about", "file about.html"),
            ("/about/", "missing -"),
            ("/about.html/", "missing -"),
            ("/about.html/x", "missing -"),
            ("/only", "folder"),
            ("/only/", "missing -"),
            ("/only/index.html", "missing -"),
            ("/empty", "folder"),
            ("/empty/", "missing -"),
            ("/blog", "folder"),
            ("/blog/", "file blog/index.html"),
            ("/blog/index.html", "index"),
            ("/blog/nothing", "missing /blog/404.html"),
            ("/blog/post/", "missing /blog/404.html"),
            ("/blog/post/b/c", "missing /blog/404.html"),
            ("/blog/post/a.txt", "file blog/post/a.txt"),
            ("/extensionless", "file extensionless"),
            ("/link", "file link"),
            ("/out.txt", "missing -"),
            ("/nothing", "missing -"),
            ("/.", "missing -"),
            ("/blog/.", "missing /blog/404.html"),
            ("/blog/post/.", "missing /blog/404.html"),
            (long.as_str(), "missing -"),
        ];
        for (path, expected) in table {
            assert_eq!(describe(&place(&root, path)), expected, "{path}");
        }
    }

    #[test]
    fn errors_are_sorted_by_their_meaning() {
        let table = [
            (Errno::NOENT, "absent"),
            (Errno::NOTDIR, "absent"),
            (Errno::XDEV, "absent"),
            (Errno::LOOP, "absent"),
            (Errno::NAMETOOLONG, "absent"),
            (Errno::NXIO, "absent"),
            (Errno::ACCESS, "forbidden"),
            (Errno::PERM, "forbidden"),
            (Errno::MFILE, "unavailable"),
            (Errno::NFILE, "unavailable"),
            (Errno::IO, "unavailable"),
        ];
        for (error, expected) in table {
            let word = match sort(error) {
                Opened::Absent => "absent",
                Opened::Forbidden => "forbidden",
                Opened::Unavailable(_) => "unavailable",
                Opened::File(_) | Opened::Folder => "opened",
            };
            assert_eq!(word, expected, "{error}");
        }
    }
}
