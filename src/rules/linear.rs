//! Time is linear in what is asked and in the files: no pattern can be made slow, and no file.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::source::Asked;
use super::{Headers, Names, Redirects};
use crate::semantics::target::{Path, Resolved};

/// The larger input is so many times the smaller one.
const FACTOR: usize = 8;

/// Linear is 8 times as long, the square is 64 times as long.
const MOST: u32 = 24;

/// Tries, of which the shortest of each size counts: what disturbs one is over at another.
const TRIES: usize = 40;

/// The kind of a file, and its line of a number.
type Lines = (&'static str, fn(usize) -> String);

/// Holds that `FACTOR` times as much takes no more than `MOST` times as long.
#[track_caller]
fn check(what: &str, size: usize, run: impl Fn(usize) -> Box<dyn Fn()>) {
    let (small, large) = (run(size), run(size * FACTOR));
    let (mut least, mut most) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        least = least.min(time(&small));
        most = most.min(time(&large));
        if most <= least * MOST {
            return;
        }
    }
    panic!("{what}: {most:?} for {FACTOR} times as much as takes {least:?}");
}

/// Time of this thread on a processor: what others take of it does not count.
fn time(run: &dyn Fn()) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
        Duration::new(seconds.expect("since the start"), nanoseconds.expect("below a second"))
    };
    let began = now();
    run();
    now().saturating_sub(began)
}

fn names() -> Names {
    Names::of("example.com")
}

fn path(raw: &str) -> Path<'static> {
    match Path::resolve(raw) {
        Ok(Resolved::Path(path)) => path.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_match_takes_time_by_the_length_of_the_path() {
    let table = [
        ("/*a", "a", "b"),
        ("/*ab", "a", "a"),
        ("/a*b", "a", "a"),
        ("/*aab*", "a", "a"),
        ("/:x-:y-:z", "-", "-"),
        ("/:x-:y-:z*", "-", "/"),
        ("/:x-aab:y", "-aa", "-"),
        ("/:x-aab:y-*", "-aab", "/x"),
        ("/*/:x/:y/z", "/a", "/b"),
        ("/a/*/b/:x-:y", "/b", "/-"),
        ("/:a:b:c:d*:e:f", "a", "/"),
        ("/*-:x-:y-", "-", "-a"),
    ];
    for (pattern, piece, end) in table {
        check(pattern, 2_000, |length| {
            let (rules, _) = Redirects::read(format!("{pattern} /to 301").as_bytes(), &names());
            let path = path(&format!("/a{}{end}", piece.repeat(length / piece.len())));
            Box::new(move || {
                for _ in 0..10 {
                    std::hint::black_box(rules.find("example.com", &path, None));
                }
            })
        });
    }
}

#[test]
fn files_are_read_in_time_by_their_length() {
    let redirects: [Lines; 5] = [
        ("static", |n| format!("/a{n} /b{n}\n")),
        ("dynamic", |n| format!("/:x/a{n}/* /b/:x/:splat\n")),
        ("the same again", |_| "/a /b\n".into()),
        ("other hosts", |n| format!("https://h{n}.test/* /b\n")),
        ("no rule", |n| format!("{n}\n")),
    ];
    for (what, line) in redirects {
        check(what, 500, |count| {
            let file = (0..count).map(line).collect::<Vec<_>>().concat();
            Box::new(move || drop(Redirects::read(file.as_bytes(), &names())))
        });
    }
    let headers: [Lines; 4] = [
        ("blocks", |n| format!("/a{n}\n  X-A: {n}\n")),
        ("fields", |n| format!("  X-{n}: {n}\n")),
        ("removed", |n| format!("  ! X-{n}\n")),
        ("the same again", |n| format!("  X-A: {n}\n")),
    ];
    for (what, line) in headers {
        check(what, 500, |count| {
            let file = "/*\n".to_owned() + &(0..count).map(line).collect::<Vec<_>>().concat();
            Box::new(move || drop(Headers::read(file.as_bytes(), &names())))
        });
    }
}

#[test]
fn fields_are_changed_in_time_by_the_lines_that_say_so() {
    let lines: [Lines; 4] = [
        ("removed", |n| format!("  ! X-{n}\n")),
        ("set", |n| format!("  X-{n}: {n}\n")),
        ("the same again", |_| "  X-A: b\n".into()),
        ("blocks for all", |n| format!("/*\n  ! X-{n}\n")),
    ];
    for (what, line) in lines {
        check(what, 1_000, |count| {
            let file = "/*\n".to_owned() + &(0..count).map(line).collect::<Vec<_>>().concat();
            let (headers, _) = Headers::read(file.as_bytes(), &names());
            Box::new(move || {
                let overlay = headers.matching(&Asked::new("example.com", "/")).overlay();
                drop(overlay.apply(std::iter::empty()));
            })
        });
    }
}
