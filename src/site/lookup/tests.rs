//! Look-ups over real folders.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::root::Root;
use super::*;
use crate::process::clock::Tick;

/// A word for the outcome, so that a table can state it.
fn describe(found: Result<Found<OpenFile>, Unreadable>) -> String {
    match found {
        Ok(Found::File(file)) => format!("file {}", file.relative),
        Ok(Found::Folder) => "folder".into(),
        Ok(Found::Index) => "index".into(),
        Ok(Found::Page) => "page".into(),
        Ok(Found::Missing(page)) => format!("missing {}", page.as_deref().unwrap_or("-")),
        Ok(other) => panic!("{other:?} without a cause"),
        Err(Unreadable { relative, cause }) => format!("{relative}: {cause}"),
    }
}

/// A site with pages, folders and links of all kinds.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    for name in ["blog/post", "empty", "only", "notes", "xml", "both/index.html"] {
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
        "blog.html",
        "blog/post.html",
        "notes/index.htm",
        "notes.html",
        "xml/index.xhtml",
        "blog/index.htm",
        "both.html",
    ] {
        fs::write(site.join(name), name).unwrap();
    }
    symlink("about.html", site.join("link")).unwrap();
    symlink("/etc/hostname", site.join("out.txt")).unwrap();
    folder
}

#[test]
fn paths_lead_to_files() {
    let site = site();
    let root = Root::open(site.path()).unwrap().current(Tick::now()).unwrap();
    let long = format!("/{}", "x".repeat(300));
    let table = [
        ("/", "file index.html"),
        ("/index.html", "index"),
        ("/about.html", "file about.html"),
        ("/about", "file about.html"),
        ("/about/", "page"),
        ("/about/index.html", "missing -"),
        ("/about.html/", "missing -"),
        ("/about.html/x", "missing -"),
        // A page answers before a folder that has no document, and a folder that has one before it.
        ("/only", "file only.html"),
        ("/only/", "page"),
        ("/blog.html", "file blog.html"),
        ("/blog/post", "file blog/post.html"),
        ("/notes", "folder"),
        ("/both", "file both.html"),
        ("/both/", "page"),
        ("/notes/", "file notes/index.htm"),
        ("/notes/index.htm", "index"),
        ("/notes/index.html", "missing -"),
        ("/xml", "folder"),
        ("/xml/", "file xml/index.xhtml"),
        ("/xml/index.xhtml", "index"),
        ("/blog/index.htm", "file blog/index.htm"),
        ("/only/index.html", "missing -"),
        ("/empty", "folder"),
        ("/empty/", "missing -"),
        ("/blog", "folder"),
        ("/blog/", "file blog/index.html"),
        ("/blog/index.html", "index"),
        ("/blog/nothing", "missing /blog/404.html"),
        ("/blog/post/", "page"),
        ("/blog/other/", "missing /blog/404.html"),
        ("/blog/post/b/c", "missing /blog/404.html"),
        ("/blog/post/a.txt", "file blog/post/a.txt"),
        ("/extensionless", "file extensionless"),
        ("/link", "file link"),
        ("/out.txt", "missing -"),
        ("/nothing", "missing -"),
        (long.as_str(), "missing -"),
    ];
    for (path, expected) in table {
        assert_eq!(describe(find(&root, path)), expected, "{path}");
    }
    let pages = [
        ("", None),
        ("blog", Some("/blog/404.html")),
        ("blog/post", Some("/blog/404.html")),
        ("blog/nothing/at/all", Some("/blog/404.html")),
        ("about.html", None),
        ("nothing", None),
    ];
    for (folder, expected) in pages {
        assert_eq!(missing_page(&root, folder).as_deref(), expected, "{folder}");
    }
}

#[test]
fn the_search_for_a_page_ends_somewhere() {
    let site = tempfile::tempdir().unwrap();
    let mut folder = site.path().to_owned();
    for _ in 0..2 * DEEPEST {
        fs::write(folder.join(MISSING_PAGE), "nothing here").unwrap();
        folder.push("a");
        fs::create_dir(&folder).unwrap();
    }
    let root = Root::open(site.path()).unwrap().current(Tick::now()).unwrap();
    for depth in [0, 1, DEEPEST - 1, DEEPEST, 2 * DEEPEST] {
        let folder = vec!["a"; depth].join("/");
        let page = missing_page(&root, &folder).unwrap();
        assert_eq!(page.matches("a/").count(), depth.min(DEEPEST - 1), "{depth} folders deep");
    }
}

#[test]
fn errors_are_sorted_by_their_meaning() {
    let refused = |cause| (NotAFile::Refused(cause), Some(Found::<()>::Unavailable));
    let table = [
        (Errno::NOENT, (NotAFile::Absent, None)),
        (Errno::NOTDIR, (NotAFile::Absent, None)),
        (Errno::XDEV, (NotAFile::Absent, None)),
        (Errno::LOOP, (NotAFile::Absent, None)),
        (Errno::NAMETOOLONG, (NotAFile::Absent, None)),
        (Errno::NXIO, (NotAFile::Absent, None)),
        (Errno::ACCESS, (NotAFile::Refused(Errno::ACCESS), Some(Found::Forbidden))),
        (Errno::PERM, (NotAFile::Refused(Errno::PERM), Some(Found::Forbidden))),
        (Errno::MFILE, refused(Errno::MFILE)),
        (Errno::NFILE, refused(Errno::NFILE)),
        (Errno::IO, refused(Errno::IO)),
    ];
    for (error, (expected, outcome)) in table {
        assert_eq!(NotAFile::from(error), expected, "{error}");
        if let Some(outcome) = outcome {
            let unreadable = Unreadable { relative: "a".into(), cause: error };
            assert_eq!(unreadable.outcome(), outcome, "{error}");
        }
    }
}
