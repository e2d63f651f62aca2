//! Sites and their content: the only code that opens files which are served.
//!
//! Knows nothing of status codes and connections. A [`Sites`] is one snapshot; in it a path of a
//! [`Site`] is [found](Found) through the [`cache`], which asks [`lookup`] what is there and keeps
//! a [`Representation`] of it.

pub mod background;
pub mod cache;
pub mod content;
pub mod counters;
pub mod facts;
pub mod form;
pub mod inspection;
pub mod lookup;
pub mod names;
pub mod representation;
pub mod root;
pub mod sites;
pub mod stream;

use std::sync::Arc;

pub use background::Background;
pub use counters::Counters;
pub use form::{Availability, Content, Form};
pub use lookup::OpenFile;
pub use representation::Representation;
pub use sites::{Answering, LoadError, Site, Sites, Source};
pub use stream::{Stream, StreamedFile};

/// What a path of a site leads to.
#[derive(Clone, Debug)]
pub enum Found {
    /// This representation.
    File(Arc<Representation>),
    /// A folder asked for without its slash.
    Folder,
    /// `index.html` asked for by name.
    Index,
    /// Nothing; the path of the nearest `404.html`, if there is one.
    Missing(Option<Arc<str>>),
    /// Something that this process may not read.
    Forbidden,
    /// Nothing can be told right now; the log says why.
    Unavailable,
}
