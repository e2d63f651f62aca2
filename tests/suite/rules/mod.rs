//! Rules that a site brings with it (docs/behaviour.md, "Rules"): `_redirects` and `_headers`.

mod load;
mod loading;
mod shapes;

use crate::support::client::{Request, Response};
use crate::support::http2::{self, Http2};
use crate::support::server::{Server, Setup};
use crate::support::site::Site;

const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

/// The answers to GET of these targets, the same over HTTP/1.1 and HTTP/2.
#[track_caller]
fn over_each_protocol(server: &Server, targets: &[impl AsRef<str>]) -> Vec<Response> {
    let requests: Vec<_> = targets.iter().map(|target| Request::get(target.as_ref())).collect();
    let mut connection = server.connect();
    let answers: Vec<_> = requests.iter().map(|request| connection.send(request)).collect();
    let second = http2::run(async {
        let mut connection = Http2::open(server.http()).await;
        let mut answers = Vec::new();
        for request in &requests {
            answers.push(connection.send("http", request).await);
        }
        answers
    });
    for ((request, one), two) in requests.iter().zip(&answers).zip(&second) {
        assert_eq!((one.status, &one.body), (two.status, &two.body), "{request:?}");
        assert_eq!(kept(one), kept(two), "{request:?}");
    }
    answers
}

/// The fields of an answer that are neither the clock's nor the connection's.
fn kept(answer: &Response) -> Vec<&(String, String)> {
    let is_kept = |field: &&(String, String)| !matches!(&*field.0, "date" | "connection");
    let mut fields: Vec<_> = answer.fields.iter().filter(is_kept).collect();
    fields.sort();
    fields
}

/// A target, fields, and the status and text of the answer.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

/// Another site, whose rules reach out for the first.
fn other(site: &Site) -> &Site {
    site.file("_redirects", "https://a.test/* /stolen\n/b /there")
        .file("_headers", "https://a.test/*\n  X-Stolen: 1\n")
        .file("index.html", "b")
}

fn serve(fill: impl FnOnce(&Site) -> &Site) -> Server {
    Setup::new().site("a.test", fill).site("b.test", other).args(["--bots", "off"]).start()
}

#[track_caller]
fn check(server: &Server, request: &Request, status: u16, expected: &str) -> Response {
    let answer = server.send(request);
    let told = match answer.field("location") {
        Some(location) => location.to_owned(),
        None => answer.text(),
    };
    assert_eq!((answer.status, told.trim_end()), (status, expected), "{request:?}");
    answer
}

#[test]
fn redirects_and_pages_answer_as_they_say() {
    let rules = "/old /new 301\n/page.html /new\n/shadow.txt /other.txt 200\n\
        /forced.txt /other.txt 200!\n/rewritten/* /folder/:splat 200\n/folderless /folder 200\n\
        /gone/* 410\n/hidden.txt /404.html 404!\n/page-gone /gone.html 410\n/dead /nothing 200\n\
        /secret /_redirects 200\n/.git/* /new\n/named /about 200\n/f* /:splat\n";
    let server = serve(|site| {
        site.file("_redirects", rules)
            .file("_redirects.br", "x")
            .file("page.html", "page")
            .file("shadow.txt", "shadow")
            .file("forced.txt", "forced")
            .file("hidden.txt", "hidden")
            .file("other.txt", "other")
            .file("about.html", "about")
            .file("gone.html", "it has gone")
            .file("404.html", "missing page")
            .file("folder/index.html", "folder")
            .file("folder/x.txt", "x in folder")
    });
    let rows = [
        ("/old", 301, "/new"),
        ("/old?q=1", 301, "/new?q=1"),
        ("/page.html", 302, "/new"),
        ("/shadow.txt", 200, "shadow"),
        ("/forced.txt", 200, "other"),
        ("/rewritten/x.txt", 200, "x in folder"),
        ("/folderless", 200, "folder"),
        ("/named", 200, "about"),
        ("/gone/x", 410, "missing page"),
        ("/page-gone", 410, "it has gone"),
        ("/hidden.txt", 404, "missing page"),
        ("/dead", 404, "missing page"),
        ("/secret", 404, "missing page"),
        ("/_redirects", 404, "missing page"),
        ("/_redirects.br", 404, "missing page"),
        ("/_headers", 404, "missing page"),
        ("/%5Fredirects", 404, "missing page"),
        ("/.git/x", 302, "/new"),
        ("/f/evil.test", 302, "/evil.test"),
        ("/f%5Cevil.test", 302, "/%5Cevil.test"),
        ("/f%0D%0AX:1", 302, "/%0D%0AX:1"),
        ("/other.txt", 200, "other"),
    ];
    for (target, status, expected) in rows {
        check(&server, &Request::get(target), status, expected);
    }
    check(&server, &Request::get("/").host("b.test"), 200, "b");
    check(&server, &Request::get("/b").host("b.test"), 302, "/there");
    check(&server, &Request::get("/b"), 404, "missing page");
}

#[test]
fn a_single_page_application_keeps_its_missing_assets_apart() {
    let server = serve(|site| {
        site.file("_redirects", "/* /index.html 200")
            .file("index.html", "the app")
            .file("app.js", "js")
    });
    let rows: [Row<'_>; 8] = [
        ("/", &[], 200, "the app"),
        ("/user/7", &[], 200, "the app"),
        ("/user/7", &[HTML], 200, "the app"),
        ("/app.js", &[], 200, "js"),
        ("/app.old.js", &[("accept", "*/*")], 404, "404 Not Found"),
        ("/app.old.js", &[], 404, "404 Not Found"),
        ("/user/john.doe", &[HTML], 200, "the app"),
        ("/old.html", &[], 200, "the app"),
    ];
    for (target, fields, status, expected) in rows {
        check(&server, &Request::get(target).fields(fields), status, expected);
    }
}

#[test]
fn what_accept_decides_is_told_to_caches() {
    let server = serve(|site| {
        site.file("_redirects", "/* /index.html 200").file("index.html", "the app").file("a.b", "b")
    });
    let rows: [Row<'_>; 6] = [
        ("/john.doe", &[HTML], 200, "accept-encoding, accept"),
        ("/john.doe", &[], 404, "accept"),
        ("/john.doe", &[HTML, ("if-none-match", "*")], 304, "accept-encoding, accept"),
        ("/john", &[HTML], 200, "accept-encoding"),
        ("/a.b", &[HTML], 200, ""),
        ("/", &[HTML], 200, "accept-encoding"),
    ];
    for (target, fields, status, expected) in rows {
        let answer = server.send(&Request::get(target).fields(fields));
        assert_eq!(answer.status, status, "{target} {fields:?}");
        let varies = answer.field("vary").unwrap_or_default().to_ascii_lowercase();
        assert_eq!(varies, expected, "{target} {fields:?}");
    }
}

#[test]
fn fields_are_set_and_taken_away_on_every_answer_of_the_site() {
    let server = Setup::new()
        .site("a.test", |site| {
            site.file("_redirects", "/old /new")
                .file(
                    "_headers",
                    "/*\n  X-A: 1\n  ! Access-Control-Allow-Origin\n  Cache-Control: max-age=7\n\
                     \n/page.txt\n  X-A: 2\n  Vary: Origin\n  Content-Type: text/x\n\
                     \n/strict/*\n  Strict-Transport-Security: max-age=1\n\
                     \n/lax/*\n  ! Strict-Transport-Security\n",
                )
                .file("page.txt", "0123456789")
                .file("folder/index.html", "folder")
                .file("strict/x", "x")
                .file("lax/x", "x")
        })
        .certificate("a.test")
        .args(["--bots", "off"])
        .start();
    let send = |request: Request| server.send_tls("a.test", request);
    let page = send(Request::get("/page.txt"));
    let tag = page.must("etag").to_owned();
    let rows = [
        (Request::get("/page.txt"), 200, "1, 2"),
        (Request::head("/page.txt"), 200, "1, 2"),
        (Request::get("/page.txt").field("range", "bytes=1-2"), 206, "1, 2"),
        (Request::get("/page.txt").field("range", "bytes=1-2,5-6"), 206, "1, 2"),
        (Request::get("/page.txt").field("if-none-match", &tag), 304, "1, 2"),
        (Request::get("/nothing"), 404, "1"),
        (Request::get("/old"), 302, "1"),
        (Request::get("/folder"), 308, "1"),
    ];
    for (request, status, expected) in rows {
        // Twice: what was made for the first is used for the second.
        for _ in 0..2 {
            let answer = send(request.clone());
            assert_eq!(answer.status, status, "{request:?}");
            assert_eq!(answer.must("x-a"), expected, "{request:?}");
            assert_eq!(answer.must("cache-control"), "max-age=7", "{request:?}");
            assert_eq!(answer.field("access-control-allow-origin"), None, "{request:?}");
        }
    }
    assert_eq!(page.must("vary"), "Accept-Encoding, Origin");
    assert_eq!(page.must("content-type"), "text/x");
    assert_eq!(page.must("strict-transport-security"), "max-age=31536000");
    let parts = send(Request::get("/page.txt").field("range", "bytes=1-2,5-6"));
    assert!(parts.must("content-type").starts_with("multipart/byteranges"));
    assert_eq!(send(Request::get("/strict/x")).must("strict-transport-security"), "max-age=1");
    assert_eq!(send(Request::get("/lax/x")).field("strict-transport-security"), None);
}
