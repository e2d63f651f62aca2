//! The steps that are measured, pure ones first: one table for the clock and for callgrind.

mod pure;
mod request;

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

/// The names of all steps, in the order of the pipeline.
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
    "log line, text",
    "log line, json",
    "log line, combined",
    "request, 1 KiB",
    "request, 20 KiB",
    "request, browser over TLS",
    "request, logged",
    "request, 304",
    "request, 206",
    "request, 404",
    "request, refused",
];

/// The step of that name.
pub(crate) fn step(name: &str) -> Option<Step> {
    let name = NAMES.iter().find(|known| **known == name)?;
    pure::step(name).or_else(|| request::step(name))
}
