//! Explanations of refusals to clients: a line of text for each reason, made when the first is
//! refused for it and kept from then on. Who is refused asks again, and often.

use std::fmt::Display;
use std::sync::OnceLock;

use bytes::Bytes;
use http::StatusCode;

use super::refusal::Refusal;
use crate::semantics::target::InvalidPath;
use crate::visitor::bot::{self, Rule};

/// One line for each reason of a kind, by its place among them.
type Explanations<const COUNT: usize> = [OnceLock<Bytes>; COUNT];

/// For a head that cannot be answered.
pub(super) fn of_head(refusal: Refusal) -> Bytes {
    static LINES: Explanations<8> = [const { OnceLock::new() }; 8];
    kept(&LINES, refusal as usize, refusal.status(), &refusal)
}

/// For a path that is none.
pub(super) fn of_path(invalid: InvalidPath) -> Bytes {
    static LINES: Explanations<6> = [const { OnceLock::new() }; 6];
    kept(&LINES, invalid as usize, StatusCode::BAD_REQUEST, &invalid)
}

/// For a bot that is refused by `rule`.
pub(super) fn of_bot(rule: &'static Rule) -> Bytes {
    static LINES: Explanations<8> = [const { OnceLock::new() }; 8];
    let place = bot::RULES.iter().position(|known| std::ptr::eq(known, rule));
    kept(&LINES, place.unwrap_or(LINES.len()), StatusCode::FORBIDDEN, rule)
}

/// The line at `place`. A reason that has no place has its line made each time.
fn kept(
    lines: &'static [OnceLock<Bytes>],
    place: usize,
    status: StatusCode,
    reason: &dyn Display,
) -> Bytes {
    let make = || Bytes::from(format!("{status}: {reason}\n"));
    match lines.get(place) {
        // Shared by reference: nothing is counted.
        Some(line) => Bytes::from_static(line.get_or_init(make)),
        None => make(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_line() {
        let heads = [Refusal::Malformed, Refusal::Host, Refusal::Late];
        let paths = [InvalidPath::MalformedEscape, InvalidPath::Nul, InvalidPath::NotAbsolute];
        let mut told = std::collections::HashSet::new();
        for _ in 0..2 {
            for refusal in heads {
                let line = of_head(refusal);
                assert_eq!(line, format!("{}: {refusal}\n", refusal.status()));
                told.insert(line);
            }
            for invalid in paths {
                let line = of_path(invalid);
                assert_eq!(line, format!("400 Bad Request: {invalid}\n"));
                told.insert(line);
            }
            for rule in bot::RULES {
                let line = of_bot(rule);
                assert_eq!(line, format!("403 Forbidden: {rule}\n"));
                told.insert(line);
            }
        }
        assert_eq!(told.len(), heads.len() + paths.len() + bot::RULES.len());
    }
}
