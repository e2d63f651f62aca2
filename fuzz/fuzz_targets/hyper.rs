//! HTTP/1 connections, read by us and by hyper, in any pieces, and their requests over HTTP/2.
#![no_main]

#[expect(dead_code, reason = "the model is for the target `request`")]
#[path = "../properties/request/mod.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|input: &[u8]| request::differ(input));
