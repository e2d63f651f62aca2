//! Field sections of HTTP/3.

use shost::field_compression::field::{Field, Name};
use shost::field_compression::qpack;

/// A field section: whatever comes of it, the fields that can be sent survive it once more.
pub(crate) fn qpack(input: &[u8]) {
    let mut fields = Vec::new();
    let _ = qpack::decode(input, |field| fields.push(field));
    // Behind a prefix of two bytes each field has one at the least.
    assert!(fields.len() <= input.len().saturating_sub(2), "{fields:?}");
    let mut section = Vec::new();
    qpack::begin(&mut section);
    let sent: Vec<_> = fields.into_iter().filter(|field| again(field, &mut section)).collect();
    let mut read = Vec::new();
    qpack::decode(&section, |field| read.push(field)).expect("it was encoded");
    assert_eq!(read, sent);
}

/// Appends a field, if it may be sent.
fn again(field: &Field, section: &mut Vec<u8>) -> bool {
    let (Name::Regular(name), Some(value)) = (&field.name, &field.value) else { return false };
    assert_eq!(field.size, name.as_str().len() + value.len() + 32);
    qpack::field(section, name, value.as_bytes());
    true
}
