//! The command line, as it is typed.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};

use crate::log::Format;
use crate::service::BotPolicy;
use crate::visitor::proxy::Network;

use crate::command::certify::{CertifyArguments, IssuingArguments, KEEP_BESIDE, RUN_BESIDE, STATE};
use crate::command::review::CheckArguments;

/// The folders of sites and of certificates when nobody says otherwise.
pub(super) const SITES: &str = "/var/lib/shost";
pub(super) const TLS: &str = "/etc/shost/tls";

/// One static binary that serves your websites: a folder is a site and its name is the domain.
#[derive(Clone, Debug, Parser)]
#[command(version, disable_version_flag = true, max_term_width = 100, after_help = RELOAD_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own to whoever types")]
pub struct Arguments {
    /// Serve this one directory for every host name: local preview
    #[arg(value_name = "DIR", env = "SHOST_DIR", conflicts_with = "sites")]
    pub dir: Option<PathBuf>,

    /// Folder of sites, one folder per domain [default: /var/lib/shost]
    #[arg(short, long, value_name = "DIR", env = "SHOST_SITES")]
    pub sites: Option<PathBuf>,

    /// Folder of certificates, DOMAIN/cert.pem and DOMAIN/key.pem; turns HTTPS on
    #[arg(short, long, value_name = "DIR", env = "SHOST_TLS")]
    pub tls: Option<PathBuf>,

    /// Folder for what outlives a restart: the secret of session tickets; with --certify accounts too
    /// [default: nothing does; with --certify /var/lib/shost-certify, for accounts alone]
    #[arg(long, value_name = "DIR", env = "SHOST_STATE")]
    pub state: Option<PathBuf>,

    /// Address to bind, repeatable [default: every address; 127.0.0.1 with DIR]
    #[arg(short, long, value_name = "IP", env = "SHOST_IP", value_delimiter = ',')]
    pub ip: Vec<IpAddr>,

    /// Port; 0 takes a free one [default: 80; 443 with --tls; 8080 with DIR]
    #[arg(short, long, value_name = "PORT", env = "SHOST_PORT")]
    pub port: Option<u16>,

    /// With --tls: also listen for plain HTTP here, answer ACME HTTP-01, redirect the rest
    #[arg(long, value_name = "PORT", env = "SHOST_HTTP_PORT", requires = "tls")]
    pub http_port: Option<u16>,

    /// With --http-port: the port of HTTPS that clients know, for redirects [default: --port; 443 where
    /// sockets are passed on or a firewall forwards]
    #[arg(long, value_name = "PORT", env = "SHOST_PUBLIC_PORT", requires = "tls")]
    pub public_port: Option<u16>,

    /// Proxy to believe on whose behalf it asks, by a PROXY header (over TCP), X-Forwarded-For, Forwarded
    /// and X-Forwarded-Proto: an IP address or a network as in 10.0.0.0/8, repeatable
    #[arg(long, value_name = "ADDRESS", env = "SHOST_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<Network>,

    /// Access log format, on standard output
    #[arg(long, value_enum, value_name = "FORMAT", env = "SHOST_LOG", default_value = "text")]
    pub log: Format,

    /// Leave the time out of text lines, for a journal that adds its own
    #[arg(long, env = "SHOST_NO_TIMESTAMPS", value_parser = switch())]
    pub no_timestamps: bool,

    /// Add the request's header fields to a refused bot's log line
    #[arg(long, env = "SHOST_LOG_BAD_BOTS", value_parser = switch())]
    pub log_bad_bots: bool,

    /// Treatment of requests that are those of bots
    #[arg(long, value_enum, value_name = "POLICY", env = "SHOST_BOTS", default_value = "block")]
    pub bots: BotPolicy,

    /// Bound on cached content, as in 64M; 0 turns the cache off
    /// [default: a quarter of the memory limit, at most 256M]
    #[arg(long, value_name = "SIZE", env = "SHOST_CACHE_SIZE", value_parser = parse_size)]
    pub cache_size: Option<u64>,

    /// Serving threads [default: the CPUs it may use]
    #[arg(long, value_name = "N", env = "SHOST_THREADS", value_parser = parse_threads)]
    pub threads: Option<usize>,

    /// Keep the rights that serving does not need, for links and mounts that the sandbox is in the
    /// way of
    #[arg(long, env = "SHOST_NO_SANDBOX", value_parser = switch())]
    pub no_sandbox: bool,

    /// Take up new, gone and changed sites and certificates only when a reload is asked for
    #[arg(long, env = "SHOST_NO_WATCH", value_parser = switch())]
    pub no_watch: bool,

    /// Speak no HTTP/3, which is on UDP at the port of HTTPS
    #[arg(long, env = "SHOST_NO_HTTP3", value_parser = switch())]
    pub no_http3: bool,

    /// Take no request over HTTP/3 before the handshake has ended, which may be one sent twice
    #[arg(long, env = "SHOST_NO_EARLY_DATA", value_parser = switch())]
    pub no_early_data: bool,

    /// Offer no page as a compression dictionary for others, and use none
    #[arg(long, env = "SHOST_NO_DICTIONARIES", value_parser = switch())]
    pub no_dictionaries: bool,

    /// Get and renew certificates too, beside serving: as `shost certify` does, now, for each new site,
    /// and twice a day; --http-port is 80 then
    #[arg(long, env = "SHOST_CERTIFY", value_parser = switch(), requires = "tls", conflicts_with = "dir")]
    pub certify: bool,

    /// Load and check sites and certificates, print what would be served, exit 0 or 1
    #[arg(long, env = "SHOST_CHECK", value_parser = switch())]
    pub check: bool,

    /// Print the version and exit
    #[arg(short = 'V', short_alias = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,

    /// The source of certificates, with `--certify`.
    #[command(flatten, next_help_heading = "Certificates, with --certify")]
    pub issuing: IssuingArguments,
}

impl From<Arguments> for CertifyArguments {
    fn from(typed: Arguments) -> Self {
        Self {
            sites: typed.sites.unwrap_or_else(|| SITES.into()),
            tls: typed.tls.unwrap_or_else(|| TLS.into()),
            issuing: typed.issuing,
            state: typed.state.unwrap_or_else(|| STATE.into()),
            no_sandbox: typed.no_sandbox,
            list: false,
        }
    }
}

/// Reads the variable of a switch, which says yes or no in one of the usual words.
pub(crate) fn switch() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// The text of `--help` for the command.
const RELOAD_HELP: &str = "\
    Commands (a DIR of such a name is ./reload):\n  shost reload [--pid PID]  Let the running server look at sites and certificates anew, \
    and wait for it\n  shost check SITE          Explain the rules of a site folder, and say \
    what is wrong\n  shost certify [OPTIONS]   Get and renew a certificate for each site: shost certify --help";

/// The word that makes a command line an order to the running server.
const RELOAD: &str = "reload";

/// The word that makes it a look after certificates.
const CERTIFY: &str = "certify";

/// The word that makes it a look at the rules of a site.
const CHECK: &str = "check";

/// Let the running server look at sites and certificates anew, and wait until it has
///
/// Prints what has changed, or why nothing has; exits with 0 or 1.
#[derive(Clone, Copy, Debug, Parser)]
#[command(name = "shost reload")]
pub struct ReloadArguments {
    /// The server's process, where several run
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
}

/// The outcome of reading a command line.
#[derive(Debug)]
pub enum Typed {
    /// A command that can be run.
    Run(Box<Arguments>),
    /// An order to the server that runs.
    Reload(ReloadArguments),
    /// The rules of a site are to be explained.
    Check(CheckArguments),
    /// Certificates are to be looked after.
    Certify(Box<CertifyArguments>),
    /// The same, again and again, beside a server with this command line.
    Keep(Vec<OsString>),
    /// Help or the version was asked for: this text.
    Print(String),
    /// A mistake, in one line.
    Mistake(String),
}

/// Reads a command line and the environment.
///
/// A command has a line of its own, apart from the server's options: the environment of a
/// container sets those for every process in it.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Typed {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let typed = if arguments.get(1).is_some_and(|word| word == RELOAD) {
        arguments.remove(1);
        ReloadArguments::try_parse_from(arguments).map(Typed::Reload)
    } else if arguments.get(1).is_some_and(|word| word == CHECK) {
        arguments.remove(1);
        CheckArguments::try_parse_from(arguments).map(Typed::Check)
    } else if arguments.get(1).is_some_and(|word| word == CERTIFY) {
        arguments.remove(1);
        CertifyArguments::try_parse_from(arguments).map(|typed| Typed::Certify(Box::new(typed)))
    } else if arguments.get(1).is_some_and(|word| word == KEEP_BESIDE) {
        return Typed::Keep(arguments.split_off(2));
    } else if arguments.get(1).is_some_and(|word| word == RUN_BESIDE) {
        arguments.remove(1);
        read_server(arguments).map(|typed| Typed::Certify(Box::new(typed.into())))
    } else {
        read_server(arguments).map(|typed| Typed::Run(Box::new(typed)))
    };
    typed.unwrap_or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Typed::Print(error.to_string()),
        _ => Typed::Mistake(one_line(&error.to_string())),
    })
}

/// The command line of the process that looks after certificates beside a server with this one.
pub fn beside(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    std::iter::once(KEEP_BESIDE.into()).chain(arguments.into_iter().skip(1)).collect()
}

/// Options of certify mean something only beside `--certify`. In the environment, which every process
/// of a container shares, they may stand without it.
fn read_server(words: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let matches = Arguments::command().try_get_matches_from(words)?;
    let typed = Arguments::from_arg_matches(&matches)?;
    match idle_option(&matches) {
        Some(option) if !typed.certify => Err(clap::Error::raw(
            ErrorKind::MissingRequiredArgument,
            format!("{option} means something only with --certify"),
        )),
        _ => Ok(typed),
    }
}

/// An option of certify that was typed.
fn idle_option(matches: &ArgMatches) -> Option<String> {
    let options = IssuingArguments::augment_args(Command::new(""));
    let was_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let typed = options.get_arguments().find(|option| was_typed(option.get_id().as_str()))?;
    typed.get_long().map(|name| format!("--{name}"))
}

/// Clap explains over several lines; a log or a unit's status shows one.
fn one_line(text: &str) -> String {
    let told = text.split("\n\nUsage:").next().unwrap_or(text);
    let told = told.split("\n\nFor more information").next().unwrap_or(told);
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number of bytes; K, M and G are powers of 1,024, as everywhere in systemd and Podman.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err("a size is a number of bytes, or one with K, M or G".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "a size begins with a whole number")?;
    number.checked_mul(unit).ok_or_else(|| "too large".into())
}

/// Threads beyond this only wait for each other.
const THREADS_LIMIT: usize = 1024;

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=THREADS_LIMIT) => Ok(threads),
        _ => Err(format!("a number from 1 to {THREADS_LIMIT}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Typed {
        read(std::iter::once("shost").chain(words.iter().copied()).map(OsString::from))
    }

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        let table = [
            ("0", Some(0)),
            ("1048576", Some(1 << 20)),
            ("64M", Some(64 << 20)),
            ("64MiB", Some(64 << 20)),
            ("1g", Some(1 << 30)),
            ("2k", Some(2048)),
            ("", None),
            ("M", None),
            ("-1", None),
            ("1.5G", None),
            ("64 M", None),
            ("64T", None),
            ("99999999999999999999", None),
            ("17179869184G", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_size(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_mistake_is_one_line_that_names_the_thing() {
        let table: [(&[&str], &str); 14] = [
            (&["reload", "--pid", "x"], "--pid"),
            (&["reload", "--tls", "x"], "--tls"),
            (&["--port", "65536"], "--port"),
            (&["--port", "http"], "--port"),
            (&["--ip", "localhost"], "--ip"),
            (&["--log", "xml"], "xml"),
            (&["--threads", "0"], "--threads"),
            (&["--cache-size", "lots"], "--cache-size"),
            (&["--nonsense"], "--nonsense"),
            (&["--http-port", "80"], "--tls"),
            (&["--certify"], "--tls"),
            (&["--certify", "--tls", "t", "site"], "DIR"),
            (&["--tls", "t", "--acme-email", "a@b.test"], "--acme-email"),
            (&["--tls", "t", "--certify", "--acme-eab-kid", "1"], "--acme-eab-key"),
        ];
        for (words, named) in table {
            let Typed::Mistake(line) = typed(words) else { panic!("{words:?} was taken") };
            assert!(line.starts_with("error: "), "{line}");
            assert!(line.contains(named), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        let table: [&[&str]; 6] =
            [&["--help"], &["-h"], &["--version"], &["-V"], &["-v"], &["reload", "--help"]];
        for words in table {
            assert!(matches!(typed(words), Typed::Print(_)), "{words:?}");
        }
    }

    #[test]
    fn a_reload_is_told_from_a_directory() {
        let table: [(&[&str], &str); 5] = [
            (&["reload"], "reload None"),
            (&["reload", "--pid", "7"], "reload Some(7)"),
            (&["./reload"], "run ./reload"),
            (&["--", "reload"], "run reload"),
            (&["site"], "run site"),
        ];
        for (words, expected) in table {
            let told = match typed(words) {
                Typed::Reload(reload) => format!("reload {:?}", reload.pid),
                Typed::Run(typed) => format!("run {}", typed.dir.unwrap_or_default().display()),
                other => panic!("{words:?}: {other:?}"),
            };
            assert_eq!(told, expected, "{words:?}");
        }
    }
}
