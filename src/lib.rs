//! shost: one static binary that serves people's own websites.
//!
//! A folder is a site and its name is the domain; a folder of certificates is HTTPS by SNI.
//!
//! Each layer imports only from those below it:
//!
//! 1. [`command`]: the words that were typed, and what each subcommand does.
//! 2. [`server`]: sockets, connections, TLS, reload and stop.
//! 3. [`protocol`]: bytes become requests, and responses become bytes.
//! 4. [`service`]: a request becomes a response.
//! 5. [`certificates`], [`site`] and [`log`]: what is read from disks and written to the log.
//! 6. [`semantics`], [`field_compression`], [`coding`], [`visitor`] and [`rules`]: what the standards,
//!    and the files of a site, say, as pure functions.
//!
//! Beside them [`process`]: rights, signals, descriptors, memory and clocks; and [`ledger`]: what
//! everything together may take, and who has taken how much of it.

pub mod command;

pub mod server;

pub mod protocol;

pub mod service;

pub mod certificates;
pub mod log;
pub mod site;

pub mod coding;
pub mod field_compression;
pub mod rules;
pub mod semantics;
pub mod visitor;

pub mod ledger;
pub mod process;
