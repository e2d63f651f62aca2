//! The client of the `h2` crate, with any settings, against our HTTP/2.
#![no_main]

#[path = "../properties/executor.rs"]
mod executor;
#[path = "../properties/h2_client.rs"]
mod h2_client;
#[path = "../properties/pages.rs"]
mod pages;

libfuzzer_sys::fuzz_target!(|input: &[u8]| h2_client::h2_client(input));
