//! The Accept-Encoding field: any bytes.
#![no_main]

#[path = "../properties/negotiation.rs"]
mod negotiation;

libfuzzer_sys::fuzz_target!(|input: &[u8]| negotiation::negotiation(input));
