//! The lines of a file of rules.

use super::Problem;

/// Bytes that some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Each line that says something, with its number from one and without the space around it; a line
/// that cannot be read is a problem. Empty lines and comments are left out.
pub(super) fn lines(
    file: &[u8],
    limit: usize,
) -> impl Iterator<Item = Result<(usize, &str), Problem>> {
    let file = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    file.split(|byte| *byte == b'\n').zip(1..).filter_map(move |(line, number)| {
        read(line.trim_ascii(), limit)
            .map(|read| read.map(|line| (number, line)))
            .map_err(|(reason, mend)| Problem::new(number, reason, mend))
            .transpose()
    })
}

fn read(line: &[u8], limit: usize) -> Result<Option<&str>, (String, &'static str)> {
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if line.len() > limit {
        let reason = format!("the line is longer than {limit} bytes");
        return Err((reason, "make it shorter, or several of it"));
    }
    let Ok(line) = std::str::from_utf8(line) else {
        return Err(("the line is not UTF-8".into(), "save the file as UTF-8"));
    };
    let line = line.trim();
    if line.contains(|letter: char| letter.is_control() && letter != '\t') {
        return Err(("a control character in the line".into(), "remove it, or write it as %XX"));
    }
    Ok((!line.is_empty() && !line.starts_with('#')).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whatever_wrote_them() {
        let long = "x".repeat(11);
        let table: [(&[u8], &str); 13] = [
            (b"", ""),
            (b"a\nb\n", "1 a|2 b"),
            (b"a\r\n\r\nb\r\n", "1 a|3 b"),
            (b"\xef\xbb\xbfa", "1 a"),
            (b"\t a \t b\n", "1 a \t b"),
            ("\u{a0}a\u{a0}".as_bytes(), "1 a"),
            (b"# a\n  # b\n#\n", ""),
            (b"a # b", "1 a # b"),
            (b"\xff\nb", "1!|2 b"),
            (b"a\0b", "1!"),
            (b"a\rb", "1!"),
            ("a\u{85}b".as_bytes(), "1!"),
            (long.as_bytes(), "1!"),
        ];
        for (file, expected) in table {
            let say = |line: Result<(usize, &str), Problem>| match line {
                Ok((number, line)) => format!("{number} {line}"),
                Err(problem) => format!("{}!", problem.line),
            };
            let said: Vec<_> = lines(file, 10).map(say).collect();
            assert_eq!(said.join("|"), expected, "{}", file.escape_ascii());
        }
    }
}
