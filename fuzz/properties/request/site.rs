//! The sites of the model, and how they come onto the disk.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use super::rules;

/// A site: its host, and its files by path.
pub(super) struct Site {
    pub(super) host: &'static str,
    pub(super) files: &'static [(&'static [u8], &'static [u8])],
}

/// Stands in every file that must never be sent.
pub(super) const SECRET: &[u8] = b"SECRET";

/// Those files, as seen from the first site.
const SECRETS: [&str; 7] = [
    "../../secret.txt",
    "../secret.txt",
    ".env",
    ".git/404.html",
    ".git/config",
    "guide/.secret",
    "guide/.drafts/404.html",
];

/// All files that may be compressed are shorter than what is worth it, so that an answer to a
/// request is always the same.
pub(super) const SITES: [Site; 4] = [
    Site {
        host: "example.com",
        files: &[
            (b"index.html", b"<title>Home</title>\n"),
            (b"404.html", b"<title>Not here</title>\n"),
            (b"about.html", b"<title>About</title>\n"),
            (b"css.html", b"<title>About style</title>\n"),
            (b"guide.html", b"<title>Beside the guide</title>\n"),
            (b"old/index.htm", b"<title>Old</title>\n"),
            (b"old/index.xhtml", b"<title>Older</title>\n"),
            (b"picture.svgz", CODED),
            (b"inside-link", &DATA),
            (b"guide/index.html", b"<title>Guide</title>\n"),
            (b"guide/404.html", b"<title>Not in the guide</title>\n"),
            (b"guide/a b.txt", b"a space in its name\n"),
            (b"guide/\xC3\xA9.txt", b"a letter outside ASCII in its name\n"),
            (b"guide/caf\xE9.html", b"a name in Latin-1\n"),
            (b"guide/deep/page.html", b"<title>Deep</title>\n"),
            (b"css/site.css", b"body { color: black; background: white }\n"),
            (b"css/site.css.gz", CODED),
            (b"data.bin", &DATA),
            (b"inner-link", &DATA),
            (b"empty.txt", b""),
            (b".well-known/security.txt", b"Contact: mailto:a@example.com\n"),
            (b".well-known/acme-challenge/abc_DEF-123", b"abc_DEF-123.thumbprint"),
        ],
    },
    Site { host: "www.example.org", files: &[(b"index.html", b"<title>Only www</title>\n")] },
    Site { host: "other.test", files: &[(b"index.html", b"<title>Other</title>\n")] },
    Site {
        host: rules::HOST,
        files: &[
            (b"index.html", b"<title>Ruled</title>\n"),
            (b"app.html", b"<title>Application</title>\n"),
            (b"app/script.js", b"run()\n"),
            (b"guide/index.html", b"<title>Hidden by a redirect</title>\n"),
            (b"real.txt", b"real\n"),
            (b"forced.txt", b"forced\n"),
            (b"_redirects", rules::REDIRECTS),
            (b"_headers", rules::HEADERS),
        ],
    },
];

/// The content of the style sheet's sibling: shorter, or it would not be used. Nothing decodes it.
pub(super) const CODED: &[u8] = b"\x1f\x8bin short";

/// Folders of the first site that have no `index.html`.
pub(super) const FOLDERS: [&str; 4] =
    ["css", "guide/deep", ".well-known", ".well-known/acme-challenge"];

/// Content in which each byte differs from its neighbours, longer than a pipe holds.
const DATA: [u8; 3000] = {
    let mut data = [0; 3000];
    let mut at = 1;
    while at < data.len() {
        data[at] = (data[at - 1] + 1) % 251;
        at += 1;
    }
    data
};

/// Writes the sites beneath `sites/`, and what no request may reach beside and among them.
pub(super) fn write() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let sites = folder.path().join("sites");
    let write = |path: std::path::PathBuf, content: &[u8]| {
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    };
    for site in &SITES {
        let links: [&[u8]; 2] = [b"inner-link", b"inside-link"];
        for (path, content) in site.files.iter().filter(|(path, _)| !links.contains(path)) {
            write(sites.join(site.host).join(OsStr::from_bytes(path)), content);
        }
    }
    let site = sites.join(SITES[0].host);
    for hidden in SECRETS {
        write(site.join(hidden), SECRET);
    }
    for (link, target) in [
        ("inner-link", "data.bin"),
        ("outer-link", "../../secret.txt"),
        ("outer-folder", ".."),
        ("absolute-link", "/etc/passwd"),
        ("circle", "circle"),
    ] {
        symlink(target, site.join(link)).expect("a link");
    }
    symlink(site.join("data.bin"), site.join("inside-link")).expect("a link");
    fs::write(site.join("css/site.css.br"), "").expect("an empty sibling");
    mkfifoat(CWD, site.join("fifo"), Mode::RUSR).expect("a pipe");
    folder
}
