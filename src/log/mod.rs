//! The access log and the diagnostics: what happened, told without ever holding up who serves.
//!
//! One [`Entry`] becomes one line in one of the formats (`text`, `json`, `combined`), each a
//! function that writes into a buffer; a [`spool::Spool`] takes the line to the output. A new
//! format is one file, one variant of [`Format`] and one row in [`Options::write`].

mod combined;
pub mod diagnostics;
mod entry;
mod escape;
mod json;
pub mod panics;
pub mod spool;
mod text;
mod timestamp;

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::ValueEnum;

pub use entry::Entry;
pub use escape::one_line;
use spool::Spool;

/// The access log; clones write into the same one.
#[derive(Clone, Debug)]
pub struct AccessLog {
    options: Options,
    spool: Option<Spool>,
}

/// The form of lines in the access log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// The format of a line.
    pub format: Format,
    /// True if `text` lines begin with the time. The other formats are read by programs, which rely
    /// on it, and always have it.
    pub timestamps: bool,
}

/// A format of the access log. Names and comments of the variants are those of `--help`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Lines for people and grep
    Text,
    /// One object a line
    Json,
    /// The Apache and nginx line, with the host first
    Combined,
    /// No access log at all
    None,
}

impl AccessLog {
    /// Starts the log on `output`, which should not buffer by itself. [`Format::None`] starts
    /// nothing.
    ///
    /// # Errors
    /// The system's error when it has no thread to give.
    pub fn start(options: Options, output: impl Write + Send + 'static) -> io::Result<Self> {
        if options.format == Format::None {
            return Ok(Self::disabled());
        }
        Ok(Self { options, spool: Some(Spool::start("access-log", output)?) })
    }

    /// A log that takes nothing.
    #[must_use]
    pub fn disabled() -> Self {
        Self { options: Options { format: Format::None, timestamps: false }, spool: None }
    }

    /// True if entries are worth collecting.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.spool.is_some()
    }

    /// Writes the entry's line; never waits for the output.
    pub fn record(&self, entry: &Entry<'_>) {
        if let Some(spool) = &self.spool {
            spool.append(|line| self.options.write(line, entry));
        }
    }

    /// Lines lost so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::dropped)
    }

    /// Writes what is there, waits for that at most `within`, and takes no more.
    pub fn close(&self, within: Duration) {
        if let Some(spool) = &self.spool {
            spool.close(within);
        }
    }
}

impl Options {
    /// Writes the entry's line, without a line feed: whatever a client sent, it stays one line.
    pub fn write(self, line: &mut Vec<u8>, entry: &Entry<'_>) {
        match self.format {
            Format::Text => text::write(line, entry, self.timestamps),
            Format::Json => json::write(line, entry),
            Format::Combined => combined::write(line, entry),
            Format::None => {}
        }
    }
}

#[cfg(test)]
mod tests;
