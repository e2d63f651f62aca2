//! A date field: any bytes. The same bytes are also taken as a file's time.
#![no_main]

#[path = "../properties/date.rs"]
mod date;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    date::date(input);
    if let Some((seconds, rest)) = input.split_first_chunk() {
        let nanoseconds = rest.first_chunk().copied().unwrap_or_default();
        date::time(i64::from_le_bytes(*seconds), u32::from_le_bytes(nanoseconds));
    }
});
