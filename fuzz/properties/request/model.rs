//! The answer that docs/behaviour.md promises to a request, as a function of its head.

use http::Method;
use http::request::Parts;

use super::host::{Named, named};
use super::path::{Path, spelled};
use super::rules;
use super::site::{FOLDERS, SITES, Site};

/// The kind of listener that the request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Serves sites in the clear.
    Plain,
    /// Serves sites over TLS.
    Secure,
    /// Sends everybody to HTTPS on port 8443.
    Redirecting,
}

/// The outcome that a request should come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// More than this model knows: anything but content of a site that is not asked for.
    Unknown,
    /// One of these statuses, and nothing of any site.
    Refused(&'static [u16]),
    /// Which methods there are.
    Methods(u16),
    /// The same target at this origin.
    MovedHost(String),
    /// Another path, given here decoded.
    MovedPath(String),
    /// This place, with this status, by a rule of the site.
    Redirect(u16, String),
    /// Nothing there any more, by a rule of the site.
    Gone,
    /// Nothing there, said by this page.
    Missing(&'static [u8]),
    /// A file: its name and content.
    File(String, &'static [u8]),
}

/// The longest target, in bytes.
pub(super) const TARGET_LIMIT: usize = 8192;

/// The documents that stand for their folder, the first that is there.
const INDEXES: [&str; 3] = ["index.html", "index.htm", "index.xhtml"];

/// The steps of docs/behaviour.md, "From request to file", in their order.
pub(super) fn expected(head: &Parts, listener: Listener) -> Expected {
    if head.uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET_LIMIT) {
        return Expected::Refused(&[414]);
    }
    let host = match named(head) {
        Named::Nobody => return Expected::Refused(&[400]),
        Named::Doubtful => return Expected::Unknown,
        Named::Host(host) => host,
    };
    match head.method {
        Method::GET | Method::HEAD => {}
        // Whether a host is malformed or unknown is not for this model to say.
        _ if host.site().is_none() && host.counterpart().is_none() => {
            return Expected::Refused(&[204, 400, 405]);
        }
        Method::OPTIONS => return Expected::Methods(204),
        _ => return Expected::Methods(405),
    }
    let Some(site) = host.site().or_else(|| host.counterpart()) else {
        return Expected::Refused(&[400, 421]);
    };
    let path = Path::read(head.uri.path());
    match &path {
        Some(path)
            if listener != Listener::Secure && path.is_validation() && !path.has_empty_names() =>
        {
            return lead(site, path);
        }
        _ if listener == Listener::Redirecting => {
            return Expected::MovedHost(format!("https://{}:8443", site.host));
        }
        _ => {}
    }
    if host.site().is_none() {
        let scheme = if listener == Listener::Secure { "https" } else { "http" };
        let port = host.port.map_or(String::new(), |port| format!(":{port}"));
        return Expected::MovedHost(format!("{scheme}://{}{port}", site.host));
    }
    match path {
        None => Expected::Refused(&[400]),
        Some(path) if path.has_empty_names() => Expected::MovedPath(path.merged().to_string()),
        Some(path) if site.host == rules::HOST => rules::answer(site, &path, head),
        Some(path) => lead(site, &path),
    }
}

pub(super) fn lead(site: &Site, path: &Path) -> Expected {
    let relative = path.relative();
    let missing = || Expected::Missing(missing_page(site, path));
    let file =
        |name: &str| content(site, name).map(|content| Expected::File(name.to_owned(), content));
    let beneath = |name: &str| {
        if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") }
    };
    if path.is_hidden() || !path.folder && matches!(&*relative, "_redirects" | "_headers") {
        return missing();
    }
    let index = INDEXES.iter().find_map(|name| file(&beneath(name)));
    let page = file(&format!("{relative}.html"));
    if path.folder || relative.is_empty() {
        return match (index, page) {
            (Some(index), _) => index,
            (None, Some(_)) if !relative.is_empty() => Expected::MovedPath(format!("/{relative}")),
            (None, _) => missing(),
        };
    }
    let name = path.names.last().map_or("", |name| name);
    let folder = &relative[..relative.len() - name.len()];
    let first = INDEXES.iter().find(|index| file(&format!("{folder}{index}")).is_some());
    match file(&relative) {
        Some(_) if first.is_some_and(|index| *index == name) => {
            Expected::MovedPath(format!("/{folder}"))
        }
        Some(found) => found,
        None if index.is_some() => Expected::MovedPath(format!("/{relative}/")),
        None if page.is_none() && is_folder(site, &relative) => {
            Expected::MovedPath(format!("/{relative}/"))
        }
        None => page.unwrap_or_else(missing),
    }
}

/// The content of a file, by its name as [`spelled`].
fn content(site: &Site, name: &str) -> Option<&'static [u8]> {
    site.files.iter().find(|(path, _)| spelled(path) == name).map(|(_, content)| *content)
}

fn is_folder(site: &Site, relative: &str) -> bool {
    let index = format!("{relative}/index.html");
    content(site, &index).is_some() || site.host == SITES[0].host && FOLDERS.contains(&relative)
}

/// The nearest page for that, else the server's own words. No hidden folder has one to show.
fn missing_page(site: &Site, path: &Path) -> &'static [u8] {
    let in_guide = path.names.first().is_some_and(|name| name == "guide")
        && (path.folder || path.names.len() > 1);
    let name = if in_guide { "guide/404.html" } else { "404.html" };
    content(site, name).unwrap_or(b"404 Not Found\n")
}
