//! Hosts: the site of each, and its certificate (docs/behaviour.md, "Sites and hosts").

use std::fs;
use std::time::{Duration, Instant};

use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::site::Site;
use crate::support::tls::Trust;
use rustls::{AlertDescription, Error};

/// A site whose index says its name.
fn named(setup: Setup, domain: &str) -> Setup {
    setup.site(domain, |site| site.file("index.html", domain).file("page.html", domain))
}

/// Asks `host` for its index and holds that the answer is this site's.
#[track_caller]
fn serves(server: &Server, host: &str, site: &str) {
    let answer = server.send(&Request::get("/").host(host));
    assert_eq!((answer.status, answer.text().as_str()), (200, site), "{host}");
}

#[test]
fn a_host_is_looked_up_in_one_normal_form() {
    let names = ["a.test", "Upper.TEST", "127.0.0.1", "[::1]", "xn--bcher-kva.test"];
    let server = names.into_iter().fold(Setup::new(), named).start();
    let rows = [
        ("a.test", "a.test"),
        ("A.Test", "a.test"),
        ("a.test.", "a.test"),
        ("a.test:8080", "a.test"),
        ("A.TEST.:1", "a.test"),
        ("a.test:", "a.test"),
        ("upper.test", "Upper.TEST"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::1]:443", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("XN--BCHER-kva.test", "xn--bcher-kva.test"),
    ];
    for (host, site) in rows {
        serves(&server, host, site);
    }
}

#[test]
fn a_folder_with_a_unicode_name_is_its_a_label() {
    let server = named(Setup::new(), "bücher.test").start();
    serves(&server, "xn--bcher-kva.test", "bücher.test");
}

#[test]
fn only_folders_named_like_a_host_are_sites() {
    let setup = named(named(Setup::new(), "a.test"), "not a host");
    let setup = named(setup, ".hidden.test");
    fs::write(setup.sites().join("file.test"), "").unwrap();
    let server = setup.start();
    let started = server.stderr.containing("started");
    assert!(started.contains("sites=1"), "{started}");
    let warning = server.stderr.containing("WARN");
    assert!(warning.contains("not a host"), "{warning}");
    let warnings = server.stderr.count(|line| line.contains("WARN"));
    assert_eq!(warnings, 1, "only the first kind warns: {:#?}", server.stderr.so_far());
    for host in ["file.test", ".hidden.test", "hidden.test"] {
        let answer = server.send(&Request::get("/").host(host));
        assert!(matches!(answer.status, 400 | 421), "{host}: {answer:?}");
    }
}

#[test]
fn a_linked_folder_is_a_site() {
    let setup = Setup::new();
    let elsewhere = setup.folder().join("elsewhere");
    Site::at(&elsewhere).file("index.html", "linked");
    Site::at(setup.sites()).link("a.test", &elsewhere);
    serves(&setup.start(), "a.test", "linked");
}

/// Asks until the answer is `expected`; a request that is sent later than `bound` after `changed`
/// has to have it.
#[track_caller]
fn seen_within(bound: Duration, server: &Server, target: &str, expected: (u16, &str)) {
    let changed = Instant::now();
    let mut connection = server.connect();
    loop {
        let asked = changed.elapsed();
        let answer = connection.send(&Request::get(target));
        if answer.status == expected.0 && answer.text().contains(expected.1) {
            return;
        }
        assert!(asked <= bound, "after {asked:?} still {} {:?}", answer.status, answer.text());
    }
}

/// The longest time until a changed file is served (docs/behaviour.md, "Freshness").
const FILE: Duration = Duration::from_millis(100);
/// The longest time until a replaced folder is served (docs/behaviour.md, "Freshness").
const FOLDER: Duration = Duration::from_secs(1);

#[test]
fn a_file_that_changes_is_seen_without_a_signal() {
    let server = Setup::new().site("a.test", |site| site.file("page.html", "one")).start();
    let site = server.site("a.test");
    seen_within(FILE, &server, "/page.html", (200, "one"));
    site.file("page.html", "two");
    seen_within(FILE, &server, "/page.html", (200, "two"));
    site.replace("page.html", "three");
    seen_within(FILE, &server, "/page.html", (200, "three"));
    site.remove("page.html");
    seen_within(FILE, &server, "/page.html", (404, ""));
    site.file("page.html", "four");
    seen_within(FILE, &server, "/page.html", (200, "four"));
    site.file("404.html", "not here");
    seen_within(FILE, &server, "/nothing", (404, "not here"));
}

#[test]
fn a_change_that_keeps_size_and_time_is_seen() {
    let server = Setup::new().site("a.test", |site| site.file("page.html", "v000")).start();
    let site = server.site("a.test");
    let time = fs::metadata(site.path("page.html")).unwrap().modified().unwrap();
    for version in 1..30 {
        let content = format!("v{version:03}");
        site.file_of("page.html", &content, time);
        seen_within(FILE, &server, "/page.html", (200, &content));
    }
}

#[test]
fn a_site_folder_that_is_replaced_is_seen_without_a_signal() {
    let setup = Setup::new();
    let releases = setup.folder().join("releases");
    let release = |name: &str| {
        Site::at(releases.join(name)).file("index.html", name);
    };
    release("one");
    release("two");
    let sites = Site::at(setup.sites());
    sites.link("linked.test", releases.join("one"));
    let server = setup.site("a.test", |site| site.file("index.html", "one")).start();
    seen_within(FILE, &server, "/", (200, "one"));
    serves(&server, "linked.test", "one");

    fs::rename(sites.path("a.test"), server.folder_beside("old")).unwrap();
    fs::rename(releases.join("two"), sites.path("a.test")).unwrap();
    seen_within(FOLDER, &server, "/", (200, "two"));

    release("three");
    sites.link("next.link", releases.join("three"));
    fs::rename(sites.path("next.link"), sites.path("linked.test")).unwrap();
    let switched = Instant::now();
    loop {
        let asked = switched.elapsed();
        let answer = server.send(&Request::get("/").host("linked.test"));
        if answer.text() == "three" {
            break;
        }
        assert!(asked <= FOLDER, "after {asked:?} still {:?}", answer.text());
    }
}

#[test]
fn a_host_field_that_is_none_is_400_and_closes() {
    let server = named(Setup::new(), "a.test").start();
    let rows = [
        "",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a.test\r\nHost: a.test\r\n",
        "Host: a.test\r\nhost: b.test\r\n",
        "Host: a test\r\n",
        "Host: a..test\r\n",
        "Host: a.test/x\r\n",
        "Host: user@a.test\r\n",
        "Host: %61.test\r\n",
        "Host: a.test:port\r\n",
        "Host: a.test:99999\r\n",
        "Host: [::1\r\n",
        "Host: ../a.test\r\n",
        "Host: a.test, b.test\r\n",
    ];
    for host in rows {
        for method in ["GET", "POST"] {
            let mut connection = server.connect();
            let head = format!("{method} / HTTP/1.1\r\n{host}User-Agent: shost-test\r\n\r\n");
            connection.write(head.as_bytes());
            let answer = connection.read(method);
            assert_eq!(answer.status, 400, "{method} {host:?}");
            connection.expect_close();
        }
    }
    let old = Request::get("/").version("HTTP/1.0").without("host");
    assert_eq!(server.send(&old).status, 400, "HTTP/1.0 names no site either");
}

#[test]
fn the_authority_of_an_absolute_target_wins() {
    // RFC 9112 §3.2.2: the received Host is ignored then.
    let server = named(named(Setup::new(), "a.test"), "b.test").start();
    let answer = server.send(&Request::get("http://b.test/page.html").host("a.test"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "b.test"));
    let answer = server.send(&Request::get("http://b.test").host("a.test"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "b.test"), "an empty path is /");
}

#[test]
fn a_host_without_a_site_is_421() {
    let server = named(Setup::new(), "a.test").start();
    for host in ["b.test", "127.0.0.1", "localhost", "x.a.test", "test", "www.b.test"] {
        let answer = server.send(&Request::get("/").host(host));
        assert_eq!((answer.status, answer.must("content-length")), (421, "0"), "{host}");
        let answer = server.send(&Request::head("/").host(host));
        assert_eq!(answer.status, 421, "{host}");
    }
}

#[test]
fn www_and_its_counterpart_lead_to_the_one_that_is_there() {
    let setup = named(named(Setup::new(), "a.test"), "www.b.test");
    let server = named(named(setup, "c.test"), "www.c.test").start();
    let rows = [
        ("www.a.test", "/", "http://a.test/"),
        ("www.a.test:8080", "/x/y?z=1&z=2", "http://a.test:8080/x/y?z=1&z=2"),
        ("WWW.A.TEST.", "/x", "http://a.test/x"),
        ("b.test", "/page.html", "http://www.b.test/page.html"),
        ("b.test:81", "/?", "http://www.b.test:81/?"),
        ("www.a.test", "/%C3%A9?%0D%0A", "http://a.test/%C3%A9?%0D%0A"),
        ("a.test", "http://www.a.test?x=1", "http://a.test/?x=1"),
        ("a.test", "http://www.a.test", "http://a.test/"),
    ];
    for (host, target, location) in rows {
        let answer = server.send(&Request::get(target).host(host));
        assert_eq!((answer.status, answer.must("location")), (301, location), "{host}{target}");
    }
    serves(&server, "c.test", "c.test");
    serves(&server, "www.c.test", "www.c.test");
}

#[test]
fn www_leads_on_over_tls_as_well() {
    let server =
        named(Setup::new(), "a.test").certificate_for("a.test", &["a.test", "www.a.test"]).start();
    let answer = server.send_tls("www.a.test", Request::get("/x?y"));
    assert_eq!((answer.status, answer.must("location")), (301, "https://a.test/x?y"));
}

#[test]
fn a_host_other_than_the_server_name_is_served() {
    let setup = named(named(Setup::new(), "a.test"), "b.test");
    let server = setup.certificate("a.test").certificate("b.test").start();
    let answer = server.connect_tls("a.test").send(&Request::get("/").host("b.test"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "b.test"));
    let answer = server.connect_tls("a.test").send(&Request::get("/").host("c.test"));
    assert_eq!(answer.status, 421);
}

/// The alert with which a handshake ends, `None` if it succeeds.
#[track_caller]
fn alert(server: &Server, name: &str, sni: bool) -> Option<AlertDescription> {
    let config = server.trust.config(&["http/1.1"], sni);
    match Trust::handshake(server.https(), name, config) {
        Ok(_) => None,
        Err(Error::AlertReceived(alert)) => Some(alert),
        Err(error) => panic!("{name}: no alert but {error}"),
    }
}

#[test]
fn a_name_without_a_certificate_ends_the_handshake() {
    let server = named(Setup::new(), "a.test").certificate("a.test").start();
    assert_eq!(alert(&server, "a.test", true), None);
    let unrecognized = Some(AlertDescription::UnrecognisedName);
    assert_eq!(alert(&server, "a.test", false), unrecognized, "no SNI");
    for name in ["b.test", "x.a.test", "www.a.test", "test"] {
        assert_eq!(alert(&server, name, true), unrecognized, "{name}");
    }
}

#[test]
fn the_certificate_is_the_exact_one_then_the_wildcard_then_the_one_that_names_www() {
    let server = named(Setup::new(), "a.test")
        .certificate_for("a.test", &["a.test", "www.a.test"])
        .certificate_for("_wildcard.under.test", &["*.under.test"])
        .certificate_for("*.star.test", &["*.star.test"])
        .certificate_for("exact.star.test", &["exact.star.test"])
        .start();
    let shown = |name: &str| {
        let config = server.trust.config(&["http/1.1"], true);
        let stream = Trust::handshake(server.https(), name, config);
        let stream = stream.unwrap_or_else(|error| panic!("{name}: {error}"));
        stream.conn.peer_certificates().expect("the server showed one")[0].clone()
    };
    let [under, star, exact] = ["x.under.test", "x.star.test", "exact.star.test"].map(shown);
    assert_eq!(under, shown("y.under.test"));
    assert_eq!(star, shown("Y.Star.test"));
    assert_ne!(star, exact, "the exact folder wins over the wildcard");
    assert_eq!(shown("a.test"), shown("www.a.test"));
    let unrecognized = Some(AlertDescription::UnrecognisedName);
    for name in ["x.y.under.test", "under.test", "x.y.star.test", "star.test"] {
        assert_eq!(alert(&server, name, true), unrecognized, "{name}: one label, no more, no less");
    }
}

#[test]
fn a_wildcard_site_answers_for_one_label_that_has_no_site() {
    let index = |text: &'static str| {
        move |site: &Site| {
            site.file("index.html", text);
        }
    };
    let mut setup = Setup::new();
    for (folder, text) in [
        ("_wildcard.example.com", "any"),
        ("own.example.com", "own"),
        ("example.com", "bare"),
        ("*.star.test", "star"),
        ("_wildcard.UPPER.test", "upper"),
        ("_wildcard.bücher.test", "label"),
        ("_wildcard.deep.example.com", "deep"),
    ] {
        setup = setup.site(folder, |site| {
            index(text)(site);
            site
        });
    }
    let server = setup.start();
    let rows = [
        ("a.example.com", 200, "any"),
        ("B.Example.COM.", 200, "any"),
        ("a.example.com:8080", 200, "any"),
        ("own.example.com", 200, "own"),
        ("example.com", 200, "bare"),
        ("www.example.com", 301, ""),
        ("a.b.example.com", 421, ""),
        ("x.star.test", 200, "star"),
        ("x.upper.test", 200, "upper"),
        ("x.xn--bcher-kva.test", 200, "label"),
        ("a.deep.example.com", 200, "deep"),
        ("deep.example.com", 200, "any"),
        ("a.a.deep.example.com", 421, ""),
        ("star.test", 421, ""),
    ];
    for (host, status, text) in rows {
        let answer = server.send(&Request::get("/").host(host));
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{host}");
    }
}
