//! How long a cache may use a file without asking: Cache-Control (RFC 9111 §5.2.2).

use ::http::HeaderValue;

/// May be stored, must be asked about each time: a 304 costs little, a stale page costs trust.
pub const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Never asked about again, for a name that changes with its content. A year is what caches take
/// for ever; `immutable` stops the questions on reload (RFC 8246).
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A day, for what is big, seldom changes, and does no harm when it is a day old.
pub const DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// Fewest characters of a fingerprint: eight are what bundlers write, and 32 bits of a hash.
const MIN_FINGERPRINT: usize = 8;

/// The Cache-Control of a file by its name and media type.
#[must_use]
pub fn cache_control(file_name: &str, essence: &str) -> HeaderValue {
    let Some((stem, _extension)) = file_name.rsplit_once('.') else { return NO_CACHE };
    if is_document(essence) {
        NO_CACHE
    } else if has_fingerprint(stem) {
        IMMUTABLE
    } else if keeps_for_a_day(essence) {
        DAY
    } else {
        NO_CACHE
    }
}

/// Pages and feeds. People link to them by name, so that a name like `post-20240101.html` is no
/// fingerprint and must be able to change.
fn is_document(essence: &str) -> bool {
    matches!(
        essence,
        "text/html"
            | "application/xhtml+xml"
            | "application/xml"
            | "text/xml"
            | "application/rss+xml"
            | "application/atom+xml"
            | "application/feed+json"
    )
}

/// Whether the part of the name after the last dot or dash is a hash as bundlers write it: all
/// hexadecimal, or all base 32 (RFC 4648 §6) in upper case, with a digit, as words have none.
fn has_fingerprint(stem: &str) -> bool {
    let Some((_, last)) = stem.rsplit_once(['.', '-']) else { return false };
    last.len() >= MIN_FINGERPRINT
        && last.bytes().any(|byte| byte.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_hexdigit())
            || last.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')))
}

/// Images, fonts, audio, video and archives.
fn keeps_for_a_day(essence: &str) -> bool {
    ["image/", "font/", "audio/", "video/"].iter().any(|kind| essence.starts_with(kind))
        || matches!(
            essence,
            "application/gzip"
                | "application/java-archive"
                | "application/vnd.debian.binary-package"
                | "application/vnd.ms-fontobject"
                | "application/x-7z-compressed"
                | "application/x-bzip2"
                | "application/x-rar-compressed"
                | "application/x-rpm"
                | "application/x-tar"
                | "application/x-xz"
                | "application/zip"
                | "application/zstd"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::media_type;

    #[track_caller]
    fn check(expected: &HeaderValue, file_names: &[&str]) {
        for file_name in file_names {
            let essence = media_type::of(file_name).essence;
            assert_eq!(cache_control(file_name, essence), expected, "{file_name:?}");
        }
    }

    #[test]
    fn what_can_change_under_its_name_is_asked_about() {
        check(&NO_CACHE, &["index.html", "a.xhtml", "feed.xml", "feed.rss", "feed.atom"]);
        check(&NO_CACHE, &["style.css", "app.js", "app.mjs", "data.json", "site.webmanifest"]);
        check(&NO_CACHE, &["robots.txt", "a.pdf", "a.wasm", "a.unheardof", "file", ""]);
    }

    #[test]
    fn media_keeps_for_a_day() {
        check(&DAY, &["a.png", "a.JPG", "a.svg", "favicon.ico", "a.avif", "a.webp"]);
        check(&DAY, &["a.woff2", "a.ttf", "a.otf", "a.eot", "a.mp3", "a.opus", "a.mp4", "a.webm"]);
        check(&DAY, &["a.zip", "a.tar.gz", "a.tgz", "a.tar", "a.xz", "a.zst", "a.7z", "a.rar"]);
    }

    #[test]
    fn fingerprinted_names_never_change() {
        check(&IMMUTABLE, &["app.3f2a9c1d.js", "app-3F2A9C1D.css", "app.3f2a9c1d4e5f6a7b.js"]);
        check(&IMMUTABLE, &["chunk-5V4XNBDP.js", "a.b-c.12345678.png", "-3f2a9c1d.woff2"]);
        check(&IMMUTABLE, &["data-3f2a9c1d.json", "a.3f2a9c1d.zip", "a.3f2A9c1D.unheardof"]);
    }

    #[test]
    fn what_only_looks_like_a_fingerprint() {
        // Documents, names without an extension, and no separator in front.
        check(&NO_CACHE, &["post-20240101.html", "app.3f2a9c1d", "app-3f2a9c1d", "3f2a9c1d.js"]);
        check(&NO_CACHE, &["feed.3f2a9c1d.xml", "feed-3f2a9c1d.rss", "app_3f2a9c1d.js"]);
        // Too short, no digit, or neither alphabet.
        check(&NO_CACHE, &["app.3f2a9c1.js", "app.deadbeef.js", "app-DOCUMENT.js", "a-b.js"]);
        check(&NO_CACHE, &["app.3f2a9c1g.js", "app-5v4xnbdp.js", "app-5V4XNBD1.js", "app-.js"]);
        check(&NO_CACHE, &["app.3f2a9c1d.min.js", "app.3f2a9c1d.js.map"]);
        check(&DAY, &["3f2a9c1d.png", "photo-sunshine.jpg"]);
    }
}
