//! Media types by file name, and what follows from them.

mod extensions;
mod well_known;

use http::HeaderValue;

/// The type of a file that nothing is known of (RFC 9110 §8.3).
const UNKNOWN: &str = "application/octet-stream";

/// The media type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// The type without parameters: `text/html`.
    pub essence: &'static str,
    /// True if compression is worth trying.
    pub compressible: bool,
    /// True if it takes `charset=utf-8` when the content is UTF-8.
    pub charset: bool,
}

/// The media type of the file at this path within its site.
///
/// Some names say what a file is in one place only: those of `.well-known`.
#[must_use]
pub fn at(path: &str) -> MediaType {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.strip_prefix(".well-known/").and_then(well_known::essence) {
        Some(essence) => MediaType::of(essence),
        None => of(path.rsplit_once('/').map_or(path, |(_, name)| name)),
    }
}

/// The media type of a file by its name: by the extension, whatever its case, or by the whole name
/// where there is none.
#[must_use]
pub fn of(file_name: &str) -> MediaType {
    let Some((_, extension)) = file_name.rsplit_once('.') else {
        return MediaType::of(extensions::without_extension(file_name).unwrap_or(UNKNOWN));
    };
    let essence = extensions::amended(extension)
        .or_else(|| mime_guess::from_ext(extension).first_raw())
        .unwrap_or(UNKNOWN);
    if extension.eq_ignore_ascii_case("svgz") {
        // Its content is coded already, and is no text before it is decoded.
        return MediaType { essence, compressible: false, charset: false };
    }
    MediaType::of(essence)
}

impl MediaType {
    fn of(essence: &'static str) -> Self {
        let charset = is_text(essence);
        Self { essence, compressible: charset || is_loose_binary(essence), charset }
    }

    /// True if the name of the file tells nothing of its type.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.essence == UNKNOWN
    }
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

/// True if content of this type is text: `text/*`, JavaScript, JSON, XML and what is built on them,
/// and source code of all kinds.
fn is_text(essence: &str) -> bool {
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("+json")
        || matches!(
            essence,
            "application/geo+json-seq"
                | "application/graphql"
                | "application/javascript"
                | "application/json"
                | "application/json5"
                | "application/jsonl"
                | "application/mbox"
                | "application/n-quads"
                | "application/n-triples"
                | "application/sql"
                | "application/toml"
                | "application/trig"
                | "application/x-csh"
                | "application/x-httpd-php"
                | "application/x-latex"
                | "application/x-ndjson"
                | "application/x-perl"
                | "application/x-sh"
                | "application/x-subrip"
                | "application/x-tcl"
                | "application/x-tex"
                | "application/x-texinfo"
                | "application/xml"
                | "application/xml-dtd"
                | "application/yaml"
                | "model/mtl"
                | "model/vnd.usda"
        )
}

/// True if content of this type is binary that is not compressed yet, or text that takes no
/// charset.
fn is_loose_binary(essence: &str) -> bool {
    matches!(
        essence,
        "application/msword"
            | "application/pgp-keys"
            | "application/pgp-signature"
            | "application/postscript"
            | "application/rtf"
            | "application/vnd.apple.mpegurl"
            | "application/vnd.dbf"
            | "application/vnd.mapbox-vector-tile"
            | "application/vnd.ms-excel"
            | "application/vnd.ms-fontobject"
            | "application/vnd.ms-powerpoint"
            | "application/vnd.sqlite3"
            | "application/wasm"
            | "application/x-apple-aspen-config"
            | "application/x-x509-ca-cert"
            | "audio/x-mpegurl"
            | "audio/x-scpls"
            | "font/collection"
            | "font/otf"
            | "font/ttf"
            | "image/bmp"
            | "image/vnd.adobe.photoshop"
            | "image/vnd.dxf"
            | "image/x-icon"
            | "message/rfc822"
            | "model/gltf-binary"
            | "model/obj"
            | "model/step"
            | "model/stl"
            | "model/vrml"
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
            ("events.ndjson", "application/x-ndjson"),
            ("events.jsonl", "application/jsonl"),
            ("notebook.ipynb", "application/x-ipynb+json"),
            ("fix.patch", "text/plain"),
            ("fix.DIFF", "text/plain"),
            ("guide.rst", "text/plain"),
            ("guide.adoc", "text/plain"),
            ("LICENSE", "text/plain"),
            ("SHA256SUMS", "text/plain"),
            ("a.iso.sha256", "text/plain"),
            ("messages.xlf", "application/xliff+xml"),
            ("map.topojson", "application/json"),
            ("track.gpx", "application/gpx+xml"),
            ("place.kml", "application/vnd.google-earth.kml+xml"),
            ("id_ed25519.pub", "text/plain"),
            ("main.rs", "text/x-rust"),
            ("main.go", "text/plain"),
            ("Cargo.toml", "application/toml"),
            ("dump.sql", "application/sql"),
            ("page.xslt", "application/xslt+xml"),
            ("app.cjs", "text/javascript"),
            ("key.jwks", "application/jwk-set+json"),
            ("people.vcf", "text/vcard"),
            ("film.srt", "application/x-subrip"),
            ("film.ttml", "application/ttml+xml"),
            ("scene.gltf", "model/gltf+json"),
            ("de.po", "text/plain"),
            ("messages.pot", "text/plain"),
            ("shost_0.1.0.dsc", "text/plain"),
            ("part.gcode", "text/plain"),
            ("flow.mmd", "text/plain"),
            ("holidays.ical", "text/calendar"),
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
            ("profile.mobileconfig", "application/x-apple-aspen-config"),
            ("cursor.cur", "image/x-icon"),
            ("scene.glb", "model/gltf-binary"),
            ("part.stl", "model/stl"),
            ("part.obj", "model/obj"),
            ("part.STEP", "model/step"),
            ("live.m3u8", "application/vnd.apple.mpegurl"),
            ("radio.pls", "audio/x-scpls"),
            ("a.tar.gz.asc", "application/pgp-signature"),
            ("a.tar.gz.sig", "application/pgp-signature"),
            ("data.sqlite", "application/vnd.sqlite3"),
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
            ("archive.tzst", "application/zstd"),
            ("model.usdz", "model/vnd.usdz+zip"),
            ("model.3mf", "model/3mf"),
            ("book.m4b", "audio/mp4"),
            ("book.epub", "application/epub+zip"),
            ("book.azw3", "application/vnd.amazon.mobi8-ebook"),
            ("comic.cbz", "application/vnd.comicbook+zip"),
            ("app.apk", "application/vnd.android.package-archive"),
            ("app.ipa", "application/x-itunes-ipa"),
            ("app.deb", "application/vnd.debian.binary-package"),
            ("app.rpm", "application/x-rpm"),
            ("app.flatpak", "application/vnd.flatpak"),
            ("app.msix", "application/msix"),
            ("app.msixbundle", "application/msixbundle"),
            ("app.udeb", "application/vnd.debian.binary-package"),
            ("world.pmtiles", "application/vnd.pmtiles"),
            ("drawing.svgz", "image/svg+xml"),
            ("file", UNKNOWN),
            ("file.", UNKNOWN),
            ("file.unheardof", UNKNOWN),
            ("", UNKNOWN),
        ] {
            check(file_name, essence, false, false);
        }
    }

    #[test]
    fn every_type_is_a_field_value() {
        for file_name in extensions::all() {
            let media_type = of(&file_name);
            assert_ne!(media_type.essence, UNKNOWN, "{file_name}");
            for utf8 in [true, false] {
                assert!(content_type(&media_type, utf8).to_str().is_ok(), "{file_name}");
            }
        }
    }

    #[test]
    fn well_known_names() {
        for (path, essence) in [
            (".well-known/matrix/server", "application/json"),
            ("/.well-known/matrix/client", "application/json"),
            (".well-known/apple-app-site-association", "application/json"),
            (".well-known/webfinger", "application/jrd+json"),
            (".well-known/nodeinfo", "application/json"),
            (".well-known/nodeinfo/2.1", "application/json"),
            (".well-known/openid-configuration", "application/json"),
            (".well-known/oauth-authorization-server", "application/json"),
            (".well-known/oauth-authorization-server/tenant", "application/json"),
            (".well-known/assetlinks.json", "application/json"),
            (".well-known/security.txt", "text/plain"),
            (".well-known/host-meta", "application/xrd+xml"),
            (".well-known/host-meta.json", "application/jrd+json"),
            (".well-known/stellar.toml", "text/plain"),
            (".well-known/atproto-did", "text/plain"),
            (".well-known/acme-challenge/aB3-_x", "text/plain"),
            (".well-known/matrix/support", "application/json"),
            (".well-known/oauth-protected-resource/mcp", "application/json"),
            (".well-known/webauthn", "application/json"),
            (".well-known/gpc.json", "application/json"),
            (".well-known/did.json", "application/json"),
            (".well-known/change-password", UNKNOWN),
            (".well-known/traffic-advice", "application/trafficadvice+json"),
            (".well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q", UNKNOWN),
            (".well-known/unheard-of", UNKNOWN),
            ("apple-app-site-association", "application/json"),
            ("webfinger", UNKNOWN),
            ("a/.well-known/webfinger", UNKNOWN),
            ("docs/LICENSE", "text/plain"),
            ("docs/page.html", "text/html"),
        ] {
            assert_eq!(at(path).essence, essence, "{path:?}");
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
