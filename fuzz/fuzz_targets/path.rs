//! The path of a request target: any bytes.
#![no_main]

#[path = "../properties/path.rs"]
mod path;

libfuzzer_sys::fuzz_target!(|input: &[u8]| path::path(input));
