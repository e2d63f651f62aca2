//! The layers of the source: each imports only downward, every file says what it is and stays small.

use std::fs;
use std::path::{Path, PathBuf};

/// A layer: the paths below `src/` that are in it, what it may not name, and why.
struct Layer {
    paths: &'static [&'static str],
    forbidden: &'static [&'static str],
    reason: &'static str,
}

const LAYERS: [Layer; 7] = [
    Layer {
        paths: &["semantics/", "field_compression/", "coding/", "visitor/", "rules/"],
        forbidden: &[
            "crate::site",
            "crate::log",
            "crate::certificates",
            "crate::service",
            "crate::protocol",
            "crate::server",
            "crate::command",
            "crate::process",
            "tokio",
            "std::fs",
            "std::net",
            "tracing",
        ],
        reason: "is pure: no files, clocks, sockets, runtime or logs",
    },
    Layer {
        paths: &["process/", "ledger/"],
        forbidden: &[
            "crate::semantics",
            "crate::coding",
            "crate::visitor",
            "crate::rules",
            "crate::site",
            "crate::log",
            "crate::certificates",
            "crate::service",
            "crate::protocol",
            "crate::server",
            "crate::command",
        ],
        reason: "knows the system and nothing of what is served",
    },
    Layer {
        paths: &["site/", "log/"],
        forbidden: &[
            "crate::certificates",
            "crate::service",
            "crate::protocol",
            "crate::server",
            "crate::command",
            "http::StatusCode",
        ],
        reason: "knows neither connections nor status codes",
    },
    Layer {
        paths: &["certificates/"],
        forbidden: &[
            "crate::site",
            "crate::service",
            "crate::protocol",
            "crate::server",
            "crate::command",
            "http::StatusCode",
            "tokio",
        ],
        reason: "knows pairs of certificate and key, and nothing of sites and connections",
    },
    Layer {
        paths: &["service/"],
        forbidden: &["crate::protocol", "crate::server", "crate::command", "rustls", "std::fs"],
        reason: "knows no sockets and no TLS",
    },
    Layer {
        paths: &["protocol/"],
        forbidden: &[
            "crate::site",
            "crate::certificates",
            "crate::server",
            "crate::command",
            "rustls",
            "std::fs",
        ],
        reason: "knows bytes, requests and responses, and not where they come from",
    },
    Layer {
        paths: &["server/"],
        forbidden: &["crate::command"],
        reason: "knows nothing of what was typed",
    },
];

/// The most lines a file may have; a longer one holds more than one idea.
const MAX_LINES: usize = 400;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file that ships: its path below `src/` and its text.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("source is text");
                let name = path.strip_prefix(source()).expect("it is below src");
                files.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    assert!(!files.is_empty(), "no source was found");
    for name in files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>() {
        if is_test_module(&name, &files) {
            let modules = format!("{}/", name.trim_end_matches(".rs"));
            files.retain(|(file, _)| *file != name && !file.starts_with(&modules));
        }
    }
    files
}

/// The code that ships: without comments and without what stands behind `#[cfg(test)]`, which is
/// one item that ends on its line, or the rest of the file.
fn shipped(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") {
            if lines.next().is_some_and(|item| item.ends_with(';')) {
                continue;
            }
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    code
}

/// True if one of these files declares `name` as a module of its tests.
fn is_test_module(name: &str, files: &[(String, String)]) -> bool {
    let stem = name.trim_end_matches(".rs");
    files.iter().any(|(parent, text)| {
        let folder = match parent.trim_end_matches(".rs") {
            "lib" | "main" => "",
            parent => parent.trim_end_matches("/mod"),
        };
        let module = stem.strip_prefix(folder).map(|rest| rest.trim_start_matches('/'));
        let Some(module) = module.filter(|module| !module.contains('/')) else { return false };
        let declared = format!("mod {module};");
        let lines: Vec<_> = text.lines().collect();
        lines.windows(2).any(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with(&declared))
    })
}

/// The code with every `crate::{a::b, c}` also written as `crate::a::b crate::c`.
fn spelled_out(code: &str) -> String {
    let mut spelled = vec![code.to_owned()];
    for root in ["crate", "std", "http"] {
        let group = format!("{root}::{{");
        for (at, _) in code.match_indices(&group) {
            let mut depth = 1;
            let mut name = String::new();
            for letter in code[at + group.len()..].chars() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => (),
                }
                if depth == 0 || (depth == 1 && letter == ',') {
                    spelled.push(format!("{root}::{}", name.trim()));
                    name.clear();
                } else {
                    name.push(letter);
                }
                if depth == 0 {
                    break;
                }
            }
        }
    }
    spelled.join(" ")
}

/// True if the code names `path` as a whole word: `crate::site` is not in `crate::sites`.
fn names(code: &str, path: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + path.len()..].chars().next();
        // A crate is named where a path begins or as a path: `tokio::`, `use tokio;`.
        let starts = before.is_none_or(|letter| !word(letter) && letter != '.');
        let is_path = path.contains("::") || after == Some(':') || after == Some(';');
        starts && is_path && after.is_none_or(|letter| !word(letter))
    })
}

#[test]
fn each_layer_imports_only_downward() {
    let mut wrong = Vec::new();
    for (name, text) in files() {
        let code = spelled_out(&shipped(&text));
        for Layer { paths, forbidden, reason } in &LAYERS {
            if !paths.iter().any(|path| name.starts_with(path)) {
                continue;
            }
            let found = forbidden.iter().filter(|path| names(&code, path));
            wrong.extend(found.map(|path| format!("src/{name} names {path}, but {reason}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_folder_is_in_one_layer() {
    for (name, _) in files() {
        let Some((folder, _)) = name.split_once('/') else { continue };
        let folder = format!("{folder}/");
        let layers = LAYERS.iter().filter(|layer| layer.paths.contains(&folder.as_str())).count();
        // Nothing is above the words that were typed.
        let expected = usize::from(folder != "command/");
        assert_eq!(layers, expected, "src/{folder} is in {layers} layers");
    }
}

#[test]
fn the_finder_of_imports_finds_them() {
    let rows = [
        ("use crate::site::Snapshot;", "crate::site", true),
        ("use crate::{http, site::Snapshot};", "crate::site", true),
        ("use crate::{http::{self, host}, service};", "crate::service", true),
        ("use crate::{http::{self, host}};", "crate::host", false),
        ("let x = std::fs::read_dir(p);", "std::fs", true),
        ("use std::{fmt, fs};", "std::fs", true),
        ("use tokio::sync::Mutex;", "tokio", true),
        ("// like tokio::sync", "tokio", false),
        ("use crate::sites::All;", "crate::site", false),
        ("let tokio = 1;", "tokio", false),
        ("use http::{HeaderMap, StatusCode};", "http::StatusCode", true),
        ("fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}", "std::fs", false),
        ("#[cfg(test)]\nmod tests;\nuse std::fs;", "std::fs", true),
    ];
    for (text, path, found) in rows {
        assert_eq!(names(&spelled_out(&shipped(text)), path), found, "{path} in {text:?}");
    }
}

#[test]
fn no_folder_holds_more_than_a_fifth() {
    let mut lines = std::collections::BTreeMap::<_, usize>::new();
    let mut all = 0;
    for (name, text) in files() {
        let folder = name.split_once('/').map_or("", |(folder, _)| folder);
        let count = text.lines().count();
        *lines.entry(folder.to_owned()).or_default() += count;
        all += count;
    }
    let large: Vec<_> = lines.iter().filter(|(_, count)| **count * 5 > all).collect();
    assert!(large.is_empty(), "of {all} lines: {large:?}");
}

#[test]
fn every_file_says_what_it_is_and_stays_small() {
    let mut wrong = Vec::new();
    for (name, text) in files() {
        if !text.starts_with("//! ") {
            wrong.push(format!("src/{name} does not begin with its module doc"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("src/{name} has {lines} lines, more than {MAX_LINES}"));
        }
        if shipped(&text).contains(".unwrap()") {
            wrong.push(format!("src/{name} unwraps outside its tests"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
