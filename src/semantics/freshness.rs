//! How long a cache may use a file without asking: Cache-Control (RFC 9111 §5.2.2).

mod fingerprint;

use http::HeaderValue;

/// May be stored, must be asked about each time: a 304 costs little, a stale page costs trust.
pub const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Never asked about again, for a name that changes with its content. A year is what caches take
/// for ever; `immutable` stops the questions on reload (RFC 8246).
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A day, for what is big, seldom changes, and does no harm when it is a day old.
pub const DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// The Cache-Control of a file by its name and media type.
#[must_use]
pub fn cache_control(file_name: &str, essence: &str) -> HeaderValue {
    let Some((stem, _extension)) = file_name.rsplit_once('.') else { return NO_CACHE };
    if is_document(essence) || is_playlist(essence) {
        NO_CACHE
    } else if fingerprint::ends(stem, essence) {
        IMMUTABLE
    } else if is_media(essence) && !names_the_present(stem) {
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

/// Playlists of what is broadcast, and their pieces: both come again under the same name.
fn is_playlist(essence: &str) -> bool {
    matches!(
        essence,
        "application/dash+xml"
            | "application/vnd.apple.mpegurl"
            | "application/xspf+xml"
            | "audio/x-mpegurl"
            | "audio/x-pn-realaudio"
            | "audio/x-scpls"
            | "video/mp2t"
            | "video/x-ms-asf"
    )
}

/// Images, fonts, audio and video. Archives are asked about: `Packages.gz` and `APKINDEX.tar.gz`
/// must fit the files beside them, and a download is big enough for a question.
fn is_media(essence: &str) -> bool {
    ["image/", "font/", "audio/", "video/"].iter().any(|kind| essence.starts_with(kind))
        || essence == "application/vnd.ms-fontobject"
}

/// True if a word of the name says that the file is about to change: `webcam.jpg`.
fn names_the_present(stem: &str) -> bool {
    const PRESENT: &[&str] = &["current", "latest", "live", "now", "today", "webcam"];
    let mut words = stem.split(|byte: char| !byte.is_ascii_alphabetic());
    words.any(|word| PRESENT.iter().any(|present| word.eq_ignore_ascii_case(present)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semantics::media_type;

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
        check(&NO_CACHE, &["live.m3u8", "radio.m3u", "radio.PLS", "film.mpd", "list.xspf"]);
        check(&NO_CACHE, &["index.3f2a9c1d.m3u8", "segment-00001.ts", "chunk-00001.m4s"]);
        check(&NO_CACHE, &["Packages.gz", "Packages.xz", "APKINDEX.tar.gz", "db.tar.zst"]);
        check(&NO_CACHE, &["a.zip", "a.tgz", "a.tar", "a.7z", "a.rar", "a.deb", "a.rpm"]);
        check(&NO_CACHE, &["webcam.jpg", "radar-latest.png", "stream_live.mp3", "Today.webp"]);
    }

    #[test]
    fn media_keeps_for_a_day() {
        check(&DAY, &["a.png", "a.JPG", "a.svg", "favicon.ico", "a.avif", "a.webp"]);
        check(&DAY, &["a.woff2", "a.ttf", "a.otf", "a.eot", "a.mp3", "a.opus", "a.mp4", "a.webm"]);
        check(&DAY, &["alive.jpg", "currents.png", "snow.webp", "photo-20240101.jpg"]);
    }

    #[test]
    fn fingerprinted_names_never_change() {
        check(&IMMUTABLE, &["app.3f2a9c1d.js", "index-BsXz9aCk.css", "a.3f2a9c1d.zip"]);
        check(&NO_CACHE, &["post-3f2a9c1d.html", "feed.3f2a9c1d.xml", "feed-3f2a9c1d.rss"]);
        check(&NO_CACHE, &["app.3f2a9c1d", "app.3f2a9c1d.min.js", "app.3f2a9c1d.js.map"]);
    }
}
