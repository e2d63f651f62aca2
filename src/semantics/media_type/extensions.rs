//! Types that `mime_guess` does not know, or knows by a name that is outdated or means another thing.
//!
//! Reviewed against IANA's register, by way of mime-db, and the lists of nginx and Apache httpd
//! (2026-11). IANA's name stands; where that is the name of a thing that nobody keeps on a site any
//! more, what people mean by the extension stands. Text that browsers would only offer to save is
//! `text/plain`, so that it can be read.

/// The type of a file with this extension, whatever its case.
pub(super) fn amended(extension: &str) -> Option<&'static str> {
    let of = |known: &&(&str, &'static str)| known.0.eq_ignore_ascii_case(extension);
    AMENDMENTS.iter().find(of).map(|(_, essence)| *essence).or_else(|| {
        PLAIN_TEXT.iter().any(|one| one.eq_ignore_ascii_case(extension)).then_some("text/plain")
    })
}

/// The type of a file whose whole name is this, without an extension.
pub(super) fn without_extension(name: &str) -> Option<&'static str> {
    if name == "apple-app-site-association" {
        return Some("application/json");
    }
    PLAIN_NAMES.contains(&name).then_some("text/plain")
}

const AMENDMENTS: &[(&str, &str)] = &[
    ("3mf", "model/3mf"),
    ("aab", "application/octet-stream"),
    ("amr", "audio/amr"),
    ("appimage", "application/vnd.appimage"),
    ("appinstaller", "application/appinstaller"),
    ("appx", "application/appx"),
    ("appxbundle", "application/appxbundle"),
    ("arrow", "application/vnd.apache.arrow.file"),
    ("ass", "text/x-ssa"),
    ("azw3", "application/vnd.amazon.mobi8-ebook"),
    ("cab", "application/vnd.ms-cab-compressed"),
    ("cbor", "application/cbor"), // RFC 8949
    ("cbr", "application/vnd.comicbook-rar"),
    ("cbz", "application/vnd.comicbook+zip"),
    ("cer", "application/pkix-cert"), // RFC 2585
    ("cjs", "text/javascript"),       // RFC 9239
    ("cur", "image/x-icon"),
    ("dbf", "application/vnd.dbf"),
    ("dds", "image/vnd.ms-dds"),
    ("deb", "application/vnd.debian.binary-package"),
    ("dfxp", "application/ttaf+xml"),
    ("dmg", "application/x-apple-diskimage"),
    ("drawio", "application/vnd.jgraph.mxfile"),
    ("dtd", "application/xml-dtd"), // RFC 7303
    ("dwg", "image/vnd.dwg"),
    ("dxf", "image/vnd.dxf"),
    ("emf", "image/emf"), // RFC 7903
    ("fb2", "application/x-fictionbook+xml"),
    ("fit", "application/vnd.ant.fit"),
    ("flatpak", "application/vnd.flatpak"),
    ("flatpakref", "application/vnd.flatpak.ref"),
    ("flatpakrepo", "application/vnd.flatpak.repo"),
    ("geojsonl", "application/geo+json-seq"), // RFC 8142
    ("har", "application/json"),
    ("ical", "text/calendar"), // RFC 5545
    ("ipynb", "application/x-ipynb+json"),
    ("jsonl", "application/jsonl"),
    ("jwk", "application/jwk+json"),      // RFC 7517
    ("jwks", "application/jwk-set+json"), // RFC 7517
    ("jxr", "image/jxr"),
    ("ktx2", "image/ktx2"),
    ("lz", "application/x-lzip"),
    ("lz4", "application/x-lz4"),
    ("m2ts", "video/mp2t"),
    ("m3u8", "application/vnd.apple.mpegurl"), // RFC 8216
    ("m4a", "audio/mp4"),                      // RFC 4337
    ("m4b", "audio/mp4"),                      // RFC 4337
    ("m4r", "audio/mp4"),                      // RFC 4337
    ("m4v", "video/mp4"),                      // RFC 4337
    ("map", "application/json"),               // source maps (ECMA-426)
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("mjs", "text/javascript"), // RFC 9239
    ("mobileconfig", "application/x-apple-aspen-config"),
    ("mobileprovision", "application/x-apple-aspen-mobileprovision"),
    ("msgpack", "application/vnd.msgpack"),
    ("msix", "application/msix"),
    ("msixbundle", "application/msixbundle"),
    ("mtl", "model/mtl"),
    ("mts", "video/mp2t"),
    ("mvt", "application/vnd.mapbox-vector-tile"),
    ("ndjson", "application/x-ndjson"),
    ("numbers", "application/vnd.apple.numbers"),
    ("obj", "model/obj"),
    ("osm", "application/vnd.openstreetmap.data+xml"),
    ("otf", "font/otf"), // RFC 8081
    ("ovpn", "application/x-openvpn-profile"),
    ("owl", "application/rdf+xml"),
    ("pages", "application/vnd.apple.pages"),
    ("plist", "application/x-plist"),
    ("pls", "audio/x-scpls"),
    ("pmtiles", "application/vnd.pmtiles"),
    ("psd", "image/vnd.adobe.photoshop"),
    ("rar", "application/vnd.rar"),
    ("reality", "model/vnd.reality"),
    ("rpm", "application/x-rpm"),
    ("snap", "application/vnd.snap"),
    ("spdx", "text/spdx"),
    ("sql", "application/sql"), // RFC 6922
    ("sqlite", "application/vnd.sqlite3"),
    ("sqlite3", "application/vnd.sqlite3"),
    ("ssa", "text/x-ssa"),
    ("step", "model/step"),
    ("stl", "model/stl"),
    ("stp", "model/step"),
    ("tbz", "application/x-bzip2"),
    ("tbz2", "application/x-bzip2"),
    ("tcx", "application/vnd.garmin.tcx+xml"),
    ("tgz", "application/gzip"), // RFC 6713
    ("toml", "application/toml"),
    ("topojson", "application/json"),
    ("ts", "video/mp2t"), // RFC 3555; a browser runs no TypeScript
    ("ttml", "application/ttml+xml"),
    ("txz", "application/x-xz"),
    ("tzst", "application/zstd"), // RFC 8878
    ("udeb", "application/vnd.debian.binary-package"),
    ("usda", "model/vnd.usda"),
    ("usdz", "model/vnd.usdz+zip"),
    ("vcf", "text/vcard"), // RFC 6350
    ("wbn", "application/webbundle"),
    ("wgsl", "text/wgsl"),
    ("whl", "application/zip"),
    ("wmf", "image/wmf"),  // RFC 7903
    ("woff", "font/woff"), // RFC 8081
    ("wrl", "model/vrml"), // RFC 2077
    ("wsdl", "application/wsdl+xml"),
    ("xlf", "application/xliff+xml"),
    ("xliff", "application/xliff+xml"),
    ("xml", "application/xml"), // RFC 7303 §9.2: text/xml is an alias
    ("xsd", "application/xml"), // RFC 7303
    ("xsl", "application/xslt+xml"),
    ("xslt", "application/xslt+xml"),
    ("yaml", "application/yaml"), // RFC 9512
    ("yml", "application/yaml"),  // RFC 9512
    ("zst", "application/zstd"),  // RFC 8878
];

/// Extensions of text that has no type of its own, or one that browsers do not show.
///
/// `org` is no Lotus Organizer, `pub` a public key and not of Publisher, `pot` a template of
/// translations and not of slides.
const PLAIN_TEXT: &[&str] = &[
    "adoc",
    "asciidoc",
    "bash",
    "bib",
    "buildinfo",
    "changes",
    "clj",
    "cmake",
    "csr",
    "cue",
    "desktop",
    "diff",
    "dsc",
    "env",
    "erl",
    "ex",
    "exs",
    "fish",
    "frag",
    "gcode",
    "glsl",
    "go",
    "gradle",
    "graphql",
    "groovy",
    "hs",
    "java",
    "jl",
    "jsonc",
    "kt",
    "lock",
    "lrc",
    "m",
    "md5",
    "minisig",
    "ml",
    "mmd",
    "nim",
    "nix",
    "org",
    "patch",
    "po",
    "pot",
    "properties",
    "proto",
    "ps1",
    "psm1",
    "pub",
    "puml",
    "pyi",
    "r",
    "rb",
    "rst",
    "sbv",
    "scala",
    "service",
    "sha1",
    "sha256",
    "sha512",
    "svelte",
    "swift",
    "tf",
    "tsx",
    "vert",
    "vue",
    "wat",
    "zig",
    "zsh",
];

/// Names of text files that have no extension by custom.
const PLAIN_NAMES: &[&str] = &[
    "AUTHORS",
    "CHANGELOG",
    "CHANGES",
    "CNAME",
    "CONTRIBUTING",
    "CONTRIBUTORS",
    "COPYING",
    "COPYRIGHT",
    "CREDITS",
    "Containerfile",
    "Dockerfile",
    "FAQ",
    "HISTORY",
    "INSTALL",
    "InRelease",
    "Jenkinsfile",
    "LICENCE",
    "LICENSE",
    "MAINTAINERS",
    "MD5SUMS",
    "Makefile",
    "NEWS",
    "NOTICE",
    "Packages",
    "README",
    "Release",
    "SECURITY",
    "SHA1SUMS",
    "SHA256SUMS",
    "SHA512SUMS",
    "THANKS",
    "TODO",
    "VERSION",
    "Vagrantfile",
    "justfile",
];

/// A file name for each row, for the tests.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = String> {
    let extensions = AMENDMENTS.iter().map(|(extension, _)| extension).chain(PLAIN_TEXT);
    let names = PLAIN_NAMES.iter().map(ToString::to_string);
    extensions.filter(|one| **one != "aab").map(|one| format!("x.{one}")).chain(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_amendment_is_needed_and_there_once() {
        let plain = PLAIN_TEXT.iter().map(|extension| (*extension, "text/plain"));
        let all: Vec<_> = AMENDMENTS.iter().copied().chain(plain).collect();
        for (index, (extension, essence)) in all.iter().enumerate() {
            assert_ne!(mime_guess::from_ext(extension).first_raw(), Some(*essence), "{extension}");
            assert!(all[..index].iter().all(|(other, _)| other != extension), "{extension}");
        }
    }
}
