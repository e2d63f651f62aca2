//! Findings about the rules of `_headers`.

use http::header::{HeaderName, SET_COOKIE};

use super::differences::Differences;
use super::finding::{RuleFinding, Weight};
use super::walk::Walk;
use crate::rules::headers::Block;
use crate::rules::source::Asked;
use crate::rules::{HEADERS, Headers};
use crate::site::Found;

/// A text that no rule names, in the place of what a wildcard takes.
const ANY: &str = "x";

/// Blocks that Cloudflare takes.
const CLOUDFLARE_BLOCKS: usize = 100;

/// Findings about each block, from top to bottom.
pub(super) fn review(
    headers: &Headers,
    walk: &Walk<'_>,
    own: &str,
    findings: &mut Vec<RuleFinding>,
) {
    let mut differences = Differences::default();
    let mut is_cut = false;
    for (block, before) in headers.blocks().iter().zip(0..) {
        let line = block.from.line;
        findings.push(RuleFinding::new(HEADERS, line, Weight::Rule, meaning(block)));
        let warning = other_host(block, own).or_else(|| other_path(block, walk));
        let warning = warning.or_else(|| {
            let text = cut(headers, block, own).filter(|_| !is_cut);
            is_cut |= text.is_some();
            text
        });
        findings.extend(warning.map(|text| RuleFinding::new(HEADERS, line, Weight::Warning, text)));
        differ(block, &mut differences);
        let is_beyond = before >= CLOUDFLARE_BLOCKS;
        differences.note(is_beyond, line, "Cloudflare takes 100 blocks");
    }
    differences.tell(HEADERS, findings);
}

fn meaning(block: &Block) -> String {
    let list = |names: Vec<&HeaderName>| {
        let mut told: Vec<&str> = Vec::new();
        for name in names {
            if !told.contains(&name.as_str()) {
                told.push(name.as_str());
            }
        }
        told.join(", ")
    };
    let set = list(block.set().map(|(name, _)| name).collect());
    let removed = list(block.removed().iter().collect());
    match (set.is_empty(), removed.is_empty()) {
        (false, true) => format!("{} sets {set}", block.from.source),
        (true, _) => format!("{} removes {removed}", block.from.source),
        (false, false) => format!("{} sets {set} and removes {removed}", block.from.source),
    }
}

/// A host that never gets as far as the fields.
fn other_host(block: &Block, own: &str) -> Option<String> {
    (!own.is_empty() && !block.from.source.is_for_host(own)).then(|| {
        format!("never applies: requests for this host are sent to {own} before: remove it")
    })
}

/// A path that answers with a redirect to the one where the content is.
fn other_path(block: &Block, walk: &Walk<'_>) -> Option<String> {
    let path = block.from.source.only_path()?;
    let to = match walk.find(&path) {
        Found::Index => {
            let encoded = path.encode();
            format!("{}/", encoded.rsplit_once('/').map_or("", |(folder, _)| folder))
        }
        Found::Folder => path.encode() + "/",
        Found::Page => path.encode().trim_end_matches('/').to_owned(),
        _ => return None,
    };
    let asked = path.encode();
    Some(format!("only for a redirect: {asked} is sent to {to}: write {to}"))
}

/// More fields than an answer may get.
fn cut(headers: &Headers, block: &Block, own: &str) -> Option<String> {
    let path = block.from.source.path().example(ANY);
    let overlay = headers.matching(&Asked::new(own, &path)).overlay();
    overlay.is_cut().then(|| {
        format!("an answer to {path} would get more than 16 KiB of fields: the last are left out")
    })
}

/// Differences from what the block means elsewhere.
fn differ(block: &Block, differences: &mut Differences) {
    let source = &block.from.source;
    let fills = block
        .set()
        .any(|(_, value)| source.names().any(|name| value.contains(&format!(":{name}"))));
    let alt_svc = |name: &HeaderName| name == SET_COOKIE || name.as_str() == "alt-svc";
    let rows = [
        (source.host().is_some(), "Netlify knows no hosts in _headers"),
        (!block.removed().is_empty(), "Netlify knows no `! Name`"),
        (fills, "Netlify puts nothing in the place of :splat and :name"),
        (block.set().any(|(name, _)| alt_svc(name)), "Netlify refuses Set-Cookie and Alt-Svc"),
        (
            source.path().literal().is_some_and(|path| path.len() > 1),
            "the path is matched with its case and its last slash, as by Cloudflare; Netlify \
             minds neither",
        ),
    ];
    for (differs, text) in rows {
        differences.note(differs, block.from.line, text);
    }
}
