//! Floods, most of them over HTTP/2 (docs/behaviour.md, "Limits"): each costs its own connection and
//! little memory, and another client is served meanwhile. The frames are written by hand, and know
//! nothing of the reader.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::client::{Connection, Request};
use crate::support::frames::{
    CONTINUATION, Came, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING,
    PRIORITY, Raw, SETTINGS, fields_of_get, frame, get, indexed_literal, reset, window_update,
};
use crate::support::server::{Server, Setup};
use crate::support::site::pattern;

/// The memory that a flood may make the server grow by, in KiB.
const GROWTH: u64 = 32 * 1024;

/// How often the frames of a flood are sent: more than any client has reason to.
const ROUNDS: u32 = 100_000;

/// How long a flood lasts if nobody stops it.
const TIME: Duration = Duration::from_secs(2);

/// How long another client may wait for its answer: a debug build on a busy machine of two cores,
/// where nothing but the flood's own connection has reason to be slow.
const ANSWER: Duration = Duration::from_secs(2);

/// Without a byte taken for so long, the server has stopped listening to the flood.
const BLOCKED: Duration = Duration::from_millis(500);

/// Above the cacheable limit, so that it is streamed.
const BIG: usize = 2 * 1024 * 1024;

/// Streams that a server lets a client have at a time.
const STREAMS: u32 = 100;

/// A flood.
struct Flood {
    /// Our settings; none over HTTP/1.
    settings: Option<&'static [(u16, u32)]>,
    /// Bytes that are sent once.
    begin: Vec<u8>,
    /// Bytes that are sent then, again and again.
    round: Box<dyn Fn(u32) -> Vec<u8> + Sync>,
    /// True if the attacker reads what is answered.
    reads: bool,
    /// Between two rounds.
    pause: Duration,
}

impl Flood {
    /// Of what `round` makes of its number.
    fn of(round: impl Fn(u32) -> Vec<u8> + Sync + 'static) -> Self {
        let (round, pause) = (Box::new(round), Duration::ZERO);
        Self { settings: Some(&[]), begin: Vec::new(), round, reads: true, pause }
    }

    /// Of the same frame.
    fn of_one(frame: Vec<u8>) -> Self {
        Self::of(move |_| frame.clone())
    }

    /// Begins with this.
    fn after(self, begin: Vec<u8>) -> Self {
        Self { begin, ..self }
    }

    /// Lets the server send nothing of an answer until more is allowed.
    fn without_window(self) -> Self {
        Self { settings: Some(&[(INITIAL_WINDOW_SIZE, 0)]), ..self }
    }

    /// Speaks HTTP/1.
    fn over_http1(self) -> Self {
        Self { settings: None, ..self }
    }

    /// Reads nothing.
    fn unread(self) -> Self {
        Self { reads: false, ..self }
    }
}

/// How a flood ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server has closed the connection.
    Closed,
    /// The server takes nothing more.
    Blocked,
    /// All was taken, and the connection is open.
    Open,
}

/// Where what is sent is no offence, and all that counts is what it costs.
const ANY: &[End] = &[End::Closed, End::Blocked, End::Open];

fn serve() -> Server {
    Setup::new()
        .site("a.test", |site| site.file("index.html", "a").file("big.bin", pattern(BIG)))
        .start()
}

/// The client's stream number `round`.
fn stream(round: u32) -> u32 {
    2 * round + 1
}

/// Sends the flood and watches the server, and another client, meanwhile.
#[track_caller]
#[expect(clippy::print_stderr, reason = "the figures are for the person who runs this test")]
fn check(name: &str, flood: &Flood, allowed: &[End]) {
    let server = serve();
    // The first requests are what makes any server grow.
    for target in ["/", "/big.bin"] {
        assert_eq!(server.send(&Request::get(target)).status, 200);
    }
    let before = server.memory();
    let done = AtomicBool::new(false);
    let (end, watched) = std::thread::scope(|scope| {
        let attack = scope.spawn(|| {
            let end = send(&server, flood);
            done.store(true, Ordering::Release);
            end
        });
        let watched = watch(&server, &done);
        (attack.join().expect("the attacker does not panic"), watched)
    });
    let growth = watched.memory.saturating_sub(before);
    eprintln!("{name}: {end:?}, grew by {growth} KiB, worst answer {:?}", watched.answer);
    assert!(growth < GROWTH, "{name}: {before} KiB grew by {growth} KiB");
    assert!(watched.answer < ANSWER, "{name}: another client waited {:?}", watched.answer);
    assert!(allowed.contains(&end), "{name}: {end:?}");
}

fn send(server: &Server, flood: &Flood) -> End {
    let mut attacker = match flood.settings {
        Some(settings) => Raw::open(server.http(), settings),
        None => Raw::unspoken(server.http()),
    };
    let mut reader = attacker.share();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = flood.reads.then(|| scope.spawn(|| is_closed(&mut reader, &over)));
        let end = write(&mut attacker, flood);
        over.store(true, Ordering::Release);
        let closed = reading.is_some_and(|reading| reading.join().expect("it does not panic"));
        if closed { End::Closed } else { end }
    })
}

fn write(attacker: &mut Raw, flood: &Flood) -> End {
    let until = Instant::now() + TIME;
    let rounds = (0..ROUNDS).map(|round| (flood.round)(round));
    for bytes in std::iter::once(flood.begin.clone()).chain(rounds) {
        match attacker.write(&bytes, BLOCKED) {
            Came::This(()) => {}
            Came::End => return End::Closed,
            Came::Nothing => return End::Blocked,
        }
        if Instant::now() > until {
            break;
        }
        if !flood.pause.is_zero() {
            std::thread::park_timeout(flood.pause);
        }
    }
    End::Open
}

/// Reads until the server closes or says that it will, or nothing comes any more.
fn is_closed(reader: &mut Raw, over: &AtomicBool) -> bool {
    loop {
        let last = over.load(Ordering::Acquire);
        match reader.read(BLOCKED) {
            Came::This(frame) if frame.kind == GOAWAY => return true,
            Came::End => return true,
            Came::Nothing if last => return false,
            Came::This(_) | Came::Nothing => {}
        }
    }
}

/// Figures that were seen from outside.
struct Watched {
    /// The most memory, in KiB.
    memory: u64,
    /// The longest time that another client waited for an answer.
    answer: Duration,
}

fn watch(server: &Server, done: &AtomicBool) -> Watched {
    let mut watched = Watched { memory: 0, answer: Duration::ZERO };
    loop {
        let last = done.load(Ordering::Acquire);
        let asked = Instant::now();
        let answer = Connection::open(server.http()).send(&Request::get("/"));
        assert_eq!(answer.text(), "a");
        watched.answer = watched.answer.max(asked.elapsed());
        watched.memory = watched.memory.max(server.memory());
        if last {
            return watched;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn resets_by_the_client() {
    // CVE-2023-44487.
    for path in ["/", "/big.bin", "/nothing"] {
        let flood =
            Flood::of(move |round| [get(stream(round), path), reset(stream(round))].concat());
        check(&format!("rapid reset of {path}"), &flood, &[End::Closed]);
    }
}

#[test]
fn resets_that_the_server_is_made_to_send() {
    // CVE-2025-8671. The answer must not be over before, so none of it may be sent.
    type Offence = fn(u32) -> Vec<u8>;
    let closed: &[End] = &[End::Closed];
    let rows: [(&str, Offence, &[End]); 4] = [
        ("no increment", |stream| window_update(stream, 0), closed),
        ("too large a window", |stream| window_update(stream, u32::MAX >> 1).repeat(2), closed),
        ("content behind the end", |stream| frame(DATA, 0, stream, b"x"), closed),
        // By RFC 9113 §5.3.2 the frame says nothing; by the older RFC 7540 it was an offence.
        ("a stream behind itself", |stream| frame(PRIORITY, 0, stream, &behind(stream)), ANY),
    ];
    for (name, offence, allowed) in rows {
        let flood = Flood::of(move |round| {
            [get(stream(round), "/big.bin"), offence(stream(round))].concat()
        });
        check(name, &flood.without_window(), allowed);
    }
}

/// The payload of PRIORITY that depends on `stream`.
fn behind(stream: u32) -> Vec<u8> {
    [&stream.to_be_bytes()[..], &[0]].concat()
}

#[test]
fn heads_without_end() {
    let begin = || frame(HEADERS, END_STREAM, 1, &fields_of_get("/"));
    let filler = [0x00, 0x01, b'x', 0x01, b'y'].repeat(3200);
    let rows = [
        ("empty continuations", Vec::new()),
        ("full continuations", filler),
        ("continuations of one field", vec![0x00, 0x01, b'x', 0x01, b'y']),
    ];
    for (name, fields) in rows {
        let flood = Flood::of_one(frame(CONTINUATION, 0, 1, &fields)).after(begin());
        check(name, &flood, &[End::Closed]);
    }
}

/// Frames that the server has to answer each.
fn questions() -> [(&'static str, Vec<u8>); 3] {
    let window = crate::support::frames::settings(&[(INITIAL_WINDOW_SIZE, 65_535)]);
    [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("settings that say something", window),
        ("pings", frame(PING, 0, 0, b"12345678")),
    ]
}

#[test]
fn frames_that_want_an_answer() {
    for (name, one) in questions() {
        check(name, &Flood::of_one(one.repeat(16)), &[End::Closed]);
    }
}

#[test]
fn answers_to_frames_that_are_not_taken() {
    for (name, one) in questions() {
        // Who reads nothing can also be left waiting, until the deadline of an idle connection.
        let flood = Flood::of_one(one.repeat(16)).unread();
        check(&format!("unread {name}"), &flood, &[End::Closed, End::Blocked]);
    }
}

#[test]
fn frames_that_say_nothing() {
    let post = || frame(HEADERS, END_HEADERS, 1, &[&[0x83], &fields_of_get("/")[1..]].concat());
    let empty = Flood::of_one(frame(DATA, 0, 1, &[]).repeat(16)).after(post());
    check("empty content", &empty, &[End::Closed]);
    let headers = Flood::of(|round| frame(HEADERS, END_HEADERS | END_STREAM, stream(round), &[]));
    check("empty heads", &headers, &[End::Closed]);
    let priority = Flood::of(|round| frame(PRIORITY, 0, stream(round), &[0; 5]));
    check("priorities", &priority, ANY);
    check("kinds that nobody knows", &Flood::of_one(frame(0xbe, 0, 0, b"?").repeat(16)), ANY);
    let windows = Flood::of_one(window_update(0, 1).repeat(16));
    check("a window a byte larger", &windows, ANY);
}

#[test]
fn a_head_that_unpacks_to_thousands_of_times_its_size() {
    /// In the table of the server, of 4,096 bytes (RFC 7541 §4.1), this fills one entry.
    const VALUE: usize = 4000;
    /// The newest entry.
    const NEWEST: u8 = 0xbe;
    let ends = END_HEADERS | END_STREAM;
    let kept = [fields_of_get("/"), indexed_literal("x", &"y".repeat(VALUE))].concat();
    let bomb = [fields_of_get("/"), vec![NEWEST; 16_000]].concat();
    let flood = Flood::of(move |round| frame(HEADERS, ends, stream(round + 1), &bomb));
    check("a packed head", &flood.after(frame(HEADERS, ends, 1, &kept)), &[End::Closed]);
}

#[test]
fn answers_that_are_not_taken() {
    let asked = |path| (0..STREAMS).flat_map(|round| get(stream(round), path)).collect::<Vec<u8>>();
    for path in ["/", "/big.bin"] {
        let mut flood = Flood::of(|_| Vec::new()).after(asked(path)).without_window();
        flood.pause = Duration::from_millis(100);
        check(&format!("no window for {path}"), &flood, ANY);
    }
    let all_a_byte = |_| (0..STREAMS).flat_map(|round| window_update(stream(round), 1)).collect();
    let flood = Flood::of(all_a_byte).after(asked("/big.bin")).without_window();
    check("a byte at a time", &flood, ANY);
}

#[test]
fn requests_far_beyond_the_streams_that_may_be() {
    let rounds =
        |round| (0..8).flat_map(|more| get(stream(8 * round + more), "/big.bin")).collect();
    check("asked and never read", &Flood::of(rounds).unread(), &[End::Closed, End::Blocked]);
}

#[test]
fn requests_over_http1_whose_answers_are_not_read() {
    for (target, repeats) in [("/", 64), ("/big.bin", 1), ("/nothing", 64)] {
        let requests = Request::get(target).bytes().repeat(repeats);
        let flood = Flood::of_one(requests).over_http1().unread();
        check(&format!("pipelined {target}"), &flood, &[End::Closed, End::Blocked]);
    }
}

#[test]
fn what_is_no_request_over_http1() {
    // RFC 9112 §2.2: empty lines before a request are skipped, until the deadline of a head.
    let empty = Flood::of_one(b"\r\n".repeat(512)).over_http1();
    check("empty lines", &empty, ANY);
    let field = Flood::of_one(b"X: y\r\n".repeat(512)).after(b"GET / HTTP/1.1\r\n".to_vec());
    check("a head without end", &field.over_http1(), &[End::Closed]);
    // Content is dropped up to a bound, or not read at all.
    let head = b"POST / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: x\r\n";
    let chunks = [&head[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat();
    let chunked = Flood::of_one(b"1\r\nx\r\n".repeat(512)).after(chunks);
    check("content in small chunks", &chunked.over_http1(), &[End::Closed]);
    let long = [&head[..], b"Content-Length: 999999999999\r\n\r\n"].concat();
    let content = Flood::of_one(b"x".repeat(16 * 1024)).after(long);
    check("content without end", &content.over_http1(), &[End::Closed]);
}
