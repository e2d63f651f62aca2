//! The words that were typed: a mode, then `key=value` in any order.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::tally::Failure;

/// A load to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which kind of load.
    pub mode: Mode,
    /// Where the server listens, as an address and a port.
    pub address: String,
    /// The Host field, or `:authority`.
    pub host: String,
    /// The server's own certificate; TLS if there is one.
    pub certificate: Option<PathBuf>,
    /// The path that is asked for.
    pub path: String,
    /// For how long.
    pub duration: Duration,
    /// Connections at a time.
    pub connections: u32,
    /// Requests per second of all connections together.
    pub rate: f64,
    /// True if X25519MLKEM768 is offered first, as browsers do.
    pub hybrid: bool,
}

/// Kinds of load; `main` says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Fresh,
    Resumed,
    Bulk,
    Paced,
    Idle,
    Page,
    Visit,
    Http3,
    Http3Bulk,
    Http3Fresh,
    Http3Page,
}

/// The names of the modes.
const MODES: [(&str, Mode); 11] = [
    ("fresh", Mode::Fresh),
    ("resumed", Mode::Resumed),
    ("bulk", Mode::Bulk),
    ("paced", Mode::Paced),
    ("idle", Mode::Idle),
    ("page", Mode::Page),
    ("visit", Mode::Visit),
    ("h3", Mode::Http3),
    ("h3-bulk", Mode::Http3Bulk),
    ("h3-fresh", Mode::Http3Fresh),
    ("h3-page", Mode::Http3Page),
];

impl Options {
    /// Reads the arguments that follow the program's name.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let name = arguments.next().ok_or("no mode given")?;
        let mode = MODES.iter().find(|row| row.0 == name).ok_or(format!("no mode {name}"))?.1;
        let mut given = HashMap::new();
        for argument in arguments {
            let (key, value) =
                argument.split_once('=').ok_or_else(|| format!("no = in {argument}"))?;
            given.insert(key.to_owned(), value.to_owned());
        }
        let mut take = |key: &str| given.remove(key);
        let options = Self {
            mode,
            address: take("address").ok_or("no address= given")?,
            host: take("host").unwrap_or_else(|| "localhost".to_owned()),
            certificate: take("certificate").map(PathBuf::from),
            path: take("path").unwrap_or_else(|| "/1k.html".to_owned()),
            duration: Duration::from_secs_f64(number(take("seconds"), 3.0)?),
            connections: number(take("connections"), 4)?,
            rate: number(take("rate"), 4000.0)?,
            hybrid: take("group").as_deref() == Some("hybrid"),
        };
        match given.keys().next() {
            Some(key) => Err(format!("no option {key}").into()),
            None => Ok(options),
        }
    }
}

fn number<T: FromStr>(text: Option<String>, otherwise: T) -> Result<T, Failure> {
    let Some(text) = text else { return Ok(otherwise) };
    text.parse().map_err(|_| format!("not a number: {text}").into())
}
