//! Freshness row by row (docs/behaviour.md, "Freshness"): each kind of change is seen in time,
//! and what did not change keeps its tag.
#![allow(clippy::print_stdout, reason = "the figures are for whoever reads the run")]
#![allow(clippy::unwrap_used, reason = "a file operation that fails is the test's own failure")]

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileExt, symlink};
use std::time::{Duration, Instant, SystemTime};

use crate::support::DEADLINE;
use crate::support::client::{Connection, Request, Response};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use crate::support::versions::{FILE_PATIENCE, ROOT_PATIENCE};

const OLD: &str = "what was there";
/// As long as the old content.
const NEW: &str = "what came then";

fn setup() -> Setup {
    Setup::new().site("a.test", |site| site.file("page.html", OLD).file("shadowed.html", OLD))
}

/// Asks until the answer is what it should become, and holds that no request later than `patience`
/// after the change was answered with anything but that.
#[track_caller]
pub(crate) fn await_change(
    connection: &mut Connection,
    request: &Request,
    patience: Duration,
    is_new: impl Fn(&Response) -> bool,
) {
    let changed = Instant::now();
    loop {
        let began = changed.elapsed();
        let answer = connection.send(request);
        if is_new(&answer) {
            return;
        }
        let (shown, target) = ((answer.status, answer.text()), &request.target);
        assert!(began <= patience, "{target}, {began:?} after the change: {shown:?}");
    }
}

#[test]
fn a_changed_file_is_seen_in_time() {
    type Change = fn(&Site) -> &Site;
    let rows: [(&str, &str, Change, (u16, &str)); 8] = [
        ("renamed over", "/page.html", |site| site.replace("page.html", NEW), (200, NEW)),
        ("emptied and written", "/page.html", |site| site.file("page.html", NEW), (200, NEW)),
        ("the same size and time, in place", "/page.html", disguise, (200, NEW)),
        ("the same size and time, renamed", "/page.html", disguise_renamed, (200, NEW)),
        ("removed", "/page.html", |site| site.remove("page.html"), (404, "")),
        ("added", "/new.html", |site| site.file("new.html", NEW), (200, NEW)),
        ("a name before `.html`", "/shadowed", |site| site.file("shadowed", NEW), (200, NEW)),
        ("a page for missing ones", "/no", |site| site.file("404.html", NEW), (404, NEW)),
    ];
    for (what, target, change, (status, text)) in rows {
        let server = setup().start();
        let mut connection = server.connect();
        connection.send(&Request::get(target));
        change(&server.site("a.test"));
        println!("{what}");
        await_change(&mut connection, &Request::get(target), FILE_PATIENCE, |answer| {
            answer.status == status && (text.is_empty() || answer.text() == text)
        });
    }
}

/// Other bytes, of which neither the size nor the modification time tells.
fn disguise(site: &Site) -> &Site {
    let file = File::options().write(true).open(site.path("page.html")).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(NEW.as_bytes(), 0).unwrap();
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    site
}

/// The same with another inode, as `rsync -t` and reproducible builds do.
fn disguise_renamed(site: &Site) -> &Site {
    let modified = fs::metadata(site.path("page.html")).unwrap().modified().unwrap();
    site.file_of("beside", NEW, modified);
    fs::rename(site.path("beside"), site.path("page.html")).unwrap();
    site
}

#[test]
fn a_second_change_within_the_clocks_step_is_seen() {
    let server = setup().start();
    let mut connection = server.connect();
    for round in 0..100 {
        let (first, second) = (format!("first {round:03}."), format!("second {round:03}"));
        let site = server.site("a.test");
        site.file("page.html", first);
        connection.send(&Request::get("/page.html"));
        site.file("page.html", &second);
        await_change(&mut connection, &Request::get("/page.html"), FILE_PATIENCE, |answer| {
            answer.text() == second
        });
    }
}

#[test]
fn the_same_bytes_keep_their_tag() {
    let (server, other) = (setup().start(), setup().start());
    let ask = |server: &Server| server.send(&Request::get("/page.html"));
    let first = ask(&server);
    assert_eq!(ask(&other).must("etag"), first.must("etag"), "another server");
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    server.site("a.test").file_of("page.html", OLD, later);
    let written = Instant::now();
    while ask(&server).must("last-modified") == first.must("last-modified") {
        assert!(written.elapsed() < DEADLINE, "the new time is never seen");
    }
    let again = ask(&server);
    assert_eq!(again.must("etag"), first.must("etag"), "written again");
    let known = Request::get("/page.html").field("If-None-Match", first.must("etag"));
    assert_eq!(server.send(&known).status, 304, "the client need not fetch it again");
}

/// Puts a folder with the new content in the place of the site's, and takes the old one away.
type Deploy = fn(&Server);

const DEPLOYS: [(&str, Deploy); 2] = [
    ("renamed", |server| {
        release(server, "next");
        server.rename("sites/a.test", "old");
        server.rename("next", "sites/a.test");
    }),
    ("link switched", |server| {
        release(server, "next");
        symlink("../next", server.folder_beside("link")).unwrap();
        server.rename("link", "sites/linked.test");
    }),
];

/// Above the cacheable limit, so that it is streamed.
const BIG: usize = 1024 * 1024 + 1;

fn release(server: &Server, name: &str) {
    Site::at(server.folder_beside(name)).file("page.html", NEW).file("big.bin", pattern(BIG));
}

/// A server with a site that is a folder, and one that is a link to a folder.
fn deployable() -> Server {
    let setup = setup();
    Site::at(setup.folder().join("first")).file("page.html", OLD).file("big.bin", pattern(BIG));
    Site::at(setup.sites().join("a.test")).file("big.bin", pattern(BIG));
    symlink("../first", setup.sites().join("linked.test")).unwrap();
    setup.start()
}

#[test]
fn a_replaced_site_folder_is_seen_in_time() {
    for (what, deploy) in DEPLOYS {
        let server = deployable();
        let mut connection = server.connect();
        let host = if what == "renamed" { "a.test" } else { "linked.test" };
        let request = Request::get("/page.html").host(host);
        assert_eq!(connection.send(&request).text(), OLD, "{what}");
        deploy(&server);
        let changed = Instant::now();
        loop {
            let began = changed.elapsed();
            let answer = connection.send(&request);
            assert_eq!(answer.status, 200, "{what}, {began:?} after the change");
            if answer.text() == NEW {
                break;
            }
            assert!(began <= ROOT_PATIENCE, "{what}, {began:?} after the change");
        }
    }
}

/// Most deploys take the old folder away at once, and the server has the old one open for a second
/// more: nobody may be told that the site is empty.
#[test]
fn a_site_folder_removed_after_its_replacement_leaves_no_gap() {
    let server = deployable();
    let mut connection = server.connect();
    for (host, old) in [("a.test", "old"), ("linked.test", "first")] {
        let request = Request::get("/page.html").host(host);
        let big = Request::get("/big.bin").host(host);
        assert_eq!(connection.send(&request).text(), OLD, "{host}");
        assert_eq!(connection.send(&big).status, 200, "{host}");
        let (_, deploy) = DEPLOYS[usize::from(host == "linked.test")];
        deploy(&server);
        fs::remove_dir_all(server.folder_beside(old)).unwrap();
        let changed = Instant::now();
        while changed.elapsed() <= ROOT_PATIENCE {
            let began = changed.elapsed();
            let answer = connection.send(&request);
            assert_eq!(answer.status, 200, "{host}, {began:?} after the change");
            // What is streamed is opened anew for each answer.
            let answer = connection.send(&big);
            assert_eq!(answer.status, 200, "{host}, big, {began:?} after the change");
        }
    }
}
