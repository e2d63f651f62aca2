//! Visitors: whether a request comes from the client that it claims to come from.

pub mod bot;
