//! Coded forms that lie beside a file, as `x.br` beside `x`: made by whoever built the site.

use std::os::fd::OwnedFd;

use bytes::Bytes;

use super::content::{self, HELD_LIMIT};
use super::facts::{Facts, Kind};
use super::form::{ContentSource, Form};
use super::lookup;
use super::root::OpenRoot;
use crate::coding::Coding;

/// The place of the content of siblings that are small enough to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Siblings {
    /// The content is in memory.
    Held,
    /// On the disk, as that of the file itself.
    Streamed,
}

/// The name of the sibling of `relative` in a coding.
#[must_use]
pub fn name(relative: &str, coding: Coding) -> String {
    format!("{relative}{}", coding.file_suffix())
}

/// The coded form beside a file with the facts `plain`, and the facts of that sibling. One that is
/// older than the file, or not smaller, is not its coded form.
#[must_use]
pub fn find(
    root: &OpenRoot,
    relative: &str,
    coding: Coding,
    plain: &Facts,
    siblings: Siblings,
) -> Option<(Form, Facts)> {
    let name = name(relative, coding);
    let file = lookup::open(root, &name).ok()?;
    let facts = file.facts;
    if !is_coded_form(&facts, plain) {
        return None;
    }
    let content = if facts.size > HELD_LIMIT || siblings == Siblings::Streamed {
        ContentSource::Streamed { relative: name.into(), facts }
    } else {
        ContentSource::Held(whole(&file.descriptor, &facts)?)
    };
    Some((Form::new(coding, content), facts))
}

/// True if there is an empty sibling of a file that is not empty.
#[must_use]
pub fn is_empty(root: &OpenRoot, relative: &str, coding: Coding, plain: &Facts) -> bool {
    let sibling = || Facts::at(root.folder(), &name(relative, coding));
    plain.size > 0 && sibling().is_ok_and(|facts| facts.kind() == Kind::File && facts.size == 0)
}

/// True if a sibling can be a coded form of the file as it is now.
#[must_use]
pub fn is_coded_form(sibling: &Facts, plain: &Facts) -> bool {
    sibling.is_as_young_as(plain) && sibling.size < plain.size && sibling.size > 0
}

/// The content of a sibling that held still while it was read.
fn whole(file: &OwnedFd, facts: &Facts) -> Option<Bytes> {
    let bytes = content::read(file, usize::try_from(facts.size).ok()?).ok()?;
    (Facts::of(file).ok()? == *facts).then_some(bytes)
}
