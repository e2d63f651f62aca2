//! The issuer of a certificate, as far as the certificate tells of it.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};

/// An authority that clients do not know by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intermediate {
    /// The name of the authority.
    pub name: String,
    /// The address of the authority's own certificate, if that is told. If not, the certificate is
    /// one of a public authority.
    pub address: Option<String>,
}

/// The issuer, if it is known to be an intermediate one. A private root that signs certificates
/// itself, as mkcert makes, is known to the clients that it is for, and it gives no address.
pub(super) fn intermediate(certificate: &X509Certificate<'_>) -> Option<Intermediate> {
    let extensions = || certificate.extensions().iter().map(X509Extension::parsed_extension);
    let address = extensions().find_map(address);
    if address.is_none() && !extensions().any(is_public) {
        return None;
    }
    Some(Intermediate { name: legible(&certificate.issuer().to_string()), address })
}

/// An address of the issuer's certificate (RFC 5280 §4.2.2.1). Those of directories are of a
/// network's own, where its roots are known.
fn address(extension: &ParsedExtension<'_>) -> Option<String> {
    /// Access to the certificates of the issuer (`id-ad-caIssuers`).
    const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
    let ParsedExtension::AuthorityInfoAccess(access) = extension else { return None };
    access.accessdescs.iter().find_map(|it| match it.access_location {
        GeneralName::URI(address)
            if it.access_method.to_id_string() == CA_ISSUERS && address.starts_with("http") =>
        {
            Some(legible(address))
        }
        _ => None,
    })
}

/// True if a policy is one of public authorities, whose roots sign no certificates of servers
/// (CA/Browser Forum Baseline Requirements §6.1.7 and §7.1.6).
fn is_public(extension: &ParsedExtension<'_>) -> bool {
    const BASELINE: &str = "2.23.140.1.";
    let ParsedExtension::CertificatePolicies(policies) = extension else { return false };
    policies.iter().any(|policy| policy.policy_id.to_id_string().starts_with(BASELINE))
}

/// Text of a certificate, as far as a line has room for it.
fn legible(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(CHARACTERS).collect()
}

/// Real names and addresses of authorities are shorter.
const CHARACTERS: usize = 100;
