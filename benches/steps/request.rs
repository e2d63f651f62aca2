//! A whole request through the service, with the file in the cache.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::header::ETAG;
use http::request::Parts;
use http::{Request, StatusCode};
use http_body::Body as _;
use shost::log::{AccessLog, Format, Options};
use shost::rules::{HEADERS, REDIRECTS};
use shost::service::{self, Body, BotPolicy, Duty, Peer, Policy, Response, Service};
use shost::site::{Background, Sites, SitesFolder};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::pure::BROWSER;
use super::{Step, rules};

/// Room in the cache, in bytes: far more than the files here take.
const CACHE_BOUND: u64 = 1 << 24;

/// The fields that Chromium sends over TLS, besides its name.
const BROWSER_FIELDS: &[(&str, &str)] = &[
    ("user-agent", BROWSER),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ("sec-ch-ua", "\"Chromium\";v=\"156\", \"Not)A;Brand\";v=\"8\""),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("priority", "u=0, i"),
];

/// The step of that name.
pub(super) fn step(name: &'static str) -> Option<Step> {
    let known: &[(&str, &str)] = &[("user-agent", "curl/8.14.1")];
    let (path, fields, status) = match name {
        "request, 1 KiB" | "request, logged" | "request, 20 blocks of fields" => {
            ("/1k.html", known, StatusCode::OK)
        }
        "request, 20 KiB" => ("/20k.html", known, StatusCode::OK),
        "request, browser over TLS" => ("/1k.html", BROWSER_FIELDS, StatusCode::OK),
        "request, 304" => ("/1k.html", known, StatusCode::NOT_MODIFIED),
        "request, 206" => ("/20k.html", known, StatusCode::PARTIAL_CONTENT),
        "request, 404" => ("/missing.html", known, StatusCode::NOT_FOUND),
        "request, redirected" => ("/old/1k.html", known, StatusCode::MOVED_PERMANENTLY),
        "request, refused" => ("/wp-login.php", known, StatusCode::FORBIDDEN),
        _ => return None,
    };
    let format = if name == "request, logged" { Format::Combined } else { Format::None };
    let (redirects, fields_of_site) = match name {
        "request, 20 blocks of fields" => (None, Some(rules::blocks())),
        "request, redirected" => (Some("/old/* /:splat 301"), None),
        _ => (None, None),
    };
    let warm = Warm::new(format, name.ends_with("TLS"), redirects, fields_of_site.as_deref());
    let [tag, _] = ["/1k.html", "/20k.html"].map(|path| warm.entity_tag(path));
    let mut head = head(path, fields);
    match status {
        StatusCode::NOT_MODIFIED => insert(&mut head, "if-none-match", &tag),
        StatusCode::PARTIAL_CONTENT => insert(&mut head, "range", "bytes=1000-1999"),
        _ => {}
    }
    Some(Step::new(move || {
        let response = warm.answer(head.clone());
        assert_eq!(response.status, status, "{name}");
        drain(response.body);
    }))
}

/// A service, a connection to it, and a site that is held in memory.
struct Warm {
    connection: Arc<Peer>,
    sites: Arc<Sites>,
    runtime: Runtime,
    _folder: TempDir,
}

impl Warm {
    fn new(format: Format, tls: bool, redirects: Option<&str>, headers: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the site");
        let site = folder.path().join("example.com");
        fs::create_dir(&site).expect("a new folder");
        for (name, size) in [("1k.html", 1024), ("20k.html", 20 * 1024)] {
            fs::write(site.join(name), "x".repeat(size)).expect("room for the site");
        }
        for (name, content) in [(REDIRECTS, redirects), (HEADERS, headers)] {
            if let Some(content) = content {
                fs::write(site.join(name), content).expect("room for the site");
            }
        }
        let log = AccessLog::start(Options { format, timestamps: true }, std::io::sink());
        let policy = Policy { bots: BotPolicy::Block, log_bad_bots: false, dictionaries: true };
        let service = Service::new(policy, log.expect("there is room for one more thread"));
        let source = SitesFolder {
            folder: folder.path().to_owned(),
            single: false,
            cache_bound: CACHE_BOUND,
        };
        let background = Background::start().expect("there is room for one more thread");
        let (sites, _) = Sites::load(&source, background).expect("a folder of sites");
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let tls = tls.then_some("TLSv1.3");
        Self {
            connection: Arc::new(Peer::new(Arc::new(service), peer, tls, Duty::Serve)),
            sites: Arc::new(sites),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("there are descriptors left"),
            _folder: folder,
        }
    }

    /// An answer. Without the wait of a runtime if it is ready at once, as it is while the cache's
    /// word is trusted.
    fn answer(&self, head: Parts) -> Response {
        let _entered = self.runtime.enter();
        let connection = Arc::clone(&self.connection);
        let mut answer = pin!(service::call(connection, Arc::clone(&self.sites), head));
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => response,
            Poll::Pending => self.runtime.block_on(answer),
        }
    }

    /// The file's entity tag, once the background has made it. From then on the file is known: a
    /// younger one is looked at for every request.
    fn entity_tag(&self, path: &str) -> String {
        loop {
            let response = self.answer(head(path, &[("user-agent", "curl/8.14.1")]));
            assert_eq!(response.status, StatusCode::OK, "{path}");
            if let Some((_, tag)) = response.fields.iter().find(|(name, _)| name == ETAG) {
                return tag.to_str().expect("an entity tag of ours is ASCII").to_owned();
            }
            std::thread::yield_now();
        }
    }
}

fn head(path: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(path).header("host", "example.com");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

fn insert(head: &mut Parts, name: &'static str, value: &str) {
    head.headers.insert(name, value.parse().expect("a field value"));
}

fn drain(body: Body) {
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
        std::hint::black_box(frame.expect("held content cannot fail"));
    }
}
