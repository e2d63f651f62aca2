//! Visitors: whether a request comes from the client that it claims to come from, and on whose behalf
//! a proxy sends it.

pub mod bot;
pub mod proxy;
