//! The fields of a response, cheap to make where many responses have the same.

use std::sync::Arc;

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
};

use crate::rules::Overlay;
use crate::semantics::dictionary::USE_AS_DICTIONARY;
use crate::semantics::field_block::{FieldBlock, Variant};

/// A browser that has seen this field asks for the host over HTTPS only, for a year. Nothing is
/// said of other hosts: a server cannot decide for a whole domain (RFC 6797 §6.1.2).
static HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Fields: a block that is shared, and what this response has besides.
#[derive(Debug, Default)]
pub struct Fields {
    block: PreparedBlock,
    own: Vec<(HeaderName, HeaderValue)>,
    content_length: Option<u64>,
    demands_https: bool,
}

/// Fields that other responses have too.
#[derive(Debug, Default)]
enum PreparedBlock {
    #[default]
    None,
    /// Those of a file.
    Shared(Arc<FieldBlock>),
    /// Those of a kind of answer, whatever was asked.
    Fixed(&'static FieldBlock),
}

impl Fields {
    /// The fields of `block`.
    #[must_use]
    pub fn of(block: Arc<FieldBlock>) -> Self {
        Self { block: PreparedBlock::Shared(block), ..Self::default() }
    }

    /// The fields of all answers of a kind.
    #[must_use]
    pub(super) fn fixed(block: &'static FieldBlock) -> Self {
        Self { block: PreparedBlock::Fixed(block), ..Self::default() }
    }

    /// Adds a field that is not there yet.
    pub(super) fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.own.push((name, value));
    }

    pub(super) fn set_content_length(&mut self, length: u64) {
        self.content_length = Some(length);
    }

    pub(super) fn demand_https(&mut self) {
        self.demands_https = true;
    }

    /// Does what the rules of the site say: `overlay` is asked for unless it was applied to the
    /// same block for the same request before. HSTS is said over TLS alone (RFC 6797 §7.2).
    pub(super) fn change(&mut self, variant: &Variant<'_>, overlay: impl Fn() -> Overlay) {
        let https = (self.demands_https).then(|| (STRICT_TRANSPORT_SECURITY, HSTS.clone()));
        self.demands_https = false;
        let apply = |fields: Vec<(HeaderName, HeaderValue)>| {
            let overlay = overlay();
            let mut fields = overlay.apply(fields.into_iter().chain(https.clone()));
            fields.retain(|(name, _)| variant.is_secure || *name != STRICT_TRANSPORT_SECURITY);
            // A client does not keep as a dictionary what it may not store.
            if fields.iter().any(is_unstored) && !overlay.names(&USE_AS_DICTIONARY) {
                fields.retain(|(name, _)| *name != USE_AS_DICTIONARY);
            }
            fields
        };
        match std::mem::take(&mut self.block) {
            PreparedBlock::Shared(block) => {
                let make = || apply(block.iter().collect()).into_iter().collect();
                self.block = PreparedBlock::Shared(block.changed(variant, make));
            }
            // Each answer of the kind may be for another path: there is nothing to keep.
            PreparedBlock::Fixed(block) => {
                self.own = apply(block.iter().chain(std::mem::take(&mut self.own)).collect());
            }
            PreparedBlock::None => self.own = apply(std::mem::take(&mut self.own)),
        }
    }

    /// The fields that other responses have too.
    #[must_use]
    pub fn block(&self) -> Option<&FieldBlock> {
        match &self.block {
            PreparedBlock::None => None,
            PreparedBlock::Shared(block) => Some(block),
            PreparedBlock::Fixed(block) => Some(block),
        }
    }

    /// The fields that only this response has, but for its length.
    pub fn own(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let https = self.demands_https.then_some((&STRICT_TRANSPORT_SECURITY, &HSTS));
        self.own.iter().map(|(name, value)| (name, value)).chain(https)
    }

    /// The value of Content-Length, in bytes.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// All of them, for whoever does not mind the cost.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let block = self.block().into_iter().flat_map(FieldBlock::iter);
        let own = self.own().map(|(name, value)| (name.clone(), value.clone()));
        block
            .chain(own)
            .chain(self.content_length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length))))
    }
}

/// True of a Cache-Control that says `no-store`.
fn is_unstored((name, value): &(HeaderName, HeaderValue)) -> bool {
    let mut directives = value.as_bytes().split(|byte| *byte == b',');
    *name == CACHE_CONTROL
        && directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"))
}
