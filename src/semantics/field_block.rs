//! A block of fields that many answers share, and what a protocol makes of it for the wire.
//!
//! The fields of a file are the same in every answer with it. They are made once per version of
//! the file, as the text that HTTP/1 sends of them; HTTP/2 and HTTP/3 make their own of that once they
//! are asked to ([`http2`]). To send the block again is to copy it.
//!
//! A site's own rules may change the fields, which depends on the path that was asked. The last
//! change is kept beside the block: nearly always the next request asks for the same path.

pub mod http2;

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use http::{HeaderName, HeaderValue};
use memchr::memmem;

use http2::Http2Block;

/// The end of a field line.
const END: &[u8] = b"\r\n";

/// The separator of a name and its value.
const COLON: &[u8] = b": ";

/// Fields, as they are sent.
#[derive(Debug, Default)]
pub struct FieldBlock {
    lines: Box<[u8]>,
    http2: OnceLock<Http2Block>,
    http3: OnceLock<Box<[u8]>>,
    changed: ArcSwapOption<Changed>,
}

/// The rules, the scheme, the host and the path that a block was changed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant<'a> {
    /// The version of the rules.
    pub version: u64,
    /// True if the answer goes over TLS.
    pub is_secure: bool,
    /// The host that was asked.
    pub host: &'a str,
    /// The path that was asked.
    pub path: &'a str,
}

#[derive(Debug)]
struct Changed {
    version: u64,
    is_secure: bool,
    host: Box<str>,
    path: Box<str>,
    block: Arc<FieldBlock>,
}

impl Changed {
    fn is_for(&self, variant: &Variant<'_>) -> bool {
        let Variant { version, is_secure, host, path } = *variant;
        (self.version, self.is_secure) == (version, is_secure)
            && (&*self.host, &*self.path) == (host, path)
    }
}

impl FieldBlock {
    /// The fields as HTTP/1 sends them: field lines (RFC 9112 §5).
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The fields as HTTP/2 sends them: field representations that leave the dynamic table as it
    /// is (RFC 7541 §6.2.2), which `encode` appends once for each field.
    pub fn http2(&self, encode: impl FnMut(&mut Vec<u8>, &HeaderName, &[u8])) -> &Http2Block {
        self.http2.get_or_init(|| Http2Block::new(self.iter(), encode))
    }

    /// The fields as HTTP/3 sends them: field lines that refer to the static table alone (RFC 9204
    /// §4.5), which `encode` appends once for each field.
    pub fn http3(&self, mut encode: impl FnMut(&mut Vec<u8>, &HeaderName, &[u8])) -> &[u8] {
        self.http3.get_or_init(|| {
            let mut text = Vec::new();
            for (name, value) in self.iter() {
                encode(&mut text, &name, value.as_bytes());
            }
            text.into_boxed_slice()
        })
    }

    /// The block that `make` makes of this one, or has made for the same change.
    pub fn changed(&self, variant: &Variant<'_>, make: impl FnOnce() -> Self) -> Arc<Self> {
        if let Some(changed) = &*self.changed.load()
            && changed.is_for(variant)
        {
            return Arc::clone(&changed.block);
        }
        let block = Arc::new(make());
        let Variant { version, is_secure, host, path } = *variant;
        let (host, path) = (host.into(), path.into());
        let changed = Changed { version, is_secure, host, path, block: Arc::clone(&block) };
        self.changed.store(Some(Arc::new(changed)));
        block
    }

    /// The fields themselves, read from their lines.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let mut rest = &*self.lines;
        std::iter::from_fn(move || {
            let end = memmem::find(rest, END)?;
            let (line, behind) = rest.split_at(end);
            rest = &behind[END.len()..];
            let colon = memmem::find(line, COLON)?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(&line[colon + COLON.len()..]).ok()?))
        })
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for FieldBlock {
    fn from_iter<T: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: T) -> Self {
        let mut lines = Vec::new();
        for (name, value) in fields {
            line(&mut lines, name.as_str(), value.as_bytes());
        }
        Self { lines: lines.into_boxed_slice(), ..Self::default() }
    }
}

/// Appends a field line.
pub fn line(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(COLON);
    text.extend_from_slice(value);
    text.extend_from_slice(END);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ETAG, SERVER, VARY};

    fn fields() -> [(HeaderName, HeaderValue); 4] {
        [
            (ETAG, HeaderValue::from_static("\"a: b\"")),
            (VARY, HeaderValue::from_static("accept")),
            (VARY, HeaderValue::from_static("accept-encoding")),
            (SERVER, HeaderValue::from_static("")),
        ]
    }

    #[test]
    fn a_block_is_its_lines_and_its_fields() {
        let block: FieldBlock = fields().into_iter().collect();
        let lines = b"etag: \"a: b\"\r\nvary: accept\r\nvary: accept-encoding\r\nserver: \r\n";
        assert_eq!(block.lines(), lines);
        assert!(block.iter().eq(fields()));
        assert_eq!(FieldBlock::default().iter().count(), 0);
    }

    #[test]
    fn what_a_protocol_sends_is_made_once() {
        let block: FieldBlock = fields().into_iter().collect();
        let names = |block: &mut Vec<u8>, name: &HeaderName, value: &[u8]| {
            block.extend(name.as_str().bytes());
            block.extend(value);
        };
        let made = b"etag\"a: b\"varyacceptvaryaccept-encodingserver";
        assert_eq!(block.http2(names).text(), made);
        assert_eq!(block.http2(|_, _, _| unreachable!("made already")).text(), made);
        assert_eq!(block.http3(names), made);
        assert_eq!(block.http3(|_, _, _| unreachable!("made already")), made);
    }
}
