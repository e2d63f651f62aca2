//! Whole requests: every byte that a client sends on one connection.
#![no_main]

#[path = "../properties/request/mod.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|input: &[u8]| request::request(input));
