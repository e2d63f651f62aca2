//! The blocks of `_headers`, and what they make of the fields of an answer.

use std::fmt;

use http::header::{
    ACCEPT_RANGES, AGE, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE,
    ETAG, HeaderName, LAST_MODIFIED, LOCATION, SERVER, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, VARY,
};

use super::index::Index;
use super::lines::lines;
use super::redirect_target::Template;
use super::source::{Asked, Names, Source, SourceLine, Values};
use super::{Fault, HEADER_LINE_LIMIT, HEADER_RULE_LIMIT, Overlay, Problem, escaping, fault};

/// Names that are part of how an answer is sent, or say what its content is.
const REFUSED: [HeaderName; 16] = [
    ACCEPT_RANGES,
    AGE,
    ALLOW,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    DATE,
    ETAG,
    LAST_MODIFIED,
    LOCATION,
    SERVER,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Likewise, of names that the standards do not know (RFC 9113 §8.2.2).
const REFUSED_TOO: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Netlify's order to ask for passwords, which are in the value.
const PASSWORDS: &str = "basic-auth";

/// The blocks of a file.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    blocks: Vec<Block>,
    index: Index,
}

/// A source, and the fields of its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The requests that it holds for.
    pub from: SourceLine,
    removed: Vec<HeaderName>,
    set: Vec<(HeaderName, Template)>,
}

/// The blocks that hold for one request.
#[derive(Debug)]
pub struct Matching<'a> {
    blocks: Vec<(&'a Block, Values<'a>)>,
}

impl Headers {
    /// Reads a file. A line that is no field here is left out, and told.
    #[must_use]
    pub fn read(file: &[u8], names: &Names) -> (Self, Vec<Problem>) {
        let mut reading = BlockReader::default();
        for line in lines(file, HEADER_LINE_LIMIT) {
            match line {
                Ok((number, text)) => reading.line(number, text, names),
                Err(problem) => reading.problems.push(problem),
            }
        }
        reading.end_block();
        reading.problems.sort_by_key(|problem| problem.line);
        (reading.headers, reading.problems)
    }

    /// The blocks, from top to bottom.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The blocks that hold for a request, from top to bottom.
    #[must_use]
    pub fn matching<'a>(&'a self, asked: &Asked<'a>) -> Matching<'a> {
        let numbers = self.index.candidates(asked.path.text());
        let blocks = numbers.filter_map(|number| {
            let block = self.blocks.get(usize::try_from(number).ok()?)?;
            Some((block, block.from.source.values(asked)?))
        });
        Matching { blocks: blocks.collect() }
    }

    fn push(&mut self, block: Block) {
        let number = u32::try_from(self.blocks.len()).expect("there are at most 10,000");
        self.index.add(number, &block.from.source);
        self.blocks.push(block);
    }
}

impl Matching<'_> {
    /// The changes that the blocks make to the fields of the answer.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::default();
        for (block, values) in &self.blocks {
            block.removed.iter().for_each(|name| overlay.remove(name));
            for (name, value) in &block.set {
                overlay.set(name, &value.fill(values, escaping::in_path));
            }
        }
        overlay
    }
}

impl Block {
    /// The fields that are taken away.
    #[must_use]
    pub fn removed(&self) -> &[HeaderName] {
        &self.removed
    }

    /// The fields that are set, each with its value as it is written.
    pub fn set(&self) -> impl Iterator<Item = (&HeaderName, String)> {
        self.set.iter().map(|(name, value)| (name, value.to_string()))
    }

    fn add(&mut self, text: &str) -> Result<(), Fault> {
        let Some((name, value)) = text.split_once(':') else {
            let Some(name) = text.strip_prefix('!') else {
                return Err(fault("the line has no colon", "write `Name: value`"));
            };
            let name = field_name(name.trim())?;
            if name == VARY {
                let mend = "leave it out: caches would mix up compressed answers";
                return Err(fault("vary cannot be removed", mend));
            }
            self.removed.push(name);
            return Ok(());
        };
        let name = field_name(name.trim())?;
        let value = value.trim().replace('\t', " ");
        if value.is_empty() {
            return Err(fault("the field has no value", "write one, or `! Name` to remove it"));
        }
        let known: Vec<_> = self.from.source.names().collect();
        let value = Template::read(&value, &known);
        self.set.push((name, value));
        Ok(())
    }
}

fn field_name(text: &str) -> Result<HeaderName, Fault> {
    if text.is_empty() {
        return Err(fault("the field has no name", "write `Name: value`"));
    }
    let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
        let mend = "use letters, digits and hyphens, without spaces";
        return Err(fault(format!("{text} is not the name of a field"), mend));
    };
    if REFUSED.contains(&name) || REFUSED_TOO.contains(&name.as_str()) {
        let mend = "leave it out: shost knows what is right for each answer";
        return Err(fault(format!("{name} is set by shost alone"), mend));
    }
    if name == *PASSWORDS {
        let mend = "remove it: shost has no passwords, and everybody would be sent this one";
        return Err(fault("basic-auth is an order of Netlify's and no field", mend));
    }
    Ok(name)
}

/// A file that is being read.
#[derive(Default)]
struct BlockReader {
    headers: Headers,
    problems: Vec<Problem>,
    block: Under,
}

/// The block that the next line belongs to.
#[derive(Default)]
enum Under {
    #[default]
    Nothing,
    /// One that is left out.
    Skipped,
    /// This one; true if a line of it was left out.
    Block(Box<Block>, bool),
}

impl BlockReader {
    fn line(&mut self, number: usize, text: &str, names: &Names) {
        let told = |(reason, mend): Fault| Problem::new(number, reason, mend);
        if is_source(text) {
            self.end_block();
            self.block = match Source::read(text, names) {
                Ok(_) if self.headers.blocks.len() == HEADER_RULE_LIMIT => {
                    let reason = format!("more than {HEADER_RULE_LIMIT} blocks");
                    let mend = "let one pattern stand for several";
                    self.problems.push(Problem::new(number, reason, mend));
                    Under::Skipped
                }
                Ok(source) => {
                    let (removed, set) = Default::default();
                    let from = SourceLine { line: number, source };
                    Under::Block(Box::new(Block { from, removed, set }), false)
                }
                Err(fault) => {
                    self.problems.push(told(fault));
                    Under::Skipped
                }
            };
            return;
        }
        let outcome = match &mut self.block {
            Under::Nothing => Err(fault("the field is for no path", "write a path above it")),
            // The line of its source has been told.
            Under::Skipped => Ok(()),
            Under::Block(block, lacks) => block.add(text).inspect_err(|_| *lacks = true),
        };
        self.problems.extend(outcome.err().map(told));
    }

    fn end_block(&mut self) {
        match std::mem::take(&mut self.block) {
            Under::Block(block, lacks) if block.set.is_empty() && block.removed.is_empty() => {
                if !lacks {
                    let mend = "write `Name: value` beneath it";
                    self.problems.push(Problem::new(
                        block.from.line,
                        "the block has no fields",
                        mend,
                    ));
                }
            }
            Under::Block(block, _) => self.headers.push(*block),
            Under::Nothing | Under::Skipped => {}
        }
    }
}

/// True if a line begins a block: a path, or a scheme and `://`. `Name:https://host` is a field.
fn is_source(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    text.starts_with('/') || text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// True if values of a field are sent in lines of their own: a comma is a part of them.
pub(super) fn stands_alone(name: &HeaderName) -> bool {
    name == SET_COOKIE
}

impl fmt::Display for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for block in &self.blocks {
            writeln!(formatter, "{}", block.from.source)?;
            block.removed.iter().try_for_each(|name| writeln!(formatter, "  ! {name}"))?;
            let mut set = block.set.iter();
            set.try_for_each(|(name, value)| writeln!(formatter, "  {name}: {value}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
