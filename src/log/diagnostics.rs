//! Events of the server itself, on standard error.
//!
//! ```text
//! 2026-11-24T05:53:23.123Z INFO started http=127.0.0.1:8080 sites=1
//! ```
//!
//! They go through a [`Spool`] of their own, so a terminal or journal that stalls holds up nobody
//! who serves. Spans are not shown: no part of shost opens any.

use std::{
    fmt,
    fs::File,
    io::{self, IsTerminal},
    os::fd::AsFd,
    sync::OnceLock,
    time::SystemTime,
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Registry,
    filter::Targets,
    layer::{Context, Layer, SubscriberExt},
};

use super::{escape, spool::Spool, timestamp};

/// Sends the process's events to standard error from here on; `filter` says which: a level, or
/// `target=level` pairs as [`Targets`] reads them, and an empty one means `info`. Close the spool
/// before the process ends.
///
/// # Errors
/// A filter that can't be read, a second start, and what the system refuses.
pub fn start(filter: &str, timestamps: bool) -> io::Result<Spool> {
    let filter = parse(filter).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{filter}: no level of diagnostics"))
    })?;
    let stderr = io::stderr();
    // A copy of the descriptor: the writer must not hold the lock that a panic's message needs.
    let output = File::from(stderr.as_fd().try_clone_to_owned()?);
    let spool = Spool::start("diagnostics", output)?;
    let lines = LineWriter { spool: spool.clone(), timestamps, colour: stderr.is_terminal() };
    tracing::subscriber::set_global_default(Registry::default().with(filter).with(lines))
        .map_err(io::Error::other)?;
    let _ = STARTED.set(spool.clone());
    Ok(spool)
}

/// The spool of the process's events: there is one, as there is one subscriber.
static STARTED: OnceLock<Spool> = OnceLock::new();

/// Events lost so far, because standard error stalled or failed.
#[must_use]
pub fn dropped() -> u64 {
    STARTED.get().map_or(0, Spool::dropped)
}

/// Without a regular expression in sight: the filters that take them are a twelfth of the binary.
fn parse(filter: &str) -> Option<Targets> {
    let level = if filter.is_empty() { "info" } else { filter };
    if level.contains('=') {
        return level.parse().ok();
    }
    level.parse::<LevelFilter>().ok().map(|level| Targets::new().with_default(level))
}

/// Writes each event as a line.
struct LineWriter {
    spool: Spool,
    timestamps: bool,
    colour: bool,
}

impl<S: Subscriber> Layer<S> for LineWriter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.spool.append(|line| {
            if self.timestamps {
                timestamp::rfc3339(line, SystemTime::now());
                line.push(b' ');
            }
            self.level(line, *event.metadata().level());
            event.record(&mut MessageWriter { line });
            event.record(&mut ValueWriter { line });
        });
    }
}

impl LineWriter {
    fn level(&self, line: &mut Vec<u8>, level: Level) {
        let (name, colour) = match level {
            Level::ERROR => ("ERROR", "\x1b[31m"),
            Level::WARN => ("WARN", "\x1b[33m"),
            Level::INFO => ("INFO", "\x1b[32m"),
            Level::DEBUG => ("DEBUG", "\x1b[34m"),
            Level::TRACE => ("TRACE", "\x1b[35m"),
        };
        if self.colour {
            for part in [colour, name, "\x1b[0m"] {
                line.extend_from_slice(part.as_bytes());
            }
        } else {
            line.extend_from_slice(name.as_bytes());
        }
    }
}

/// The field that holds an event's message.
const MESSAGE: &str = "message";

/// Writes the message, wherever it stands among the fields.
struct MessageWriter<'a> {
    line: &'a mut Vec<u8>,
}

impl Visit for MessageWriter<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.line.push(b' ');
            escape::message(self.line, format!("{value:?}").as_bytes());
        }
    }
}

/// Writes all but the message.
struct ValueWriter<'a> {
    line: &'a mut Vec<u8>,
}

impl Visit for ValueWriter<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            return;
        }
        self.line.push(b' ');
        self.line.extend_from_slice(field.name().trim_start_matches("r#").as_bytes());
        self.line.push(b'=');
        let bare = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
        if !value.is_empty() && value.bytes().all(bare) {
            self.line.extend_from_slice(value.as_bytes());
        } else {
            self.line.push(b'"');
            escape::value(self.line, value.as_bytes());
            self.line.push(b'"');
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Memory;
    use super::*;
    use std::time::Duration;

    fn written(timestamps: bool, colour: bool, events: impl FnOnce()) -> String {
        let memory = Memory::default();
        let spool = Spool::start("test", memory.clone()).unwrap();
        let lines = LineWriter { spool: spool.clone(), timestamps, colour };
        tracing::subscriber::with_default(Registry::default().with(lines), events);
        spool.close(Duration::from_secs(10));
        memory.text()
    }

    #[track_caller]
    fn check(events: impl FnOnce(), expected: &str) {
        assert_eq!(written(false, false, events), format!("{expected}\n"));
    }

    #[test]
    fn events_are_lines() {
        check(
            || tracing::info!(http = "127.0.0.1:8080", sites = 1, "started"),
            "INFO started http=127.0.0.1:8080 sites=1",
        );
        check(
            || tracing::warn!(path = %"/a b", "can't read \"{}\"", "key"),
            r#"WARN can't read "key" path="/a b""#,
        );
        check(|| tracing::error!(error = "a=\"b\"\\"), r#"ERROR error="a=\"b\"\\""#);
        let name = crate::semantics::target::file_name::text_of(b"caf\xE9.txt");
        check(|| tracing::warn!(path = name, "x"), r#"WARN x path="caf\xE9.txt""#);
        check(|| tracing::info!(empty = "", is = ?Some(1), "x"), r#"INFO x empty="" is=Some(1)"#);
        check(
            || tracing::info!(host = "a\n\x1b[2J\u{202e}", "b\r{}", '\u{9b}'),
            r#"INFO b\r\u{9b} host="a\n\u{1b}[2J\u{202e}""#,
        );
    }

    #[test]
    fn a_filter_that_says_nothing_known_is_refused() {
        for filter in ["shost=loud", "loud"] {
            let error = start(filter, true).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{filter}");
        }
        for filter in ["", "debug", "off", "info,shost::server=trace"] {
            assert!(parse(filter).is_some(), "{filter}");
        }
    }

    #[test]
    fn the_time_and_the_colour_come_first() {
        let line = written(true, true, || tracing::info!("x"));
        assert_eq!(&line[24..], " \x1b[32mINFO\x1b[0m x\n");
        assert_eq!((&line[10..11], &line[23..24]), ("T", "Z"));
    }
}
