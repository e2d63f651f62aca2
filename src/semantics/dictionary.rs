//! Compression dictionaries: a page as the dictionary of later ones (RFC 9842).
//!
//! A page is offered for the documents of its folder, data for its own path. The identifier that comes
//! with the offer is the name of the file beneath the root, so that a client which sends it back tells
//! where to look for the dictionary, and nothing has to be remembered of clients. Names that would need
//! an escape in a URL, a pattern or a string are not offered.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::precondition::only;

/// The field that offers an answer as a dictionary (RFC 9842 §2.1).
pub const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");

/// The field that names the dictionary that a client has (RFC 9842 §2.2).
pub const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");

/// The field with the identifier that came with the offer (RFC 9842 §2.3).
const DICTIONARY_ID: HeaderName = HeaderName::from_static("dictionary-id");

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Bytes of a name that is offered, at the most: with more the offer would cost what it saves.
const NAME_LIMIT: usize = 256;

/// Seconds for which a client may keep a dictionary although the page itself has to be asked for each
/// time. Browsers that do not know the parameter keep it for as long as the page is fresh.
const KEPT: u32 = 7 * 24 * 3600;

/// The SHA-256 of a dictionary.
pub type Digest = [u8; 32];

/// Base64 of a structured field, whose padding may be left out (RFC 9651 §4.2.7).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The requests that a dictionary is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DictionaryScope {
    /// Those for documents of its folder, and beneath.
    Folder,
    /// Those for its own path.
    Itself,
}

/// A dictionary that a client says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvailableDictionary<'a> {
    /// The SHA-256 of its content.
    pub digest: Digest,
    /// The name of the file beneath the root of its site.
    pub name: &'a str,
}

impl DictionaryScope {
    /// The scope of a dictionary of this media type; `None` where none is offered.
    #[must_use]
    pub fn of(essence: &str) -> Option<Self> {
        match essence {
            "text/html" | "application/xhtml+xml" => Some(Self::Folder),
            "application/json" => Some(Self::Itself),
            _ => essence.ends_with("+json").then_some(Self::Itself),
        }
    }

    /// True if the dictionary of this name may be used for an answer to a request for `path`.
    #[must_use]
    pub fn covers(self, name: &str, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        match self {
            Self::Folder => path.starts_with(folder(name)),
            Self::Itself => path == name,
        }
    }

    /// The value of Use-As-Dictionary in an answer with the file of this name.
    #[must_use]
    pub fn offer(self, name: &str) -> Option<HeaderValue> {
        if !is_plain(name) {
            return None;
        }
        let offer = match self {
            Self::Folder => {
                let folder = folder(name);
                format!(
                    "match=\"/{folder}*\", match-dest=(\"document\"), id=\"/{name}\", ttl={KEPT}"
                )
            }
            Self::Itself => format!("match=\"/{name}\", id=\"/{name}\", ttl={KEPT}"),
        };
        HeaderValue::try_from(offer).ok()
    }
}

impl<'a> AvailableDictionary<'a> {
    /// The dictionary that a request names. A field that cannot be read is ignored, and so is the
    /// dictionary of another server's making.
    #[must_use]
    pub fn of(fields: &'a HeaderMap) -> Option<Self> {
        let digest = only(fields, &AVAILABLE_DICTIONARY)?.as_bytes().trim_ascii();
        let digest = digest.strip_prefix(b":")?.strip_suffix(b":")?;
        let mut decoded = Digest::default();
        let length = BASE64.decode_slice(digest, &mut decoded).ok()?;
        let name = only(fields, &DICTIONARY_ID)?.to_str().ok()?.trim();
        let name = name.strip_prefix("\"/")?.strip_suffix('"')?;
        (length == decoded.len() && is_plain(name)).then_some(Self { digest: decoded, name })
    }
}

/// True if a request is one whose answer may be coded with a dictionary: it comes from the same origin,
/// or is a navigation. A page of another origin could else learn from the length of what it may not read
/// (RFC 9842 §9.3.3).
#[must_use]
pub fn is_readable(fields: &HeaderMap) -> bool {
    let is = |name: &HeaderName, expected: &[&str]| match fields.get(name) {
        Some(value) => expected.iter().any(|expected| value == expected),
        None => true,
    };
    is(&SEC_FETCH_SITE, &["same-origin"]) || is(&SEC_FETCH_MODE, &["navigate", "same-origin"])
}

/// The folder of a file, with its slash; empty for the root.
fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| &name[..=folder.len()])
}

/// True if a name stands for itself in a URL, in a pattern and in a string.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    !name.is_empty() && name.len() <= NAME_LIMIT && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of nothing (FIPS 180-2), as the field has it.
    const EMPTY: &str = ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    fn fields(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        fields
    }

    #[track_caller]
    fn check(available: &[&str], id: &[&str], expected: Option<&str>) {
        let available = available.iter().map(|value| (AVAILABLE_DICTIONARY, *value));
        let id = id.iter().map(|value| (DICTIONARY_ID, *value));
        let fields = fields(&available.chain(id).collect::<Vec<_>>());
        let found = AvailableDictionary::of(&fields);
        assert_eq!(found.map(|found| found.name), expected, "{fields:?}");
        if let Some(found) = found {
            assert_eq!(found.digest[..4], [0xe3, 0xb0, 0xc4, 0x42], "{fields:?}");
        }
    }

    #[test]
    fn the_dictionary_of_a_client() {
        let id = "\"/blog/a.html\"";
        check(&[EMPTY], &[id], Some("blog/a.html"));
        check(&[&format!(" {EMPTY}\t")], &[&format!(" {id} ")], Some("blog/a.html"));
        check(&[&EMPTY.replace("=:", ":")], &[id], Some("blog/a.html"));
        check(&[], &[id], None);
        check(&[EMPTY], &[], None);
        check(&[EMPTY, EMPTY], &[id], None);
        check(&[EMPTY], &[id, id], None);
        for digest in ["", ":", "::", ":47DE:", "47DE", &EMPTY[1..], &EMPTY[..45], ":=:", ":é:"] {
            check(&[digest], &[id], None);
        }
        check(&[&format!(":{}:", "A".repeat(44))], &[id], None);
        check(&[&format!(":{}:", "A".repeat(9000))], &[id], None);
        let long = format!("\"/{}\"", "a".repeat(NAME_LIMIT + 1));
        let names = [
            "", "\"", "\"\"", "\"/\"", "\"a\"", "/a", "\"/a", "/a\"", "\"/a b\"", "\"/é\"",
            "\"/%41\"", &long,
        ];
        for name in names {
            check(&[EMPTY], &[name], None);
        }
    }

    #[test]
    fn offers() {
        use DictionaryScope::{Folder, Itself};
        let folder =
            "match=\"/blog/*\", match-dest=(\"document\"), id=\"/blog/a.html\", ttl=604800";
        let root = "match=\"/*\", match-dest=(\"document\"), id=\"/index.html\", ttl=604800";
        let table = [
            (Folder, "blog/a.html", Some(folder)),
            (Folder, "index.html", Some(root)),
            (Itself, "x/y.json", Some("match=\"/x/y.json\", id=\"/x/y.json\", ttl=604800")),
            (Folder, "a b/index.html", None),
            (Folder, "a*.html", None),
            (Folder, "a\"b.html", None),
            (Itself, "ü.json", None),
            (Itself, ":x.json", None),
        ];
        for (scope, name, expected) in table {
            let offer = scope.offer(name);
            assert_eq!(offer.as_ref().map(|offer| offer.to_str().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_dictionary_is_for_the_paths_that_it_was_offered_for() {
        use DictionaryScope::{Folder, Itself};
        let table = [
            (Folder, "blog/a.html", "/blog/b", true),
            (Folder, "blog/a.html", "/blog/", true),
            (Folder, "blog/a.html", "/blog/deep/c", true),
            (Folder, "blog/a.html", "/blog", false),
            (Folder, "blog/a.html", "/blogs/b", false),
            (Folder, "blog/a.html", "/", false),
            (Folder, "index.html", "/blog/a", true),
            (Itself, "x.json", "/x.json", true),
            (Itself, "x.json", "/x.json/", false),
            (Itself, "x.json", "/y.json", false),
        ];
        for (scope, name, path, expected) in table {
            assert_eq!(scope.covers(name, path), expected, "{name} for {path}");
        }
    }

    #[test]
    fn requests_of_other_origins_go_without() {
        let table = [
            (None, None, true),
            (Some("same-origin"), Some("cors"), true),
            (Some("same-origin"), Some("no-cors"), true),
            (Some("cross-site"), Some("navigate"), true),
            (Some("none"), Some("navigate"), true),
            (None, Some("cors"), true),
            (Some("cross-site"), None, true),
            (Some("cross-site"), Some("cors"), false),
            (Some("same-site"), Some("cors"), false),
            (Some("cross-site"), Some("no-cors"), false),
            (Some("same-site"), Some("websocket"), false),
        ];
        for (site, mode, expected) in table {
            let site = site.map(|site| (SEC_FETCH_SITE, site));
            let mode = mode.map(|mode| (SEC_FETCH_MODE, mode));
            let fields = fields(&site.into_iter().chain(mode).collect::<Vec<_>>());
            assert_eq!(is_readable(&fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn pages_and_data_are_dictionaries() {
        for (essence, expected) in [
            ("text/html", Some(DictionaryScope::Folder)),
            ("application/xhtml+xml", Some(DictionaryScope::Folder)),
            ("application/json", Some(DictionaryScope::Itself)),
            ("application/feed+json", Some(DictionaryScope::Itself)),
            ("text/css", None),
            ("image/png", None),
        ] {
            assert_eq!(DictionaryScope::of(essence), expected, "{essence}");
        }
    }
}
