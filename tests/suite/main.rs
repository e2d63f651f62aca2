//! The integration tests: the real program on a free port, asked over real sockets.
//!
//! All of them are one binary, so they share one process: a test changes nothing of it (current
//! directory, environment, signals, limits), only of the server that it starts.

// What the tests stand on: a server, sites, certificates, clients, lines of the log.
mod support;

// How the program is started, and what it says.
mod access_log;
mod certificates;
mod command_line;
mod operation;
mod signals;
mod terminal;
mod watching;

// From a request to the representation that is selected, in the order in which it is decided.
mod bots;
mod coding;
mod coming_from;
mod conditional;
mod dictionaries;
mod fields;
mod hosts;
mod http_port;
mod links;
mod paths;
mod proxies;
mod ranges;
mod raw_bytes;
mod rules;
mod rules_check;

// The content: whole, of one version, and of the newest.
mod freshness;
mod freshness_model;
mod stampede;
mod streaming;

// The protocols, and what one client may cost the others.
mod connections;
mod floods;
mod framing;
mod greed;
mod http2;
mod http3;
mod http3_rules;
mod limits;
mod quic;
mod quic_floods;
mod quic_strangers;

// What holds for any input: the functions that the fuzz targets call too.
#[path = "../../fuzz/properties/mod.rs"]
mod properties;
mod random_input;

// What holds for the source itself.
mod layers;
mod words;
