//! Field sections of HTTP/3.
#![no_main]

#[path = "../properties/qpack.rs"]
mod qpack;

libfuzzer_sys::fuzz_target!(|input: &[u8]| qpack::qpack(input));
