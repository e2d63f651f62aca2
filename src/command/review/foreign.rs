//! Rules in files of other servers and hosts: named, and never read.

use std::fs;
use std::path::Path;

use super::finding::{RuleFinding, Weight};
use crate::site::root::OpenRoot;
use crate::site::rules;

/// Folders above each other that are searched.
const DEEPEST: usize = 32;

/// A file of another server.
struct Foreign {
    name: &'static str,
    /// The form of a line that names a construct.
    syntax: Syntax,
    constructs: &'static [Construct],
}

#[derive(Clone, Copy)]
enum Syntax {
    /// The first word of a line.
    Directive,
    /// A table in brackets.
    Table,
    /// A name in quotes and a colon.
    Key,
}

/// The name of a construct, and the advice.
type Construct = (&'static str, &'static str);

const REDIRECT: &str = "write a line of _redirects";
const HEADER: &str = "write a block of _headers";
const NO_EQUAL: &str = "shost has nothing like it";
const PASSWORD: &str = "shost has no passwords, and everybody would get the files";
const FUNCTION: &str = "shost runs no code: let a server of your own answer on another host";
const MISSING: &str = "put a 404.html into the site";
const BUILD_ONLY: &str = "shost builds nothing: build before the upload";
const SLASH: &str = "shost answers /page for page.html, and /folder/ for a folder";
const APPLICATION: &str = "write `/* /index.html 200` into _redirects";

const FOREIGN: [Foreign; 4] = [
    Foreign {
        name: ".htaccess",
        syntax: Syntax::Directive,
        constructs: &[
            ("Redirect", REDIRECT),
            ("RedirectPermanent", REDIRECT),
            ("RedirectTemp", REDIRECT),
            ("RedirectMatch", "write a line of _redirects, with * in the place of the expression"),
            ("RewriteRule", "write a line of _redirects, with * in the place of the expression"),
            ("RewriteCond", NO_EQUAL),
            ("Header", HEADER),
            ("ExpiresByType", HEADER),
            ("ExpiresDefault", HEADER),
            ("AddType", "write a block of _headers with Content-Type"),
            ("ForceType", "write a block of _headers with Content-Type"),
            ("ErrorDocument", MISSING),
            ("FallbackResource", APPLICATION),
            ("AuthType", PASSWORD),
            ("AuthUserFile", PASSWORD),
            ("Require", PASSWORD),
            ("Deny", PASSWORD),
            ("Allow", PASSWORD),
            ("DirectoryIndex", "shost takes index.html, index.htm and index.xhtml"),
            ("Options", NO_EQUAL),
            ("AddHandler", FUNCTION),
            ("SetHandler", FUNCTION),
            ("SetEnvIf", NO_EQUAL),
        ],
    },
    Foreign {
        name: "netlify.toml",
        syntax: Syntax::Table,
        constructs: &[
            ("redirects", REDIRECT),
            ("headers", HEADER),
            ("functions", FUNCTION),
            ("edge_functions", FUNCTION),
            ("plugins", BUILD_ONLY),
            ("build", BUILD_ONLY),
        ],
    },
    Foreign {
        name: "vercel.json",
        syntax: Syntax::Key,
        constructs: &[
            ("redirects", REDIRECT),
            ("rewrites", "write a line of _redirects with the status 200"),
            ("headers", HEADER),
            ("routes", REDIRECT),
            ("has", NO_EQUAL),
            ("missing", NO_EQUAL),
            ("cleanUrls", SLASH),
            ("trailingSlash", SLASH),
            ("functions", FUNCTION),
            ("crons", FUNCTION),
            ("images", NO_EQUAL),
        ],
    },
    Foreign {
        name: "staticwebapp.config.json",
        syntax: Syntax::Key,
        constructs: &[
            ("routes", REDIRECT),
            ("navigationFallback", APPLICATION),
            ("responseOverrides", MISSING),
            ("globalHeaders", "write a block of _headers for /*"),
            ("mimeTypes", "write a block of _headers with Content-Type"),
            ("trailingSlash", SLASH),
            ("auth", PASSWORD),
            ("allowedRoles", PASSWORD),
            ("networking", NO_EQUAL),
            ("forwardingGateway", NO_EQUAL),
            ("platform", FUNCTION),
        ],
    },
];

/// Findings about the files of others anywhere in the site in `folder`.
pub(super) fn review(root: &OpenRoot, folder: &Path) -> Vec<RuleFinding> {
    let mut findings = Vec::new();
    search(root, folder, "", 0, &mut findings);
    findings
}

fn search(
    root: &OpenRoot,
    folder: &Path,
    relative: &str,
    depth: usize,
    findings: &mut Vec<RuleFinding>,
) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        let Ok(name) = entry.file_name().into_string() else { continue };
        let beneath = format!("{relative}{name}");
        if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') {
            search(root, &entry.path(), &format!("{beneath}/"), depth + 1, findings);
        } else if let Some(foreign) = FOREIGN.iter().find(|foreign| foreign.name == name)
            && kind.is_file()
            && let Ok(Some(content)) = rules::read_now(root, &beneath)
        {
            foreign.tell(&beneath, &String::from_utf8_lossy(&content), findings);
        }
    }
}

impl Foreign {
    /// A hint for each construct, at the line where it is first.
    fn tell(&self, file: &str, content: &str, findings: &mut Vec<RuleFinding>) {
        let mut told: Vec<&str> = Vec::new();
        for (text, line) in content.lines().zip(1..) {
            for (construct, advice) in self.constructs {
                if self.syntax.names(text.trim(), construct) && !told.contains(construct) {
                    told.push(construct);
                    let text = format!("{construct} is not read: {advice}");
                    findings.push(RuleFinding::new(file, line, Weight::Hint, text));
                }
            }
        }
    }
}

impl Syntax {
    fn names(self, line: &str, construct: &str) -> bool {
        match self {
            Self::Directive => line
                .split_whitespace()
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case(construct)),
            Self::Table => {
                let table = line.strip_prefix('[').map(|rest| rest.trim_start_matches('['));
                let name = table.and_then(|rest| rest.split([']', '.']).next());
                name.is_some_and(|name| name.trim() == construct)
            }
            Self::Key => {
                let quoted = format!("\"{construct}\"");
                line.match_indices(&quoted)
                    .any(|(at, key)| line[at + key.len()..].trim_start().starts_with(':'))
            }
        }
    }
}
