//! The access log and the diagnostics: what happened, told without ever holding up who serves.

pub mod spool;
