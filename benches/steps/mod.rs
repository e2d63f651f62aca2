//! The steps that are measured, pure ones first: one table for the clock and for callgrind.

mod pure;
mod request;
mod rules;

/// A step with its input ready.
pub(crate) struct Step(Box<dyn Fn()>);

impl Step {
    fn new(run: impl Fn() + 'static) -> Self {
        Self(Box::new(run))
    }

    /// Does it once.
    pub(crate) fn run(&self) {
        (self.0)();
    }
}

/// Steps that take a while, for the clock alone.
pub(crate) const SLOW: &[&str] = &["redirects, 45,000 lines read"];

/// The names of all other steps, in the order of the pipeline.
pub(crate) const NAMES: &[&str] = &[
    "path",
    "path, escaped",
    "host",
    "bot verdict, browser",
    "bot verdict, feed reader",
    "preconditions, none",
    "preconditions, etag",
    "preconditions, date",
    "range",
    "negotiation",
    "redirects, first of 45,000",
    "redirects, none of 45,000",
    "redirects, last of 1,000 patterns",
    "redirects, none of 1,000 patterns",
    "fields of 20 blocks",
    "log line, text",
    "log line, json",
    "log line, combined",
    "request, 1 KiB",
    "request, 20 KiB",
    "request, browser over TLS",
    "request, logged",
    "request, 20 blocks of fields",
    "request, redirected",
    "request, 304",
    "request, 206",
    "request, 404",
    "request, refused",
];

/// The step of that name.
pub(crate) fn step(name: &str) -> Option<Step> {
    let name = NAMES.iter().chain(SLOW).find(|known| **known == name)?;
    pure::step(name).or_else(|| rules::step(name)).or_else(|| request::step(name))
}
