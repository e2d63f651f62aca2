//! Which codings a client takes, and which it likes best (RFC 9110 §12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::{Coding, DICTIONARY_TOKEN};

/// A quality value in thousandths, `q=1` (RFC 9110 §12.4.2).
const FULL: u16 = 1000;

/// The quality of an identity coding that nobody spoke of: acceptable, but any other acceptable
/// coding is better.
const LEAST: u16 = 1;

/// The quality of each coding for one client, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptable {
    /// By the coding's place in [`Coding::ALL`]; 0 is not acceptable.
    quality: [u16; Coding::ALL.len()],
}

impl Acceptable {
    /// The codings to try, best first: by quality, and among equals in shost's own order.
    ///
    /// Identity is always among them, last if the client does not accept it: an answer that it may
    /// throw away is of more use than a 406, which RFC 9110 §15.5.7 leaves to the server.
    pub fn order(self) -> impl Iterator<Item = Coding> {
        let mut codings = Coding::ALL;
        codings.sort_by_key(|coding| std::cmp::Reverse(self.quality(*coding)));
        codings
            .into_iter()
            .filter(move |coding| self.accepts(*coding) || *coding == Coding::Identity)
    }

    /// True if the client accepts the coding.
    #[must_use]
    pub fn accepts(self, coding: Coding) -> bool {
        self.quality(coding) > 0
    }

    fn quality(self, coding: Coding) -> u16 {
        self.quality[coding as usize]
    }
}

/// Reads the Accept-Encoding lines of a request, which are one list.
///
/// Without the field a client would take any coding (RFC 9110 §12.5.3), yet clients that can decode
/// say so; those that do not get identity.
#[must_use]
pub fn preferences(accept_encoding: &HeaderMap) -> Acceptable {
    let mut listed = [None; Coding::ALL.len()];
    let mut others = None;
    for line in accept_encoding.get_all(ACCEPT_ENCODING) {
        for member in line.as_bytes().split(|byte| *byte == b',') {
            let Some((name, quality)) = parse_member(member) else { continue };
            let slot = match coding(name) {
                Some(coding) => &mut listed[coding as usize],
                None if name == b"*" => &mut others,
                None => continue,
            };
            // Named twice, `x-gzip` beside `gzip` for one: the kinder of the two.
            *slot = (*slot).max(Some(quality));
        }
    }
    let mut quality = listed.map(|listed| listed.or(others).unwrap_or(0));
    quality[Coding::Identity as usize] =
        listed[Coding::Identity as usize].or(others).unwrap_or(LEAST);
    Acceptable { quality }
}

/// True if the client takes Zstandard with its dictionary, and likes no other coding better. It has to
/// say so by name: one that has no dictionary does not (RFC 9842 §6.1).
#[must_use]
pub fn prefers_dictionary(accept_encoding: &HeaderMap) -> bool {
    let lines = accept_encoding.get_all(ACCEPT_ENCODING).into_iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let named = members.filter_map(parse_member);
    let is_it = |name: &[u8]| name.eq_ignore_ascii_case(DICTIONARY_TOKEN.as_bytes());
    let quality = named.filter(|(name, _)| is_it(name)).map(|(_, quality)| quality).max();
    let others = preferences(accept_encoding).quality.into_iter().max();
    quality.is_some_and(|quality| quality > 0 && Some(quality) >= others)
}

/// The coding of that name; names are case-insensitive (RFC 9110 §8.4.1).
fn coding(name: &[u8]) -> Option<Coding> {
    // "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"" (RFC 9110 §8.4.1.3).
    if name.eq_ignore_ascii_case(b"x-gzip") {
        return Some(Coding::Gzip);
    }
    Coding::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.token().as_bytes()))
}

/// `codings [ OWS ";" OWS "q=" qvalue ]`; `None` when the weight is not one.
fn parse_member(member: &[u8]) -> Option<(&[u8], u16)> {
    let Some(semicolon) = member.iter().position(|byte| *byte == b';') else {
        return Some((member.trim_ascii(), FULL));
    };
    let weight = member[semicolon + 1..].trim_ascii();
    match weight {
        [b'q' | b'Q', b'=', quality @ ..] => {
            Some((member[..semicolon].trim_ascii(), parse_quality(quality)?))
        }
        _ => None,
    }
}

/// `qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )` (RFC 9110 §12.4.2).
fn parse_quality(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole] => (whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    if !matches!(whole, b'0' | b'1') || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().chain(b"000").take(3);
    let thousandths =
        digits.fold(u16::from(whole - b'0'), |sum, digit| sum * 10 + u16::from(digit - b'0'));
    (thousandths <= FULL).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use Coding::{Brotli, Gzip, Identity, Zstd};

    #[track_caller]
    fn check(lines: &[&str], expected: &[Coding]) {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
        }
        let order: Vec<_> = preferences(&fields).order().collect();
        assert_eq!(order, expected, "{lines:?}");
    }

    #[test]
    fn what_clients_send() {
        check(&[], &[Identity]);
        check(&[""], &[Identity]);
        check(&["identity"], &[Identity]);
        check(&["gzip, deflate"], &[Gzip, Identity]);
        check(&["gzip, deflate, br"], &[Brotli, Gzip, Identity]);
        check(&["gzip, deflate, br, zstd"], &[Zstd, Brotli, Gzip, Identity]);
        check(&["gzip", "br"], &[Brotli, Gzip, Identity]);
    }

    #[test]
    fn quality_goes_before_our_own_order() {
        check(&["zstd;q=0.5, br;q=0.8, gzip"], &[Gzip, Brotli, Zstd, Identity]);
        check(&["gzip;q=0.001"], &[Gzip, Identity]);
        check(&["gzip;q=0.5, identity"], &[Identity, Gzip]);
        check(&["gzip;q=0.5, identity;q=0.5"], &[Gzip, Identity]);
        check(&["identity;q=0.6, *;q=0.5"], &[Identity, Zstd, Brotli, Gzip]);
        check(&["br;q=0.999, gzip;q=1.000"], &[Gzip, Brotli, Identity]);
    }

    #[test]
    fn refusals() {
        check(&["br;q=0, gzip"], &[Gzip, Identity]);
        check(&["gzip;q=0.000"], &[Identity]);
        check(&["identity;q=0"], &[Identity]);
        check(&["*;q=0"], &[Identity]);
        check(&["gzip, *;q=0"], &[Gzip, Identity]);
        check(&["gzip, identity;q=0"], &[Gzip, Identity]);
        check(&["*, br;q=0"], &[Zstd, Gzip, Identity]);
        check(&["*"], &[Zstd, Brotli, Gzip, Identity]);
        let fields = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("*;q=0"))]);
        assert!(!preferences(&fields).accepts(Identity));
    }

    #[test]
    fn a_dictionary_is_used_where_it_is_named_and_nothing_is_liked_better() {
        let table: [(&[&str], bool); 11] = [
            (&["gzip, deflate, br, zstd, dcb, dcz"], true),
            (&["gzip", "DCZ;q=1.0"], true),
            (&["dcz"], true),
            (&["gzip;q=0.5, dcz;q=0.5"], true),
            (&[], false),
            (&["gzip, deflate, br, zstd"], false),
            (&["gzip, dcb"], false),
            (&["*"], false),
            (&["dcz;q=0"], false),
            (&["dcz;q=0.5, zstd"], false),
            (&["dcz;q=2"], false),
        ];
        for (lines, expected) in table {
            let mut fields = HeaderMap::new();
            for line in lines {
                fields.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(prefers_dictionary(&fields), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 9110 §12.5.3
        check(&["compress, gzip"], &[Gzip, Identity]);
        check(&["*"], &[Zstd, Brotli, Gzip, Identity]);
        check(&["compress;q=0.5, gzip;q=1.0"], &[Gzip, Identity]);
        check(&["gzip;q=1.0, identity; q=0.5, *;q=0"], &[Gzip, Identity]);
    }

    #[test]
    fn spelling() {
        check(&["GZIP;Q=0.5 , BR ; q=0.4"], &[Gzip, Brotli, Identity]);
        check(&["x-gzip"], &[Gzip, Identity]);
        check(&["gzip;q=0, x-gzip"], &[Gzip, Identity]);
        check(&[",, gzip ,"], &[Gzip, Identity]);
        check(&["gzipped, brotli, zst"], &[Identity]);
    }

    #[test]
    fn a_member_with_a_bad_weight_is_ignored() {
        for weight in [
            "q=2",
            "q=1.001",
            "q=-1",
            "q=",
            "q=.5",
            "q=0.1234",
            "q=a",
            "q",
            "x=1",
            "",
            "q=0.5;x=1",
            "q =1",
            "q= 1",
            "q=1 0",
        ] {
            check(&[&format!("br;{weight}, gzip")], &[Gzip, Identity]);
        }
        check(&["br;q=1., gzip;q=0."], &[Brotli, Identity]);
    }
}
