//! Windows, turns and priorities: what is sent, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use super::*;

/// A flag that is set when a task is woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn windows_are_kept() {
    let mut test = Test::new();
    let whole = "HEADERS/4=88@1 DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1";
    assert_eq!(test.exchange(&get(1, "/b")), whole.to_owned() + " DATA/0:35@1");
    let open = |stream, by: u32| frame(kind::WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    assert_eq!(test.exchange(&open(0, 1000)), "");
    assert_eq!(test.exchange(&open(1, 10)), "DATA/0:10@1");
    // Smaller for all streams, and so less than nothing for this one.
    let smaller = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xf5]);
    assert_eq!(test.exchange(&smaller), "SETTINGS/1:0");
    assert_eq!(test.exchange(&open(1, 10)), "");
    assert_eq!(test.exchange(&open(1, 1)), "DATA/0:1@1");
    assert_eq!(test.exchange(&open(1, 100_000)), "DATA/0:989@1");
    assert_eq!(test.exchange(&open(0, 100_000)), "DATA/1:3465@1");
    // It is over; what comes late means nothing.
    assert_eq!(test.exchange(&open(1, 0x7fff_ffff)), "");
    assert_eq!(test.exchange(&open(0, 0x7fff_ffff)), "GOAWAY/0=0x3");
}

#[test]
fn what_a_silent_client_has_no_room_for_keeps_no_connection() {
    // The content of the first may come yet; that of the second has taken all the room.
    for (asked, ends) in [(vec![get(1, "/s")], false), (vec![get(1, "/s"), get(3, "/b")], true)] {
        let mut test = Test::new();
        test.exchange(&asked.concat());
        test.0.io.done = true;
        test.exchange(b"");
        assert_eq!(matches!(test.1, Some(Ok(()))), ends, "{} streams", asked.len());
    }
}

#[test]
fn answers_share_what_room_there_is() {
    let mut test = Test::new();
    test.exchange(&frame(kind::WINDOW_UPDATE, 0, 0, &200_000_u32.to_be_bytes()));
    let update =
        |id: u8, field: &str| frame(0x10, 0, 0, &[&[0, 0, 0, id], field.as_bytes()].concat());
    let none = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let asked = [none, get(1, "/b"), get(3, "/b"), get(5, "/b"), get(7, "/b")].concat();
    test.exchange(&asked);
    test.exchange(&[update(5, "u=1"), update(7, "u=1"), update(1, "i")].concat());
    let room = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0x40, 0]);
    let expected = "SETTINGS/1:0 DATA/0:16375@5 DATA/0:9@5 DATA/0:16375@7 DATA/0:9@7 \
                    DATA/0:16375@1 DATA/0:16375@3 DATA/0:9@1 DATA/0:9@3";
    assert_eq!(test.exchange(&room), expected);
}

#[test]
fn a_client_that_takes_everything_is_given_a_turn_at_a_time() {
    let mut test = Test::new();
    let room = 10_000_000_u32.to_be_bytes();
    let open = frame(kind::WINDOW_UPDATE, 0, 0, &room);
    let wide = frame(kind::SETTINGS, 0, 0, &[&[0, 4][..], &room].concat());
    let asked: Vec<_> = (0..50).map(|at| get(2 * at + 1, "/b")).collect();
    test.0.io.sent = [open, wide, asked.concat()].concat();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut turns = Vec::new();
    // Who gives way is woken for the next turn.
    while woken.0.swap(false, Ordering::Relaxed) {
        assert!(Pin::new(&mut test.0).poll(&mut Context::from_waker(&waker)).is_pending());
        turns.push(std::mem::take(&mut test.0.io.got).len());
    }
    assert!(turns.iter().sum::<usize>() > 50 * BIG);
    // The queue may be as much too full as one frame is long.
    assert!(turns.iter().all(|sent| *sent <= TURN + TURN / 4), "{turns:?}");
}

#[test]
fn the_last_frame_ends_the_stream_whatever_its_size() {
    let rows = [
        (1, "DATA/1:1@1"),
        (1024, "DATA/1:1024@1"),
        (1025, "DATA/1:1025@1"),
        (16_374, "DATA/1:16374@1"),
        (16_375, "DATA/1:16375@1"),
        (16_376, "DATA/0:16375@1 DATA/1:1@1"),
        (32_750, "DATA/0:16375@1 DATA/1:16375@1"),
        (32_751, "DATA/0:16375@1 DATA/0:16375@1 DATA/1:1@1"),
        (65_500, "DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1 DATA/1:16375@1"),
        (65_535, "DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1 DATA/0:16375@1 DATA/1:35@1"),
    ];
    for (length, expected) in rows {
        let path = format!("/{length}");
        check(&[get(1, &path)], &["HEADERS/4=88@1 ", expected].concat());
        // Behind another answer it takes turns, and ends alike.
        let waiting = [get(1, "/w"), get(3, &path)];
        check(&waiting, &["HEADERS/4=88@3 ", &expected.replace("@1", "@3")].concat());
    }
}

#[test]
fn the_window_of_a_stream_holds_from_its_first_frame() {
    for (window, expected) in [
        (1, "DATA/0:1@1"),
        (16_374, "DATA/0:16374@1"),
        (16_375, "DATA/0:16375@1"),
        (16_376, "DATA/0:16375@1 DATA/0:1@1"),
        (32_749, "DATA/0:16375@1 DATA/0:16374@1"),
    ] {
        let [high, low] = u16::try_from(window).unwrap().to_be_bytes();
        let limit = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, high, low]);
        check(&[limit, get(1, "/b")], &["SETTINGS/1:0 HEADERS/4=88@1 ", expected].concat());
    }
}

#[test]
fn nothing_is_read_while_the_client_takes_nothing() {
    let mut test = Test::new();
    test.0.io.blocked = true;
    let wide = frame(kind::WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes());
    test.exchange(&[wide, get(1, "/b"), get(3, "/b")].concat());
    let pings = frame(kind::PING, 0, 0, &[0; 8]).repeat(10_000);
    assert_eq!(test.exchange(&pings), "");
    assert!(test.0.io.sent.len() > pings.len() - 20_000, "{}", test.0.io.sent.len());
    test.0.io.blocked = false;
    let got = test.exchange(b"");
    assert!(got.contains("PING/1:8"), "it is read once there is room");
}
