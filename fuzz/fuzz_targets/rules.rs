//! A file of rules of a site, and behind a NUL the path that is asked for.
#![no_main]

#[path = "../properties/rules.rs"]
mod rules;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let at = input.iter().rposition(|byte| *byte == 0).unwrap_or(input.len());
    let path = input.get(at + 1..).and_then(|path| std::str::from_utf8(path).ok());
    rules::redirects(&input[..at], path.unwrap_or("/"));
    rules::headers(&input[..at], path.unwrap_or("/"));
});
