//! Commands: the words that were typed, their meaning, and what each subcommand does.

pub mod arguments;
pub mod certify;
pub mod check;
pub mod config;
pub mod review;
