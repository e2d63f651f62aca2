//! Types of the files in `.well-known` (RFC 8615), which mostly have no extension.

/// The type of the file at this path below `.well-known`, if its name says more than an extension.
pub(super) fn essence(path: &str) -> Option<&'static str> {
    let (first, _) = path.split_once('/').unwrap_or((path, ""));
    let of = |names: &[&str]| names.contains(&first);
    if let Some((_, essence)) = OTHERS.iter().find(|(name, _)| *name == path || *name == first) {
        Some(essence)
    } else if of(JSON) {
        Some("application/json")
    } else if of(PLAIN_TEXT) {
        Some("text/plain")
    } else {
        None
    }
}

const JSON: &[&str] = &[
    "apple-app-site-association", // Apple, Supporting associated domains
    "com.apple.remotemanagement", // Apple, account-driven enrolment
    "did-configuration",
    "lnurlp", // LUD-16
    "matrix", // Matrix client-server and server-server specifications
    "microsoft-identity-association",
    "nodeinfo",                   // NodeInfo 2.1
    "oauth-authorization-server", // RFC 8414
    "oauth-protected-resource",   // RFC 9728
    "openid-configuration",       // OpenID Connect Discovery 1.0 §4
    "openid-credential-issuer",
    "passkey-endpoints",
    "smart-configuration",
    "ssf-configuration",
    "terraform",
    "uma2-configuration",
    "web-identity",
    "webauthn",
];

const PLAIN_TEXT: &[&str] = &[
    "acme-challenge", // RFC 8555 §8.3
    "apple-developer-merchantid-domain-association",
    "atproto-did",
    "discord",
    "pki-validation",
    "stellar.toml", // SEP-1 asks for text/plain
];

/// `openpgpkey` has keys in binary, and a policy.
const OTHERS: &[(&str, &str)] = &[
    ("host-meta", "application/xrd+xml"),       // RFC 6415 §2
    ("host-meta.json", "application/jrd+json"), // RFC 6415 appendix A
    ("openpgpkey/policy", "text/plain"),
    ("resourcesync", "application/xml"),
    ("traffic-advice", "application/trafficadvice+json"),
    ("void", "text/turtle"),
    ("webfinger", "application/jrd+json"), // RFC 7033 §10.2
    ("wot", "application/td+json"),
];
