//! Paths: whatever a client sends, only plain names are left, and they mean one thing.

use shost::semantics::target::{Path, Resolved};

/// Resolving gives plain segments, encoding is its inverse, and a redirect stays on its host and
/// ends the matter.
pub(crate) fn path(input: &[u8]) {
    let Ok(raw) = std::str::from_utf8(input) else { return };
    match Path::resolve(raw) {
        Ok(Resolved::Path(path)) => {
            plain(&path);
            round_trips(&path);
        }
        Ok(Resolved::Merge(merged)) => {
            assert!(merged.is_ascii() && merged.starts_with('/') && !merged.starts_with("//"));
            assert!(!merged.contains(['\\', '\r', '\n', '?', '#']), "{merged:?}");
            let Ok(Resolved::Path(path)) = Path::resolve(&merged) else {
                panic!("{merged:?} is sent to the client and not accepted again");
            };
            plain(&path);
            assert_eq!(path.encode(), merged);
        }
        Err(_) => {}
    }
}

fn plain(path: &Path<'_>) {
    let text = path.as_str();
    assert!(text.starts_with('/') && !text.contains("//") && !text.contains('\0'), "{text:?}");
    for segment in path.segments() {
        assert!(!matches!(segment, "" | "." | "..") && !segment.contains('/'), "{text:?}");
    }
    let segments: Vec<_> = path.segments().collect();
    assert_eq!(segments.join("/"), path.relative());
    let slash = if path.is_folder() && !segments.is_empty() { "/" } else { "" };
    assert_eq!(format!("/{}{slash}", path.relative()), text);
    assert_eq!(path.last_segment().is_empty(), path.is_folder());
}

fn round_trips(path: &Path<'_>) {
    let encoded = path.encode();
    assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()), "{encoded:?}");
    assert_eq!(Path::resolve(&encoded), Ok(Resolved::Path(path.clone())));
}
