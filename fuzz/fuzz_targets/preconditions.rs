//! Preconditions: a file's time and coding, then any bytes beside the fields that must hold.
#![no_main]

#[path = "../properties/validators.rs"]
mod validators;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(([seconds @ .., coding], noise)) = input.split_first_chunk::<5>() else { return };
    validators::validators(noise, u32::from_le_bytes(*seconds), *coding);
});
