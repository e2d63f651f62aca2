//! `--http-port`: ACME is answered, the rest is redirected (docs/behaviour.md, "Plain port beside
//! HTTPS").

use crate::support::ACME_CHALLENGE;
use crate::support::client::Request;
use crate::support::server::{Server, Setup};

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
        ("b.test", "/x?y", "www.b.test", "/x?y"),
        ("www.b.test:81", "/", "www.b.test", "/"),
    ];
    for (host, target, name, rest) in rows {
        for request in [Request::get(target), Request::head(target)] {
            let answer = server.send(&request.host(host));
            let expected = format!("https://{name}:{port}{rest}");
            let actual = (answer.status, answer.must("location"));
            assert_eq!(actual, (301, expected.as_str()), "{host}{target}");
            assert_eq!(answer.field("strict-transport-security"), None, "RFC 6797 §7.2");
        }
    }
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
