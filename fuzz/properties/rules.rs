//! Rules of a site: what was read is printed and read again, and matching is that of the regular
//! expressions which the patterns stand for.

use http::HeaderValue;
use shost::rules::redirects::Redirect;
use shost::rules::source::Asked;
use shost::rules::{
    ADDED_LIMIT, HEADER_LINE_LIMIT, Headers, Matched, Names, REDIRECT_LINE_LIMIT, Redirects, Source,
};
use shost::semantics::target::file_name::text_of;
use shost::semantics::target::{Path, Resolved};

/// The host that rules are read for.
const HOST: &str = "example.com";

/// Longer paths teach nothing, and the model takes the square of their length.
const LONGEST: usize = 200;

/// Holds of a file of redirects and a path that is asked for.
pub(crate) fn redirects(file: &[u8], target: &str) {
    let names = Names::of(HOST);
    let (rules, problems) = Redirects::read(file, &names);
    for problem in &problems {
        assert!(problem.line > 0 && !problem.reason.is_empty() && !problem.mend.is_empty());
    }
    let printed = rules.to_string();
    if printed.lines().all(|line| line.len() <= REDIRECT_LINE_LIMIT) {
        let (again, problems) = Redirects::read(printed.as_bytes(), &names);
        assert_eq!(problems, [], "{printed}");
        assert_eq!(again.to_string(), printed);
        for (rule, again) in rules.rules().iter().zip(again.rules()) {
            assert_eq!(rule.from.source, again.from.source, "{printed}");
            assert_eq!(rule.target(), again.target(), "{printed}");
        }
    }
    let Some(path) = path(target) else { return };
    let asked = Asked::new(HOST, path.as_str());
    let found: Vec<_> = rules
        .matching(&asked)
        .map(|(rule, _)| (rule.from.line, values(&rule.from.source, &asked)))
        .collect();
    let model =
        |rule: &Redirect| Some((rule.from.line, matched(&rule.from.source, path.as_str())?));
    let expected: Vec<_> = rules.rules().iter().filter_map(model).collect();
    assert_eq!(
        found.iter().map(|(line, _)| line).collect::<Vec<_>>(),
        expected.iter().map(|(line, _)| line).collect::<Vec<_>>(),
        "{printed}{target}"
    );
    for ((line, found), (_, expected)) in found.iter().zip(&expected) {
        assert_eq!(found.as_ref(), Some(expected), "line {line} of {printed}{target}");
    }
    match rules.find(HOST, &path, Some("q=1")) {
        Some(Matched::Moved { status, location }) => {
            assert!((300..400).contains(&status));
            leads_to_a_place(&location);
        }
        Some(Matched::Page { page: Some(page), .. }) => {
            assert!(page.as_str().starts_with('/') && !page.as_str().contains("//"));
        }
        Some(Matched::Page { page: None, .. }) | None => {}
    }
}

/// A place is a path of this host, or a URL; and no more than visible ASCII.
fn leads_to_a_place(location: &str) {
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
    assert!(!location.contains('\\'), "{location}");
    let is_path = location.starts_with('/') && !location.starts_with("//");
    let is_url = location.starts_with("https://") || location.starts_with("http://");
    assert!(is_path || is_url, "{location}");
}

/// Holds of a file of fields and a path that is asked for.
pub(crate) fn headers(file: &[u8], target: &str) {
    let names = Names::of(HOST);
    let (headers, _) = Headers::read(file, &names);
    let printed = headers.to_string();
    if printed.lines().all(|line| line.len() <= HEADER_LINE_LIMIT) {
        let (again, problems) = Headers::read(printed.as_bytes(), &names);
        assert_eq!(problems, [], "{printed}");
        assert_eq!(again.to_string(), printed);
        for (block, again) in headers.blocks().iter().zip(again.blocks()) {
            assert_eq!(block.from.source, again.from.source, "{printed}");
        }
    }
    let Some(path) = path(target) else { return };
    let asked = Asked::new(HOST, path.as_str());
    let overlay = headers.matching(&asked).overlay();
    let fields = overlay.apply(std::iter::empty());
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    assert!(bytes <= ADDED_LIMIT, "{bytes}");
    for (name, value) in &fields {
        let refused = ["content-length", "transfer-encoding", "etag", "location", "connection"];
        assert!(!refused.contains(&name.as_str()), "{name}");
        let is_clean = |byte: &u8| *byte >= b' ' && *byte != 0x7f;
        assert!(HeaderValue::as_bytes(value).iter().all(is_clean), "{name}: {value:?}");
    }
}

fn path(target: &str) -> Option<Path<'_>> {
    match Path::resolve(target) {
        Ok(Resolved::Path(path)) if path.as_str().len() <= LONGEST => Some(path),
        _ => None,
    }
}

fn values(source: &Source, asked: &Asked<'_>) -> Option<Vec<String>> {
    let values = source.values(asked)?;
    Some((0..source.names().count()).map(|at| values.get(at).to_owned()).collect())
}

/// A piece of a pattern, and what stands for itself in the regular expression.
enum Piece {
    Letter(char),
    /// `.*`
    Splat,
    /// `[^/]+`, or `[^.]+` in a host.
    Name,
}

/// The captures of the regular expression that a printed source stands for.
fn matched(source: &Source, path: &str) -> Option<Vec<String>> {
    let printed = source.to_string();
    let Some(rest) = printed.strip_prefix("https://") else {
        return captures(&pieces(&printed), path, '/');
    };
    let (host, beneath) = rest.split_at(rest.find('/')?);
    let mut all = captures(&pieces(host), HOST, '.')?;
    all.extend(captures(&pieces(beneath), path, '/')?);
    Some(all)
}

fn pieces(printed: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal: Vec<u8> = Vec::new();
    let mut letters = printed.char_indices().peekable();
    let flush = |literal: &mut Vec<u8>, pieces: &mut Vec<Piece>| {
        let text = text_of(&std::mem::take(literal));
        pieces.extend(text.chars().map(Piece::Letter));
    };
    while let Some((at, letter)) = letters.next() {
        let next = printed[at + letter.len_utf8()..].chars().next();
        match letter {
            '*' => {
                flush(&mut literal, &mut pieces);
                pieces.push(Piece::Splat);
            }
            ':' if next.is_some_and(|next| next.is_ascii_alphabetic()) => {
                flush(&mut literal, &mut pieces);
                pieces.push(Piece::Name);
                while letters.next_if(|(_, l)| l.is_ascii_alphanumeric() || *l == '_').is_some() {}
            }
            '%' => {
                let digits = &printed[at + 1..at + 3];
                literal.push(u8::from_str_radix(digits, 16).expect("printed as an escape"));
                letters.nth(1);
            }
            letter => literal.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    flush(&mut literal, &mut pieces);
    pieces
}

/// Greedy, with backtracking, and a note of what has failed: what a regular expression gives.
fn captures(pieces: &[Piece], text: &str, separator: char) -> Option<Vec<String>> {
    let letters: Vec<char> = text.chars().collect();
    let mut failed = vec![false; (pieces.len() + 1) * (letters.len() + 1)];
    let mut found = Vec::new();
    search(pieces, &letters, separator, (0, 0), &mut failed, &mut found).then_some(found)
}

fn search(
    pieces: &[Piece],
    letters: &[char],
    separator: char,
    (piece, at): (usize, usize),
    failed: &mut [bool],
    found: &mut Vec<String>,
) -> bool {
    let state = piece * (letters.len() + 1) + at;
    if failed[state] {
        return false;
    }
    let rest = &letters[at..];
    let holds = match pieces.get(piece) {
        None => rest.is_empty(),
        Some(Piece::Letter(letter)) => {
            rest.first() == Some(letter)
                && search(pieces, letters, separator, (piece + 1, at + 1), failed, found)
        }
        Some(kind) => {
            let (least, most) = match kind {
                Piece::Splat => (0, rest.len()),
                _ => (1, rest.iter().position(|l| *l == separator).unwrap_or(rest.len())),
            };
            (least..=most).rev().any(|length| {
                found.push(rest[..length].iter().collect());
                let next = (piece + 1, at + length);
                let holds = search(pieces, letters, separator, next, failed, found);
                if !holds {
                    found.pop();
                }
                holds
            })
        }
    };
    failed[state] = !holds;
    holds
}
