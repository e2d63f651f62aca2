//! Streams of HTTP/3.
#![no_main]

#[path = "../properties/http3.rs"]
mod http3;

libfuzzer_sys::fuzz_target!(|input: &[u8]| http3::http3(input));
