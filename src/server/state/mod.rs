//! State: what is served, how it is replaced, and who may ask for that.

pub mod certifying;
mod changes;
pub mod control;
pub mod daily;
pub mod reload;
pub mod separation;
pub mod snapshot;
pub mod watch;
