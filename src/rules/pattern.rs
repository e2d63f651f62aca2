//! Patterns of paths and hosts: text, one `*`, and placeholders as in `/blog/:year/*`.
//!
//! A pattern means what the regular expression means that Cloudflare makes of it: `*` is `.*`,
//! `:name` is `[^/]+`, and both take as much as they can. No regular expression is made here: each
//! text is looked for once, from the right, and the cost of a match is linear in the path.

mod segment;

use std::fmt;
use std::ops::Range;

use super::{SAMPLES, escaping};
use segment::{prefix, suffix, whole};

/// The name that a target calls the `*` by.
pub const SPLAT: &str = "splat";

/// A pattern: the segments before the `*`, and those behind it.
///
/// With a `*`, the last segment of the head and the first of the tail are the two sides of the
/// segment that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    separator: char,
    head: Box<[Segment]>,
    tail: Option<Box<[Segment]>>,
    names: Box<[Box<str>]>,
    /// The text before the first wildcard, and behind the last one.
    edges: (Box<str>, Box<str>),
}

type Segment = Box<[Token]>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(Box<str>),
    /// A placeholder, by its place in the names.
    Name(usize),
}

/// Parts of a path, one for each name of a pattern, in that order.
pub type Captures = Vec<Range<usize>>;

/// Reasons why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPattern {
    /// More than one `*`.
    TwoSplats,
    /// A name that stands for two things.
    SameName,
    /// A percent sign without two hexadecimal digits.
    MalformedEscape,
    /// `%2F`, `%00`, or a dot segment in disguise.
    Unreachable,
}

impl Pattern {
    /// Reads a path, which begins with a slash, as it is written in a file: percent-encoded, or
    /// not. Dot segments and empty ones are taken out, as those of a request are.
    ///
    /// # Errors
    /// When it is no pattern, or none that a path could ever match.
    pub fn path(written: &str) -> Result<Self, InvalidPattern> {
        let mut segments: Vec<&str> = Vec::new();
        let mut pieces = written.trim_start_matches('/').split('/').peekable();
        while let Some(piece) = pieces.next() {
            let is_last = pieces.peek().is_none();
            match piece {
                "." | ".." => {
                    if piece == ".." {
                        segments.pop();
                    }
                    if is_last {
                        segments.push("");
                    }
                }
                "" if !is_last => {}
                piece => segments.push(piece),
            }
        }
        Self::read('/', &segments)
    }

    /// Reads a host in lower case. A placeholder of a host is one label.
    ///
    /// # Errors
    /// When it is no pattern.
    pub fn host(written: &str) -> Result<Self, InvalidPattern> {
        Self::read('.', &written.split('.').collect::<Vec<_>>())
    }

    fn read(separator: char, segments: &[&str]) -> Result<Self, InvalidPattern> {
        let mut names: Vec<Box<str>> = Vec::new();
        let mut head: Vec<Segment> = Vec::new();
        let mut tail: Option<Vec<Segment>> = None;
        for segment in segments {
            let mut sides = segment.split('*');
            let first = tokens(sides.next().unwrap_or_default(), &mut names)?;
            let second = sides.next();
            if sides.next().is_some() || second.is_some() && tail.is_some() {
                return Err(InvalidPattern::TwoSplats);
            }
            tail.as_mut().unwrap_or(&mut head).push(first);
            if let Some(second) = second {
                names.push(SPLAT.into());
                tail = Some(vec![tokens(second, &mut names)?]);
            }
        }
        if (1..names.len()).any(|at| names[..at].contains(&names[at])) {
            return Err(InvalidPattern::SameName);
        }
        let edges = edges(separator, &head, tail.as_deref());
        let tail = tail.map(Vec::into_boxed_slice);
        Ok(Self { separator, head: head.into(), tail, names: names.into(), edges })
    }

    /// The names of what is captured, `splat` for the `*`.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// The one path that matches, if the pattern has no wildcard.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        self.names.is_empty().then_some(&*self.edges.0)
    }

    /// The first segment of every path that matches, if that is a text.
    #[must_use]
    pub fn first_segment(&self) -> Option<&str> {
        let rest = self.edges.0.strip_prefix(self.separator)?;
        rest.split_once(self.separator).map(|(first, _)| first)
    }

    /// True if the pattern has a `*` at its very end, behind a slash.
    #[must_use]
    pub fn takes_all_beneath(&self) -> bool {
        let is_bare = |side: Option<&Segment>| side.is_some_and(|side| side.is_empty());
        let tail = self.tail.as_deref().unwrap_or_default();
        tail.len() == 1 && is_bare(tail.first()) && is_bare(self.head.last())
    }

    /// True if every path that `other` matches is matched by this one, as far as that can be told
    /// by trying: with values that no pattern would name.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        SAMPLES.iter().all(|splat| {
            let filled = other.example(splat);
            self.captures(&Subject::new(self.separator, &filled)).is_some()
        })
    }

    /// True if something follows the `*`.
    #[must_use]
    pub fn has_inner_splat(&self) -> bool {
        self.tail.as_deref().is_some_and(|tail| tail.iter().any(|side| !side.is_empty()))
    }

    /// A text that the pattern matches, with `splat` in the place of the `*`.
    #[must_use]
    pub fn example(&self, splat: &str) -> String {
        self.written(splat, &mut |text, token| match token {
            Token::Text(literal) => text.push_str(literal),
            Token::Name(at) => text.extend(["x", &at.to_string()]),
        })
    }

    fn written(&self, splat: &str, write: &mut dyn FnMut(&mut String, &Token)) -> String {
        let mut text = String::new();
        write_segments(&mut text, self.separator, &self.head, self.tail.as_deref(), splat, write);
        text
    }

    /// The texts that the names stand for; `None` if the pattern does not match.
    #[must_use]
    pub fn captures(&self, subject: &Subject<'_>) -> Option<Captures> {
        let Subject { text, .. } = *subject;
        if !text.starts_with(&*self.edges.0) || !text.ends_with(&*self.edges.1) {
            return None;
        }
        if self.names.is_empty() {
            return (text.len() == self.edges.0.len()).then(Vec::new);
        }
        let mut captures = vec![0..0; self.names.len()];
        let Some(tail) = &self.tail else {
            let matches = self.head.len() == subject.count()
                && (self.head.iter().zip(0..))
                    .all(|(segment, at)| whole(segment, text, subject.segment(at), &mut captures));
            return matches.then_some(captures);
        };
        let (open_head, head) = self.head.split_last()?;
        let (open_tail, tail) = tail.split_first()?;
        let count = subject.count();
        if count < head.len() + tail.len() + 1 {
            return None;
        }
        let behind = count - tail.len();
        let matches = (head.iter().zip(0..))
            .chain(tail.iter().zip(behind..))
            .all(|(segment, at)| whole(segment, text, subject.segment(at), &mut captures));
        if !matches {
            return None;
        }
        let last = subject.segment(behind - 1);
        let end = suffix(open_tail, text, last, &mut captures)?;
        let mut first = subject.segment(head.len());
        first.end = first.end.min(end);
        let start = prefix(open_head, text, first, &mut captures)?;
        let splat = self.names.iter().position(|name| **name == *SPLAT)?;
        captures[splat] = start..end;
        Some(captures)
    }
}

/// A text that patterns are tried on, taken apart once for all of them.
#[derive(Debug)]
pub struct Subject<'a> {
    text: &'a str,
    ends: Vec<usize>,
}

impl<'a> Subject<'a> {
    /// A path, which begins with a slash.
    #[must_use]
    pub fn path(text: &'a str) -> Self {
        Self::new('/', text)
    }

    /// A host, which is split at its dots.
    #[must_use]
    pub fn host(text: &'a str) -> Self {
        Self::new('.', text)
    }

    fn new(separator: char, text: &'a str) -> Self {
        let body = if separator == '/' { 1.min(text.len()) } else { 0 };
        let ends = text.bytes().enumerate().skip(body);
        let ends = ends.filter(|(_, byte)| char::from(*byte) == separator).map(|(at, _)| at);
        Self { text, ends: std::iter::once(body).chain(ends).chain([text.len()]).collect() }
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    fn count(&self) -> usize {
        self.ends.len() - 1
    }

    fn segment(&self, at: usize) -> Range<usize> {
        let start = if at == 0 { self.ends[0] } else { self.ends[at] + 1 };
        start..self.ends[at + 1]
    }
}

/// The text of one side of a `*`, or of a segment without one.
fn tokens(written: &str, names: &mut Vec<Box<str>>) -> Result<Segment, InvalidPattern> {
    if !written.contains([':', '%']) && written.is_ascii() {
        let text = (!written.is_empty()).then(|| Token::Text(written.into()));
        return match written {
            "." | ".." => Err(InvalidPattern::Unreachable),
            _ => Ok(text.into_iter().collect()),
        };
    }
    let mut tokens = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        let length = if let Some(name) = escaping::placeholder(rest) {
            tokens.push(Token::Name(names.len()));
            names.push(name.into());
            1 + name.len()
        } else {
            let length = escaping::until_placeholder(rest);
            tokens.push(Token::Text(escaping::decode(&rest[..length])?.into()));
            length
        };
        rest = &rest[length..];
    }
    match &*tokens {
        [Token::Text(text)] if matches!(&**text, "." | "..") => Err(InvalidPattern::Unreachable),
        _ => Ok(tokens.into()),
    }
}

/// The text before the first wildcard and behind the last one.
fn edges(separator: char, head: &[Segment], tail: Option<&[Segment]>) -> (Box<str>, Box<str>) {
    const WILD: char = '\0';
    let mut text = String::new();
    write_segments(&mut text, separator, head, tail, "\0", &mut |text, token| match token {
        Token::Text(literal) => text.push_str(literal),
        Token::Name(_) => text.push(WILD),
    });
    match (text.find(WILD), text.rfind(WILD)) {
        (Some(first), Some(last)) => (text[..first].into(), text[last + 1..].into()),
        _ => (text.clone().into(), "".into()),
    }
}

fn write_segments(
    text: &mut String,
    separator: char,
    head: &[Segment],
    tail: Option<&[Segment]>,
    splat: &str,
    write: &mut dyn FnMut(&mut String, &Token),
) {
    let mut segments = |text: &mut String, segments: &[Segment], leads: bool| {
        for (at, segment) in segments.iter().enumerate() {
            if at > 0 || leads {
                text.push(separator);
            }
            segment.iter().for_each(|token| write(text, token));
        }
    };
    segments(text, head, separator == '/');
    if let Some(tail) = tail {
        text.push_str(splat);
        segments(text, tail, false);
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name_ends = 0;
        formatter.write_str(&self.written("*", &mut |text, token| match token {
            Token::Text(literal) => {
                let follows_name = name_ends > 0 && name_ends == text.len();
                text.push_str(&escaping::escape_pattern(literal, follows_name));
            }
            Token::Name(at) => {
                text.push(':');
                text.push_str(&self.names[*at]);
                name_ends = text.len();
            }
        }))
    }
}

impl InvalidPattern {
    /// The reason and the mend.
    #[must_use]
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::TwoSplats => ("more than one `*`", "use `:name` for one segment each"),
            Self::SameName => ("a placeholder is named twice", "give each its own name"),
            Self::MalformedEscape => {
                ("a percent sign without two hexadecimal digits", "write %25 for a percent sign")
            }
            Self::Unreachable => {
                ("no request can have this path", "leave out %2F, %00 and encoded dot segments")
            }
        }
    }
}

#[cfg(test)]
mod tests;
