//! Writes the man pages and the completions of shells that a package installs, from the options
//! themselves: `cargo run --example manual -- FOLDER`. It is no part of the program.

use std::io;
use std::path::Path;
use std::{env, fs};

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use shost::command::arguments::{Arguments, ReloadArguments};
use shost::command::certify::CertifyArguments;
use shost::command::review::CheckArguments;

/// The program, as the foot of a page names it.
const SOURCE: &str = concat!("shost ", env!("CARGO_PKG_VERSION"));

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1) else {
        return Err(io::Error::other("the folder to write to is missing"));
    };
    let folder = Path::new(&folder);
    let subcommands = || {
        [
            ReloadArguments::command().name("reload"),
            CheckArguments::command().name("check"),
            CertifyArguments::command().name("certify"),
        ]
    };
    let pages = folder.join("man1");
    fs::create_dir_all(&pages)?;
    page(&pages, Arguments::command().name("shost"), "shost")?;
    for command in subcommands() {
        let name = format!("shost-{}", command.get_name());
        page(&pages, command, &name)?;
    }
    // Without the subcommands of their own parsers, shells would not know them.
    let mut whole = Arguments::command().name("shost").subcommands(subcommands());
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut whole, "shost", folder)?;
    }
    Ok(())
}

fn page(folder: &Path, command: Command, name: &str) -> io::Result<()> {
    let mut text = Vec::new();
    let command = command.display_name(name.to_owned()).bin_name(name.replacen('-', " ", 1));
    Man::new(command).title(name.to_uppercase()).source(SOURCE).render(&mut text)?;
    fs::write(folder.join(format!("{name}.1")), text)
}
