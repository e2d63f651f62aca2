//! One segment, tried on the tokens of a pattern.

use std::ops::Range;

use super::{Captures, Token};

/// The start of the last character before `end`: no name is empty.
fn before_last(text: &str, range: Range<usize>) -> Option<usize> {
    text[range.clone()].char_indices().next_back().map(|(at, _)| range.start + at)
}

/// Matches the tokens from the right, each name as short as may be. Names further left then have
/// all the room there is, so they take what the greedy ones of a regular expression take. Gives
/// where the match begins, and the name that has not got its text yet.
fn from_right(
    tokens: &[Token],
    text: &str,
    range: Range<usize>,
    captures: &mut Captures,
) -> Option<(usize, Option<usize>)> {
    let Range { start, mut end } = range;
    let mut pending = None;
    for (at, token) in tokens.iter().enumerate().rev() {
        match (token, pending) {
            (Token::Text(literal), None) => {
                if !text[start..end].ends_with(&**literal) {
                    return None;
                }
                end -= literal.len();
            }
            (Token::Text(literal), Some(name)) => {
                let room = start..before_last(text, start..end)?;
                let found = match at {
                    0 => text[room].starts_with(&**literal).then_some(0)?,
                    _ => text[room].rfind(&**literal)?,
                };
                captures[name] = start + found + literal.len()..end;
                (end, pending) = (start + found, None);
            }
            (Token::Name(name), None) => pending = Some(*name),
            (Token::Name(name), Some(right)) => {
                let cut = before_last(text, start..end)?;
                captures[right] = cut..end;
                (end, pending) = (cut, Some(*name));
            }
        }
    }
    Some((end, pending))
}

/// Matches all of a segment.
pub(super) fn whole(
    tokens: &[Token],
    text: &str,
    range: Range<usize>,
    captures: &mut Captures,
) -> bool {
    let start = range.start;
    match from_right(tokens, text, range, captures) {
        Some((end, Some(name))) => {
            captures[name] = start..end;
            end > start
        }
        Some((end, None)) => end == start,
        None => false,
    }
}

/// Matches the end of a segment, behind a `*`; gives where the match begins. The `*` is greedy, so
/// a name right behind it gets one character.
pub(super) fn suffix(
    tokens: &[Token],
    text: &str,
    range: Range<usize>,
    captures: &mut Captures,
) -> Option<usize> {
    let start = range.start;
    // What begins with a text may begin anywhere: the text is not held to the start.
    let anchored = matches!(tokens.first(), Some(Token::Text(_))) && tokens.len() > 1;
    if anchored {
        let (Token::Text(literal), rest) = (&tokens[0], &tokens[1..]) else { return None };
        let (end, pending) = from_right(rest, text, range, captures)?;
        let name = pending?;
        let room = start..before_last(text, start..end)?;
        let found = start + text[room].rfind(&**literal)?;
        captures[name] = found + literal.len()..end;
        return Some(found);
    }
    match from_right(tokens, text, range, captures)? {
        (end, Some(name)) => {
            let cut = before_last(text, start..end)?;
            captures[name] = cut..end;
            Some(cut)
        }
        (end, None) => Some(end),
    }
}

/// Matches the beginning of a segment, before a `*`; gives where the match ends.
pub(super) fn prefix(
    tokens: &[Token],
    text: &str,
    range: Range<usize>,
    captures: &mut Captures,
) -> Option<usize> {
    let Range { start, end } = range;
    if end < start {
        return None;
    }
    let (rest, stop, next) = match tokens {
        [] => return Some(start),
        [Token::Text(literal)] => {
            return text[start..end].starts_with(&**literal).then(|| start + literal.len());
        }
        [rest @ .., Token::Text(literal)] => {
            let found = start + text[start..end].rfind(&**literal)?;
            (rest, found, found + literal.len())
        }
        rest => (rest, end, end),
    };
    whole(rest, text, start..stop, captures).then_some(next)
}
