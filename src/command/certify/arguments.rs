//! The command line of `shost certify`. Each option is also an environment variable.

use std::path::PathBuf;

use clap::{Args, Parser};
use instant_acme::LetsEncrypt;

use super::account::{Binding, Registration};
use super::failure::Failure;
use crate::command::arguments::{SITES, TLS, switch};

/// The folder of accounts when nobody says otherwise.
pub(in crate::command) const STATE: &str = "/var/lib/shost-certify";

/// Get and renew a certificate for each site folder, and for its www. name
///
/// Each folder's name must lead to this machine, and shost must serve it there with --tls and
/// --http-port 80: the certificate authority looks for a file that shost shows. What is still good
/// is left alone, so run it as often as you like. Certificates from elsewhere are never touched.
#[derive(Clone, Debug, Parser)]
#[command(name = "shost certify", max_term_width = 100)]
pub struct CertifyArguments {
    /// Folder of sites, one folder per domain
    #[arg(short, long, value_name = "DIR", env = "SHOST_SITES", default_value = SITES)]
    pub sites: PathBuf,

    /// Folder of certificates and keys
    #[arg(short, long, value_name = "DIR", env = "SHOST_TLS", default_value = TLS)]
    pub tls: PathBuf,

    /// Folder for accounts and what is remembered between runs
    #[arg(long, value_name = "DIR", env = "SHOST_STATE", default_value = STATE)]
    pub state: PathBuf,

    /// Where certificates come from, and how.
    #[command(flatten)]
    pub issuing: IssuingArguments,

    /// Keep the rights that it does not need
    #[arg(long, env = "SHOST_NO_SANDBOX", value_parser = switch())]
    pub no_sandbox: bool,

    /// Show names, authorities, days left, what is next and the last failure; change nothing
    #[arg(long)]
    pub list: bool,
}

// No doc comment: it would become the text of `--help` of the commands that these options are in.
#[allow(missing_docs)]
#[derive(Clone, Debug, Args)]
pub struct IssuingArguments {
    /// Agree to the terms of service of the authorities; needed once
    #[arg(long, env = "SHOST_AGREE_TERMS", value_parser = switch())]
    pub agree_terms: bool,

    /// Directory of the certificate authority; more of them are tried in order
    #[arg(long, value_name = "URL", env = "SHOST_ACME_DIRECTORY", value_delimiter = ',',
        default_value = LetsEncrypt::Production.url(), value_parser = parse_directory)]
    pub acme_directory: Vec<String>,

    /// Directory of the first authority for trying things out, asked first after a refusal
    /// [default for Let's Encrypt: its staging directory]
    #[arg(long, value_name = "URL", env = "SHOST_ACME_STAGING", value_parser = parse_directory)]
    pub acme_staging: Option<String>,

    /// Address that the authority may write to
    #[arg(long, value_name = "EMAIL", env = "SHOST_ACME_EMAIL")]
    pub acme_email: Option<String>,

    /// Profile that the authority is to issue by, as in shortlived
    #[arg(long, value_name = "NAME", env = "SHOST_ACME_PROFILE")]
    pub acme_profile: Option<String>,

    /// Name of an account elsewhere that the authority wants to be told
    #[arg(long, value_name = "ID", env = "SHOST_ACME_EAB_KID", requires = "acme_eab_key")]
    pub acme_eab_kid: Option<String>,

    /// Its key, in base64url
    #[arg(
        long,
        value_name = "KEY",
        env = "SHOST_ACME_EAB_KEY",
        hide_env_values = true,
        requires = "acme_eab_kid"
    )]
    pub acme_eab_key: Option<String>,

    /// Root certificates of an authority of your own, in PEM
    #[arg(long, value_name = "FILE", env = "SHOST_ACME_CA")]
    pub acme_ca: Option<PathBuf>,

    /// Prove names by the DNS: called as PROGRAM add|remove _acme-challenge.NAME VALUE
    #[arg(long, value_name = "PROGRAM", env = "SHOST_DNS_HOOK")]
    pub dns_hook: Option<PathBuf>,

    /// Order without a look whether a name leads here, where a machine cannot reach its own public
    /// address
    #[arg(long, env = "SHOST_NO_SELF_CHECK", value_parser = switch())]
    pub no_self_check: bool,
}

/// An authority, and its directory for trying things out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateAuthority {
    pub(super) directory: String,
    pub(super) staging: Option<String>,
}

impl IssuingArguments {
    /// The authorities in the order in which they are asked.
    pub(super) fn authorities(&self) -> Vec<CertificateAuthority> {
        let authority = |(position, directory): (usize, &String)| {
            let named = self.acme_staging.as_ref().filter(|_| position == 0);
            let known = (directory == LetsEncrypt::Production.url())
                .then(|| LetsEncrypt::Staging.url().to_owned());
            CertificateAuthority { directory: directory.clone(), staging: named.cloned().or(known) }
        };
        self.acme_directory.iter().enumerate().map(authority).collect()
    }

    pub(super) fn registration(&self) -> Result<Registration, Failure> {
        let binding = match (&self.acme_eab_kid, &self.acme_eab_key) {
            (Some(id), Some(key)) => Some(Binding::new(id, key)?),
            _ => None,
        };
        Ok(Registration { email: self.acme_email.clone(), binding, agreed: self.agree_terms })
    }
}

/// The address of a directory. Nothing that an authority says in the clear could be believed.
fn parse_directory(text: &str) -> Result<String, String> {
    let url: Option<http::Uri> = text.trim().parse().ok();
    match url {
        Some(url) if url.scheme_str() == Some("https") && url.host().is_some() => {
            Ok(text.trim().to_owned())
        }
        _ => Err("the directory of an authority is an address that begins with https://".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorities(words: &[&str]) -> Vec<CertificateAuthority> {
        let words = std::iter::once("certify").chain(words.iter().copied());
        CertifyArguments::try_parse_from(words).unwrap().issuing.authorities()
    }

    #[test]
    fn the_staging_directory_is_the_first_authoritys() {
        let authority = |directory: &str, staging: Option<&str>| CertificateAuthority {
            directory: directory.into(),
            staging: staging.map(Into::into),
        };
        let known = authority(LetsEncrypt::Production.url(), Some(LetsEncrypt::Staging.url()));
        let table: [(&[&str], &[CertificateAuthority]); 4] = [
            (&[], std::slice::from_ref(&known)),
            (&["--acme-directory", "https://a"], &[authority("https://a", None)]),
            (
                &["--acme-directory", "https://a,https://b", "--acme-staging", "https://s"],
                &[authority("https://a", Some("https://s")), authority("https://b", None)],
            ),
            (
                &["--acme-directory", "https://a", "--acme-directory", &known.directory],
                &[authority("https://a", None), known.clone()],
            ),
        ];
        for (words, expected) in table {
            assert_eq!(authorities(words), expected, "{words:?}");
        }
    }

    #[test]
    fn a_directory_is_asked_for_over_https() {
        let table = [
            ("https://a.test/dir", true),
            ("https://localhost:14000/dir", true),
            ("https://[::1]:1/", true),
            (" https://a.test/dir ", true),
            ("HTTPS://a.test", true),
            ("http://a.test/dir", false),
            ("a.test", false),
            ("letsencrypt", false),
            ("https://", false),
            ("", false),
        ];
        for (text, expected) in table {
            assert_eq!(parse_directory(text).is_ok(), expected, "{text:?}");
        }
    }
}
