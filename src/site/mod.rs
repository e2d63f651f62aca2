//! Sites and their content: the only code that opens files which are served.
//!
//! Knows nothing of status codes and connections. A [`Sites`] is one snapshot; in it a path of a
//! [`Site`] is [found](Found) through the [`cache`], which asks [`lookup`] what is there and keeps
//! a [`Representation`] of it.

pub mod background;
pub mod cache;
pub mod complaints;
pub mod content;
pub mod counters;
pub mod dictionary_forms;
pub mod facts;
pub mod folders;
pub mod form;
mod hashing;
pub mod held;
pub mod inspection;
pub mod lookup;
pub mod names;
pub mod representation;
pub mod root;
pub mod rules;
pub mod sibling;
pub mod sites;
pub mod stream;
pub mod tags;

use std::sync::Arc;

pub use background::Background;
pub use cache::{Need, WantedForm};
pub use counters::CacheCounters;
pub use form::{Availability, ContentSource, Form};
pub use held::Held;
pub use lookup::OpenFile;
pub use representation::Representation;
pub use sites::{Answering, Site, Sites, SitesError, SitesFolder};
pub use stream::{Descriptor, FileStream, StreamedFile};

/// The outcome of a look-up; `F` is what is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<F = Arc<Representation>> {
    /// A file is found there.
    File(F),
    /// A folder was asked for without its slash.
    Folder,
    /// The document of a folder was asked for by name; the folder is its one address.
    Index,
    /// A page was asked for with a slash behind its name, as if it were a folder.
    Page,
    /// Nothing is there. With the path of the nearest `404.html`, if there is one.
    Missing(Option<Arc<str>>),
    /// This process may not read what is there.
    Forbidden,
    /// The disk or the process is in trouble; the log says why.
    Unavailable,
}

impl<F> Found<F> {
    /// The same outcome with `change` made of the file.
    pub fn map<G>(self, change: impl FnOnce(F) -> G) -> Found<G> {
        match self {
            Self::File(file) => Found::File(change(file)),
            Self::Folder => Found::Folder,
            Self::Index => Found::Index,
            Self::Page => Found::Page,
            Self::Missing(page) => Found::Missing(page),
            Self::Forbidden => Found::Forbidden,
            Self::Unavailable => Found::Unavailable,
        }
    }
}
