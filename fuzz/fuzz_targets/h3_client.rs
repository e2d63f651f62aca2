//! The client of the `h3` crate, with any sizes, against our HTTP/3.
#![no_main]

#[path = "../properties/executor.rs"]
mod executor;
#[path = "../properties/h3_client/mod.rs"]
mod h3_client;
#[path = "../properties/pages.rs"]
mod pages;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    h3_client::h3_client(input);
    h3_client::h3_sections(input);
});
