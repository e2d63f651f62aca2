//! `shost check`: the rules of a site folder, before it is uploaded.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;

use super::{RuleFinding, Weight};
use crate::process::clock::Tick;
use crate::semantics::host;
use crate::site::folders::site_name;
use crate::site::root::Root;

/// Explain the rules of a site, or of each site in a folder of them, and say what is wrong
///
/// Prints a line for each rule of `_redirects` and `_headers`, each line that is skipped, and each
/// rule of another server's files. Exits with 1 if visitors would be led to nothing or in a circle.
#[derive(Clone, Debug, Parser)]
#[command(name = "shost check", max_term_width = 100)]
pub struct CheckArguments {
    /// The folder of a site, or a folder of sites
    #[arg(value_name = "SITE")]
    pub folder: PathBuf,

    /// Host name of the site, for rules that name a host [default: the folder's name, if it is one]
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    pub host: Option<String>,
}

fn parse_host(text: &str) -> Result<String, String> {
    host::normal_form(text).map(String::from).map_err(|error| error.to_string())
}

/// The report on a folder, and whether something has to be mended.
///
/// # Errors
/// When the folder cannot be opened: one line.
pub fn run(arguments: &CheckArguments) -> Result<(String, bool), String> {
    let CheckArguments { folder, host } = arguments;
    let mut report = Report::default();
    let sites = if host.is_some() { Vec::new() } else { sites_in(folder)? };
    if sites.is_empty() {
        let name = host.clone().or_else(|| name_of(folder)).unwrap_or_else(|| "*".into());
        report.add(folder, &name)?;
    }
    for (name, site) in sites {
        report.add(&site, &name)?;
    }
    Ok((report.text, report.errors > 0))
}

/// The sites in a folder of sites; none if it is one site itself, which has files.
fn sites_in(folder: &Path) -> Result<Vec<(Box<str>, PathBuf)>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut sites = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if path.is_file() && !is_hidden {
            return Ok(Vec::new());
        }
        if let Ok(Some(name)) = site_name(&path)
            && (name.contains('.') || host::is_loopback(&name))
        {
            sites.push((name, path));
        }
    }
    sites.sort();
    Ok(sites)
}

/// The host that a folder is named as, if its name can hardly be anything else.
fn name_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let name = folder.file_name()?.to_str()?;
    let (_, last) = name.rsplit_once('.')?;
    let is_domain = last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_host = host::normal_form(name).is_ok_and(|normal| normal == name);
    (is_domain && is_host).then(|| name.to_owned())
}

/// The findings in all sites.
#[derive(Default)]
struct Report {
    text: String,
    errors: usize,
}

impl Report {
    fn add(&mut self, folder: &Path, name: &str) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        let opened = Root::open(folder).map_err(told)?.current(Tick::now());
        let root = opened.ok_or_else(|| format!("{}: cannot be opened", folder.display()))?;
        let findings = super::site(&root, folder, name);
        for finding in &findings {
            self.line(format_args!("{}", finding.told(folder.display())));
        }
        self.errors += findings.iter().filter(|finding| finding.kind == Weight::Error).count();
        self.line(format_args!("{}: {}", folder.display(), Sum(&findings)));
        Ok(())
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        writeln!(self.text, "{text}").expect("a string takes every line");
    }
}

/// The number of findings of each kind, in words.
struct Sum<'a>(&'a [RuleFinding]);

impl fmt::Display for Sum<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (Weight::Rule, "rule"),
            (Weight::Error, "error"),
            (Weight::Warning, "warning"),
            (Weight::Note, "note"),
            (Weight::Hint, "hint"),
        ];
        for (at, (kind, word)) in kinds.into_iter().enumerate() {
            let count = self.0.iter().filter(|finding| finding.kind == kind).count();
            let plural = if count == 1 { "" } else { "s" };
            let comma = if at == 0 { "" } else { ", " };
            write!(formatter, "{comma}{count} {word}{plural}")?;
        }
        Ok(())
    }
}
