//! From method and path to the file (docs/behaviour.md, "From request to file").

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::client::{Request, Response};
use crate::support::server::{Server, Setup};
use crate::support::site::Site;

/// The site on which every row of this file is asked.
fn fill(site: &Site) -> &Site {
    site.file("index.html", "root index")
        .file("page.html", "page")
        .file("404.html", "root 404")
        .file("about.html", "about")
        .file("both.html", "both as a file")
        .file("both/index.html", "both as a folder")
        .file("plain", "plain")
        .file("plain.html", "plain.html")
        .file("folder/index.html", "folder index")
        .file("blog.html", "blog page")
        .file("blog/hello.html", "hello")
        .file("blog/in.html", "page in blog")
        .file("blog/in/x.txt", "x")
        .file("htm/index.htm", "htm index")
        .file("htm/index.xhtml", "xhtml beside htm")
        .file("htm/deep/index.htm", "deep htm index")
        .file("xhtml/deep/index.xhtml", "deep xhtml index")
        .file("three/index.html", "html beside htm")
        .file("three/index.htm", "htm beside html")
        .file("upper/INDEX.HTM", "no document")
        .file("upper/default.htm", "no document")
        .file("xhtml/index.xhtml", "xhtml index")
        .file("xhtml.html", "page beside a folder")
        .file("folder/note.txt", "note")
        .file("folder/.env", "secret")
        .file("folder/.well-known/x", "secret")
        .file("deep/404.html", "deep 404")
        .file("deep/er/x.txt", "x")
        .file("a/b", "a b")
        .file("é.html", "e acute")
        .file("with space.txt", "space")
        .file("per%cent.txt", "per cent")
        .file("a\"b.txt", "quote")
        .file("a+b.txt", "plus")
        .file("star*.txt", "star")
        .file(".git/config", "secret")
        .file(".well-known/security.txt", "contact")
        .file(".well-known/.x", "secret")
        .folder("empty")
}

fn serve() -> Server {
    Setup::new().site("a.test", fill).site("b.test", |site| site.file("index.html", "b")).start()
}

/// The part of a Location behind the site's own origin; another origin stays as it is.
fn location(answer: &Response) -> &str {
    let location = answer.must("location");
    location.strip_prefix("http://a.test").unwrap_or(location)
}

#[test]
fn files_are_found() {
    let server = serve();
    let rows = [
        ("/", "root index"),
        ("/page.html", "page"),
        ("/page.html?query=/../", "page"),
        ("/page.html?", "page"),
        ("/p%61ge.html", "page"),
        ("/folder/", "folder index"),
        ("/folder/?x", "folder index"),
        ("/folder/note.txt", "note"),
        ("/about", "about"),
        ("/about.html", "about"),
        // A folder answers before the page of its name only if it has a document.
        ("/blog", "blog page"),
        ("/blog/in", "page in blog"),
        ("/blog/hello", "hello"),
        ("/htm/", "htm index"),
        ("/htm/index.xhtml", "xhtml beside htm"),
        ("/xhtml/", "xhtml index"),
        ("/htm/deep/", "deep htm index"),
        ("/xhtml/deep/", "deep xhtml index"),
        ("/three/", "html beside htm"),
        ("/three/index.htm", "htm beside html"),
        ("/upper/INDEX.HTM", "no document"),
        ("/plain", "plain"),
        ("/plain.html", "plain.html"),
        ("/both.html", "both as a file"),
        ("/%C3%A9.html", "e acute"),
        ("/%c3%a9", "e acute"),
        ("/with%20space.txt", "space"),
        ("/per%25cent.txt", "per cent"),
        ("/a\"b.txt", "quote"),
        ("/a%22b.txt", "quote"),
        ("/a+b.txt", "plus"),
        ("/a%2Bb.txt", "plus"),
        ("/star*.txt", "star"),
        ("/.well-known/security.txt", "contact"),
        // Literal dot segments, RFC 3986 §5.2.4: never above the root.
        ("/folder/../page.html", "page"),
        ("/folder/./note.txt", "note"),
        ("/./page.html", "page"),
        ("/../page.html", "page"),
        ("/../../../../page.html", "page"),
        ("/folder/..", "root index"),
        ("/folder/.", "folder index"),
    ];
    for (target, content) in rows {
        let answer = server.send(&Request::get(target));
        assert_eq!((answer.status, answer.text().as_str()), (200, content), "{target}");
    }
}

#[test]
fn a_quote_in_the_query_is_taken() {
    // Every other server takes it, and links in the wild have it.
    let answer = serve().send(&Request::get("/page.html?x=\"y\"&z=[1]"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "page"));
}

#[test]
fn paths_that_mean_nothing_are_400() {
    let server = serve();
    let rows = [
        "/%",
        "/%4",
        "/%zz",
        "/page.html%",
        "/%00",
        "/page.html%00.txt",
        "/a%2fb",
        "/a%2Fb",
        "/%2e%2e/page.html",
        "/%2E%2E/b.test/index.html",
        "/.%2e/page.html",
        "/%2e./page.html",
        "/%2e/page.html",
        "/folder/%2e",
        "/%ff%00",
        "/%ff%2F",
    ];
    for target in rows {
        let answer = server.send(&Request::get(target));
        assert_eq!(answer.status, 400, "{target}: {}", answer.text());
    }
}

#[test]
fn paths_lead_to_their_one_form() {
    let server = serve();
    let rows = [
        ("/a//b", "/a/b"),
        ("/a///b", "/a/b"),
        ("//a/b", "/a/b"),
        ("/a/b//", "/a/b/"),
        ("/a//b?x=1//2&y", "/a/b?x=1//2&y"),
        ("//", "/"),
        ("//evil.test", "/evil.test"),
        ("//evil.test/x?y", "/evil.test/x?y"),
        ("/..//evil.test", "/evil.test"),
        ("/.//evil.test", "/evil.test"),
        ("/%0d%0aSet-Cookie:x//b", "/%0D%0ASet-Cookie:x/b"),
        ("/folder", "/folder/"),
        ("/folder?x=1", "/folder/?x=1"),
        ("/empty", "/empty/"),
        ("/both", "/both/"),
        ("/about/", "/about"),
        ("/about/?x=1", "/about?x=1"),
        ("/blog/", "/blog"),
        ("/blog/in/", "/blog/in"),
        ("/blog/hello/", "/blog/hello"),
        ("/%C3%A9/", "/%C3%A9"),
        ("/htm", "/htm/"),
        ("/htm/index.htm", "/htm/"),
        ("/xhtml", "/xhtml/"),
        ("/xhtml/index.xhtml", "/xhtml/"),
        ("/htm/deep", "/htm/deep/"),
        ("/htm/deep/index.htm", "/htm/deep/"),
        ("/xhtml/deep/index.xhtml?x", "/xhtml/deep/?x"),
        ("/index.html", "/"),
        ("/index.html?x=/y", "/?x=/y"),
        ("/folder/index.html", "/folder/"),
        ("/folder/index.html?x", "/folder/?x"),
    ];
    for (target, expected) in rows {
        for request in [Request::get(target), Request::head(target)] {
            let answer = server.send(&request);
            assert_eq!(answer.status, 308, "{target}: {answer:?}");
            let actual = location(&answer);
            let same = actual.eq_ignore_ascii_case(expected);
            assert!(same, "{target} leads to {actual} instead of {expected}");
        }
    }
}

#[test]
fn what_is_not_there_or_hidden_is_404() {
    let server = serve();
    let rows = [
        ("/nothing", "root 404"),
        ("/nothing/at/all/", "root 404"),
        ("/empty/", "root 404"),
        ("/empty/index.html", "root 404"),
        ("/upper/", "root 404"),
        ("/page.html/", "root 404"),
        ("/folder/note.txt/", "root 404"),
        ("/page.html/x", "root 404"),
        ("/folder/nothing", "root 404"),
        ("/deep/nothing", "deep 404"),
        ("/deep/er/nothing", "deep 404"),
        ("/deep/er/and/further/nothing.txt", "deep 404"),
        ("/deep/", "deep 404"),
        ("/.git/config", "root 404"),
        ("/%2egit/config", "root 404"),
        ("/.git", "root 404"),
        ("/folder/.env", "root 404"),
        ("/folder/.well-known/x", "root 404"),
        ("/.well-known/.x", "root 404"),
        ("/...", "root 404"),
        ("/PAGE.html", "root 404"),
        ("/about.htm", "root 404"),
        ("/page", "page"),
    ];
    for (target, content) in rows {
        let answer = server.send(&Request::get(target));
        let status = if content == "page" { 200 } else { 404 };
        assert_eq!((answer.status, answer.text().as_str()), (status, content), "{target}");
    }
    let long = format!("/{}", "x".repeat(300));
    assert_eq!(server.send(&Request::get(&long)).status, 404, "longer than any name may be");
    let long = format!("/{}", "x/".repeat(2_100));
    assert_eq!(server.send(&Request::get(&long)).status, 404, "longer than any path may be");
}

#[test]
fn a_404_is_stored_nowhere_and_takes_no_condition() {
    let server = serve();
    let rows: [&[(&str, &str)]; 6] = [
        &[],
        &[("Range", "bytes=0-1")],
        &[("If-None-Match", "*")],
        &[("If-Match", "\"x\"")],
        &[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")],
        &[("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")],
    ];
    for (host, target) in [("a.test", "/nothing"), ("a.test", "/deep/nothing"), ("b.test", "/no")] {
        for fields in rows {
            let answer = server.send(&Request::get(target).host(host).fields(fields));
            assert_eq!(answer.status, 404, "{host}{target} {fields:?}");
            assert_eq!(answer.must("cache-control"), "no-store");
            assert_eq!(answer.must("content-length"), answer.body.len().to_string());
            assert!(!answer.body.is_empty(), "{host}{target}: a page for people");
            assert!(answer.must("content-type").starts_with("text/"), "{answer:?}");
            for absent in ["etag", "last-modified", "content-range"] {
                assert_eq!(answer.field(absent), None, "{host}{target} {fields:?}");
            }
        }
    }
}

#[test]
fn links_stay_inside_and_only_regular_files_are_served() {
    let setup = Setup::new();
    let outside = setup.folder().join("outside");
    Site::at(&outside).file("secret.txt", "secret").file("index.html", "secret");
    let site = |site: &Site| {
        site.file("real/page.html", "page")
            .link("inside.html", "real/page.html")
            .link("real/up.html", "../real/page.html")
            .link("linked", "real")
            .link("absolute.txt", outside.join("secret.txt"))
            .link("relative.txt", "../../outside/secret.txt")
            .link("folder", &outside)
            .link("proc.txt", "/proc/self/environ")
            .link("magic", "/proc/self/root")
            .link("dangling", "nowhere")
            .link("loop", "loop")
            .fifo("fifo")
            .socket("socket");
    };
    let setup = setup.site("a.test", |root| {
        site(root);
        root
    });
    let server = setup.start();
    for target in ["/inside.html", "/real/up.html", "/linked/page.html"] {
        let answer = server.send(&Request::get(target));
        assert_eq!((answer.status, answer.text().as_str()), (200, "page"), "{target}");
    }
    let rows = [
        "/absolute.txt",
        "/relative.txt",
        "/folder/",
        "/folder/secret.txt",
        "/proc.txt",
        "/magic/etc/passwd",
        "/dangling",
        "/loop",
        "/fifo",
        "/socket",
    ];
    for target in rows {
        let answer = server.send(&Request::get(target));
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    }
}

#[test]
fn methods_other_than_get_and_head_are_told_which_there_are() {
    let server = serve();
    for target in ["/", "/nothing", "/.git/config", "*"] {
        let answer = server.send(&Request::new("OPTIONS", target));
        assert_eq!((answer.status, answer.must("allow")), (204, "GET, HEAD, OPTIONS"), "{target}");
        assert_eq!(answer.field("content-length"), None, "RFC 9110 §8.6");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "BREW"] {
        for request in [Request::new(method, "/"), Request::new(method, "/nothing").host("x.test")]
        {
            let answer = server.send(&request.field("Content-Length", "0"));
            assert_eq!(
                (answer.status, answer.must("allow")),
                (405, "GET, HEAD, OPTIONS"),
                "{method}"
            );
        }
    }
}

#[test]
fn a_post_with_content_does_not_become_the_next_request() {
    let server = serve();
    let mut connection = server.connect();
    let mut bytes = Request::new("POST", "/").field("Content-Length", "30").bytes();
    bytes.extend_from_slice(b"GET /page.html HTTP/1.1\r\n\r\n...");
    bytes.extend(Request::get("/page.html").bytes());
    connection.write(&bytes);
    assert_eq!(connection.read("POST").status, 405);
    let rest = String::from_utf8(connection.read_until("\r\n\r\npage")).unwrap();
    assert!(!rest.starts_with("HTTP/1.1 400"), "the content was taken for a request: {rest}");
}

#[test]
fn the_steps_have_an_order() {
    let server = serve();
    // Method before the bot verdict, the verdict before the site, the site before the path.
    let no_agent = |method: &str| Request::new(method, "/%zz").without("user-agent");
    assert_eq!(server.send(&no_agent("POST").host("x.test")).status, 405);
    assert_eq!(server.send(&no_agent("OPTIONS").host("x.test")).status, 204);
    assert_eq!(server.send(&no_agent("GET").host("x.test")).status, 403);
    assert_eq!(server.send(&Request::get("/%zz").host("x.test")).status, 421);
    assert_eq!(server.send(&Request::get("/%zz").host("www.a.test")).status, 301);
}

#[test]
fn head_is_get_without_content() {
    let server = serve();
    let targets =
        ["/", "/page.html", "/about", "/nothing", "/deep/x", "/folder", "/a//b", "/%zz", "/.git/x"];
    for target in targets {
        let (get, head) = (server.send(&Request::get(target)), server.send(&Request::head(target)));
        assert_eq!(get.status, head.status, "{target}");
        let fields = |answer: &Response| {
            let fields = answer.fields.iter().filter(|(name, _)| name != "date");
            fields.cloned().collect::<Vec<_>>()
        };
        assert_eq!(fields(&get), fields(&head), "{target}");
    }
}

#[test]
fn a_file_without_permission_is_403() {
    let setup = Setup::new().site("a.test", |site| {
        site.file("page.html", "page")
            .file("secret.html", "secret")
            .mode("secret.html", 0o000)
            .file("locked/page.html", "secret")
            .mode("locked", 0o000)
    });
    let locked = Site::at(setup.sites().join("a.test"));
    let server = setup.unprivileged().start();
    assert_eq!(server.send(&Request::get("/page.html")).status, 200);
    for target in ["/secret.html", "/secret", "/locked/page.html", "/locked/"] {
        let answer = server.send(&Request::get(target));
        assert_eq!(answer.status, 403, "{target}: {}", answer.text());
        assert!(!answer.text().contains("secret"));
    }
    locked.mode("locked", 0o700);
}

#[test]
fn too_many_open_files_are_503_with_one_event() {
    let server = serve();
    let mut connection = server.connect();
    assert_eq!(connection.send(&Request::get("/page.html")).status, 200);
    let descriptors = server.leave_no_descriptor();
    let answer = connection.send(&Request::get("/folder/note.txt"));
    assert_eq!((answer.status, answer.must("retry-after")), (503, "1"));
    let told = answer.text().to_lowercase();
    assert!(!told.contains("open files") && !told.contains("os error"), "the cause: {told}");
    drop(descriptors);
    let event = server.stderr.nth(0, |line| line.contains("open files"));
    assert!(event.contains("note.txt") || event.contains("a.test"), "{event}");
    let answer = connection.send(&Request::get("/folder/note.txt"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "note"));
    assert_eq!(server.stderr.count(|line| line.contains("open files")), 1);
}

#[test]
fn a_served_file_is_not_written() {
    let server = serve();
    let path = server.site("a.test").path("page.html");
    let before = fs::metadata(&path).unwrap();
    for method in ["GET", "PUT", "DELETE"] {
        server.send(&Request::new(method, "/page.html").field("Content-Length", "0"));
    }
    let after = fs::metadata(&path).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
}
