//! Rules of a site: read, and looked up, as many as there may be.

use std::hint::black_box;

use shost::rules::source::Asked;
use shost::rules::{DYNAMIC_LIMIT, Headers, Names, Redirects};
use shost::semantics::target::{Path, Resolved};

use super::Step;

/// Lines of the longest file that is known.
const LINES: usize = 45_000;

/// Blocks of a site that is careful about its fields.
const BLOCKS: usize = 20;

const HOST: &str = "example.com";

/// The step of that name.
pub(super) fn step(name: &str) -> Option<Step> {
    Some(match name {
        "redirects, 45,000 lines read" => {
            let file = lines();
            Step::new(move || {
                black_box(Redirects::read(black_box(file.as_bytes()), &names()));
            })
        }
        "redirects, first of 45,000" => found(&lines(), "/p/1", "/q/1"),
        "redirects, none of 45,000" => missed(&lines(), "/blog/2026/a-long-title/photo.webp"),
        "redirects, last of 1,000 patterns" => {
            found(&patterns(), "/blog/2026/a-long-title/999", "/2026-a-long-title-999")
        }
        "redirects, none of 1,000 patterns" => {
            missed(&patterns(), "/blog/2026/a-long-title/photo.webp")
        }
        "fields of 20 blocks" => fields(),
        _ => return None,
    })
}

/// Redirects of one path each, in a file that is nearly as long as may be.
fn lines() -> String {
    (0..LINES).flat_map(|n| ["/p/".to_owned(), format!("{n} /q/{n} 301\n")]).collect()
}

/// Patterns that have nothing by which they could be told from each other but their end.
fn patterns() -> String {
    let pattern = |n| ["/:a/:year/*/".to_owned(), format!("{n} /:year-:splat-{n}\n")];
    (0..DYNAMIC_LIMIT).flat_map(pattern).collect()
}

/// Blocks for all paths, and for some.
pub(super) fn blocks() -> String {
    let block = |n| {
        let path = if n % 2 == 0 { "/*" } else { "/:page.html" };
        format!("{path}\n  X-Field-{n}: a value of some length, as they have\n")
    };
    (0..BLOCKS).map(block).collect::<Vec<_>>().concat()
}

fn names() -> Names {
    Names::of(HOST)
}

fn read(file: &str) -> Redirects {
    let (redirects, problems) = Redirects::read(file.as_bytes(), &names());
    assert_eq!(problems.first(), None);
    redirects
}

fn found(file: &str, path: &'static str, expected: &'static str) -> Step {
    let (redirects, path) = (read(file), path_of(path));
    Step::new(move || {
        let found = redirects.find(black_box(HOST), black_box(&path), None);
        let Some(shost::rules::Matched::Moved { location, .. }) = found else {
            panic!("{found:?}")
        };
        assert_eq!(location, expected);
    })
}

fn missed(file: &str, path: &'static str) -> Step {
    let (redirects, path) = (read(file), path_of(path));
    Step::new(move || {
        assert_eq!(redirects.find(black_box(HOST), black_box(&path), None), None);
    })
}

fn fields() -> Step {
    let (headers, problems) = Headers::read(blocks().as_bytes(), &names());
    assert_eq!(problems, []);
    Step::new(move || {
        let asked = Asked::new(black_box(HOST), black_box("/1k.html"));
        black_box(headers.matching(&asked).overlay());
    })
}

fn path_of(raw: &'static str) -> Path<'static> {
    let Ok(Resolved::Path(path)) = Path::resolve(raw) else { panic!("{raw}") };
    path
}
