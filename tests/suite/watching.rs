//! Changes that are taken up without an order (docs/behaviour.md, "Watching").

use std::fs;
use std::os::unix::fs::symlink;

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
