//! A host or an authority: any bytes.
#![no_main]

#[path = "../properties/host.rs"]
mod host;

libfuzzer_sys::fuzz_target!(|input: &[u8]| host::host(input));
