//! The Range field and the length of a file: `<length>\n<field>`.
#![no_main]

#[path = "../properties/range.rs"]
mod range;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let length = std::str::from_utf8(&input[..at]).unwrap_or_default();
    range::range(input.get(at + 1..).unwrap_or_default(), length.parse().unwrap_or(1000));

    // The bytes once more, as ranges of a small file that a simple reading can be made of.
    let Some((length, specs)) = input.split_first() else { return };
    let given = |byte: u8| (byte != b'-').then_some(byte);
    let specs: Vec<_> =
        specs.chunks_exact(2).map(|pair| (given(pair[0]), given(pair[1]))).collect();
    range::range_set(&specs, *length);
});
