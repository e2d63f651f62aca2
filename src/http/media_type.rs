//! Media types by file extension, and what follows from them.

use ::http::HeaderValue;

/// The type of a file that nothing is known of (RFC 9110 §8.3).
const UNKNOWN: &str = "application/octet-stream";

/// What is to be known of a file's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// The type without parameters: `text/html`.
    pub essence: &'static str,
    /// Whether compression is worth trying.
    pub compressible: bool,
    /// Whether it takes `charset=utf-8` when the content is UTF-8.
    pub charset: bool,
}

/// The media type of a file by its extension, whatever its case.
#[must_use]
pub fn of(file_name: &str) -> MediaType {
    let essence = file_name
        .rsplit_once('.')
        .and_then(|(_, extension)| {
            amended(extension).or_else(|| mime_guess::from_ext(extension).first_raw())
        })
        .unwrap_or(UNKNOWN);
    let charset = is_text(essence);
    MediaType { essence, compressible: charset || is_loose_binary(essence), charset }
}

/// The Content-Type of a file, with `utf8` telling whether its content was seen to be UTF-8.
///
/// Where it was not, the page itself knows better: a wrong charset here would override it.
#[must_use]
pub fn content_type(media_type: &MediaType, utf8: bool) -> HeaderValue {
    if media_type.charset && utf8 {
        HeaderValue::try_from(format!("{}; charset=utf-8", media_type.essence))
            .expect("a media type is tokens and punctuation")
    } else {
        HeaderValue::from_static(media_type.essence)
    }
}

/// Extensions that `mime_guess` does not know, or knows by a name that has since been registered
/// otherwise, and the type of each.
const AMENDMENTS: &[(&str, &str)] = &[
    ("cjs", "text/javascript"), // RFC 9239
    ("deb", "application/vnd.debian.binary-package"),
    ("m4a", "audio/mp4"),        // RFC 4337
    ("m4v", "video/mp4"),        // RFC 4337
    ("map", "application/json"), // source maps (ECMA-426)
    ("mjs", "text/javascript"),  // RFC 9239
    ("otf", "font/otf"),         // RFC 8081
    ("rpm", "application/x-rpm"),
    ("tgz", "application/gzip"),  // RFC 6713
    ("ts", "video/mp2t"),         // RFC 3555; a browser runs no TypeScript
    ("vcf", "text/vcard"),        // RFC 6350
    ("woff", "font/woff"),        // RFC 8081
    ("xml", "application/xml"),   // RFC 7303 §9.2: text/xml is an alias
    ("yaml", "application/yaml"), // RFC 9512
    ("yml", "application/yaml"),  // RFC 9512
    ("zst", "application/zstd"),  // RFC 8878
];

fn amended(extension: &str) -> Option<&'static str> {
    AMENDMENTS
        .iter()
        .find(|(amended, _)| extension.eq_ignore_ascii_case(amended))
        .map(|(_, essence)| *essence)
}

/// Whether content of this type is text: `text/*`, JavaScript, JSON, XML and what is built on them.
fn is_text(essence: &str) -> bool {
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("+json")
        || matches!(
            essence,
            "application/javascript"
                | "application/json"
                | "application/x-sh"
                | "application/x-subrip"
                | "application/xml"
                | "application/xml-dtd"
                | "application/yaml"
        )
}

/// Whether content of this type is binary that is not compressed yet.
fn is_loose_binary(essence: &str) -> bool {
    matches!(
        essence,
        "application/vnd.ms-fontobject"
            | "application/wasm"
            | "font/otf"
            | "font/ttf"
            | "image/bmp"
            | "image/x-icon"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file_name: &str, essence: &'static str, compressible: bool, charset: bool) {
        assert_eq!(of(file_name), MediaType { essence, compressible, charset }, "{file_name:?}");
    }

    #[test]
    fn text() {
        for (file_name, essence) in [
            ("index.html", "text/html"),
            ("INDEX.HTML", "text/html"),
            ("page.htm", "text/html"),
            ("page.xhtml", "application/xhtml+xml"),
            ("style.css", "text/css"),
            ("app.js", "text/javascript"),
            ("app.min.JS", "text/javascript"),
            ("app.mjs", "text/javascript"),
            ("APP.MJS", "text/javascript"),
            ("app.js.map", "application/json"),
            ("data.json", "application/json"),
            ("data.jsonld", "application/ld+json"),
            ("data.geojson", "application/geo+json"),
            ("site.webmanifest", "application/manifest+json"),
            ("feed.xml", "application/xml"),
            ("feed.rss", "application/rss+xml"),
            ("feed.atom", "application/atom+xml"),
            ("image.svg", "image/svg+xml"),
            ("robots.txt", "text/plain"),
            ("README.md", "text/markdown"),
            ("table.csv", "text/csv"),
            ("subtitles.vtt", "text/vtt"),
            ("calendar.ics", "text/calendar"),
            ("data.yaml", "application/yaml"),
            ("install.sh", "application/x-sh"),
        ] {
            check(file_name, essence, true, true);
        }
    }

    #[test]
    fn binary_that_compresses() {
        for (file_name, essence) in [
            ("app.wasm", "application/wasm"),
            ("font.ttf", "font/ttf"),
            ("font.otf", "font/otf"),
            ("font.eot", "application/vnd.ms-fontobject"),
            ("favicon.ico", "image/x-icon"),
            ("image.bmp", "image/bmp"),
        ] {
            check(file_name, essence, true, false);
        }
    }

    #[test]
    fn binary_that_does_not() {
        for (file_name, essence) in [
            ("font.woff", "font/woff"),
            ("font.woff2", "font/woff2"),
            ("image.png", "image/png"),
            ("image.JPG", "image/jpeg"),
            ("image.jpeg", "image/jpeg"),
            ("image.gif", "image/gif"),
            ("image.webp", "image/webp"),
            ("image.avif", "image/avif"),
            ("image.jxl", "image/jxl"),
            ("film.mp4", "video/mp4"),
            ("film.m4v", "video/mp4"),
            ("film.webm", "video/webm"),
            ("song.mp3", "audio/mpeg"),
            ("song.m4a", "audio/mp4"),
            ("song.opus", "audio/ogg"),
            ("song.ogg", "audio/ogg"),
            ("song.flac", "audio/flac"),
            ("paper.pdf", "application/pdf"),
            ("archive.zip", "application/zip"),
            ("archive.tar.gz", "application/gzip"),
            ("archive.tgz", "application/gzip"),
            ("archive.zst", "application/zstd"),
            ("archive.xz", "application/x-xz"),
            ("file", UNKNOWN),
            ("file.", UNKNOWN),
            ("file.unheardof", UNKNOWN),
            ("", UNKNOWN),
        ] {
            check(file_name, essence, false, false);
        }
    }

    #[test]
    fn every_amendment_is_needed_and_a_field_value() {
        for (extension, essence) in AMENDMENTS {
            assert_ne!(mime_guess::from_ext(extension).first_raw(), Some(*essence), "{extension}");
            let media_type = of(&format!("x.{extension}"));
            for utf8 in [true, false] {
                assert!(content_type(&media_type, utf8).to_str().is_ok(), "{extension}");
            }
        }
    }

    #[test]
    fn the_charset_is_named_only_when_it_is_known() {
        for (file_name, utf8, expected) in [
            ("index.html", true, "text/html; charset=utf-8"),
            ("index.html", false, "text/html"),
            ("app.js", true, "text/javascript; charset=utf-8"),
            ("image.svg", true, "image/svg+xml; charset=utf-8"),
            ("image.png", true, "image/png"),
            ("file", true, UNKNOWN),
        ] {
            assert_eq!(content_type(&of(file_name), utf8), expected, "{file_name:?}");
        }
    }
}
