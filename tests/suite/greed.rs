//! Clients that ask for much and take nothing (docs/behaviour.md, "Limits"): what their answers hold
//! is bounded, others are served, and an answer that had to let go of its content or file goes on
//! where it was.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Socket, Type};

use crate::support::client::Request;
use crate::support::frames::{
    Came, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, Raw,
    WINDOW_UPDATE, fields_of_get, frame, get, indexed_literal, window_update,
};
use crate::support::server::{Server, Setup};
use crate::support::site::{Site, pattern};
use crate::support::{DEADLINE, await_background};

/// Streams of a connection.
const STREAMS: u32 = 100;

/// Content that is held in memory, and such that is not.
const HELD: usize = 1024 * 1024 - 100;
const STREAMED: usize = 1024 * 1024 + 100;

/// Content that one client's waiting answers may hold, in bytes: half of the most there may be.
const CLIENT_CONTENT: u64 = 32 * 1024 * 1024;

/// Launches the server with descriptors for all files, and with those for 16, of which the answers
/// of one client keep three while they wait.
const MANY_FILES: &str = "exec \"$@\"";
const FEW_FILES: &str = "ulimit -n 256; exec \"$@\"";
const KEPT_FILES: u32 = 3;

/// A file of this age has no other version with the same facts.
const SETTLED: Duration = Duration::from_millis(5200);

/// The content of file number `index`.
fn content(index: u32, length: usize) -> Vec<u8> {
    let mut content = pattern(length);
    content[..4].copy_from_slice(&index.to_be_bytes());
    content
}

fn fill(site: &Site, count: u32, length: usize) -> &Site {
    site.file("small.txt", "small");
    for index in 0..count {
        site.file(&format!("{index}.bin"), content(index, length));
    }
    site
}

/// A connection that leaves no room for answers, on which the first `count` files were asked for.
fn ask(server: &Server, count: u32) -> Raw {
    let mut raw = Raw::open(server.http(), &[(INITIAL_WINDOW_SIZE, 0)]);
    let asked = (0..count).flat_map(|index| get(2 * index + 1, format!("/{index}.bin")));
    raw.write(&asked.collect::<Vec<u8>>(), DEADLINE);
    raw
}

/// Reads until so many answers have begun.
#[track_caller]
fn have_begun(raw: &mut Raw, count: u32) {
    let mut begun = 0;
    while begun < count {
        match raw.read(DEADLINE) {
            Came::This(frame) => begun += u32::from(frame.kind == HEADERS),
            other => panic!("{begun} of {count} answers began, then: {other:?}"),
        }
    }
}

/// Waits until so many answers are counted as waiting, which they are a moment after their heads
/// have been written, and are no longer a moment after their ends.
#[track_caller]
fn are_waiting(server: &Server, answers: u64) {
    let began = Instant::now();
    while server.counter("answers") != answers {
        assert!(began.elapsed() < DEADLINE, "never {answers} answers");
    }
}

/// What came of answers, by the numbers of their files.
#[derive(Debug, Default)]
struct Answers {
    contents: BTreeMap<u32, Vec<u8>>,
    whole: Vec<u32>,
    broken: Vec<u32>,
}

impl Answers {
    /// Reads until so many answers have ended or broken off.
    #[track_caller]
    fn read(raw: &mut Raw, count: usize) -> Self {
        let mut answers = Self::default();
        while answers.whole.len() + answers.broken.len() < count {
            let Came::This(frame) = raw.read(DEADLINE) else {
                panic!("{:?} ended, {:?} broke off, no more came", answers.whole, answers.broken)
            };
            let index = frame.stream / 2;
            match frame.kind {
                DATA => {
                    answers.contents.entry(index).or_default().extend_from_slice(&frame.payload);
                    if frame.flags & END_STREAM != 0 {
                        answers.whole.push(index);
                    }
                }
                RST_STREAM => answers.broken.push(index),
                PING | WINDOW_UPDATE => {}
                _ => panic!("{frame:?}"),
            }
        }
        answers
    }
}

/// Asks for a hundred files without room for one, then makes room and reads all of them.
#[track_caller]
fn check_http2(args: &[&str], length: usize, launch: &str) {
    let server = Setup::new()
        .site("a.test", |site| fill(site, STREAMS, length))
        .launched_by(launch)
        .args(args.iter().copied())
        .start();
    let written = SystemTime::now();
    while written.elapsed().is_ok_and(|age| age < SETTLED) {
        std::thread::park_timeout(SETTLED);
    }
    let mut raw = ask(&server, STREAMS);
    have_begun(&mut raw, STREAMS);
    are_waiting(&server, u64::from(STREAMS));
    // One chunk more than the share may be on its way until an answer has let go of its own.
    await_background(&format!("{args:?}, {length} bytes: a share is held and no more"), || {
        server.counter("content_bytes") <= CLIENT_CONTENT
    });
    let held = server.counter("content_bytes");
    assert!(held < u64::from(STREAMS) * length as u64, "{args:?}: {held} held");
    let room = u32::try_from(length).expect("a small number");
    let rooms = (0..STREAMS).flat_map(|index| window_update(2 * index + 1, room));
    raw.write(&[window_update(0, STREAMS * room), rooms.collect()].concat(), DEADLINE);
    let came = Answers::read(&mut raw, STREAMS as usize);
    assert!(came.broken.is_empty(), "{args:?}: {:?} broke off", came.broken);
    for (index, found) in came.contents {
        assert!(found == content(index, length), "{args:?}: answer {index} differs");
    }
    are_waiting(&server, 0);
    assert_eq!(server.counter("content_bytes"), 0);
}

#[test]
fn what_the_cache_dropped_comes_from_the_disk() {
    check_http2(&["--cache-size", "0"], HELD, MANY_FILES);
}

#[test]
fn what_the_cache_has_comes_from_it() {
    check_http2(&["--cache-size", "256M"], HELD, MANY_FILES);
}

#[test]
fn what_is_streamed_is_opened_again() {
    check_http2(&[], STREAMED, FEW_FILES);
}

/// A connection in the clear whose system takes little ahead of its reader.
fn slow(server: &Server) -> TcpStream {
    const BUFFER: usize = 8 * 1024;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are descriptors");
    socket.set_recv_buffer_size(BUFFER).expect("the size is one");
    socket.connect(&server.http().into()).expect("the server accepts");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
    stream
}

/// Many clients over HTTP/1 ask for a file each, take nothing for a while, and then all of it.
#[track_caller]
fn check_http1(args: &[&str], length: usize, launch: &str) {
    const CLIENTS: u32 = 60;
    let server = Setup::new()
        .site("a.test", |site| fill(site, CLIENTS, length))
        .launched_by(launch)
        .args(args.iter().copied())
        .start();
    let written = SystemTime::now();
    while written.elapsed().is_ok_and(|age| age < SETTLED) {
        std::thread::park_timeout(SETTLED);
    }
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| slow(&server)).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let request = Request::get(&format!("/{index}.bin")).field("connection", "close");
        client.write_all(&request.bytes()).expect("the server listens");
    }
    for client in &clients {
        let mut first = [0; 16];
        assert!(client.peek(&mut first).is_ok_and(|count| count > 0), "no answer began");
    }
    // One chunk more than the share may be on its way until an answer has let go of its own.
    await_background(&format!("{args:?}, {length} bytes: a share is held and no more"), || {
        server.counter("content_bytes") <= CLIENT_CONTENT
    });
    for (index, mut client) in (0..).zip(clients) {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("the server goes on");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let (came, expected) = (&answer[end + 4..], content(index, length));
        let at = came.iter().zip(&expected).position(|(came, expected)| came != expected);
        let count = came.len();
        assert!(
            came == expected,
            "{args:?}: answer {index} differs: {count} of {length} bytes, other ones from {at:?} on"
        );
    }
}

#[test]
fn answers_over_http1_go_on_where_they_were() {
    check_http1(&["--cache-size", "0"], HELD, MANY_FILES);
    check_http1(&[], STREAMED, FEW_FILES);
}

#[test]
fn a_file_that_was_replaced_meanwhile_breaks_its_answer_off() {
    let server = Setup::new()
        .site("a.test", |site| fill(site, STREAMS, STREAMED))
        .launched_by(FEW_FILES)
        .start();
    let mut raw = ask(&server, STREAMS);
    have_begun(&mut raw, STREAMS);
    are_waiting(&server, u64::from(STREAMS));
    let room = u32::try_from(STREAMED).expect("a small number");
    // Which of them keep their files depends on which reads come first.
    let last = STREAMS - KEPT_FILES - 1..STREAMS;
    for index in last.clone() {
        server.site("a.test").replace(&format!("{index}.bin"), vec![b'o'; STREAMED]);
    }
    let rooms = last.clone().flat_map(|index| window_update(2 * index + 1, room));
    raw.write(&[window_update(0, (KEPT_FILES + 1) * room), rooms.collect()].concat(), DEADLINE);
    let Answers { mut contents, whole, broken } = Answers::read(&mut raw, last.len());
    for index in &whole {
        assert!(contents.remove(index) == Some(content(*index, STREAMED)), "{index} differs");
    }
    let others: Vec<_> = contents.iter().map(|(index, came)| (index, came.len())).collect();
    assert!(others.is_empty(), "of files that are no more came (number, bytes): {others:?}");
    assert!(!broken.is_empty(), "no answer had let go of its file");
    server.stderr.containing("answer broken off");
    assert_eq!(server.send(&Request::get("/small.txt")).text(), "small");
}

#[test]
fn waiting_answers_leave_descriptors_to_others() {
    const DESCRIPTORS: usize = 256;
    const CONNECTIONS: usize = 20;
    /// Descriptors that the process has open itself: sites, listeners, logs, the reserve.
    const OWN: usize = 60;
    let server = Setup::new()
        .site("a.test", |site| fill(site, STREAMS, STREAMED))
        .launched_by(format!("ulimit -n {DESCRIPTORS}; exec \"$@\""))
        .start();
    let mut held: Vec<Raw> = (0..CONNECTIONS).map(|_| ask(&server, STREAMS)).collect();
    for raw in &mut held {
        have_begun(raw, STREAMS);
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero()));
    let open = open.expect("the server runs").count();
    assert!(open <= CONNECTIONS + OWN, "{open} descriptors");
    for path in ["/small.txt", "/7.bin"] {
        assert_eq!(server.send(&Request::get(path)).status, 200, "{path}");
    }
}

#[test]
fn threads_that_wait_for_disks_leave_room_under_a_limit_of_data() {
    const CONNECTIONS: u32 = 500;
    /// Less than 64 stacks take that are as large as a thread's mostly is.
    const LIMIT_KIB: u64 = 96 * 1024;
    let server = Setup::new()
        .site("a.test", |site| fill(site, CONNECTIONS, 2000))
        .launched_by(format!("ulimit -d {LIMIT_KIB}; exec \"$@\""))
        .start();
    let asked = (0..CONNECTIONS).map(|index| {
        let mut stream = TcpStream::connect(server.http()).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time");
        let request = Request::get(&format!("/{index}.bin")).field("connection", "close");
        stream.write_all(&request.bytes()).expect("it is taken");
        stream
    });
    for (index, mut stream) in asked.collect::<Vec<_>>().into_iter().enumerate() {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it is given");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{index}: {} bytes", answer.len());
    }
}

#[test]
fn stalled_heads_are_not_kept() {
    const CONNECTIONS: u32 = 100;
    /// Of a hundred heads each, in KiB.
    const GROWTH: u64 = 96;
    const FIELDS: usize = 90;
    const LAST_FIELD: u8 = 0xbe;
    let server = Setup::new()
        .site("a.test", |site| fill(site, 1, HELD))
        .args(["--log", "text", "--bots", "off"])
        .start();
    assert_eq!(server.send(&Request::get("/0.bin")).status, 200);
    let before = server.memory();
    let first = [fields_of_get("/0.bin"), indexed_literal("a", ""), vec![LAST_FIELD; FIELDS]];
    let later = [fields_of_get("/0.bin"), vec![LAST_FIELD; FIELDS + 1]].concat();
    let ask = |_| {
        let mut raw = Raw::open(server.http(), &[(INITIAL_WINDOW_SIZE, 0)]);
        let blocks = (0..STREAMS).flat_map(|index| {
            let block = if index == 0 { first.concat() } else { later.clone() };
            frame(HEADERS, END_HEADERS | END_STREAM, 2 * index + 1, &block)
        });
        raw.write(&blocks.collect::<Vec<u8>>(), DEADLINE);
        have_begun(&mut raw, STREAMS);
        raw
    };
    let held: Vec<Raw> = (0..CONNECTIONS).map(ask).collect();
    let each = server.memory().saturating_sub(before) / u64::from(CONNECTIONS);
    assert!(each <= GROWTH, "{each} KiB a connection");
    drop(held);
}
