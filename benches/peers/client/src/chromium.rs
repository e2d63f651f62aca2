//! Chromium's requests: its HTTP/2 settings, and the fields of each kind of request.

use h2::client::Builder;
use http::Request;

/// The purpose of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Document,
    Style,
    Script,
    Image,
    Font,
}

/// Fields of every request, in Chromium's order.
const COMMON: [(&str, &str); 5] = [
    ("sec-ch-ua", r#""Chromium";v="156", "Not)A;Brand";v="8""#),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", r#""Linux""#),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/156.0.0.0 Safari/537.36",
    ),
    ("accept-encoding", "gzip, deflate, br, zstd"),
];

/// The languages of a reader.
const LANGUAGES: &str = "en-GB,en;q=0.9,de;q=0.8";

impl Destination {
    /// The purpose of a path, told by its extension.
    pub fn of(path: &str) -> Self {
        match path.rsplit('.').next() {
            Some("css") => Self::Style,
            Some("js") => Self::Script,
            Some("png" | "webp" | "svg") => Self::Image,
            Some("woff2") => Self::Font,
            _ => Self::Document,
        }
    }

    /// The fields that depend on the destination: Accept, Sec-Fetch-Dest, Sec-Fetch-Mode and
    /// Priority (RFC 9218).
    fn fields(self) -> [(&'static str, &'static str); 4] {
        let (accept, destination, mode, priority) = match self {
            Self::Document => (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                 image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
                "document",
                "navigate",
                "u=0, i",
            ),
            Self::Style => ("text/css,*/*;q=0.1", "style", "no-cors", "u=0"),
            Self::Script => ("*/*", "script", "no-cors", "u=1"),
            Self::Image => (
                "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
                "image",
                "no-cors",
                "u=2, i",
            ),
            Self::Font => ("*/*", "font", "cors", "u=1"),
        };
        [
            ("accept", accept),
            ("sec-fetch-dest", destination),
            ("sec-fetch-mode", mode),
            ("priority", priority),
        ]
    }
}

/// The HTTP/2 settings of Chromium: it takes 15 MiB on a connection and 6 MiB on a stream before
/// it has to allow more.
pub fn settings() -> Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .header_table_size(64 * 1024)
        .enable_push(false)
        .initial_window_size(6 * 1024 * 1024)
        .initial_connection_window_size(15 * 1024 * 1024)
        .max_header_list_size(256 * 1024);
    builder
}

/// The request for `path` of `authority`, which the page at `referer` asked for.
pub fn request(authority: &str, path: &str, referer: Option<&str>) -> http::Result<Request<()>> {
    let destination = Destination::of(path);
    let mut request = Request::get(format!("https://{authority}{path}"));
    for (name, value) in COMMON.into_iter().chain(destination.fields()) {
        request = request.header(name, value);
    }
    request = match referer {
        None => request
            .header("upgrade-insecure-requests", "1")
            .header("sec-fetch-site", "none")
            .header("sec-fetch-user", "?1"),
        Some(page) => request
            .header("sec-fetch-site", "same-origin")
            .header("referer", format!("https://{authority}{page}")),
    };
    request.header("accept-language", LANGUAGES).body(())
}
