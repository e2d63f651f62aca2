//! The bot verdict: path, User-Agent and Accept-Encoding, a line each.
#![no_main]

#[path = "../properties/bot.rs"]
mod bot;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    bot::bot(line(), line(), line());
});
