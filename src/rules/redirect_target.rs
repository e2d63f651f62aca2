//! The place that a redirect leads to, with what the source has matched put in.

use std::fmt;

use super::source::Values;
use super::{Fault, escaping, fault};
use crate::semantics::host::Authority;
use crate::semantics::target::{Path, Resolved};

/// The document that shost sends to its folder, which is the document's one address.
const INDEX: &str = "index.html";

/// A target, in the parts that are encoded in different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    origin: Option<Origin>,
    path: Template,
    query: Option<Template>,
    fragment: Option<Template>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: &'static str,
    authority: Template,
}

/// Text with values in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template(Box<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// A value, by the place of its name in the source.
    Value(usize, Box<str>),
}

impl Target {
    /// Reads a path, or a URL of `http` or `https`, that may use `names`.
    ///
    /// # Errors
    /// The reason why it is no target.
    pub fn read(written: &str, names: &[&str]) -> Result<Self, Fault> {
        let (rest, fragment) = split(written, '#');
        let (rest, query) = split(rest, '?');
        let template = |text: &str| Template::read(&escaping::as_uri(text), names);
        let (origin, path) = match scheme(rest) {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let authority = Template::read(&in_ascii(authority)?, names);
                authority.check_authority()?;
                (Some(Origin { scheme, authority }), path)
            }
            None if rest.starts_with("//") => {
                let mend = "write https:// in front of a host, or one slash before a path";
                return Err(fault("the target begins with two slashes", mend));
            }
            None if rest.starts_with('/') => (None, rest),
            None => {
                let mend = "begin it with a slash, https:// or http://";
                return Err(fault(format!("{rest} is neither a path nor a web address"), mend));
            }
        };
        let path = template(if path.is_empty() { "/" } else { path });
        let (query, fragment) = (query.map(template), fragment.map(template));
        Ok(Self { origin, path, query, fragment })
    }

    /// True if the target is a URL.
    #[must_use]
    pub fn is_url(&self) -> bool {
        self.origin.is_some()
    }

    /// True if the target is the same whatever the source has matched.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        let mut parts = [Some(&self.path), self.query.as_ref()].into_iter().flatten();
        parts.all(Template::is_fixed) && self.origin.as_ref().is_none_or(|o| o.authority.is_fixed())
    }

    /// True if the text that `name` stands for is a part of the path.
    #[must_use]
    pub fn uses(&self, name: &str) -> bool {
        self.path.0.iter().any(|piece| matches!(piece, Piece::Value(_, used) if **used == *name))
    }

    /// The host, if the target is a URL.
    #[must_use]
    pub fn host(&self, values: &Values<'_>) -> Option<String> {
        let authority = self.origin.as_ref()?.authority.fill(values, |value| [value]);
        Authority::parse(&authority).ok().map(|authority| authority.host.into_owned())
    }

    /// The folder that every place it leads to is in: what stands before the first value, up to a
    /// slash.
    #[must_use]
    pub fn folder(&self) -> &str {
        let text = match self.path.0.first() {
            Some(Piece::Text(text)) => &**text,
            _ => "/",
        };
        &text[..=text.rfind('/').unwrap_or(0)]
    }

    /// The path in normal form, as a request for it would be looked up, without `index.html` at
    /// its end; `None` if no request could have it.
    #[must_use]
    pub fn path(&self, values: &Values<'_>) -> Option<Path<'static>> {
        let mut path = self.encoded_path(values);
        if path.strip_suffix(INDEX).is_some_and(|folder| folder.ends_with('/')) {
            path.truncate(path.len() - INDEX.len());
        }
        match Path::resolve(&path).ok()? {
            Resolved::Path(path) => Some(path.into_owned()),
            Resolved::Merge(_) => None,
        }
    }

    /// The value of a Location field. The request's query is appended if the target has none.
    ///
    /// `None` if a value does not fit where it would be put: a host has labels of letters, digits
    /// and hyphens.
    #[must_use]
    pub fn location(&self, values: &Values<'_>, query: Option<&str>) -> Option<String> {
        let mut location = String::new();
        if let Some(Origin { scheme, authority }) = &self.origin {
            if !authority.values(values).all(is_label) {
                return None;
            }
            location.push_str(scheme);
            location.push_str("://");
            location.push_str(&authority.fill(values, |value| [value]));
        }
        location.push_str(&self.encoded_path(values));
        let own = self.query.as_ref().map(|query| query.fill(values, escaping::in_query));
        if let Some(query) = own.as_deref().or(query) {
            location.push('?');
            location.push_str(query);
        }
        if let Some(fragment) = &self.fragment {
            location.push('#');
            location.push_str(&fragment.fill(values, escaping::in_path));
        }
        Some(location)
    }

    /// The path, percent-encoded. One of this site has no empty segments: `//host` would be another
    /// host.
    fn encoded_path(&self, values: &Values<'_>) -> String {
        let path = self.path.fill(values, escaping::in_path);
        if self.origin.is_some() || !path.contains("//") {
            return path;
        }
        let mut merged = String::with_capacity(path.len());
        for letter in path.chars() {
            if letter != '/' || !merged.ends_with('/') {
                merged.push(letter);
            }
        }
        merged
    }
}

/// A text before a mark, and behind it.
fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(text, rest)| (text, Some(rest)))
}

/// An authority as a Location field may have it: in lower case, and a host of other letters by its
/// A-labels (RFC 5890 §2.3.2.1).
fn in_ascii(authority: &str) -> Result<String, Fault> {
    if authority.is_ascii() {
        return Ok(authority.to_ascii_lowercase());
    }
    match Authority::parse(authority) {
        Ok(Authority { host, port: Some(port) }) => Ok(format!("{host}:{port}")),
        Ok(Authority { host, port: None }) => Ok(host.into_owned()),
        Err(_) => {
            let mend = "write it in letters of ASCII, as xn--bcher-kva.example";
            Err(fault("the target has no valid host", mend))
        }
    }
}

fn scheme(text: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let rest = rest.trim_start_matches('/');
    ["https", "http"]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known))
        .map(|s| (s, rest))
}

/// True if a value may stand in a host.
fn is_label(value: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && is_edge(bytes.first())
        && is_edge(bytes.last())
}

impl Template {
    pub(super) fn read(text: &str, names: &[&str]) -> Self {
        if names.is_empty() && !text.is_empty() {
            return Self([Piece::Text(text.into())].into());
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let name = escaping::placeholder(rest);
            let known = name.and_then(|name| Some((name, names.iter().position(|n| *n == name)?)));
            let length = match (known, name) {
                (Some((name, at)), _) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
                    }
                    pieces.push(Piece::Value(at, name.into()));
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                (None, Some(name)) => 1 + name.len(),
                (None, None) => escaping::until_placeholder(rest),
            };
            literal.push_str(&rest[..length]);
            rest = &rest[length..];
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into()));
        }
        Self(pieces.into())
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    pub(super) fn fill<'a, I: IntoIterator<Item = &'a str>>(
        &self,
        values: &Values<'a>,
        encode: impl Fn(&'a str) -> I,
    ) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Value(at, _) => text.extend(encode(values.get(*at))),
            }
        }
        text
    }

    fn values<'a>(&self, values: &Values<'a>) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |piece| match piece {
            Piece::Value(at, _) => Some(values.get(*at)),
            Piece::Text(_) => None,
        })
    }

    /// A visitor may choose a label, and never the name that it is beneath.
    fn check_authority(&self) -> Result<(), Fault> {
        let wrong = |reason: &'static str| {
            let mend = "write the host out; a placeholder may be a label in front of a name";
            Err(fault(reason, mend))
        };
        let last = self.0.iter().filter_map(|piece| match piece {
            Piece::Value(at, _) => Some(*at),
            Piece::Text(_) => None,
        });
        let count = last.max().map_or(0, |last| last + 1);
        let sample = self.fill(&Values::sample(count), |value| [value]);
        if Authority::parse(&sample).is_err() {
            return wrong("the target has no valid host");
        }
        for (at, piece) in self.0.iter().enumerate() {
            let Piece::Value(_, name) = piece else { continue };
            let before = match at.checked_sub(1).map(|at| &self.0[at]) {
                Some(Piece::Text(text)) => text.ends_with('.'),
                Some(Piece::Value(..)) => false,
                None => true,
            };
            let behind = match self.0.get(at + 1) {
                Some(Piece::Text(text)) => text.starts_with('.') && text[1..].contains('.'),
                _ => false,
            };
            if **name == *super::pattern::SPLAT || !before || !behind {
                return wrong("whoever asks would choose the host of the target");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => formatter.write_str(literal)?,
                Piece::Value(_, name) => write!(formatter, ":{name}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Origin { scheme, authority }) = &self.origin {
            write!(formatter, "{scheme}://{authority}")?;
        }
        self.path.fmt(formatter)?;
        if let Some(query) = &self.query {
            write!(formatter, "?{query}")?;
        }
        if let Some(fragment) = &self.fragment {
            write!(formatter, "#{fragment}")?;
        }
        Ok(())
    }
}
