//! HTTP/2 connections: every frame that a client may send.
#![no_main]

#[path = "../properties/http2/mod.rs"]
mod http2;

libfuzzer_sys::fuzz_target!(|input: &[u8]| http2::http2(input));
