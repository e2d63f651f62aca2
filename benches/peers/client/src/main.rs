//! Makes the loads that wrk and h2load cannot make, and prints what came of one as a line of JSON.
//!
//! ```text
//! peers-client MODE address=127.0.0.1:8443 [tls=1] [host=localhost:8443] [certificate=FILE]
//!              [path=/1k.html] [seconds=3] [connections=4] [rate=4000] [group=x25519|hybrid]
//! ```
//!
//! | mode | load |
//! |---|---|
//! | `fresh` | a new connection for every request, full handshakes |
//! | `resumed` | the same with session tickets (RFC 8446 §2.2) |
//! | `bulk` | the same large file over and over; the bytes are dropped unread in the clear |
//! | `paced` | requests at a fixed rate, each timed from when it was due |
//! | `idle` | opens connections, asks once on each, prints `open`, keeps them for the time given |
//! | `page` | a page and what it refers to on one HTTP/2 connection, as Chromium asks for them |
//! | `visit` | the same with a new connection for every page |
//! | `h3` | HTTP/3: the same file, on each connection 16 times at once |
//! | `h3-bulk` | HTTP/3: the same large file over and over |
//! | `h3-fresh` | HTTP/3: a new connection for every request, full handshakes |
//! | `h3-page` | HTTP/3: a page and what it refers to, with the fields of Chromium |

mod chromium;
mod connect;
mod http1;
mod http3;
mod load;
mod options;
mod page;
mod quic;
mod tally;
mod visit;

use std::io::Write;
use std::process::ExitCode;

use options::{Mode, Options};
use tally::Failure;

fn main() -> ExitCode {
    let done = Options::read(std::env::args().skip(1)).and_then(|options| match options.mode {
        Mode::Fresh | Mode::Resumed => load::fresh(&options),
        Mode::Bulk => load::bulk(&options),
        Mode::Paced => load::paced(&options),
        Mode::Idle => load::idle(&options),
        Mode::Page | Mode::Visit => page::load(&options),
        Mode::Http3 | Mode::Http3Bulk | Mode::Http3Fresh | Mode::Http3Page => visit::load(&options),
    });
    match done {
        Ok(tally) => print(&tally.into_json()),
        Err(failure) => fail(&failure),
    }
}

/// Nothing can be done about a standard output that is closed.
fn print(line: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
    ExitCode::SUCCESS
}

fn fail(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "peers-client: {failure}");
    ExitCode::FAILURE
}
