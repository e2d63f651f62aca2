//! The words of the source: one name for one thing, and docs that begin with the noun of the field.

use std::collections::BTreeMap;

use crate::layers::files;

/// Names of types that are declared more than once, each with the reason why it stays.
const SHARED_TYPES: [(&str, &str); 3] = [
    ("Connection", "of HTTP/1 and of HTTP/2, for the same purpose"),
    ("Input", "of HTTP/1 and of HTTP/2, for the same purpose"),
    ("Output", "of HTTP/1 and of HTTP/2, for the same purpose"),
];

/// Names of files that stand in more than one folder, each with the reason why it stays.
const SHARED_FILES: [(&str, &str); 5] = [
    ("mod.rs", "the name that the language gives"),
    ("arguments.rs", "of the program and of `shost certify`"),
    ("encode.rs", "of field blocks and of content, each named as its standard does"),
    ("head.rs", "of a request: as HTTP/1 reads it, and as it is judged for every protocol"),
    ("output.rs", "of HTTP/1 and of HTTP/2, for the same purpose"),
];

/// A doc comment has more words than this, or says no more than the name beside it.
const MIN_WORDS: usize = 3;

/// The code of a file up to a module of tests within it.
fn before_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// The type that a line declares, if it declares one.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().peekable();
    words.next_if(|word| word.starts_with("pub"));
    words.next_if(|word| *word == "super)" || word.ends_with("::super)"));
    let kind = words.next()?;
    // An associated type stands within a trait or an `impl`.
    let is_associated = kind == "type" && line.starts_with(' ');
    if is_associated || !["struct", "enum", "trait", "type", "union"].contains(&kind) {
        return None;
    }
    let name = words.next()?;
    name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}

/// Names with more than one place, save those that may have several.
fn doubled(places: BTreeMap<String, Vec<String>>, shared: &[(&str, &str)]) -> Vec<String> {
    let may_share = |name: &str| shared.iter().any(|(shared, _)| *shared == name);
    let several = places.into_iter().filter(|(name, places)| places.len() > 1 && !may_share(name));
    several.map(|(name, places)| format!("{name}: {places:?}")).collect()
}

#[test]
fn no_type_has_the_name_of_another() {
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for (file, text) in files() {
        for name in before_tests(&text).lines().filter_map(declared) {
            places.entry(name.to_owned()).or_default().push(file.clone());
        }
    }
    assert!(places.len() > 100, "the types of src/ were not found");
    let doubled = doubled(places, &SHARED_TYPES);
    assert!(doubled.is_empty(), "rename all but one: {doubled:#?}");
}

#[test]
fn no_file_has_the_name_of_another() {
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for (file, _) in files() {
        let name = file.rsplit('/').next().unwrap_or(&file).to_owned();
        places.entry(name).or_default().push(file);
    }
    let doubled = doubled(places, &SHARED_FILES);
    assert!(doubled.is_empty(), "rename all but one: {doubled:#?}");
}

/// The faults of the docs in a text, each with its line.
fn faults(text: &str) -> Vec<(usize, &'static str)> {
    let mut faults = Vec::new();
    let mut doc = Vec::new();
    for (number, line) in text.lines().chain([""]).enumerate() {
        let line = line.trim_start();
        if let Some(words) = line.strip_prefix("///").or(line.strip_prefix("//!")) {
            doc.extend(words.split_whitespace());
            continue;
        }
        match doc.first() {
            Some(&("What" | "Whether")) => faults.push((number, "begins with What or Whether")),
            Some(_) if doc.len() <= MIN_WORDS => faults.push((number, "restates the name")),
            _ => {}
        }
        doc.clear();
    }
    faults
}

#[test]
fn docs_begin_with_a_noun_and_say_more_than_the_name() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let faults = faults(&text).into_iter();
        wrong.extend(faults.map(|(line, fault)| format!("src/{file}:{line} {fault}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_finders_of_names_and_faults_find_them() {
    let names = [
        ("pub struct Body {", Some("Body")),
        ("pub(super) enum State<A> {", Some("State")),
        ("pub(in super::super) struct Head;", Some("Head")),
        ("type Ends = (u8, u8);", Some("Ends")),
        ("    type Item = u8;", None),
        ("    enum Local {", Some("Local")),
        ("pub fn body() {", None),
        ("let struct_name = 1;", None),
    ];
    for (line, expected) in names {
        assert_eq!(declared(line), expected, "{line}");
    }
    let docs = [
        ("/// What it is, and why it is so.\nfn f() {}", vec![(1, "begins with What or Whether")]),
        ("/// Whether it is\n/// so.\nfn f() {}", vec![(2, "begins with What or Whether")]),
        ("/// The body.\nbody: u8,", vec![(1, "restates the name")]),
        ("/// The body of an answer.\nbody: u8,", vec![]),
        ("/// The\n/// body of it.\nbody: u8,", vec![]),
        ("// What is no doc\nbody: u8,", vec![]),
    ];
    for (text, expected) in docs {
        assert_eq!(faults(text), expected, "{text}");
    }
}
