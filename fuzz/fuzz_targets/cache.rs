//! The cache under changing files: a sequence of steps, a byte each.
#![no_main]

#[path = "../properties/cache.rs"]
mod cache;
#[path = "../properties/steps.rs"]
mod steps;

use cache::Step;

/// Waits in one run.
const WAITS: usize = 2;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let is_wait = |step: &Step| matches!(step, Step::Wait);
    cache::cache(&steps::steps(input, Step::from_byte, is_wait, WAITS));
});
