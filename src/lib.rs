//! shost: one static binary that serves people's own websites.
//!
//! A folder is a site and its name is the domain; a folder of certificates is HTTPS by SNI.
//!
//! Four layers, each of which imports only downward:
//!
//! 1. [`http`], [`coding`] and [`bot`]: what the standards say, as pure functions.
//! 2. [`site`] and [`log`]: content on its way in, and lines on their way out.
//! 3. [`service`]: from the head of a request to an answer.
//! 4. [`server`]: sockets, TLS, limits, reload and stop.
//!
//! Above them the program: [`cli`] is what was typed, [`config`] what it means, and [`check`] what
//! would come of it.

pub mod check;
pub mod cli;
pub mod config;

pub mod server;

pub mod protocol;

pub mod certificates;
pub mod service;

pub mod log;
pub mod site;

pub mod coding;
pub mod semantics;
pub mod visitor;

pub mod ledger;
pub mod process;
