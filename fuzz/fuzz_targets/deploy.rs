//! Deploys: a sequence of steps, a byte each.
#![no_main]

#[path = "../properties/deploy.rs"]
mod deploy;
#[path = "../properties/steps.rs"]
mod steps;

use deploy::Step;

/// Waits in one run.
const WAITS: usize = 1;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let is_wait = |step: &Step| matches!(step, Step::Wait);
    deploy::deploy(&steps::steps(input, Step::from_byte, is_wait, WAITS));
});
