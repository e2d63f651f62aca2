//! The rows of docs/coming-from.md: files of sites as people bring them, and the answers that the
//! document promises for them.

use crate::support::client::Request;
use crate::support::server::{Server, Setup};

/// A path and content of a file.
type File = (&'static str, &'static str);

/// A host, a target, and the answer: its status, then where it leads or its content, then fields as
/// `name=value`, or `!name` for one that is not there.
type Row = (&'static str, &'static str, &'static str);

fn serve(sites: &[(&str, &[File])]) -> Server {
    let add = |setup: Setup, (host, files): &(&str, &[File])| {
        setup.site(host, |site| files.iter().fold(site, |site, (path, text)| site.file(path, text)))
    };
    sites.iter().fold(Setup::new(), add).args(["--bots", "off"]).start()
}

#[track_caller]
fn check(server: &Server, rows: &[Row]) {
    for (host, target, expected) in rows {
        let answer = server.send(&Request::get(target).host(host));
        let what = answer.field("location").map_or_else(|| answer.text(), str::to_owned);
        let mut words = expected.split("; ");
        let first = words.next().expect("a split has a first part");
        assert_eq!(format!("{} {what}", answer.status), first, "{host}{target}");
        for word in words {
            match (word.strip_prefix('!'), word.split_once('=')) {
                (Some(name), _) => assert_eq!(answer.field(name), None, "{host}{target}"),
                (None, Some((name, value))) => {
                    assert_eq!(answer.field(name), Some(value), "{host}{target}");
                }
                (None, None) => panic!("{word} is no field"),
            }
        }
    }
}

const SITES_OF_CLOUDFLARE: [(&str, &[File]); 4] = [
    (
        "a.test",
        &[
            (
                "_redirects",
                "/old /new\n/File /elsewhere\n/slash/ /s\n/exists /moved 301\n/app/* /page 200\n\
                 /forced/* /page 200!\nhttps://project.pages.dev/* /x 301\n",
            ),
            (
                "_headers",
                "/*\n  X-A: 1\n  ! X-Content-Type-Options\n  Content-Encoding: br\n  ETag: \"x\"\n  \
                 Link: </a.css>\nhttps://project.pages.dev/*\n  X-B: 2\n",
            ),
            ("index.html", "index"),
            ("about.html", "about"),
            ("exists.html", "exists"),
            ("page.html", "page"),
            ("app/real.html", "real"),
            ("forced/real.html", "real"),
            ("_worker.js", "code"),
        ],
    ),
    ("app.test", &[("_redirects", "/* /index.html 200"), ("index.html", "app"), ("a.js", "js")]),
    ("branch.a.test", &[("index.html", "branch")]),
    ("none.test", &[("index.html", "index")]),
];

#[test]
fn from_cloudflare_pages() {
    let server = serve(&SITES_OF_CLOUDFLARE);
    check(
        &server,
        &[
            ("a.test", "/old", "302 /new; x-a=1"),
            ("a.test", "/exists", "301 /moved"),
            ("a.test", "/File", "302 /elsewhere"),
            ("a.test", "/file", "404 404 Not Found\n"),
            ("a.test", "/slash/", "302 /s"),
            ("a.test", "/slash", "404 404 Not Found\n"),
            ("a.test", "/app/none", "200 page"),
            ("a.test", "/app/real", "200 real"),
            ("a.test", "/forced/real", "200 page"),
            ("none.test", "/none", "404 404 Not Found\n"),
            ("app.test", "/some/page", "200 app"),
            ("app.test", "/none.js", "404 404 Not Found\n"),
            ("app.test", "/a.js", "200 js"),
            ("a.test", "/about", "200 about; x-a=1; !x-b; !content-encoding"),
            ("a.test", "/about.html", "200 about; link=</a.css>"),
            ("a.test", "/", "200 index; !x-content-type-options"),
            ("a.test", "/_worker.js", "200 code"),
            ("branch.a.test", "/", "200 branch"),
        ],
    );
    let tag = server.send(&Request::get("/about").host("a.test"));
    assert_ne!(tag.must("etag"), "\"x\"", "shost knows what is right");
}

const SITES_OF_NETLIFY: [(&str, &[File]); 2] = [
    (
        "a.test",
        &[
            (
                "_redirects",
                "/old /new\n/file /new 301\n/blog/* /b/:splat 301\n/assets/* 200\n\
                 /assets/late.css /never 301\n/shown /new 200!\n/gone/* /404.html 404!\n\
                 /forced /new 301!\n/store id=:id /blog/:id 301\n/passed /new 301\n\
                 /own /new?a=b 301\n/de/* /x 302 Language=de\n/us/* /x 302 Country=us\n\
                 /admin/* /x 200 Role=admin\n/cookie/* /x 302 Cookie=a\n\
                 /api/* https://api.example.com/:splat 200\n",
            ),
            ("_headers", "/Path\n  X-P: 1\n/secret/*\n  Basic-Auth: user:password\n"),
            ("netlify.toml", "[[redirects]]\nfrom = \"/toml\"\nto = \"/new\"\n"),
            ("404.html", "missing"),
            ("index.html", "index"),
            ("new.html", "new"),
            ("file", "file"),
            ("assets/app.css", "css"),
            ("gone/a.html", "a"),
            ("Path.html", "path"),
            ("path.html", "another"),
            ("secret/a.html", "a"),
        ],
    ),
    ("app.test", &[("_redirects", "/* /index.html 200"), ("index.html", "app")]),
];

#[test]
fn from_netlify() {
    let server = serve(&SITES_OF_NETLIFY);
    check(
        &server,
        &[
            ("a.test", "/old", "302 /new"),
            ("a.test", "/file", "301 /new"),
            ("a.test", "/old/", "404 missing"),
            ("a.test", "/blog", "404 missing"),
            ("a.test", "/blog/", "301 /b/"),
            ("app.test", "/some/page", "200 app"),
            ("app.test", "/app.old.js", "404 404 Not Found\n"),
            ("a.test", "/assets/app.css", "200 css"),
            ("a.test", "/assets/none.css", "404 missing"),
            ("a.test", "/assets/late.css", "404 missing"),
            ("a.test", "/shown", "200 new"),
            ("a.test", "/gone/a", "404 missing"),
            ("a.test", "/forced", "301 /new"),
            ("a.test", "/store?id=3", "404 missing"),
            ("a.test", "/passed?x=1", "301 /new?x=1"),
            ("a.test", "/own?x=1", "301 /new?a=b"),
            ("a.test", "/de/a", "404 missing"),
            ("a.test", "/us/a", "404 missing"),
            ("a.test", "/admin/a", "404 missing"),
            ("a.test", "/cookie/a", "404 missing"),
            ("a.test", "/api/a", "404 missing"),
            ("a.test", "/Path", "200 path; x-p=1"),
            ("a.test", "/path", "200 another; !x-p"),
            ("a.test", "/secret/a", "200 a; !basic-auth"),
            ("a.test", "/toml", "404 missing"),
        ],
    );
    let html = Request::get("/app.old.js").host("app.test").field("accept", "text/html");
    assert_eq!(server.send(&html).text(), "app");
}

const SITES_OF_GITHUB: [(&str, &[File]); 4] = [
    (
        "a.test",
        &[
            ("404.html", "missing"),
            ("docs/404.html", "no such document"),
            ("docs/index.html", "docs"),
            ("about.html", "about"),
            ("index.html", "index"),
            ("_next/a.js", "js"),
            (".nojekyll", ""),
            ("app.3f2a9c1d.js", "js"),
            ("style.css", "css"),
            ("moved.html", "<meta http-equiv=refresh content='0;url=/about'>"),
        ],
    ),
    ("www.b.test", &[("index.html", "b")]),
    ("copy.test", &[("404.html", "app"), ("index.html", "app")]),
    ("app.test", &[("_redirects", "/* /index.html 200"), ("index.html", "app")]),
];

#[test]
fn from_github_pages() {
    let server = serve(&SITES_OF_GITHUB);
    let forever = "public, max-age=31536000, immutable";
    check(
        &server,
        &[
            ("www.a.test", "/a?b", "301 http://a.test/a?b"),
            ("b.test", "/", "301 http://www.b.test/"),
            ("a.test", "/none", "404 missing"),
            ("a.test", "/docs/none", "404 no such document"),
            ("copy.test", "/app/page", "404 app"),
            ("app.test", "/app/page", "200 app"),
            ("a.test", "/about", "200 about"),
            ("a.test", "/docs", "308 /docs/"),
            ("a.test", "/_next/a.js", "200 js"),
            ("a.test", "/.nojekyll", "404 missing"),
            ("a.test", "/moved", "200 <meta http-equiv=refresh content='0;url=/about'>"),
            ("a.test", "/", "200 index; cache-control=no-cache"),
            ("a.test", "/style.css", "200 css; cache-control=no-cache"),
        ],
    );
    let hashed = server.send(&Request::get("/app.3f2a9c1d.js").host("a.test"));
    assert_eq!(hashed.field("cache-control"), Some(forever));
}

const SITES_OF_NGINX_AND_CADDY: [(&str, &[File]); 2] = [
    (
        "a.test",
        &[
            ("_redirects", "/moved /new 301\n/old/* /new/:splat 301\n/a /b 200!\n"),
            (
                "_headers",
                "/*\n  X-Frame-Options: DENY\n/inner/*\n  X-In: 1\n/cached/*\n  Cache-Control: \
                 max-age=60\n/typed/*\n  Content-Type: text/x-own\n",
            ),
            ("404.html", "missing"),
            ("index.html", "index"),
            ("page.html", "page"),
            ("a.html", "a"),
            ("b.html", "b"),
            ("folder/index.html", "folder"),
            ("listed/a.txt", "a"),
            ("inner/a.html", "a"),
            ("cached/a.css", "css"),
            ("typed/a.own", "own"),
        ],
    ),
    (
        "app.test",
        &[("_redirects", "/* /index.html 200"), ("index.html", "app"), ("real/index.html", "real")],
    ),
];

#[test]
fn from_nginx_and_caddy() {
    let server = serve(&SITES_OF_NGINX_AND_CADDY);
    check(
        &server,
        &[
            ("a.test", "/moved", "301 /new; x-frame-options=DENY"),
            ("a.test", "/old/a/b?c", "301 /new/a/b?c"),
            ("app.test", "/some/page", "200 app"),
            ("app.test", "/real/", "200 real"),
            ("a.test", "/page", "200 page; x-frame-options=DENY"),
            ("a.test", "/folder/", "200 folder"),
            ("a.test", "/none", "404 missing; x-frame-options=DENY"),
            ("a.test", "/inner/a", "200 a; x-frame-options=DENY; x-in=1"),
            ("a.test", "/cached/a.css", "200 css; cache-control=max-age=60"),
            ("a.test", "/typed/a.own", "200 own; content-type=text/x-own"),
            ("a.test", "/listed/", "404 missing"),
            ("a.test", "/a", "200 b"),
            ("www.a.test", "/page", "301 http://a.test/page"),
            ("a.test", "/", "200 index; !server"),
        ],
    );
}
