//! Links as deploys use them: switched on the way to a site, and to paths of the whole system.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use crate::support::tls::{self, Trust};

/// The promise for a switched folder, and what a busy machine may add to it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for `target` until the answer has this status and content.
#[track_caller]
fn becomes(server: &Server, target: &str, status: u16, text: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = server.send(&Request::get(target));
        if (answer.status, answer.text().as_str()) == (status, text) {
            return;
        }
        assert!(Instant::now() < until, "{target}: {} {}", answer.status, answer.text());
        std::thread::yield_now();
    }
}

/// Puts a link in the place of another as deploys do: made beside it, then renamed.
fn switch(link: &Path, target: &str) {
    let beside = link.with_added_extension("next");
    symlink(target, &beside).expect("the link can be made");
    fs::rename(beside, link).expect("the link can be renamed");
}

#[test]
fn a_link_on_the_way_to_a_site_is_switched() {
    // The link of the site, the one that is switched, its first target and its second.
    let rows = [
        ("app/current/public", "app/current", "releases/1", "releases/2"),
        ("git/html", "git/html", ".worktrees/abc", ".worktrees/def"),
        ("volume/..data", "volume/..data", "..2026_01", "..2026_02"),
        ("deploy/live/site/dist", "deploy/live/site", "v1", "v2"),
        ("outer/current/web", "outer/current", "../store/blue", "../store/green"),
    ];
    for (site, link, first, second) in rows {
        let setup = Setup::new();
        let link = setup.folder().join(link);
        let above = link.parent().unwrap();
        fs::create_dir_all(above).unwrap();
        let rest = setup.folder().join(site);
        let rest = rest.strip_prefix(&link).unwrap();
        for (release, text) in [(first, "first"), (second, "second")] {
            Site::at(above.join(release).join(rest)).file("index.html", text);
        }
        symlink(first, &link).unwrap();
        symlink(setup.folder().join(site), setup.sites().join("a.test")).unwrap();
        let server = setup.start();
        assert_eq!(server.send(&Request::get("/")).text(), "first", "{site}");
        switch(&link, second);
        becomes(&server, "/", 200, "second");
    }
}

#[test]
fn a_folder_below_a_switched_link_is_the_new_one() {
    // The link that is switched, and the way from it to the folder that is served.
    let rows =
        [("current", "public"), ("current", ""), ("app/live", "web/dist"), ("..data", "html")];
    for (link, rest) in rows {
        let setup = Setup::bare();
        let link = setup.folder().join(link);
        let above = link.parent().unwrap().to_owned();
        for release in ["one", "two"] {
            Site::at(above.join("releases").join(release).join(rest)).file("index.html", release);
        }
        symlink("releases/one", &link).unwrap();
        let server = setup.args(["--port", "0"]).args([link.join(rest)]).start();
        assert_eq!(server.send(&Request::get("/")).text(), "one", "{rest}");
        switch(&link, "releases/two");
        becomes(&server, "/", 200, "two");
        Site::at(above.join("releases/three").join(rest)).file("index.html", "three");
        switch(&link, "releases/three");
        becomes(&server, "/", 200, "three");
    }
}

#[test]
fn sites_and_certificates_behind_a_switched_link_are_the_new_ones() {
    // The link that is switched, its targets, and the way from it to both folders.
    let rows = [
        ("current", ["releases/one", "releases/two"], ""),
        ("app/live", ["../store/blue", "../store/green"], "shared/web"),
        ("volume/..data", ["..2026_01", "..2026_02"], ""),
        ("git/tree", [".worktrees/abc", ".worktrees/def"], "deploy"),
    ];
    for (link, targets, rest) in rows {
        let setup = Setup::bare();
        let link = setup.folder().join(link);
        let above = link.parent().unwrap().to_owned();
        fs::create_dir_all(&above).unwrap();
        let releases = targets.map(|target| {
            let folder = above.join(target).join(rest);
            Site::at(folder.join("sites/a.test")).file("index.html", target);
            (target, tls::write_pair(&folder.join("tls/a.test"), &["a.test"]))
        });
        symlink(targets[0], &link).unwrap();
        let folders = ["sites", "tls"].map(|name| link.join(rest).join(name));
        let mut server = setup
            .args(["--ip", "127.0.0.1", "--port", "0"])
            .args(["--sites".into(), folders[0].clone(), "--tls".into(), folders[1].clone()])
            .start();
        for (target, certificate) in releases {
            switch(&link, target);
            let ended = server.order("reload");
            assert_eq!(ended.status.code(), Some(0), "{ended:?}");
            // The client trusts no other.
            server.trust = Trust::default();
            server.trust.add(certificate);
            let until = Instant::now() + PATIENCE;
            while server.send_tls("a.test", Request::get("/")).text() != target {
                assert!(Instant::now() < until, "still not {target}");
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_link_to_a_path_of_the_system_works_within_the_site() {
    let setup = Setup::new();
    let outside = setup.folder().join("outside");
    Site::at(&outside).file("secret.txt", "secret");
    let site = Site::at(setup.sites().join("a.test"));
    let root = setup.sites().join("a.test");
    site.file("rel/r1/index.html", "one").file("rel/r2/index.html", "two");
    site.folder("folder").folder("deep/er");
    for (name, target) in [
        ("rel/current", root.join("rel/r1")),
        ("page.html", root.join("rel/r2/index.html")),
        ("chain", root.join("rel/current")),
        ("folder/index.html", root.join("rel/r2/index.html")),
        ("deep/er/down", root.join("rel")),
        ("404.html", root.join("rel/r1/index.html")),
        ("out", outside.clone()),
        ("up", root.join("../../outside")),
    ] {
        site.link(name, target);
    }
    let server = setup.start();
    let rows = [
        ("/rel/current/", 200, "one"),
        ("/rel/current", 308, ""),
        ("/page", 200, "two"),
        ("/page.html", 200, "two"),
        ("/chain/", 200, "one"),
        ("/folder/", 200, "two"),
        ("/deep/er/down/r1/", 200, "one"),
        ("/deep/er/down/current/", 200, "one"),
        ("/missing", 404, "one"),
        ("/out/secret.txt", 404, "one"),
        ("/up/secret.txt", 404, "one"),
    ];
    for (target, status, text) in rows {
        let answer = server.send(&Request::get(target));
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{target}");
    }
    switch(&root.join("rel/current"), root.join("rel/r2").to_str().unwrap());
    becomes(&server, "/rel/current/", 200, "two");
}

/// The site is a link itself: links in it may be written by either of its paths.
#[test]
fn a_link_to_a_path_of_the_system_works_by_each_path_of_the_site() {
    let setup = Setup::new();
    let (real, named) = (setup.folder().join("real/web"), setup.sites().join("a.test"));
    Site::at(&real)
        .file("r1/index.html", "one")
        .link("by-real", real.join("r1"))
        .link("by-name", named.join("r1"))
        .link("file.html", named.join("by-real/index.html"));
    symlink("../real/web", &named).unwrap();
    let server = setup.start();
    for target in ["/by-real/", "/by-name/", "/file", "/file.html"] {
        let answer = server.send(&Request::get(target));
        assert_eq!((answer.status, answer.text().as_str()), (200, "one"), "{target}");
    }
}

#[test]
fn a_site_that_cannot_be_read_keeps_no_other_from_being_served() {
    let setup = Setup::new().site("a.test", |site| site.file("index.html", "a"));
    symlink(setup.folder().join("late/site"), setup.sites().join("b.test")).unwrap();
    symlink("nowhere", setup.sites().join("c.test")).unwrap();
    symlink("d.test", setup.sites().join("d.test")).unwrap();
    symlink("a.test/index.html/x", setup.sites().join("e.test")).unwrap();
    let late = setup.folder().join("late");
    fs::create_dir(&late).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_shost"));
    let check = check.arg("--sites").arg(setup.sites()).arg("--check").output().unwrap();
    let told = String::from_utf8_lossy(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{told}");
    for name in ["b.test", "c.test", "d.test", "e.test"] {
        assert!(told.contains(name), "{name}: {told}");
    }
    let server = setup.start();
    for name in ["b.test", "c.test", "d.test", "e.test"] {
        let warned = |line: &str| line.contains(name) && line.contains("503 until it can be read");
        server.stderr.nth(0, warned);
        let answer = server.send(&Request::get("/").host(name));
        let told = (answer.status, answer.field("access-control-allow-origin"));
        assert_eq!(told, (503, Some("*")), "{name}");
    }
    assert_eq!(server.send(&Request::get("/")).text(), "a");
    Site::at(late.join("site")).file("index.html", "b");
    let until = Instant::now() + PATIENCE;
    while server.send(&Request::get("/").host("b.test")).status != 200 {
        assert!(Instant::now() < until, "still not readable");
        std::thread::yield_now();
    }
    assert_eq!(server.send(&Request::get("/").host("c.test")).status, 503);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_reason() {
    // What is closed, the target that leads to it, and the path that is told.
    let rows = [
        ("closed.txt", "/closed.txt", "closed.txt"),
        ("page.html", "/page", "page.html"),
        ("folder/index.html", "/folder/", "folder/index.html"),
        ("shut", "/shut/x.txt", "shut/x.txt"),
        ("large.bin", "/large.bin", "large.bin"),
        ("a b.txt", "/a%20b.txt", "a b.txt"),
    ];
    for (closed, target, path) in rows {
        let setup = Setup::new()
            .site("a.test", |site| {
                site.file("closed.txt", "x")
                    .file("page.html", "x")
                    .file("folder/index.html", "x")
                    .file("shut/x.txt", "x")
                    .file("large.bin", pattern(2 * 1024 * 1024))
                    .file("a b.txt", "x")
            })
            // Each request looks at the disk.
            .args(["--cache-size", "0"])
            .unprivileged();
        let site = Site::at(setup.sites().join("a.test"));
        site.mode(closed, 0o000);
        let server = setup.start();
        for _ in 0..3 {
            let answer = server.send(&Request::get(target));
            let told = (answer.status, answer.field("access-control-allow-origin"));
            assert_eq!(told, (403, Some("*")), "{target}");
        }
        let told = |line: &str| {
            line.contains("site=a.test") && line.contains(path) && line.contains("ermission denied")
        };
        server.stderr.nth(0, told);
        server.signal(rustix::process::Signal::USR1);
        server.stderr.nth(0, |line| line.contains("requests"));
        assert_eq!(server.stderr.count(told), 1, "{target}");
        site.mode(closed, 0o700);
    }
}

#[test]
fn a_site_without_permission_is_served_once_it_has_some() {
    // The owner may do what the first digit says: only another user is kept out by it alone.
    let others: &[u32] = if rustix::process::geteuid().is_root() { &[0o700] } else { &[] };
    for &mode in [0o000, 0o600, 0o644].iter().chain(others) {
        let setup = Setup::new()
            .site("a.test", |site| site.file("index.html", "a"))
            .site("b.test", |site| site.file("index.html", "b"))
            // Each request looks at the disk.
            .args(["--cache-size", "0"])
            .unprivileged();
        let closed = Site::at(setup.sites().join("b.test"));
        closed.mode("", mode);
        let server = setup.start();
        server.stderr.nth(0, |line| line.contains("b.test") && line.contains("503 until"));
        let ask = |host: &str| server.send(&Request::get("/").host(host)).status;
        assert_eq!((ask("a.test"), ask("b.test")), (200, 503), "{mode:o}");
        let until_it_answers = |expected: u16| {
            let until = Instant::now() + PATIENCE;
            loop {
                match ask("b.test") {
                    status if status == expected => return,
                    status => assert!([200, 503].contains(&status), "{mode:o}: {status}"),
                }
                assert!(Instant::now() < until, "{mode:o}: never {expected}");
                std::thread::yield_now();
            }
        };
        closed.mode("", 0o755);
        until_it_answers(200);
        // The same while it is served.
        for _ in 0..2 {
            closed.mode("", mode);
            until_it_answers(503);
            closed.mode("", 0o755);
            until_it_answers(200);
        }
        let is_told = |line: &str| line.contains("b.test") && line.contains("503 until it may be");
        assert_eq!(server.stderr.count(is_told), 2, "{mode:o}");
        assert_eq!(server.stderr.count(|line| line.contains("ERROR")), 0, "{mode:o}");
    }
}
