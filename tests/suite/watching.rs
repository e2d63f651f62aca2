//! Changes that are taken up without an order (docs/behaviour.md, "Watching").

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::site::Site;
use crate::support::tls::{self, Trust};

fn fill(site: &Site) -> &Site {
    site.file("index.html", "a")
}

fn start() -> Server {
    Setup::new()
        .site("a.test", fill)
        .certificate("a.test")
        .args(["--http-port", "0"])
        .watching()
        .start()
}

fn is_reload(line: &str) -> bool {
    line.contains(" reloaded ")
}

/// The line that tells of the next reload, after `change`.
#[track_caller]
fn taken_up(server: &Server, change: impl FnOnce()) -> String {
    let before = server.stderr.count(is_reload);
    change();
    server.stderr.nth(before, is_reload)
}

fn leaf(server: &Server, name: &str) -> Option<Vec<u8>> {
    let stream = Trust::handshake(server.https(), name, server.trust.config(&[], true)).ok()?;
    Some(stream.conn.peer_certificates()?[0].to_vec())
}

#[test]
fn sites_and_certificates_come_and_go_by_themselves() {
    let mut server = start();
    let line = taken_up(&server, || {
        server.site("b.test").file("index.html", "b");
    });
    assert!(line.contains("+b.test"), "{line}");
    let mut added = None;
    let line = taken_up(&server, || {
        added = Some(tls::write_pair(&server.tls().join("b.test"), &["b.test"]));
    });
    assert!(line.contains("certificates +b.test"), "{line}");
    server.trust.add(added.unwrap());
    assert_eq!(server.send_tls("b.test", Request::get("/").host("b.test")).text(), "b");

    let renewed = std::cell::Cell::new(None);
    let line = taken_up(&server, || {
        renewed.set(Some(tls::write_pair(&server.tls().join("b.test"), &["b.test"])));
    });
    assert!(line.contains("certificates ~b.test"), "{line}");
    let renewed = renewed.take().unwrap();
    server.trust.add(renewed.clone());
    assert_eq!(leaf(&server, "b.test").unwrap(), renewed.to_vec());

    let line = taken_up(&server, || fs::remove_dir_all(server.sites().join("b.test")).unwrap());
    assert!(line.contains("sites -b.test"), "{line}");
    assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "a");
}

#[test]
fn a_broken_pair_holds_up_nothing_else_and_is_told_once() {
    let server = start();
    let before = leaf(&server, "a.test").unwrap();
    let (key, whole) = (server.tls().join("a.test/key.pem"), server.folder_beside("whole.pem"));
    fs::copy(&key, &whole).unwrap();
    fs::write(&key, "half").unwrap();
    let told = |line: &str| line.contains("ERROR") && line.contains("a.test/key.pem: ");
    server.stderr.nth(0, told);
    let line = taken_up(&server, || {
        server.site("b.test").file("index.html", "b");
    });
    assert!(line.contains("+b.test"), "{line}");
    assert_eq!(leaf(&server, "a.test").unwrap(), before);
    assert_eq!(server.stderr.count(told), 1);

    assert!(!server.order("reload").status.success(), "an order says what is wrong");
    fs::copy(&whole, &key).unwrap();
    assert!(server.order("reload").status.success());
}

#[test]
fn a_site_out_of_the_sandbox_holds_up_no_other() {
    let server = start();
    let outside = server.folder_beside("elsewhere");
    Site::at(&outside).file("index.html", "c");
    let line = taken_up(&server, || {
        symlink(&outside, server.sites().join("c.test")).unwrap();
        server.site("b.test").file("index.html", "b");
    });
    assert!(line.contains("+b.test"), "{line}");
}

#[test]
fn without_the_watch_an_order_is_needed() {
    let server = Setup::new().site("a.test", fill).start();
    server.site("b.test").file("index.html", "b");
    let output = server.order("reload");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(line.contains("+b.test"), "{line}");
}

/// Files of a certificate as tools link them: those links, by their paths beneath the folder of all,
/// with where they lead; and which are switched, with where they lead then. Both versions are there
/// from the start.
type Linked = (&'static str, [&'static str; 2], &'static [Link], &'static [Link]);
type Link = (&'static str, &'static str);

const LINKED: [Linked; 5] = [
    (
        "each file, as certbot",
        ["archive/1", "archive/2"],
        &[
            ("tls/a.test/cert.pem", "../../archive/1-cert.pem"),
            ("tls/a.test/key.pem", "../../archive/1-key.pem"),
        ],
        &[
            ("tls/a.test/cert.pem", "../../archive/2-cert.pem"),
            ("tls/a.test/key.pem", "../../archive/2-key.pem"),
        ],
    ),
    (
        "a folder behind the files, as Kubernetes",
        ["tls/a.test/..2026_01", "tls/a.test/..2026_02"],
        &[
            ("tls/a.test/..data", "..2026_01"),
            ("tls/a.test/cert.pem", "..data/cert.pem"),
            ("tls/a.test/key.pem", "..data/key.pem"),
        ],
        &[("tls/a.test/..data", "..2026_02")],
    ),
    (
        "the folder itself",
        ["keys/v1", "keys/v2"],
        &[("tls/a.test", "../keys/v1")],
        &[("tls/a.test", "../keys/v2")],
    ),
    (
        "a folder on the way",
        ["store/blue/deep", "store/green/deep"],
        &[("store/live", "blue"), ("tls/a.test", "../store/live/deep")],
        &[("store/live", "green")],
    ),
    (
        "two links in a row",
        ["store/one", "store/two"],
        &[("store/now", "one"), ("store/a", "now"), ("tls/a.test", "../store/a")],
        &[("store/now", "two")],
    ),
];

#[test]
fn a_certificate_behind_links_is_the_new_one_once_they_are_switched() {
    const PAIR: [&str; 2] = ["cert.pem", "key.pem"];
    for (what, versions, links, switched) in LINKED {
        let setup = Setup::new().site("a.test", fill).certificate("b.test").watching();
        let [_, new] = versions.map(|it| {
            let folder = setup.folder().join(it);
            let certificate = tls::write_pair(&folder, &["a.test"]);
            for name in PAIR {
                let beside = setup.folder().join(format!("{it}-{name}"));
                fs::copy(folder.join(name), beside).unwrap();
            }
            certificate
        });
        for (link, target) in links {
            let link = setup.folder().join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(target, link).unwrap();
        }
        assert!(PAIR.iter().all(|name| setup.tls().join("a.test").join(name).is_file()), "{what}");
        let mut server = setup.start();
        // The client trusts no other.
        server.trust = Trust::default();
        server.trust.add(new.clone());
        assert_eq!(leaf(&server, "a.test"), None, "{what}");
        let line = taken_up(&server, || {
            for (link, target) in switched {
                let beside = server.folder_beside("next");
                symlink(target, &beside).unwrap();
                fs::rename(beside, server.folder_beside(link)).unwrap();
            }
        });
        assert!(line.contains("certificates ~a.test"), "{what}: {line}");
        assert_eq!(leaf(&server, "a.test"), Some(new.to_vec()), "{what}");
    }
}

#[test]
fn a_certificate_that_leads_out_of_the_sandbox_is_told_with_its_place_and_the_mend() {
    type Leads = fn(&Path, &Path);
    let folder: Leads = |pair, place| symlink(place, pair).unwrap();
    let files: Leads = |pair, place| {
        fs::create_dir(pair).unwrap();
        for name in ["cert.pem", "key.pem"] {
            symlink(place.join(name), pair.join(name)).unwrap();
        }
    };
    let link_on_the_way: Leads = |pair, place| {
        let way = pair.with_file_name(".way");
        symlink(place.parent().unwrap(), &way).unwrap();
        symlink(way.join(place.file_name().unwrap()), pair).unwrap();
    };
    for leads in [folder, files, link_on_the_way] {
        let server = start();
        let place = server.folder_beside("elsewhere/deep");
        tls::write_pair(&place, &["b.test"]);
        leads(&server.tls().join("b.test"), &place);
        if !server.stderr.containing(" started ").contains("sandbox=landlock") {
            return;
        }
        let told = server.stderr.containing("ERROR");
        assert!(told.contains("tls/b.test/cert.pem: leads to "), "{told}");
        assert!(told.contains("elsewhere/deep/cert.pem") && told.contains("restart"), "{told}");
        assert!(leaf(&server, "a.test").is_some(), "the others are served");
    }
}
