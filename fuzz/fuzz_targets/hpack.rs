//! Field blocks of HTTP/2.
#![no_main]

#[path = "../properties/hpack.rs"]
mod hpack;

libfuzzer_sys::fuzz_target!(|input: &[u8]| hpack::hpack(input));
