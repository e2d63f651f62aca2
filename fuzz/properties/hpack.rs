//! Field blocks of HTTP/2.

use shost::field_compression::field::{Field, Name};
use shost::field_compression::hpack;
use shost::field_compression::hpack::Decoder;

/// A field block: whatever comes of it, the fields that can be sent survive it once more.
pub(crate) fn hpack(input: &[u8]) {
    let mut decoder = Decoder::default();
    for block in input.split(|byte| *byte == 0xff) {
        let mut fields = Vec::new();
        let whole = decoder.decode(block, |field| fields.push(field)).is_ok();
        for field in fields {
            again(&field);
        }
        if !whole {
            return;
        }
    }
}

fn again(field: &Field) {
    let (Name::Regular(name), Some(value)) = (&field.name, &field.value) else { return };
    assert_eq!(field.size, name.as_str().len() + value.len() + 32);
    let mut block = Vec::new();
    hpack::field(&mut block, name, value.as_bytes());
    let mut fields = Vec::new();
    Decoder::default().decode(&block, |field| fields.push(field)).expect("it was encoded");
    assert_eq!(fields, std::slice::from_ref(field));
}
