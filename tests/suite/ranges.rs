//! Ranges (RFC 9110 §14; docs/behaviour.md, "Ranges").

use std::time::{Duration, SystemTime};

use crate::support::client::{Request, Response};
use crate::support::server::{Server, Setup};
use crate::support::site::pattern;

/// When the files were changed.
const CHANGED: Duration = Duration::from_secs(1_000_000_000);
const SAME: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const LENGTH: usize = 1000;

fn serve() -> Server {
    let time = SystemTime::UNIX_EPOCH + CHANGED;
    Setup::new()
        .site("a.test", |site| {
            site.file_of("data.bin", pattern(LENGTH), time)
                .file_of("empty.bin", "", time)
                .file_of("text.txt", "text ".repeat(2_000), time)
                .file_of("big.bin", pattern(BIG), time)
        })
        .start()
}

/// The length of a file that is streamed, not cached.
const BIG: usize = 2 * 1024 * 1024 + 3;

#[track_caller]
fn ask(server: &Server, target: &str, range: &str) -> Response {
    let head = server.send(&Request::head(target).field("Range", range));
    let answer = server.send(&Request::get(target).field("Range", range));
    // RFC 9110 §14.2: Range is defined for GET alone, and ignored on HEAD.
    assert_eq!((head.status, head.field("content-range")), (200, None), "{range}: {head:?}");
    answer
}

#[track_caller]
fn one(server: &Server, target: &str, range: &str, first: usize, last: usize, length: usize) {
    let answer = ask(server, target, range);
    let expected = format!("bytes {first}-{last}/{length}");
    assert_eq!((answer.status, answer.must("content-range")), (206, expected.as_str()), "{range}");
    assert!(answer.body == pattern(length)[first..=last], "{range}: other bytes");
    answer.must("last-modified");
    assert_eq!(answer.must("accept-ranges"), "bytes");
}

#[test]
fn one_range_is_206() {
    let server = serve();
    let rows = [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, 999),
        ("bytes=0-999", 0, 999),
        ("bytes=0-9999", 0, 999),
        ("bytes=10-19", 10, 19),
        ("bytes=999-", 999, 999),
        ("bytes=999-18446744073709551615", 999, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-10", 990, 999),
        ("bytes=-1000", 0, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=10-19,", 10, 19),
        ("Bytes=10-19", 10, 19),
        // Overlapping and adjacent ranges are one.
        ("bytes=0-9,5-19", 0, 19),
        ("bytes=0-9,10-19", 0, 19),
        ("bytes=10-19,2000-", 10, 19),
    ];
    for (range, first, last) in rows {
        one(&server, "/data.bin", range, first, last, LENGTH);
    }
}

#[test]
fn a_range_of_a_streamed_file_is_exact() {
    let server = serve();
    let rows = [
        ("bytes=0-0", 0, 0),
        ("bytes=1048570-1048585", 1_048_570, 1_048_585),
        ("bytes=-7", BIG - 7, BIG - 1),
        ("bytes=1-", 1, BIG - 1),
    ];
    for (range, first, last) in rows {
        one(&server, "/big.bin", range, first, last, BIG);
    }
}

#[test]
fn a_range_behind_the_end_is_416() {
    let server = serve();
    let ranges = [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=18446744073709551615-",
        "bytes=99999999999999999999999-",
        "bytes=-0",
        "bytes=2000-,3000-",
    ];
    for range in ranges {
        let answer = server.send(&Request::get("/data.bin").field("Range", range));
        let actual = (answer.status, answer.must("content-range"));
        assert_eq!(actual, (416, "bytes */1000"), "{range}");
        assert_eq!(answer.must("content-length"), answer.body.len().to_string(), "{range}");
    }
}

#[test]
fn a_range_that_means_nothing_is_ignored() {
    let server = serve();
    let many = |count: usize| {
        let ranges: Vec<_> = (0..count).map(|n| format!("{}-{}", n * 4, n * 4)).collect();
        format!("bytes={}", ranges.join(","))
    };
    let rows = [
        "bytes=".to_owned(),
        "bytes=-".to_owned(),
        "bytes=a-b".to_owned(),
        "bytes=5".to_owned(),
        "bytes=10-9".to_owned(),
        "bytes=1-2-3".to_owned(),
        "bytes=+1-2".to_owned(),
        "bytes=0x1-2".to_owned(),
        "bytes=0-1,a".to_owned(),
        "bytes 0-1".to_owned(),
        "0-1".to_owned(),
        "items=0-1".to_owned(),
        "bytes=0-999,0-999".to_owned(),
        "bytes=0-600,300-".to_owned(),
        many(101),
        format!(
            "bytes={}",
            (0..17).map(|n| format!("{}-{}", n * 40, n * 40 + 30)).collect::<Vec<_>>().join(",")
        ),
    ];
    for range in rows {
        let answer = ask(&server, "/data.bin", &range);
        assert_eq!((answer.status, answer.field("content-range")), (200, None), "{range}");
        assert!(answer.body == pattern(LENGTH), "{range}");
    }
}

#[test]
fn an_empty_file_is_answered_whole() {
    let server = serve();
    for range in ["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=5-"] {
        let answer = ask(&server, "/empty.bin", range);
        assert_eq!((answer.status, answer.must("content-length")), (200, "0"), "{range}");
    }
}

/// The parts of a multipart/byteranges answer: its fields and content (RFC 9110 §14.6).
#[track_caller]
fn parts(answer: &Response) -> Vec<(String, Vec<u8>)> {
    let boundary = answer.must("content-type").strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.expect("a boundary").trim_matches('"');
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter may stand at the very beginning.
    let body = [b"\r\n", &answer.body[..]].concat();
    let ends: Vec<usize> =
        (0..body.len()).filter(|at| body[*at..].starts_with(&delimiter)).collect();
    let mut parts = Vec::new();
    for pair in ends.windows(2) {
        let part = &body[pair[0] + delimiter.len()..pair[1]];
        let part = part.strip_prefix(b"\r\n").expect("a delimiter ends its line");
        let split = part.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an empty line");
        let fields = String::from_utf8_lossy(&part[..split]).to_lowercase();
        parts.push((fields, part[split + 4..].to_vec()));
    }
    let last = ends.last().expect("a last delimiter") + delimiter.len();
    assert!(body[last..].starts_with(b"--"), "the last delimiter ends the content");
    parts
}

#[test]
fn many_ranges_are_multipart() {
    let server = serve();
    let sixteen: Vec<_> = (0..16).map(|n| (n * 10, n * 10)).collect();
    let rows = [
        ("/data.bin", vec![(0, 0), (10, 19)]),
        ("/data.bin", vec![(500, 509), (0, 9)]),
        ("/data.bin", sixteen),
        ("/data.bin", (0..17).map(|n| (n * 10, n * 10 + 5)).collect()),
        ("/data.bin", (0..20).map(|n| (n * 40, n * 40 + 23)).collect()),
        ("/data.bin", (0..60).rev().map(|n| (n * 15, n * 15)).collect()),
        ("/data.bin", (0..18).map(|n| (n * 55, n * 55 + 26)).collect()),
        ("/data.bin", (0..33).map(|n| (n * 30, n * 30 + 14)).collect()),
        ("/data.bin", (0..99).map(|n| (n * 10 + 1, n * 10 + 4)).collect()),
        ("/big.bin", (0..64).rev().map(|n| (n * 16_384, n * 16_384 + 126)).collect()),
        ("/big.bin", (0..100).map(|n| (n * 10_000, n * 10_000 + 4_095)).collect()),
        ("/big.bin", vec![(0, 9), (1_048_570, 1_048_585), (BIG - 3, BIG - 1)]),
    ];
    for (target, ranges) in rows {
        let texts: Vec<_> = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        let answer = ask(&server, target, &format!("bytes={}", texts.join(", ")));
        assert_eq!((answer.status, answer.field("content-range")), (206, None), "{texts:?}");
        let length = if target == "/big.bin" { BIG } else { LENGTH };
        let content = pattern(length);
        let parts = parts(&answer);
        assert_eq!(parts.len(), ranges.len(), "{texts:?}");
        for ((fields, part), (first, last)) in parts.iter().zip(ranges) {
            let expected = format!("content-range: bytes {first}-{last}/{length}");
            assert!(fields.contains(&expected), "{fields:?} lacks {expected}");
            assert!(fields.contains("content-type: application/octet-stream"), "{fields:?}");
            assert!(*part == content[first..=last], "{first}-{last}: other bytes");
        }
    }
}

#[test]
fn overlapping_ranges_are_merged_within_a_multipart() {
    let server = serve();
    let answer = ask(&server, "/data.bin", "bytes=0-9,5-14,100-109,-1");
    let ranges: Vec<_> =
        parts(&answer).into_iter().map(|(fields, part)| (fields, part.len())).collect();
    assert_eq!(ranges.iter().map(|(_, length)| *length).collect::<Vec<_>>(), [15, 10, 1]);
    assert!(ranges[0].0.contains("bytes 0-14/1000"), "{ranges:?}");
}

#[test]
fn if_range_wants_the_strong_tag_or_the_exact_date() {
    let server = serve();
    let tag = server.send(&Request::get("/data.bin")).must("etag").to_owned();
    let rows = [
        (tag.clone(), 206),
        (SAME.to_owned(), 206),
        (format!("W/{tag}"), 200),
        ("\"other\"".to_owned(), 200),
        ("Sun, 09 Sep 2001 01:46:41 GMT".to_owned(), 200),
        ("Sun, 09 Sep 2001 01:46:39 GMT".to_owned(), 200),
        ("nonsense".to_owned(), 200),
        ("*".to_owned(), 200),
    ];
    for (value, status) in rows {
        let fields = [("Range", "bytes=0-9"), ("If-Range", value.as_str())];
        let answer = server.send(&Request::get("/data.bin").fields(&fields));
        let length = if status == 206 { 10 } else { LENGTH };
        assert_eq!((answer.status, answer.body.len()), (status, length), "{value}");
        let fields = [("Range", "bytes=5000-"), ("If-Range", value.as_str())];
        let answer = server.send(&Request::get("/data.bin").fields(&fields));
        let status = if status == 206 { 416 } else { 200 };
        assert_eq!(answer.status, status, "{value} with a range behind the end");
    }
    let alone = server.send(&Request::get("/data.bin").field("If-Range", &tag));
    assert_eq!(alone.status, 200, "If-Range without Range is ignored");
}

#[test]
fn preconditions_come_before_the_range() {
    let server = serve();
    let tag = server.send(&Request::get("/data.bin")).must("etag").to_owned();
    let rows: [(&str, &str, u16); 4] = [
        ("If-None-Match", &tag, 304),
        ("If-Match", "\"other\"", 412),
        ("If-Match", &tag, 206),
        ("If-Modified-Since", SAME, 304),
    ];
    for (name, value, status) in rows {
        let request = Request::get("/data.bin").field("Range", "bytes=0-9").field(name, value);
        assert_eq!(server.send(&request).status, status, "{name}: {value}");
    }
}

#[test]
fn a_range_is_of_the_identity_coding() {
    let server = serve();
    let plain = "text ".repeat(2_000);
    let tag = server.send(&Request::get("/text.txt")).must("etag").to_owned();
    let mut connection = server.connect();
    for coding in ["gzip", "br", "zstd", "gzip, deflate, br, zstd", "*", "identity;q=0, gzip"] {
        // The coded forms are there by the second request at the latest; the range stays.
        let whole = Request::get("/text.txt").field("Accept-Encoding", coding);
        assert_eq!(connection.send(&whole).status, 200);
        let answer = connection.send(&whole.field("Range", "bytes=5000-"));
        assert_eq!((answer.status, answer.field("content-encoding")), (206, None), "{coding}");
        assert_eq!(answer.must("content-range"), "bytes 5000-9999/10000");
        assert_eq!((answer.text().as_str(), answer.must("etag")), (&plain[5000..], tag.as_str()));
    }
}

#[test]
fn several_range_fields_mean_nothing() {
    let server = serve();
    let fields = [("Range", "bytes=0-1"), ("Range", "bytes=5-6")];
    let answer = server.send(&Request::get("/data.bin").fields(&fields));
    assert_eq!((answer.status, answer.body.len()), (200, LENGTH));
}
