//! Preconditions (RFC 9110 §13; docs/behaviour.md, "Conditional requests").

use std::time::{Duration, SystemTime};

use crate::support::await_background;
use crate::support::client::{Request, Response};
use crate::support::server::{Server, Setup};

/// When the file of this table was changed: a second in 2001, so that the dates can be written.
const CHANGED: Duration = Duration::from_secs(1_000_000_000);
const SAME: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
const AFTER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

/// Bytes whose hash takes longer than a few answers.
const LONG_TO_HASH: usize = 64 * 1024 * 1024;

fn serve() -> Server {
    // Half a second more than the date can say: comparison is to the second.
    let time = SystemTime::UNIX_EPOCH + CHANGED + Duration::from_millis(500);
    Setup::new().site("a.test", |site| site.file_of("style.css", "p{}", time)).start()
}

/// Asks with these fields, where `TAG` stands for the opaque part of the file's tag.
#[track_caller]
fn check(server: &Server, fields: &[(&str, &str)], status: u16) -> Response {
    let fresh = server.send(&Request::get("/style.css"));
    let opaque = fresh.must("etag").trim_matches('"').to_owned();
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (*name, value.replace("TAG", &opaque))).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let [_, answer] = [Request::head("/style.css"), Request::get("/style.css")].map(|request| {
        let request = request.fields(&fields);
        let answer = server.send(&request);
        assert_eq!(answer.status, status, "{} {fields:?}", request.method);
        if status == 304 {
            not_modified(&answer, &fresh);
        }
        if status == 412 {
            assert!(answer.body.is_empty(), "{answer:?}");
        }
        answer
    });
    answer
}

/// RFC 9110 §15.4.5: the fields that a 200 would have had, and no content.
#[track_caller]
fn not_modified(answer: &Response, fresh: &Response) {
    for field in ["last-modified", "cache-control", "vary"] {
        assert_eq!(answer.must(field), fresh.must(field), "{field}");
    }
    answer.must("date");
    answer.must("etag");
    assert!(answer.body.is_empty());
    for absent in ["content-type", "content-encoding", "content-range", "transfer-encoding"] {
        assert_eq!(answer.field(absent), None, "{absent} describes no content here");
    }
}

#[test]
fn if_none_match() {
    let server = serve();
    let rows = [
        ("\"TAG\"", 304),
        ("W/\"TAG\"", 304),
        ("*", 304),
        ("\"other\", \"TAG\"", 304),
        ("\"other\",W/\"TAG\"", 304),
        (", ,\"TAG\",", 304),
        ("\"with,comma\", \"TAG\"", 304),
        ("\"other\"", 200),
        ("\"\"", 200),
        ("TAG", 200),
        ("\"tAg\"", 200),
        ("", 200),
    ];
    for (value, status) in rows {
        check(&server, &[("If-None-Match", value)], status);
    }
    let several = [("If-None-Match", "\"other\""), ("If-None-Match", "\"TAG\"")];
    check(&server, &several, 304);
}

#[test]
fn a_tag_of_any_coding_names_the_content_and_comes_back() {
    let server = serve();
    for suffix in ["", "-gz", "-br", "-zst"] {
        let answer = check(&server, &[("If-None-Match", &format!("\"TAG{suffix}\""))], 304);
        let tag = answer.must("etag");
        assert!(tag.ends_with(&format!("{suffix}\"")), "{tag} is not the tag that matched");
        let answer = check(&server, &[("If-None-Match", &format!("W/\"TAG{suffix}\""))], 304);
        assert!(answer.must("etag").ends_with(&format!("{suffix}\"")));
    }
    for suffix in ["-gzip", "-xz", "-", "-gz-gz"] {
        check(&server, &[("If-None-Match", &format!("\"TAG{suffix}\""))], 200);
    }
}

#[test]
fn if_modified_since() {
    let server = serve();
    let rows = [
        (SAME, 304),
        (AFTER, 304),
        (BEFORE, 200),
        ("Sunday, 09-Sep-01 01:46:40 GMT", 304),
        ("Sun Sep  9 01:46:40 2001", 304),
        ("Sunday, 09-Sep-01 01:46:39 GMT", 200),
        ("Sun Sep  9 01:46:39 2001", 200),
        ("2001-09-09T01:46:40Z", 200),
        ("Sun, 09 Sep 2001 01:46:40", 200),
        ("Sun, 09 Sep 2001 25:46:40 GMT", 200),
        ("1000000000", 200),
        ("", 200),
    ];
    for (value, status) in rows {
        check(&server, &[("If-Modified-Since", value)], status);
    }
}

#[test]
fn if_match() {
    let server = serve();
    let rows = [
        ("\"TAG\"", 200),
        ("*", 200),
        ("\"other\", \"TAG\"", 200),
        ("W/\"TAG\"", 412),
        ("\"other\"", 412),
    ];
    for (value, status) in rows {
        check(&server, &[("If-Match", value)], status);
    }
}

#[test]
fn if_unmodified_since() {
    let server = serve();
    let rows = [
        (SAME, 200),
        (AFTER, 200),
        (BEFORE, 412),
        ("Sun Sep  9 01:46:39 2001", 412),
        ("yesterday", 200),
    ];
    for (value, status) in rows {
        check(&server, &[("If-Unmodified-Since", value)], status);
    }
}

#[test]
fn several_preconditions_have_an_order() {
    // RFC 9110 §13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match, else
    // If-Modified-Since.
    let server = serve();
    let rows: [(&[(&str, &str)], u16); 8] = [
        (&[("If-None-Match", "\"other\""), ("If-Modified-Since", SAME)], 200),
        (&[("If-None-Match", "\"TAG\""), ("If-Modified-Since", BEFORE)], 304),
        (&[("If-Match", "\"TAG\""), ("If-Unmodified-Since", BEFORE)], 200),
        (&[("If-Match", "\"other\""), ("If-Unmodified-Since", AFTER)], 412),
        (&[("If-Match", "\"other\""), ("If-None-Match", "\"TAG\"")], 412),
        (&[("If-Match", "\"TAG\""), ("If-None-Match", "\"TAG\"")], 304),
        (&[("If-Unmodified-Since", BEFORE), ("If-None-Match", "\"TAG\"")], 412),
        (&[("If-Unmodified-Since", SAME), ("If-Modified-Since", SAME)], 304),
    ];
    for (fields, status) in rows {
        check(&server, fields, status);
    }
}

#[test]
fn the_next_answer_on_the_connection_is_whole_after_a_304() {
    let server = serve();
    let mut connection = server.connect();
    let tag = connection.send(&Request::get("/style.css")).must("etag").to_owned();
    for _ in 0..3 {
        let conditional = Request::get("/style.css").field("If-None-Match", &tag);
        assert_eq!(connection.send(&conditional).status, 304);
        assert_eq!(connection.send(&Request::get("/style.css")).text(), "p{}");
    }
}

#[test]
fn a_precondition_wins_over_a_redirect_nowhere() {
    // Validators belong to a file; a folder's redirect has none.
    let server =
        Setup::new().site("a.test", |site| site.file("folder/index.html", "index")).start();
    for field in ["If-None-Match", "If-Match"] {
        let answer = server.send(&Request::get("/folder").field(field, "*"));
        assert_eq!(answer.status, 308, "{field}");
    }
}

/// The content of a large file is hashed in the background: until then there is no tag.
#[test]
fn what_is_not_modified_has_the_tag_that_the_file_has_by_now() {
    let time = SystemTime::UNIX_EPOCH + CHANGED;
    let content = vec![0; LONG_TO_HASH];
    let server = Setup::new().site("a.test", |site| site.file_of("big.bin", content, time)).start();
    let unchanged = Request::get("/big.bin").fields(&[("if-modified-since", SAME)]);
    let tag = loop {
        assert_eq!(server.send(&unchanged).status, 304);
        if let Some(tag) = server.send(&Request::head("/big.bin")).field("etag") {
            break tag.to_owned();
        }
    };
    assert_eq!(server.send(&unchanged).field("etag"), Some(&*tag));
}

#[test]
fn a_time_that_tells_of_no_change_is_not_told() {
    // Nix, OSTree, an image whose clock had no battery, the first day of ZIP in the most western and
    // eastern time zones and in UTC, the last second of it, and such as are too large to hold.
    let rows = [
        ("0", 0, 1),
        ("1", 1, 1),
        ("no-battery", 315_360_000, 1),
        ("west", 315_572_400, 1),
        ("east", 315_482_400, 1),
        ("utc", 315_532_800, 1),
        ("last", 315_619_199, 1),
        ("large-0", 0, 300 * 1024),
        ("large-1", 1, 300 * 1024),
    ];
    let server = Setup::new().site("a.test", |site| {
        for (name, seconds, length) in rows {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            site.file_of(&format!("{name}.txt"), name.repeat(length), time);
        }
        let before = SystemTime::UNIX_EPOCH - Duration::from_hours(24);
        site.file_of("before.txt", "before", before);
        site.file_of("later.txt", "later", SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 3653))
    });
    let server = server.start();
    for name in rows.map(|(name, ..)| name).into_iter().chain(["before"]) {
        let target = format!("/{name}.txt");
        let mut tag = None;
        await_background(&format!("the tag of {name}"), || {
            let answer = server.send(&Request::head(&target));
            assert_eq!((answer.status, answer.field("last-modified")), (200, None), "{name}");
            tag = answer.field("etag").map(str::to_owned);
            tag.is_some()
        });
        let tag = tag.expect("it was waited for");
        for field in ["If-Modified-Since", "If-Unmodified-Since"] {
            for date in ["Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"] {
                let answer = server.send(&Request::get(&target).field(field, date));
                assert_eq!(answer.status, 200, "{name}, {field}: {date}");
            }
        }
        let answer = server.send(&Request::get(&target).field("If-None-Match", &tag));
        assert_eq!((answer.status, answer.field("last-modified")), (304, None), "{name}");
        let range = Request::get(&target).field("Range", "bytes=0-0");
        let answer = server.send(&range.field("If-Range", "Thu, 01 Jan 1970 00:00:01 GMT"));
        assert_eq!(answer.status, 200, "{name}");
    }
    let answer = server.send(&Request::get("/later.txt"));
    assert_eq!(answer.must("last-modified"), "Wed, 02 Jan 1980 00:00:00 GMT");
}
