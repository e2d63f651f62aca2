//! shost: one static binary that serves people's own websites.
//!
//! A folder is a site and its name is the domain; a folder of certificates is HTTPS by SNI.

pub mod server;

pub mod service;

pub mod log;
pub mod site;

pub mod bot;
pub mod coding;
pub mod http;

pub mod clock;
