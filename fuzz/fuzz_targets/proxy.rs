//! The words of proxies: the beginning of a connection; then X-Forwarded-For, Forwarded and
//! X-Forwarded-Proto, a line each.
#![no_main]

#[path = "../properties/proxy.rs"]
mod proxy;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    proxy::header(input);
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    proxy::fields(line(), line(), line());
});
