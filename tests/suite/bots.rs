//! Bots: who is refused, where, and the log line of it (docs/behaviour.md, "Bots").

use crate::support::ACME_CHALLENGE;
use crate::support::client::Request;
use crate::support::server::{Server, Setup};
use crate::support::site::Site;

/// How Chromium calls itself.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0";
const VALIDATOR: &str = "Mozilla/5.0 (compatible; Let's Encrypt validation server; \
                         +https://www.letsencrypt.org)";

fn fill(site: &Site) -> &Site {
    site.file("index.html", "index")
        .file("page.php", "source")
        .file("a.php.txt", "text")
        .file("robots.txt", "User-agent: *")
        .file("favicon.ico", "icon")
        .file("sub/robots.txt", "text")
        .file("sub/favicon.ico", "icon")
        .file(".well-known/security.txt", "contact")
        .file(&ACME_CHALLENGE[1..], "proof")
}

fn setup() -> Setup {
    let setup = Setup::new().site("a.test", fill).site("localhost", fill);
    setup.site("127.0.0.1", fill).site("[::1]", fill).args(["--log", "json"])
}

/// A request of its own user agent.
fn from(agent: &str, target: &str) -> Request {
    Request::get(target).without("user-agent").field("User-Agent", agent)
}

/// Asks in the clear and holds that the verdict is `rule`, or that there was none.
#[track_caller]
fn check(server: &Server, request: &Request, rule: Option<&str>) {
    let mut connection = server.connect();
    let seen = server.stdout.count(|_| true);
    let answer = connection.send(request);
    let line = server.stdout.nth(seen, |_| true);
    let line: serde_json::Value = serde_json::from_str(&line).expect("the log is JSON");
    let target = &request.target;
    let name = line.get("bot").and_then(serde_json::Value::as_str);
    assert_eq!(name, rule, "{target} {:?}", request.fields);
    if rule.is_none() {
        assert!(matches!(answer.status, 200 | 206 | 308 | 404), "{target}: {answer:?}");
        return;
    }
    assert_eq!(answer.status, 403, "{target}: {answer:?}");
    let explained = rule.is_some_and(|rule| answer.text().ends_with(&format!(" (rule {rule})\n")));
    assert!(explained || request.method == "HEAD", "{target}: {answer:?}");
    assert_eq!(answer.must("content-type"), "text/plain; charset=utf-8", "{target}");
    assert_eq!(line["status"], 403);
    assert_eq!(answer.field("connection"), Some("close"), "{target}");
    connection.expect_close();
}

#[test]
fn a_client_without_a_name_is_refused() {
    let server = setup().start();
    let rule = Some("no-user-agent");
    check(&server, &Request::get("/").without("user-agent"), rule);
    check(&server, &from("", "/"), rule);
    check(&server, &from("x", "/"), None);
    check(&server, &Request::get("/robots.txt").without("user-agent"), rule);
    check(&server, &Request::head("/").without("user-agent"), rule);
}

#[test]
fn lets_encrypt_asks_for_nothing_but_its_token() {
    let server = setup().start();
    let rule = Some("fake-lets-encrypt");
    check(&server, &from(VALIDATOR, ACME_CHALLENGE), None);
    check(&server, &from(VALIDATOR, "/.well-known/acme-challenge/unknown-token"), None);
    check(&server, &from(VALIDATOR, "/"), rule);
    check(&server, &from("LETSENCRYPT", "/"), rule);
    check(&server, &from("x LetsEncrypt/1", "/robots.txt"), rule);
    check(&server, &from(VALIDATOR, "/.well-known/acme-challenge/"), rule);
    check(&server, &from(VALIDATOR, "/.well-known/acme-challenge/a/b"), rule);
    check(&server, &from(VALIDATOR, "/.well-known/security.txt"), rule);
    check(&server, &from("let's encrypt", "/"), None);
}

#[test]
fn nobody_looks_for_php_here() {
    let server = setup().start();
    let rule = Some("php-probe");
    let refused = ["/page.php", "/x.PHP", "/wp-login.Php?x=1", "/a/b.php", "/x%2Ephp", "/x.%70hp"];
    for target in refused {
        check(&server, &Request::get(target), rule);
    }
    for target in ["/a.php.txt", "/x.php5", "/php", "/?x=y.php", "/x.php/"] {
        check(&server, &Request::get(target), None);
    }
}

#[test]
fn the_first_rule_that_matches_is_the_verdict() {
    let server = setup().start();
    check(&server, &Request::get("/x.php").without("user-agent"), Some("no-user-agent"));
    check(&server, &from(VALIDATOR, "/x.php"), Some("fake-lets-encrypt"));
    check(&server, &from(BROWSER, "/x.php").host("localhost"), Some("php-probe"));
}

#[test]
fn a_real_browser_in_the_clear_is_served() {
    let server = setup().start();
    check(&server, &from(BROWSER, "/").field("Accept-Encoding", "gzip, deflate"), None);
    check(&server, &from(BROWSER, "/"), None);
}

/// Path, fields, whether the client is refused.
type Row = (&'static str, &'static [(&'static str, &'static str)], bool);

/// The rows of `fake-browser` where it holds.
const FAKE_BROWSER: [Row; 33] = [
    ("/", &[], true),
    ("/", &[("Accept-Encoding", "gzip, deflate")], true),
    ("/", &[("Accept-Encoding", "br;q=0")], true),
    ("/", &[("Accept-Encoding", "gzip, br; q=0.000")], true),
    ("/", &[("Accept-Encoding", "brotli")], true),
    ("/", &[("Accept-Encoding", "gzip, deflate, br, zstd")], false),
    ("/", &[("Accept-Encoding", "gzip"), ("Accept-Encoding", "BR")], false),
    ("/", &[("Accept-Encoding", "br;q=0.1")], false),
    ("/", &[("Sec-Fetch-Site", "none")], false),
    ("/", &[("Sec-GPC", "1")], false),
    ("/", &[("Sec-CH-UA", "\"Chromium\";v=\"156\"")], false),
    ("/", &[("Sec-Fetch-Mode", "navigate")], true),
    ("/sub/robots.txt", &[], true),
    ("/sub/favicon.ico", &[], true),
    ("/robots.txt", &[], false),
    ("/favicon.ico", &[], false),
    ("/.well-known/security.txt", &[], false),
    ("/.well-known/nothing/at/all", &[], false),
    ("/.well-known", &[], true),
    // What browsers load without their fields.
    ("/", &[("Range", "bytes=0-1")], false),
    ("/", &[("Range", "bytes=0-1"), ("Accept-Encoding", "identity")], false),
    ("/", &[("Accept-Encoding", "identity")], false),
    ("/", &[("Accept-Encoding", "identity;q=1, *;q=0")], false),
    ("/", &[("Accept-Encoding", "identity;q=0")], true),
    ("/", &[("Accept-Encoding", "identity, gzip")], true),
    ("/", &[("Accept-Encoding", "*;q=0")], true),
    ("/film.mp4", &[], false),
    ("/live/index.M3U8", &[], false),
    ("/live/segment-1.m4s", &[], false),
    ("/podcast/feed.xml", &[], false),
    ("/talk%2Emp3", &[], false),
    ("/mp4", &[], true),
    ("/film.mp4.html", &[], true),
];

#[test]
fn a_fake_browser_on_a_loopback_name_is_refused() {
    let server = setup().start();
    for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:80"] {
        check(&server, &from(BROWSER, "/").host(host), Some("fake-browser"));
    }
    for (target, fields, refused) in FAKE_BROWSER {
        let request = from(BROWSER, target).host("localhost").fields(fields);
        check(&server, &request, refused.then_some("fake-browser"));
    }
    let crawler = "Mozilla/5.0 (compatible; crawler; +https://crawler.test/about)";
    check(&server, &from(crawler, "/").host("localhost"), None);
    check(&server, &from("mozilla/5.0", "/").host("localhost"), None);
    check(&server, &from("curl/8 Mozilla", "/").host("localhost"), None);
}

#[test]
fn a_fake_browser_over_tls_is_refused() {
    let server = setup().certificate("a.test").start();
    for (target, fields, refused) in FAKE_BROWSER {
        let mut connection = server.connect_tls("a.test");
        let answer = connection.send(&from(BROWSER, target).fields(fields));
        assert_eq!(answer.status == 403, refused, "{target} {fields:?}: {answer:?}");
        if refused {
            connection.expect_close();
        }
    }
}

#[test]
fn a_look_at_the_head_needs_no_fields_of_a_browser() {
    let server = setup().start();
    let head = Request::head("/").host("localhost").without("user-agent");
    check(&server, &head.field("User-Agent", BROWSER), None);
}

/// A line of the list of clients.
struct Client {
    kind: &'static str,
    name: &'static str,
    user_agent: &'static str,
    over_tls: &'static str,
    in_the_clear: &'static str,
}

/// The clients of `data/user_agents.tsv`, which says how it is to be read.
fn clients() -> Vec<Client> {
    let lines = include_str!("data/user_agents.tsv").lines();
    let clients = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let [kind, name, user_agent, over_tls, in_the_clear, source] = columns[..] else {
            panic!("six columns: {line}");
        };
        assert!(!source.is_empty(), "{line}");
        Client { kind, name, user_agent, over_tls, in_the_clear }
    });
    clients.collect()
}

impl Client {
    fn request(&self, fields: &str) -> Request {
        let fields = fields.split(" | ").filter_map(|field| field.split_once(": "));
        fields.fold(from(self.user_agent, "/"), |request, (name, value)| request.field(name, value))
    }
}

#[test]
fn people_and_their_tools_are_served_and_fakes_are_not() {
    let server = setup().start();
    let secure = setup().certificate("a.test").start();
    let clients = clients();
    let people = clients.iter().filter(|client| client.kind != "fake").count();
    assert!(people >= 120 && clients.len() > people + 30, "{people} of {}", clients.len());
    for client in &clients {
        let name = client.name;
        let answer = server.send(&client.request(client.in_the_clear));
        assert!(matches!(answer.status, 200 | 206), "{name} in the clear: {answer:?}");
        let answer = secure.send_tls("a.test", client.request(client.over_tls));
        let refused = match client.kind {
            "person" | "tool" => false,
            "fake" => true,
            other => panic!("{other} is no kind"),
        };
        assert_eq!(answer.status == 403, refused, "{name} over TLS: {answer:?}");
    }
}

#[test]
fn the_verdict_can_be_logged_only_or_off() {
    let no_agent = Request::get("/").without("user-agent");
    let server = setup().args(["--bots", "log"]).start();
    assert_eq!(server.send(&no_agent).status, 200);
    let line = server.stdout.containing("no-user-agent");
    assert!(line.contains("\"status\":200"), "{line}");

    let server = setup().args(["--bots", "off"]).start();
    assert_eq!(server.send(&no_agent).status, 200);
    let line = server.stdout.nth(0, |_| true);
    assert!(!line.contains("no-user-agent"), "{line}");
}
