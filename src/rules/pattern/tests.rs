use super::*;

#[track_caller]
fn check(pattern: &str, path: &str, expected: Option<&str>) {
    let pattern = Pattern::path(pattern).unwrap();
    let captures = pattern.captures(&Subject::path(path));
    let told = captures.map(|captures| {
        let names = pattern.names().iter().zip(captures);
        names.map(|(name, range)| format!("{name}={}", &path[range])).collect::<Vec<_>>().join(" ")
    });
    assert_eq!(told.as_deref(), expected, "{pattern} {path}");
}

#[test]
fn a_path_matches_as_by_a_greedy_regular_expression() {
    let table = [
        ("/", "/", Some("")),
        ("/a", "/a", Some("")),
        ("/a", "/a/", None),
        ("/a/", "/a", None),
        ("/a", "/A", None),
        ("/*", "/", Some("splat=")),
        ("/*", "/a/b/", Some("splat=a/b/")),
        ("/a/*", "/a/", Some("splat=")),
        ("/a/*", "/a", None),
        ("/a/*", "/ab", None),
        ("/a*", "/a/b", Some("splat=/b")),
        ("/*/b", "/a/a/b", Some("splat=a/a")),
        ("/*/b", "/b", None),
        ("/*.html", "/x/y.html", Some("splat=x/y")),
        ("/a*a", "/a", None),
        ("/a*a", "/aa", Some("splat=")),
        ("/a*a/b", "/aaa/b", Some("splat=a")),
        ("/:x", "/a", Some("x=a")),
        ("/:x", "/", None),
        ("/:x", "/a/b", None),
        ("/:x/:y", "/a/b", Some("x=a y=b")),
        ("/:x/", "/a/", Some("x=a")),
        ("/:x-:y", "/a-b-c", Some("x=a-b y=c")),
        ("/:x-:y", "/a-", None),
        ("/v:x.:y", "/v1.2.3", Some("x=1.2 y=3")),
        ("/:x:y", "/abc", Some("x=ab y=c")),
        ("/:x:y", "/é", None),
        ("/:x*", "/abc", Some("x=abc splat=")),
        ("/:x-*", "/a-b-c/d-e", Some("x=a-b splat=c/d-e")),
        ("/*:x", "/ab", Some("splat=a x=b")),
        ("/*-:x", "/a-b/c-d", Some("splat=a-b/c x=d")),
        ("/:x*.html", "/foo.html", Some("x=foo splat=")),
        ("/a/:x/*/c", "/a/b/1/2/c", Some("x=b splat=1/2")),
        ("/a%20b/%2A", "/a b/*", Some("")),
        ("/é", "/é", Some("")),
        ("/%C3%A9", "/é", Some("")),
        ("/%E9", "/\u{10FFE9}", Some("")),
        ("/:x%e9*", "/a\u{10FFE9}b", Some("x=a splat=b")),
        ("/%E9", "/é", None),
        ("/a/../b", "/b", Some("")),
        ("/a/./b/.", "/a/b/", Some("")),
        ("//a//b", "/a/b", Some("")),
        ("/:8080", "/:8080", Some("")),
        ("/a:", "/a:", Some("")),
        ("/a.b", "/axb", None),
        ("no-slash", "/no-slash", Some("")),
    ];
    for (pattern, path, expected) in table {
        check(pattern, path, expected);
    }
}

#[test]
fn what_no_path_can_be_is_told() {
    use InvalidPattern::{MalformedEscape, SameName, TwoSplats, Unreachable};
    let table = [
        ("/*/*", TwoSplats),
        ("/**", TwoSplats),
        ("/:a/:a", SameName),
        ("/:splat/*", SameName),
        ("/100%", MalformedEscape),
        ("/%zz", MalformedEscape),
        ("/a%2Fb", Unreachable),
        ("/%00", Unreachable),
        ("/%2e%2e/a", Unreachable),
        ("/%ff%00", Unreachable),
    ];
    for (pattern, expected) in table {
        assert_eq!(Pattern::path(pattern), Err(expected), "{pattern}");
    }
}

#[test]
fn a_pattern_tells_what_it_is_by() {
    let table = [
        ("/a/b", Some("/a/b"), Some("a"), false),
        ("/a/*", None, Some("a"), true),
        ("/*", None, None, true),
        ("/a*", None, None, false),
        ("/:a/b", None, None, false),
        ("/a/:b", None, Some("a"), false),
        ("/a/*/b", None, Some("a"), false),
    ];
    for (text, literal, first, all) in table {
        let pattern = Pattern::path(text).unwrap();
        assert_eq!(pattern.literal(), literal, "{text}");
        assert_eq!(pattern.first_segment(), first, "{text}");
        assert_eq!(pattern.takes_all_beneath(), all, "{text}");
    }
}

#[test]
fn what_an_earlier_pattern_takes_is_covered() {
    let table = [
        ("/*", "/a/:b", true),
        ("/:x", "/:y", true),
        ("/:x", "/a", true),
        ("/a/*", "/a/b/*", true),
        ("/a/:x", "/a/*", false),
        ("/a", "/*", false),
        ("/a/*", "/a", false),
    ];
    for (earlier, later, expected) in table {
        let [earlier, later] = [earlier, later].map(|text| Pattern::path(text).unwrap());
        assert_eq!(earlier.covers(&later), expected, "{earlier} {later}");
    }
}

#[test]
fn a_printed_pattern_is_read_as_the_same() {
    let table = [
        ("/:x%62", "/:x%62"),
        ("/:x%5F/b", "/:x%5F/b"),
        ("/:x%39*:y%7a", "/:x%39*:y%7A"),
        ("/:x-b", "/:x-b"),
        ("/:x/b", "/:x/b"),
        ("/:x%C3%A9", "/:x%C3%A9"),
        ("/a%62:x", "/ab:x"),
        ("/%3Ax", "/%3Ax"),
        ("/%2a/*", "/%2A/*"),
        ("/a%25%20%23%3f", "/a%25%20%23%3F"),
    ];
    for (written, printed) in table {
        let pattern = Pattern::path(written).unwrap();
        assert_eq!(pattern.to_string(), printed, "{written}");
        assert_eq!(Pattern::path(printed).unwrap(), pattern, "{written}");
    }
}
