//! `--http-port`: ACME is answered, the rest is redirected (docs/behaviour.md, "Plain port beside
//! HTTPS").

use crate::support::ACME_CHALLENGE;
use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::site::Site;

fn serve() -> Server {
    Setup::new()
        .site("a.test", |site| site.file("index.html", "a").file(&ACME_CHALLENGE[1..], "proof"))
        .site("www.b.test", |site| site.file("index.html", "b"))
        .certificate_for("a.test", &["a.test", "www.a.test"])
        .args(["--http-port", "0"])
        .start()
}

#[test]
fn an_acme_file_is_answered_in_the_clear() {
    let server = serve();
    let agent = "Mozilla/5.0 (compatible; Let's Encrypt validation server; \
                 +https://www.letsencrypt.org)";
    for agent in [agent, "shost-test"] {
        let request = Request::get(ACME_CHALLENGE).without("user-agent").field("User-Agent", agent);
        let answer = server.send(&request);
        assert_eq!((answer.status, answer.text().as_str()), (200, "proof"), "{agent}");
        assert_eq!(answer.field("strict-transport-security"), None, "RFC 6797 §7.2");
    }
    let head = server.send(&Request::head(ACME_CHALLENGE));
    assert_eq!((head.status, head.must("content-length")), (200, "5"));
}

#[test]
fn what_certify_shows_is_answered_for_every_name_in_the_clear() {
    let server = serve();
    let folder = server.tls().join(".acme-challenge");
    std::fs::create_dir(&folder).unwrap();
    let token = ACME_CHALLENGE.rsplit('/').next().unwrap();
    std::fs::write(folder.join(token), "certify's").unwrap();
    std::fs::write(server.tls().join("secret"), "key").unwrap();
    let rows = [
        ("a.test", ACME_CHALLENGE, 200, "certify's"),
        ("www.a.test", ACME_CHALLENGE, 200, "certify's"),
        ("no-site.test", ACME_CHALLENGE, 200, "certify's"),
        ("192.0.2.1", ACME_CHALLENGE, 200, "certify's"),
        ("[2001:db8::1]", ACME_CHALLENGE, 200, "certify's"),
        ("no-site.test", "/.well-known/acme-challenge/missing", 421, ""),
        ("no-site.test", "/.well-known/acme-challenge/..%2Fsecret", 421, ""),
        ("no-site.test", "/.well-known/acme-challenge/", 421, ""),
        ("no-site.test", "/", 421, ""),
    ];
    for (host, target, status, text) in rows {
        let answer = server.send(&Request::get(target).host(host));
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{host}{target}");
    }
    let head = server.send(&Request::head(ACME_CHALLENGE).host("no-site.test"));
    assert_eq!((head.status, head.must("content-length")), (200, "9"));
    assert_eq!(head.must("cache-control"), "no-store");
    let own = server.send_tls("a.test", Request::get(ACME_CHALLENGE));
    assert_eq!(own.text(), "proof", "over TLS a site's files are its own");
}

#[test]
fn the_rest_leads_to_https() {
    let server = serve();
    let port = server.https().port();
    let rows = [
        ("a.test", "/", "a.test", "/"),
        ("a.test", "/x/y.html?z=1&z=2", "a.test", "/x/y.html?z=1&z=2"),
        ("A.Test.:8080", "/x?", "a.test", "/x?"),
        ("a.test:80", "/%C3%A9?%0D%0A", "a.test", "/%C3%A9?%0D%0A"),
        ("a.test", "/.well-known/security.txt", "a.test", "/.well-known/security.txt"),
        // Straight to the name that is there, not over a second redirect.
        ("www.a.test", "/x?y", "a.test", "/x?y"),
    ];
    for (host, target, name, rest) in rows {
        for request in [Request::get(target), Request::head(target)] {
            let answer = server.send(&request.host(host));
            let expected = format!("https://{name}:{port}{rest}");
            let actual = (answer.status, answer.must("location"));
            assert_eq!(actual, (301, expected.as_str()), "{host}{target}");
            // A script of another page has to follow it.
            assert_eq!(answer.must("access-control-allow-origin"), "*", "{host}{target}");
            assert_eq!(answer.field("strict-transport-security"), None, "RFC 6797 §7.2");
        }
    }
}

#[test]
fn a_name_without_a_certificate_is_served_in_the_clear() {
    let server = Setup::new()
        .site("a.test", |site| site.file("index.html", "a"))
        .site("www.b.test", |site| site.file("index.html", "b"))
        .site("_wildcard.c.test", |site| site.file("index.html", "c"))
        .site("_wildcard.d.test", |site| site.file("index.html", "d"))
        .site("e.test", |site| site.file("index.html", "e"))
        .certificate_for("a.test", &["a.test", "www.a.test"])
        .certificate_for("_wildcard.c.test", &["*.c.test"])
        .certificate_for("www.e.test", &["www.e.test"])
        .args(["--http-port", "0"])
        .start();
    let https = |host: &str| format!("https://{host}:{}/", server.https().port());
    let rows = [
        ("a.test", 301, https("a.test")),
        ("www.a.test", 301, https("a.test")),
        ("x.c.test", 301, https("x.c.test")),
        ("www.b.test", 200, "b".into()),
        ("WWW.B.test:81", 200, "b".into()),
        ("b.test", 301, "http://www.b.test/".into()),
        ("b.test:81", 301, "http://www.b.test:81/".into()),
        ("x.d.test", 200, "d".into()),
        ("e.test", 200, "e".into()),
        ("www.e.test", 301, "http://e.test/".into()),
    ];
    for (host, status, expected) in rows {
        let answer = server.send(&Request::get("/").host(host));
        let told = answer.field("location").map_or_else(|| answer.text(), str::to_owned);
        assert_eq!((answer.status, told), (status, expected), "{host}");
        assert_eq!(answer.field("strict-transport-security"), None, "{host}");
    }
}

#[test]
fn what_authorities_look_for_is_never_redirected() {
    let fill = |site: &Site| {
        let folder = ".well-known/pki-validation";
        site.file(&format!("{folder}/fileauth.txt"), "pki")
            .file(&format!("{folder}/A1.html"), "A1");
        site.file(".well-known/acme-challenge/a.b", "acme").file("_redirects", "/* / 301");
    };
    let server = Setup::new()
        .site("a.test", |site| {
            fill(site);
            site
        })
        .certificate("a.test")
        .args(["--http-port", "0"])
        .start();
    let rows = [
        ("/.well-known/pki-validation/fileauth.txt", 200, "pki"),
        ("/.well-known/pki-validation/fileauth.txt?x=1", 200, "pki"),
        ("/.well-known/pki-validation/A1.html", 200, "A1"),
        ("/.well-known/acme-challenge/a.b", 200, "acme"),
    ];
    for host in ["a.test", "www.a.test"] {
        for (target, status, text) in rows {
            let answer = server.send(&Request::get(target).host(host));
            assert_eq!((answer.status, answer.text().as_str()), (status, text), "{host}{target}");
        }
        for target in ["/.well-known/pki-validation/none", "/.well-known/acme-challenge/a/b"] {
            assert_eq!(server.send(&Request::get(target).host(host)).status, 404, "{host}{target}");
        }
        for target in ["/.well-known/security.txt", "/.well-known/pki-validation/../x", "/x"] {
            assert_eq!(server.send(&Request::get(target).host(host)).status, 301, "{host}{target}");
        }
    }
}

#[test]
fn redirects_lead_to_the_port_that_clients_know() {
    let rows: [(&[&str], Option<&str>, &str); 4] = [
        (&["--public-port", "443"], None, "https://a.test/x"),
        (&["--public-port", "8443"], None, "https://a.test:8443/x"),
        (&["--public-port=80"], None, "https://a.test:80/x"),
        (&[], Some("9443"), "https://a.test:9443/x"),
    ];
    for (arguments, variable, expected) in rows {
        let setup = Setup::new()
            .site("a.test", |site| site.file("index.html", "a"))
            .certificate("a.test")
            .args(["--http-port", "0"])
            .args(arguments.iter().copied());
        let setup = match variable {
            Some(port) => setup.env("SHOST_PUBLIC_PORT", port),
            None => setup,
        };
        let server = setup.start();
        for host in ["a.test", "a.test:80", "a.test:8080", "www.a.test"] {
            let answer = server.send(&Request::get("/x").host(host));
            assert_eq!(answer.must("location"), expected, "{host}");
        }
    }
    let ended = Setup::bare().args(["--public-port", "443"]).run();
    assert_eq!(ended.code, Some(2), "it is nothing without --tls: {:?}", ended.stderr);
}

#[test]
fn a_path_cannot_lead_to_another_host() {
    let server = serve();
    let origin = format!("https://a.test:{}/", server.https().port());
    for target in ["//evil.test/x", "/@evil.test/", "/.evil.test", "/\\evil.test", "/%2e%2e/x"] {
        let answer = server.send(&Request::get(target));
        match answer.field("location") {
            Some(location) => assert!(location.starts_with(&origin), "{target}: {location}"),
            None => assert!(matches!(answer.status, 400 | 404), "{target}: {answer:?}"),
        }
    }
}

#[test]
fn the_same_steps_come_before() {
    let server = serve();
    let rows = [
        (Request::get("/").host("c.test"), 421),
        (Request::get("/").host("a..test"), 400),
        (Request::get("/").without("host"), 400),
        (Request::get("/").without("user-agent"), 403),
        (Request::new("POST", "/").field("Content-Length", "0"), 405),
        (Request::new("OPTIONS", "/"), 204),
    ];
    for (request, status) in rows {
        assert_eq!(server.send(&request).status, status, "{} {:?}", request.method, request.fields);
    }
}

#[test]
fn the_redirect_arrives() {
    let server = serve();
    let answer = server.send(&Request::get("/"));
    let expected = format!("https://a.test:{}/", server.https().port());
    assert_eq!(answer.must("location"), expected);
    assert_eq!(server.send_tls("a.test", Request::get("/")).text(), "a");
}
