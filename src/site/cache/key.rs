//! The key of an entry: a site, and the question about it that the entry answers.

use quick_cache::Equivalent;

use super::super::lookup::{self, OpenFile, Unreadable};
use super::super::{Found, root::OpenRoot};

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub(super) site: u32,
    pub(super) subject: Question<Box<str>>,
}

/// A [`Key`] that borrows its name, for look-ups. It has the same fields in the same order, and so
/// the same hash.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct KeyRef<'a> {
    pub(super) site: u32,
    pub(super) subject: Question<&'a str>,
}

/// A question about a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question<T> {
    /// The outcome of a request for this path, which is in normal form.
    Path(T),
    /// The page for whatever is missing in this folder, a name beneath the root.
    MissingPage(T),
    /// The names in this folder, a name beneath the root.
    Names(T),
    /// The version before of the file of this name beneath the root, as a dictionary. Never looked up.
    Former(T),
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.site == key.site && self.subject == key.subject.borrowed()
    }
}

impl KeyRef<'_> {
    pub(super) fn to_key(self) -> Key {
        Key { site: self.site, subject: self.subject.to_owned() }
    }
}

impl Key {
    pub(super) fn borrowed(&self) -> KeyRef<'_> {
        KeyRef { site: self.site, subject: self.subject.borrowed() }
    }
}

impl Question<Box<str>> {
    pub(super) fn borrowed(&self) -> Question<&str> {
        match self {
            Self::Path(path) => Question::Path(path),
            Self::MissingPage(folder) => Question::MissingPage(folder),
            Self::Names(folder) => Question::Names(folder),
            Self::Former(name) => Question::Former(name),
        }
    }
}

impl Question<&str> {
    pub(super) fn to_owned(self) -> Question<Box<str>> {
        match self {
            Self::Path(path) => Question::Path(path.into()),
            Self::MissingPage(folder) => Question::MissingPage(folder.into()),
            Self::Names(folder) => Question::Names(folder.into()),
            Self::Former(name) => Question::Former(name.into()),
        }
    }

    /// Asks the disk for the answer.
    pub(super) fn look_up(self, root: &OpenRoot) -> Result<Found<OpenFile>, Unreadable> {
        match self {
            Self::Path(path) => lookup::find(root, path),
            Self::MissingPage(folder) => Ok(Found::Missing(lookup::missing_page(root, folder))),
            Self::Names(_) | Self::Former(_) => Ok(Found::Folder),
        }
    }
}

impl<'a> Question<&'a str> {
    /// The path or the name of the folder.
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Path(name) | Self::MissingPage(name) | Self::Names(name) | Self::Former(name) => {
                name
            }
        }
    }
}
