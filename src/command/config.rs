//! The command line, as it is meant: every default decided, every choice made.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use crate::command::arguments::{Arguments, SITES};
use crate::log::Options;
use crate::process::memory;
use crate::server::state::snapshot::Sources;
use crate::server::{Http3, Setup};
use crate::service::Policy;
use crate::site::SitesFolder;
use crate::visitor::proxy::Proxies;

/// The port on which authorities look at names (RFC 8555 §8.3).
const CHALLENGE_PORT: u16 = 80;

/// The most that the cache takes unless it is told to, in bytes: enough for the text and the
/// pictures of a hundred sites.
const CACHE_BOUND: u64 = 256 << 20;

/// The settings of a run, as the arguments mean them.
#[derive(Clone, Debug)]
pub struct Config {
    /// The sockets and the folders.
    pub setup: Setup,
    /// The decisions of the operator.
    pub policy: Policy,
    /// The form of the access log.
    pub log: Options,
    /// Number of serving threads.
    pub threads: usize,
    /// Only look, do not serve.
    pub check: bool,
    /// Get and renew certificates beside serving.
    pub certify: bool,
    /// True if nobody said which folder to serve.
    takes_usual_folder: bool,
}

impl Config {
    /// The way to say what to serve, if nobody did and the usual folder is not there.
    #[must_use]
    pub fn lacks_sites(&self) -> Option<String> {
        let folder = &self.setup.sources.sites.folder;
        (self.takes_usual_folder && !folder.exists()).then(|| without_sites(folder))
    }
}

fn without_sites(folder: &Path) -> String {
    format!(
        "there is nothing to serve: type `shost DIR` to serve one folder, `shost --sites DIR` for a \
         folder in which each folder is a site and named as its host, or make {} such a folder",
        folder.display()
    )
}

impl From<Arguments> for Config {
    fn from(typed: Arguments) -> Self {
        let port = typed.port.unwrap_or(match (&typed.tls, &typed.dir) {
            (Some(_), _) => 443,
            (None, None) => 80,
            (None, Some(_)) => 8080,
        });
        let single = typed.dir.is_some();
        let takes_usual_folder = !single && typed.sites.is_none();
        let mut addresses = typed.ip;
        if single && addresses.is_empty() {
            addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let folder = typed.dir.or(typed.sites).unwrap_or_else(|| PathBuf::from(SITES));
        let cache_bound = typed.cache_size.unwrap_or_else(default_cache_bound);
        let source = SitesFolder { folder, single, cache_bound };
        let sources = Sources { sites: source, tls: typed.tls, state: typed.state };
        Self {
            setup: Setup {
                sources,
                addresses,
                port,
                http_port: typed.http_port.or(typed.certify.then_some(CHALLENGE_PORT)),
                public_port: typed.public_port,
                http3: match (typed.no_http3, typed.no_early_data) {
                    (true, _) => Http3::Off,
                    (false, true) => Http3::AfterHandshake,
                    (false, false) => Http3::WithEarlyData,
                },
                proxies: Proxies::new(typed.trusted_proxy),
                sandbox: !typed.no_sandbox,
                watch: !typed.no_watch,
                companion: None,
            },
            policy: Policy {
                bots: typed.bots,
                log_bad_bots: typed.log_bad_bots,
                dictionaries: !typed.no_dictionaries,
            },
            log: Options { format: typed.log, timestamps: !typed.no_timestamps },
            threads: typed.threads.unwrap_or_else(default_threads),
            check: typed.check,
            certify: typed.certify,
            takes_usual_folder,
        }
    }
}

/// A quarter of what the control group leaves this process, at most [`CACHE_BOUND`].
fn default_cache_bound() -> u64 {
    memory::limit().map_or(CACHE_BOUND, |limit| (limit / 4).min(CACHE_BOUND))
}

/// The processors that affinity and control group leave this process.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::arguments::{Typed, read};

    fn config(words: &[&str]) -> Config {
        let words = std::iter::once("shost").chain(words.iter().copied());
        match read(words.map(Into::into)) {
            Typed::Run(typed) => Config::from(*typed),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ports_and_addresses_follow_the_mode() {
        let table: [(&[&str], u16, bool); 5] = [
            (&[], 80, false),
            (&["--tls", "t"], 443, false),
            (&["site"], 8080, true),
            (&["site", "--tls", "t"], 443, true),
            (&["site", "--port", "0"], 0, true),
        ];
        for (words, port, local) in table {
            let setup = config(words).setup;
            assert_eq!(setup.port, port, "{words:?}");
            assert_eq!(setup.addresses.iter().any(IpAddr::is_loopback), local, "{words:?}");
        }
    }

    #[test]
    fn certificates_take_the_port_on_which_names_are_proved() {
        let table: [(&[&str], Option<u16>); 3] = [
            (&["--tls", "t"], None),
            (&["--tls", "t", "--certify"], Some(80)),
            (&["--tls", "t", "--certify", "--http-port", "8080"], Some(8080)),
        ];
        for (words, port) in table {
            assert_eq!(config(words).setup.http_port, port, "{words:?}");
        }
    }

    #[test]
    fn the_way_to_say_what_to_serve_is_told_to_who_has_not() {
        for words in
            [&["/nowhere"][..], &["--sites", "/nowhere"], &["--sites", "/nowhere", "--check"]]
        {
            assert_eq!(config(words).lacks_sites(), None, "{words:?}");
        }
        for words in [&[][..], &["--port", "8080"], &["--tls", "t"], &["--check"]] {
            let mut config = config(words);
            config.setup.sources.sites.folder = "/nowhere".into();
            let told = config.lacks_sites().unwrap();
            assert!(told.contains("`shost DIR`") && told.contains("make /nowhere"), "{told}");
            config.setup.sources.sites.folder = "/".into();
            assert_eq!(config.lacks_sites(), None, "{words:?}");
        }
    }

    #[test]
    fn addresses_are_repeatable() {
        let setup = config(&["--ip", "127.0.0.1", "--ip", "::1"]).setup;
        assert_eq!(setup.addresses.len(), 2);
    }
}
