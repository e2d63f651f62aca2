//! Properties that hold for any input, called with arbitrary bytes by the fuzz targets and by
//! `tests/suite/random_input.rs`. Each property panics when it is broken.

pub(crate) mod bot;
pub(crate) mod cache;
pub(crate) mod certificates;
pub(crate) mod date;
pub(crate) mod deploy;
pub(crate) mod executor;
pub(crate) mod h2_client;
pub(crate) mod h3_client;
pub(crate) mod host;
pub(crate) mod hpack;
pub(crate) mod http2;
pub(crate) mod http3;
pub(crate) mod log;
pub(crate) mod negotiation;
pub(crate) mod pages;
pub(crate) mod path;
pub(crate) mod proxy;
pub(crate) mod qpack;
pub(crate) mod range;
pub(crate) mod request;
pub(crate) mod rules;
pub(crate) mod validators;
