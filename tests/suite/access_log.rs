//! The access log (docs/behaviour.md, "Logs").

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use crate::support::DEADLINE;
use crate::support::client::Request;
use crate::support::http2::{self, Http2};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use rustix::process::Signal;
use serde_json::Value;

/// More than the buffers of two loopback sockets hold.
const BIG: usize = 16 * 1024 * 1024;

fn fill(site: &Site) -> &Site {
    site.file("index.html", "index").file("page.html", "hello").file("big.bin", pattern(BIG))
}

fn setup(format: &str) -> Setup {
    Setup::new().site("a.test", fill).args(["--log", format])
}

/// The first line of the log that holds `needle`, as JSON. Lines have no order but their time:
/// each thread of the server gathers its own.
#[track_caller]
fn json(server: &Server, needle: &str) -> Value {
    let line = server.stdout.containing(needle);
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn a_json_line_says_everything() {
    let server = setup("json").certificate("a.test").start();
    let request = Request::get("/page.html?x=1&y=%C3%A9").field("Referer", "https://b.test/");
    server.send_tls("a.test", request);
    let line = json(&server, "page.html");
    let rows: [(&str, Value); 11] = [
        ("method", "GET".into()),
        ("host", "a.test".into()),
        ("target", "/page.html?x=1&y=%C3%A9".into()),
        ("protocol", "HTTP/1.1".into()),
        ("status", 200.into()),
        ("bytes", 5.into()),
        ("referer", "https://b.test/".into()),
        ("user_agent", "shost-test".into()),
        ("peer", "127.0.0.1".into()),
        ("tls", "TLSv1.3".into()),
        ("bot", Value::Null),
    ];
    for (key, value) in rows {
        assert_eq!(line.get(key).unwrap_or(&Value::Null), &value, "{key}: {line}");
    }
    assert!(line["duration_us"].is_u64(), "{line}");
    let time = line["time"].as_str().expect("a time");
    assert!(is_rfc3339(time), "{time} is not RFC 3339 in UTC with milliseconds");
    let object = line.as_object().expect("an object");
    let snake =
        |key: &String| key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    assert!(object.keys().all(snake), "{line}");
}

/// `2026-11-24T05:53:23.123Z`
fn is_rfc3339(time: &str) -> bool {
    let shape: String =
        time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[test]
fn what_was_sent_is_counted() {
    let server = setup("json").start();
    let mut connection = server.connect();
    let tag = connection.send(&Request::get("/page.html")).must("etag").to_owned();
    let rows = [
        (Request::get("/page.html"), 200, 5),
        (Request::head("/page.html"), 200, 0),
        (Request::get("/page.html").field("If-None-Match", &tag), 304, 0),
        (Request::get("/page.html").field("Range", "bytes=1-2"), 206, 2),
        (Request::get("/index.html"), 308, 0),
        (Request::new("OPTIONS", "/"), 204, 0),
        (Request::get("/big.bin"), 200, BIG),
        (Request::get("/").host("b.test"), 421, 0),
    ];
    for (index, (mut request, status, bytes)) in rows.into_iter().enumerate() {
        request.target = format!("{}?row={index}", request.target);
        let answer = server.send(&request);
        assert_eq!(answer.status, status);
        let line = json(&server, &format!("?row={index}\""));
        assert_eq!(line["status"], status, "{line}");
        // A redirect may carry a line for people.
        let expected = if status == 308 { answer.body.len() } else { bytes };
        assert_eq!(line["bytes"], expected, "{line}");
    }
}

#[test]
fn a_body_that_is_given_up_is_logged_with_what_was_sent() {
    let server = setup("json").start();
    let mut connection = server.connect();
    connection.write(&Request::get("/big.bin").bytes());
    assert_eq!(connection.read_head().status, 200);
    connection.read_exactly(1000);
    assert_eq!(server.stdout.count(|_| true), 0, "not before the end");
    drop(connection);
    let line = json(&server, "big.bin");
    let bytes = line["bytes"].as_u64().expect("a number");
    assert!((1000..BIG as u64).contains(&bytes), "{line}");
    assert_eq!(line["status"], 200);
}

#[test]
fn the_duration_is_until_the_body_was_taken() {
    const PAUSE: Duration = Duration::from_millis(200);
    let server = setup("json").start();
    let mut connection = server.connect();
    connection.write(&Request::get("/big.bin").bytes());
    assert_eq!(connection.read_head().status, 200);
    let started = std::time::Instant::now();
    while started.elapsed() < PAUSE {
        // Other requests pass the time; the pause of this reader is the point.
        server.send(&Request::get("/page.html"));
    }
    connection.read_exactly(BIG);
    let line = json(&server, "big.bin");
    assert!(line["duration_us"].as_u64().unwrap() >= 200_000, "{line}");
}

#[test]
fn http2_is_logged_as_well() {
    let server = setup("json").certificate("a.test").start();
    http2::run(async {
        let mut client = Http2::open_tls(server.https(), "a.test", &server.trust).await;
        assert_eq!(client.send("https", &Request::get("/page.html?x")).await.status, 200);
        let opened = client.start("https", &Request::get("/big.bin")).await.expect("answered");
        drop(opened);
    });
    let line = json(&server, "page.html");
    assert_eq!((&line["target"], &line["host"]), (&"/page.html?x".into(), &"a.test".into()));
    let protocol = line["protocol"].as_str().unwrap();
    assert!(matches!(protocol, "HTTP/2" | "HTTP/2.0"), "{line}");
    let line = json(&server, "big.bin");
    assert_eq!((&line["target"], &line["status"]), (&"/big.bin".into(), &200.into()));
    assert!(line["bytes"].as_u64().unwrap() < BIG as u64, "{line}");
}

#[test]
fn a_text_line_reads_well() {
    let server = setup("text").start();
    server.send(&Request::get("/page.html?x=1").field("Referer", "https://b.test/"));
    let line = server.stdout.nth(0, |_| true);
    assert!(is_rfc3339(line.get(..24).unwrap_or_default()), "{line}");
    for part in ["GET", "a.test", "/page.html?x=1", "HTTP/1.1", "200", "127.0.0.1"] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
    assert!(line.contains("shost-test") && line.contains("https://b.test/"), "{line}");
}

#[test]
fn text_is_the_default_and_can_leave_the_time_out() {
    let server = Setup::new().site("a.test", fill).args(["--no-timestamps"]).start();
    server.send(&Request::get("/page.html"));
    let line = server.stdout.nth(0, |_| true);
    assert!(line.contains("/page.html") && !line.contains("T0"), "{line}");
    assert!(!is_rfc3339(line.get(..24).unwrap_or_default()), "{line}");
    let started = server.stderr.containing("started");
    assert!(!is_rfc3339(started.get(..24).unwrap_or_default()), "{started}");
}

/// The fields of a line in Apache's `vcombined` order: blank-separated, `"…"` and `[…]` whole.
fn split_combined(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let close = match rest.as_bytes()[0] {
            b'"' => "\" ",
            b'[' => "] ",
            _ => " ",
        };
        let end = rest.find(close).map_or(rest.len(), |at| at + close.len() - 1);
        fields.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches(' ');
    }
    fields
}

#[test]
fn a_combined_line_is_the_one_that_everybody_reads() {
    let server = setup("combined").start();
    server.send(&Request::get("/page.html?x=1").field("Referer", "https://b.test/"));
    server.send(&Request::head("/nothing"));
    let fields = split_combined(&server.stdout.containing("page.html"));
    assert_eq!(fields.len(), 10, "{fields:?}");
    let shape: String = fields[4]
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    assert!(shape.starts_with("[00/") && shape.ends_with("/0000:00:00:00 +0000]"), "{fields:?}");
    let others = [&fields[..4], &fields[5..]].concat();
    let host = format!("a.test:{}", server.http().port());
    let expected = [
        &host,
        "127.0.0.1",
        "-",
        "-",
        "\"GET /page.html?x=1 HTTP/1.1\"",
        "200",
        "5",
        "\"https://b.test/\"",
        "\"shost-test\"",
    ];
    assert_eq!(others, expected);
    let fields = split_combined(&server.stdout.containing("/nothing"));
    assert_eq!(fields[5..9], ["\"HEAD /nothing HTTP/1.1\"", "404", "0", "\"-\""], "{fields:?}");
}

#[test]
fn none_is_nothing() {
    let mut server = setup("none").start();
    assert_eq!(server.send(&Request::get("/")).status, 200);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(server.stdout.to_end(DEADLINE), Vec::<String>::new());
}

/// True if a terminal or a reader could take this character for more than a letter.
fn hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn no_client_can_forge_a_line() {
    let attacks: [&[u8]; 10] = [
        b"x\" 200 5 \"-\" \"forged",
        b"x\\",
        b"x\\\" y",
        b"a\tb",
        b"\xff\xfe",
        "\u{9b}31m".as_bytes(),
        "\u{2028}2026".as_bytes(),
        "\u{202e}gnp.exe".as_bytes(),
        b"{\"status\":200}",
        b"] [forged",
    ];
    for format in ["text", "json", "combined"] {
        let server = setup(format).start();
        for (index, attack) in attacks.iter().enumerate() {
            let mut request =
                b"GET /%0a%0d%1b[31m\"] HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n".to_vec();
            for field in ["User-Agent", "Referer"] {
                write!(request, "{field}: x").unwrap();
                request.extend_from_slice(attack);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"\r\n");
            let mut connection = server.connect();
            connection.write(&request);
            let status = connection.read("GET").status;
            let line = server.stdout.nth(index, |_| true);
            let shown = attack.escape_ascii();
            assert!(!line.contains(hostile), "{format} {shown}: {line:?}");
            assert!(!line.contains('\u{fffd}') || format == "json", "{format} {shown}: {line:?}");
            assert!(line.contains(&status.to_string()) && line.contains("%0a%0d%1b"), "{line}");
            match format {
                "json" => drop(serde_json::from_str::<Value>(&line).expect("JSON")),
                "combined" => assert_eq!(split_combined(&line).len(), 10, "{shown}: {line}"),
                _ => (),
            }
        }
        server.send(&Request::get("/last"));
        server.stdout.containing("/last");
        assert_eq!(server.stdout.count(|_| true), attacks.len() + 1, "one line a request");
    }
}

#[test]
fn a_refusal_of_the_host_is_logged() {
    let server = setup("json").start();
    let mut connection = server.connect();
    connection.write(b"GET /x HTTP/1.1\r\nUser-Agent: x\r\n\r\n");
    assert_eq!(connection.read("GET").status, 400);
    assert_eq!(json(&server, "400")["status"], 400);
}

#[test]
fn the_fields_of_a_refused_bot_can_be_logged() {
    let bot = Request::get("/").without("user-agent").field("X-Strange", "value \"of\" it");
    let server = setup("json").args(["--log-bad-bots"]).start();
    assert_eq!(server.send(&bot).status, 403);
    let line = json(&server, "403");
    assert_eq!(line["bot"], "no-user-agent");
    let fields = line["fields"].to_string().to_lowercase();
    assert!(fields.contains("x-strange") && fields.contains("value"), "{line}");
    assert_eq!(server.send(&Request::get("/")).status, 200);
    assert!(json(&server, "shost-test").get("fields").is_none_or(Value::is_null), "bots only");

    let server = setup("json").start();
    assert_eq!(server.send(&bot).status, 403);
    assert!(json(&server, "403").get("fields").is_none_or(Value::is_null), "only when told");

    for format in ["text", "combined"] {
        let server = setup(format).args(["--log-bad-bots"]).start();
        assert_eq!(server.send(&bot).status, 403);
        let line = server.stdout.nth(0, |_| true);
        if format == "text" {
            assert!(line.to_lowercase().contains("x-strange"), "{line}");
            assert!(line.contains("no-user-agent"), "{line}");
        }
    }
}

/// More requests of this size than the log's bound and the pipe's buffer hold together.
const LINES: usize = 2_000;

/// A request whose log line is about 5 KiB.
fn verbose(index: usize) -> Request {
    Request::get(&format!("/page.html?{index}-{}", "x".repeat(5_000)))
}

#[test]
fn a_reader_that_stalls_stops_nobody_and_the_loss_is_counted() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut server = setup("combined").start_with(writer);
    let mut connection = server.connect();
    for index in 0..LINES {
        assert_eq!(connection.send(&verbose(index)).status, 200, "request {index}");
    }
    let reading = std::thread::spawn(move || BufReader::new(reader).lines().count());
    let lost = server.stderr.nth(0, tells_of_loss);
    drop(connection);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let lines = reading.join().unwrap();
    assert!(lines < LINES, "the bound is higher than this test thought");
    let events = server.stderr.so_far();
    let dropped: usize =
        events.iter().filter(|line| tells_of_loss(line)).map(|line| number(line)).sum();
    assert_eq!(lines + dropped, LINES, "{lost}");
}

fn tells_of_loss(line: &str) -> bool {
    line.contains("WARN") && (line.contains("dropped") || line.contains("lost"))
}

/// The first number in an event, behind its time.
fn number(event: &str) -> usize {
    let (_, event) = event.split_once("WARN").expect("it is a warning");
    let digits = event.split(|letter: char| !letter.is_ascii_digit()).find(|word| !word.is_empty());
    digits.and_then(|digits| digits.parse().ok()).expect("the loss is counted")
}

#[test]
fn a_reader_that_dies_stops_nobody() {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = setup("json").start_with(writer);
    assert_eq!(server.send(&Request::get("/")).status, 200);
    drop(reader);
    for _ in 0..50 {
        assert_eq!(server.send(&Request::get("/")).status, 200);
    }
}

#[test]
fn a_full_disk_stops_nobody_and_is_told_once() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = setup("json").start_with(full);
    for _ in 0..50 {
        assert_eq!(server.send(&Request::get("/")).status, 200);
    }
    let told = server.stderr.containing("ERROR cannot write a log, its lines are dropped");
    assert!(told.contains("log=access-log error=\"No space left on device"), "{told}");
    assert_eq!(server.stderr.count(|line| line.contains("cannot write a log")), 1);
}

#[test]
fn every_line_is_written_before_the_end() {
    let mut server = setup("json").start();
    for _ in 0..100 {
        assert_eq!(server.send(&Request::get("/page.html")).status, 200);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(server.stdout.to_end(DEADLINE).len(), 100);
}
