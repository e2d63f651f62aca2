//! Reading from inside, tried on threads that do not come out again.

use super::*;
use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;

fn sources(sites: PathBuf, single: bool, tls: Option<PathBuf>) -> Vec<Readable> {
    let beside = if single { Beside::Siblings } else { Beside::Links };
    let tls = tls.map(|folder| Readable { folder, beside: Beside::NestedLinks });
    [Readable { folder: sites, beside }].into_iter().chain(tls).collect()
}

/// A folder with sites and certificates, and links that lead out of them.
fn tree() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    for name in ["sites/a.test", "sites/.hidden", "releases/b/1", "releases/b/2", "secret", "live"]
    {
        fs::create_dir_all(path.join(name)).unwrap();
    }
    fs::create_dir_all(path.join("tls/a.test")).unwrap();
    for file in ["sites/a.test/index.html", "releases/b/2/index.html", "secret/x", "live/1.pem"] {
        fs::write(path.join(file), "x").unwrap();
    }
    symlink("../releases/b/1", path.join("sites/b.test")).unwrap();
    symlink("../secret", path.join("sites/.secret")).unwrap();
    symlink("../../live/1.pem", path.join("tls/a.test/cert.pem")).unwrap();
    (folder, path)
}

#[test]
fn what_links_lead_to_is_readable_with_its_siblings() {
    let (_folder, path) = tree();
    let readable = readable(&sources(path.join("sites"), false, Some(path.join("tls"))));
    let expected = ["sites", "releases/b", "tls", "live"].map(|name| path.join(name));
    assert_eq!(readable, expected);
}

#[test]
fn one_directory_may_be_replaced_whole() {
    let (_folder, path) = tree();
    assert_eq!(readable(&sources(path.join("sites"), true, None)), [path]);
    assert_eq!(with_siblings(Path::new("/srv")), Path::new("/srv"));
    assert_eq!(with_siblings(Path::new("/srv/a")), Path::new("/srv"));
}

/// The ways in which people switch releases: a link on the way, and the folders that become readable.
#[test]
fn links_on_the_way_may_be_switched() {
    let folders = [
        "sites",
        "keys/tls",
        "links",
        "app/releases/1/public",
        "app/releases/1/sites/x.test",
        "git/.worktrees/abc",
        "volume/..2026",
        "certificates/archive/x",
        "certificates/live/x",
        "far/away",
    ];
    let links = [
        ("app/current", "releases/1"),
        ("sites/public.test", "../app/current/public"),
        ("sites/git.test", "../git/html"),
        ("git/html", ".worktrees/abc"),
        ("sites/volume.test", "../volume/..data"),
        ("volume/..data", "..2026"),
        ("sites/chain.test", "../links/one"),
        ("links/one", "../far/away/there"),
        ("far/away/there", "../not-yet"),
        ("certificates/live/x/cert.pem", "../../archive/x/cert1.pem"),
        ("keys/tls/x", "../../certificates/live/x"),
        ("links/tls", "../keys/tls"),
    ];
    let all =
        ["sites", "app/releases/1", "app/releases", "git", "volume", "links", "far/away", "far"];
    let rows: [(&str, bool, Option<&str>, &[&str]); 5] = [
        ("app/current/public", true, None, &["app/releases"]),
        ("app/current/sites", false, None, &["app/releases"]),
        ("sites", false, None, &all),
        (
            "git",
            false,
            Some("keys/tls"),
            &["git", "keys/tls", "certificates/live", "certificates/archive/x"],
        ),
        (
            "git",
            false,
            Some("links/tls"),
            &["git", "keys", "certificates/live", "certificates/archive/x"],
        ),
    ];
    for (sites, single, tls, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        for name in folders {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        fs::write(path.join("certificates/archive/x/cert1.pem"), "x").unwrap();
        for (name, target) in links {
            symlink(target, path.join(name)).unwrap();
        }
        let found = readable(&sources(path.join(sites), single, tls.map(|tls| path.join(tls))));
        let expected: Vec<_> = expected.iter().map(|name| path.join(name)).collect();
        for wanted in &expected {
            assert!(covers(&found, wanted), "{sites}: {wanted:?} is out of reach of {found:?}");
        }
        for reached in &found {
            assert!(covers(&expected, reached), "{sites}: {reached:?} need not be reached");
        }
    }
}

#[test]
fn nothing_else_can_be_read_from_inside() {
    let (_folder, path) = tree();
    let sources = sources(path.join("sites"), false, Some(path.join("tls")));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listening = listener.local_addr().unwrap();
    // The sandbox holds for the thread that enters it, so the test goes on outside.
    let inside = std::thread::spawn(move || {
        let sandbox = Sandbox::enter(&sources).unwrap();
        if matches!(sandbox, Sandbox::Unsupported) {
            return;
        }
        let table = [
            ("sites/a.test/index.html", true),
            ("sites/b.test/../2/index.html", true),
            ("tls/a.test/cert.pem", true),
            ("secret/x", false),
        ];
        for (file, readable) in table {
            let opened = File::open(path.join(file)).map(drop).map_err(|error| error.kind());
            let expected = if readable { Ok(()) } else { Err(ErrorKind::PermissionDenied) };
            assert_eq!(opened, expected, "{file}");
        }
        let denied = |opened: io::Result<File>| {
            opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        assert!(denied(File::open("/etc/passwd")), "{sandbox}");
        for folder in ["sites", "tls", "tls/a.test"] {
            assert!(denied(File::create(path.join(folder).join("new"))), "{folder}: {sandbox}");
        }
        let connected = TcpStream::connect(listening).map(drop).map_err(|error| error.kind());
        let bound = TcpListener::bind("127.0.0.1:0").map(drop).map_err(|error| error.kind());
        assert_eq!([connected, bound], [Err(ErrorKind::PermissionDenied); 2], "{sandbox}");

        assert_eq!(sandbox.outside(&path.join("sites/a.test")), None);
        assert_eq!(sandbox.outside(&path.join("sites/.secret")), Some(path.join("secret")));
    });
    inside.join().unwrap();
    assert!(File::open("/etc/passwd").is_ok());
}

#[test]
fn a_sandbox_says_what_it_is() {
    let landlock = Sandbox::Landlock { abi: ABI::V7, readable: Vec::new() };
    let table =
        [(Sandbox::Off, "off"), (Sandbox::Unsupported, "unsupported"), (landlock, "landlock-abi7")];
    for (sandbox, expected) in table {
        assert_eq!(sandbox.to_string(), expected);
    }
}
