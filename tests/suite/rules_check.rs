//! `shost check` and `--check` on the rules of sites (docs/behaviour.md, "Command line").

use crate::support::server::{Ended, Setup};
use crate::support::site::Site;

/// The path and content of a file.
type File<'a> = (&'a str, &'a str);

/// Lines that are told of a site with these files, without the folder's own name.
fn told(files: &[File<'_>], arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let setup = Setup::bare();
    let folder = setup.folder().join("site");
    let site = Site::at(&folder);
    for (path, content) in files {
        site.file(path, content);
    }
    let prefix = format!("{}/", folder.display());
    let Ended { code, stdout, stderr } =
        setup.args(["check"]).args(arguments.iter().copied()).args([&folder]).run();
    assert_eq!(stderr, Vec::<String>::new());
    (code, stdout.iter().map(|line| line.replace(&prefix, "")).collect())
}

/// Holds that these errors, warnings and hints are told of a site, and nothing else of that kind.
#[track_caller]
fn check(files: &[File<'_>], expected: &[&str]) {
    let mut all = vec![("index.html", "x"), ("about.html", "x"), ("docs/index.html", "x")];
    all.extend(files);
    let (code, lines) = told(&all, &["--host", "example.com"]);
    let weighs = |line: &&String| {
        [": error: ", ": warning: ", ": hint: "].iter().any(|kind| line.contains(kind))
    };
    let heavy: Vec<_> = lines.iter().filter(weighs).collect();
    assert_eq!(heavy, expected, "{files:?}");
    let has_errors = heavy.iter().any(|line| line.contains(": error: "));
    assert_eq!(code, Some(i32::from(has_errors)), "{files:?}");
}

#[test]
fn redirects_are_told_what_is_wrong_with_them() {
    let rows: [(&str, &[&str]); 29] = [
        ("/old /about", &[]),
        ("/old /about#x", &[]),
        ("/old /about?x=1", &[]),
        ("/old /docs 301", &[]),
        ("/old /index.html 301", &[]),
        ("/old https://elsewhere.test/gone", &[]),
        (
            "/old /gone 301",
            &["_redirects:1: error: dead target: /gone leads to nothing: put a file \
            there, or mend the path"],
        ),
        (
            "/old https://www.example.com/gone 301",
            &["_redirects:1: error: dead target: \
            https://www.example.com/gone leads to nothing: put a file there, or mend the path"],
        ),
        (
            "/old /gone 200",
            &["_redirects:1: error: dead target: /gone leads to nothing: put a file \
            there, or mend the path"],
        ),
        (
            "/old /404.html 404",
            &["_redirects:1: error: dead target: /404.html leads to nothing: \
            put a file there, or mend the path"],
        ),
        (
            "/old /_headers",
            &["_redirects:1: error: dead target: /_headers leads to nothing: put a \
            file there, or mend the path"],
        ),
        (
            "/gone 410\n/old /gone",
            &["_redirects:2: error: dead target: /gone is answered with 410 \
            by another rule"],
        ),
        (
            "/old /a%2Fb",
            &["_redirects:1: error: dead target: no request can have the path of /a%2Fb: mend it"],
        ),
        (
            "/old/* /%zz%00/:splat",
            &["_redirects:1: error: dead target: no request can have the path of \
            /%25zz%00/:splat: mend it"],
        ),
        (
            "/old/* /new/:splat",
            &["_redirects:1: warning: dead target: there is no folder /new/: \
            mend the path"],
        ),
        ("/old/* /docs/:splat", &[]),
        ("/old/* /:splat", &[]),
        ("/old /gone\n/* /index.html 200", &[]),
        (
            "/a /b\n/b /a",
            &[
                "_redirects:1: error: leads in a circle: /a -> /b -> /a: remove one of these redirects",
                "_redirects:2: error: leads in a circle: /b -> /a -> /b: remove one of these redirects",
            ],
        ),
        (
            "/about /about/",
            &["_redirects:1: error: leads in a circle: /about -> /about/ -> /about: \
            remove one of these redirects"],
        ),
        (
            "/docs/ /docs",
            &["_redirects:1: error: leads in a circle: /docs/ -> /docs -> /docs/: \
            remove one of these redirects"],
        ),
        (
            "/en/:p /de/:p\n/de/about /en/about",
            &[
                "_redirects:1: warning: dead target: there is no folder /de/: mend the path",
                "_redirects:2: error: leads in a circle: /de/about -> /en/about -> /de/about: \
                 remove one of these redirects",
            ],
        ),
        (
            "/a/* /b/a/:splat\n/b/* /a/b/:splat",
            &[
                "_redirects:1: error: leads in a circle: /a/ -> /b/a/ -> /a/b/a/ -> /b/a/b/a/ -> and \
                on: remove one of these redirects",
                "_redirects:2: error: leads in a circle: /b/ -> /a/b/ -> /b/a/b/ -> /a/b/a/b/ -> and \
                on: remove one of these redirects",
            ],
        ),
        (
            "/x/* /about\n/x/y /docs/",
            &["_redirects:2: warning: never applies: line 1 (/x/*) \
            matches first: move it up"],
        ),
        ("/x/y /docs/\n/x/* /about", &[]),
        ("/about /docs/ 200!", &[]),
        (
            "/about.html /docs/ 200",
            &["_redirects:1: warning: never applies: /about.html is there: \
            remove it, or write 200!"],
        ),
        (
            "https://www.example.com/* https://example.com/docs/:splat",
            &["_redirects:1: warning: \
            never applies: requests for this host are sent to example.com before: remove it"],
        ),
        (
            "/a /b /c /d\n/x y=:y /about\n/p/* https://p.test/:splat 200",
            &[
                "_redirects:1: warning: skipped: more words than `from to status`: write %20 for a space",
                "_redirects:2: warning: skipped: the query condition y=:y: name the path alone, and \
                leave the query to the page",
                "_redirects:3: warning: skipped: shost does not proxy: use 301 or 302, or let the \
                browser ask the other server itself",
            ],
        ),
    ];
    for (redirects, expected) in rows {
        check(&[("_redirects", redirects)], expected);
    }
}

#[test]
fn fields_are_told_what_is_wrong_with_them() {
    let long = "x".repeat(3000);
    let cut = (0..6).map(|n| format!("/*\n  X-{n}: {long}\n")).collect::<Vec<_>>().concat();
    let rows: [(&str, &[&str]); 7] = [
        ("/*\n  X-A: 1", &[]),
        ("/gone\n  X-A: 1", &[]),
        (
            "/index.html\n  X-A: 1",
            &["_headers:1: warning: only for a redirect: /index.html is sent \
            to /: write /"],
        ),
        (
            "/docs\n  X-A: 1",
            &["_headers:1: warning: only for a redirect: /docs is sent to /docs/: \
            write /docs/"],
        ),
        (
            "https://www.example.com/*\n  X-A: 1",
            &["_headers:1: warning: never applies: requests \
            for this host are sent to example.com before: remove it"],
        ),
        (
            "/*\n  ETag: x\n  X-A: 1",
            &["_headers:2: warning: skipped: etag is set by shost alone: \
            leave it out: shost knows what is right for each answer"],
        ),
        (
            &cut,
            &["_headers:1: warning: an answer to /x would get more than 16 KiB of fields: the \
            last are left out"],
        ),
    ];
    for (headers, expected) in rows {
        check(&[("_headers", headers)], expected);
    }
    let (code, lines) = told(&[("_headers", &"x".repeat(1024 * 1024 + 1))], &[]);
    let expected =
        "_headers: error: not read: it has more than 1048576 bytes: none of its rules hold";
    assert_eq!((code, &*lines[0]), (Some(1), expected));
}

#[test]
fn files_of_others_are_hints() {
    let rows: [(&str, &str, &[&str]); 4] = [
        (
            ".htaccess",
            "# Redirect x\n  redirect 301 /a /b\nRedirect /c /d\nRewriteCond a b",
            &[
                ".htaccess:2: hint: Redirect is not read: write a line of _redirects",
                ".htaccess:4: hint: RewriteCond is not read: shost has nothing like it",
            ],
        ),
        (
            "sub/netlify.toml",
            "[build]\n[[redirects]]\n[context.x]",
            &[
                "sub/netlify.toml:1: hint: build is not read: shost builds nothing: build before the \
                upload",
                "sub/netlify.toml:2: hint: redirects is not read: write a line of _redirects",
            ],
        ),
        (
            "vercel.json",
            "{\"cleanUrls\" : true, \"x\": \"headers\"}",
            &[
                "vercel.json:1: hint: cleanUrls is not read: shost answers /page for page.html, and \
                /folder/ for a folder",
            ],
        ),
        (
            "staticwebapp.config.json",
            "{\n\"navigationFallback\": {}}",
            &["staticwebapp.config.json:2: hint: navigationFallback is not read: write `/* \
                /index.html 200` into _redirects"],
        ),
    ];
    for (file, content, expected) in rows {
        check(&[(file, content)], expected);
    }
}

#[test]
fn each_rule_is_told_what_it_means_here_and_where_that_differs() {
    let files = [
        ("a.html", "x"),
        ("_redirects", "/a.html /b 301\n/c/* /a.html 200!\n/x 404\n/* /a.html 200"),
        ("_headers", "/*\n  X-A: 1\n  ! Vary-A\n  x-a: 2\n/b\n  ! X-B"),
    ];
    let (code, lines) = told(&files, &[]);
    let expected = [
        "_redirects:1: rule: /a.html is redirected to /b (301)",
        "_redirects:1: note: the redirect wins over the file that is there, as with Cloudflare; \
         with Netlify the file wins, unless the status ends in !",
        "_redirects:1: note: the path is matched with its last slash or without it, as it is \
         written, as by Cloudflare; Netlify takes both (also of lines 3)",
        "_redirects:2: rule: /c/* is answered with /a.html always",
        "_redirects:2: note: Cloudflare knows no ! behind the status and skips the line",
        "_redirects:2: note: /a/* is not for /a itself, as with Cloudflare; with Netlify it is",
        "_redirects:3: rule: /x is answered with 404 where nothing is found",
        "_redirects:3: note: Cloudflare knows no rules of status 404 and 410",
        "_redirects:4: rule: /* is a single-page application: /a.html answers where nothing is \
         found, and a missing asset stays 404",
        "_redirects:4: note: a file that is there wins, as with Netlify; with Cloudflare the rule \
         does",
        "_redirects:4: note: a missing file with an extension stays 404; Netlify sends the page \
         for it, and Cloudflare skips /* /index.html",
        "_headers:1: rule: /* sets x-a and removes vary-a",
        "_headers:1: note: Netlify knows no `! Name` (also of lines 5)",
        "_headers:5: rule: /b removes x-b",
        "_headers:5: note: the path is matched with its case and its last slash, as by \
         Cloudflare; Netlify minds neither",
    ];
    assert_eq!(code, Some(0));
    assert_eq!(lines[..lines.len() - 1], expected);
    assert!(
        lines.last().is_some_and(|line| line.contains("6 rules, 0 errors, 0 warnings, 9 notes"))
    );
}

#[test]
fn a_folder_of_sites_and_check_of_the_server_tell_the_same() {
    let setup = Setup::new()
        .site("a.test", |site| site.file("_redirects", "/a /b\n/b /a\nhttps://b.test/ /x"))
        .site("b.test", |site| site.file("_redirects", "/old /").file("index.html", "x"));
    let sites = setup.sites();
    let circle = ": error: leads in a circle: /a -> /b -> /a: remove one of these redirects";
    let other = "skipped: b.test is another host: put the rule into the folder of that host";
    let own = Setup::bare().args(["check"]).args([&sites]).run();
    let served = setup.args(["--check"]).run();
    for Ended { code, stdout, stderr } in [own, served] {
        assert_eq!(code, Some(1));
        let all = [stdout, stderr].concat();
        for expected in [circle, other, "b.test/_redirects:1: rule: /old is redirected to / (302)"]
        {
            assert!(all.iter().any(|line| line.contains(expected)), "{expected}: {all:#?}");
        }
    }
}

#[test]
fn a_check_of_nothing_is_one_line() {
    let table: [(&[&str], i32); 4] = [
        (&["check", "/nowhere/site"], 1),
        (&["check"], 2),
        (&["check", "--host", "a b", "x"], 2),
        (&["check", "/dev/null"], 1),
    ];
    for (arguments, expected) in table {
        let Ended { code, stdout, stderr } = Setup::bare().args(arguments.iter().copied()).run();
        assert_eq!((code, stdout.len(), stderr.len()), (Some(expected), 0, 1), "{arguments:?}");
    }
    let (code, lines) = told(&[("index.html", "x")], &[]);
    assert_eq!(code, Some(0));
    assert!(lines[0].ends_with(": 0 rules, 0 errors, 0 warnings, 0 notes, 0 hints"), "{lines:?}");
}
