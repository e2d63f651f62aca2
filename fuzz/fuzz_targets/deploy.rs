//! Deploys: a sequence of steps, a byte each.
#![no_main]

#[path = "../properties/deploy.rs"]
mod deploy;

use deploy::Step;

/// Steps of one run, and waits among them: both cost time that other runs could use.
const STEPS: usize = 64;
const WAITS: usize = 1;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut waits = 0;
    let mut is_bearable = |step: &Step| {
        waits += usize::from(matches!(step, Step::Wait));
        waits <= WAITS || !matches!(step, Step::Wait)
    };
    let steps: Vec<_> = input.iter().take(STEPS).map(|byte| Step::from_byte(*byte)).collect();
    let steps: Vec<_> = steps.into_iter().filter(|step| is_bearable(step)).collect();
    deploy::deploy(&steps);
});
