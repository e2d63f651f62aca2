//! The access log: what a client sends, separated by the byte 0x1e.
#![no_main]

#[path = "../properties/log.rs"]
mod log;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut values = input.split(|byte| *byte == 0x1e);
    let mut value = || values.next().unwrap_or_default();
    let [method, host, target] = [value(), value(), value()].map(std::str::from_utf8);
    let (Ok(method), Ok(host), Ok(target)) = (method, host, target) else { return };
    let (referer, user_agent, field) = (value(), value(), value());
    log::log(&log::Sent { method, host, target, referer, user_agent, field });
});
