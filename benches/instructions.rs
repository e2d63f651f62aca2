//! One step a hundred times, for callgrind to count: `benches/instructions.py` runs it.

mod steps;

use std::process::ExitCode;

use steps::Step;

/// How often a step is counted: the whole of it takes less than the 100 ms that the cache's word
/// is trusted, even under callgrind.
const TIMES: u32 = 100;

/// How often it is done before: by then every allocation that is made once has been made.
const BEFORE: u32 = 20;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        // What `cargo test` and `cargo bench` say to every benchmark: all steps, without figures.
        None | Some("--bench") => {
            for name in steps::NAMES {
                repeat(&steps::step(name).expect("the table has each name"));
            }
            ExitCode::SUCCESS
        }
        Some(name) => match steps::step(name) {
            Some(step) => {
                repeat(&step);
                ExitCode::SUCCESS
            }
            None => ExitCode::FAILURE,
        },
    }
}

fn repeat(step: &Step) {
    for _ in 0..BEFORE {
        step.run();
    }
    for _ in 0..TIMES {
        counted(step);
    }
}

/// Callgrind counts from where this is entered to where it is left.
#[inline(never)]
fn counted(step: &Step) {
    step.run();
    std::hint::black_box(step);
}
