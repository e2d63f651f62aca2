//! The look at a name before an order is spent on it: does it lead to this server?
//!
//! A token of its own is put where the server shows tokens, and fetched as the authority will: over
//! plain HTTP, from each address that the DNS knows for the name. An authority prefers IPv6, so one
//! address that leads elsewhere is enough for a refusal.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, LOCATION, SERVER, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::failure::{Failure, chain};
use super::http_client::CONNECT_TIME;
use super::proof::show_file;
use super::shelf::Shelf;
use super::{hexadecimal, random};
use crate::log::one_line;

/// One fetch from one address.
const FETCH_TIME: Duration = Duration::from_secs(10);

/// The most addresses of a name that are asked.
const ADDRESSES: usize = 8;

/// Bytes of an answer: a token is far shorter.
const ANSWER_BYTES: usize = 4096;

/// The port that HTTP-01 is about (RFC 8555 §8.3).
const HTTP_PORT: u16 = 80;

/// True if the DNS knows a name.
pub(super) async fn resolves(host: &str) -> bool {
    lookup_host((host, HTTP_PORT)).await.is_ok_and(|mut addresses| addresses.next().is_some())
}

/// Fetches a token of our own from each address of `host`.
///
/// # Errors
/// The finding in place of the token.
pub(super) async fn check(host: &str, shelf: &Shelf) -> Result<(), Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses: Vec<SocketAddr> = match lookup_host((bare, HTTP_PORT)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Err(here(format!("the DNS does not know it ({error})"))),
    };
    addresses.sort();
    addresses.dedup();
    addresses.truncate(ADDRESSES);
    let token = hexadecimal(&random::<16>());
    let text = hexadecimal(&random::<16>());
    let _file = show_file(shelf, &token, &text)?;

    let mut reached = false;
    let mut unroutable = None;
    for address in addresses {
        match fetch(address, host, &token).await {
            Ok(found) if found == Reply::Content(text.clone()) => reached = true,
            Ok(found) => return Err(elsewhere(address, &found)),
            Err(Unreached::NoRoute(reason)) => unroutable = Some((address, reason)),
            Err(Unreached::Failed(reason)) => return Err(unreachable(address, &reason)),
        }
    }
    // A machine without IPv6 cannot look there; the authority can, and will tell.
    match unroutable {
        Some((address, reason)) if !reached => Err(unreachable(address, &reason)),
        _ if !reached => Err(here("the DNS knows it, but no address for it".into())),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Content(String),
    /// A status, with what the other side says of itself.
    Other(String),
}

enum Unreached {
    /// This machine has no way to addresses of this kind.
    NoRoute(String),
    Failed(String),
}

async fn fetch(address: SocketAddr, host: &str, token: &str) -> Result<Reply, Unreached> {
    let cause = |error: &(dyn std::error::Error + 'static)| chain(error.source().unwrap_or(error));
    let failed = |error: &(dyn std::error::Error + 'static)| Unreached::Failed(cause(error));
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIME));
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let agent = concat!("shost/", env!("CARGO_PKG_VERSION"), " (certify)");
    let request = Request::get(format!("http://{address}/.well-known/acme-challenge/{token}"))
        .header(HOST, host)
        .header(USER_AGENT, agent)
        .body(Empty::new())
        .map_err(|error| failed(&error))?;
    let exchange = async {
        let response = client.request(request).await.map_err(|error| {
            if is_unroutable(&error) { Unreached::NoRoute(cause(&error)) } else { failed(&error) }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        Ok(found(&Response::from_parts(parts, body)))
    };
    timeout(FETCH_TIME, exchange).await.unwrap_or_else(|_| {
        let seconds = FETCH_TIME.as_secs();
        Err(Unreached::Failed(format!("no answer within {seconds} seconds")))
    })
}

fn found(response: &Response<Bytes>) -> Reply {
    if response.status() == StatusCode::OK {
        return Reply::Content(String::from_utf8_lossy(response.body()).trim().to_owned());
    }
    let mut told = response.status().to_string();
    let field =
        |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(target) = field(LOCATION) {
        told = format!("{told} to {target}");
    }
    if let Some(server) = field(SERVER) {
        told = format!("{told} from {server}");
    }
    Reply::Other(told)
}

fn is_unroutable(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
            return matches!(error.kind(), AddrNotAvailable | HostUnreachable | NetworkUnreachable);
        }
        cause = error.source();
    }
    false
}

fn elsewhere(address: SocketAddr, found: &Reply) -> Failure {
    let ip = address.ip();
    let told = match found {
        Reply::Content(_) => "other content".to_owned(),
        Reply::Other(told) => one_line(told),
    };
    here(format!(
        "it leads to {ip}, which answers {told} where this machine's token should be: let its A \
         and AAAA records lead here, and start shost with --tls and --http-port 80"
    ))
}

fn unreachable(address: SocketAddr, reason: &str) -> Failure {
    let ip = address.ip();
    here(format!(
        "it leads to {ip}, where port 80 cannot be reached ({reason}): let its A and AAAA records \
         lead here, open port 80, and start shost with --http-port 80"
    ))
}

fn here(reason: String) -> Failure {
    Failure::Here(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told() {
        let table = [
            (200, None, None, "abc", Reply::Content("abc".into())),
            (200, None, Some("nginx"), " abc\n", Reply::Content("abc".into())),
            (404, None, None, "abc", Reply::Other("404 Not Found".into())),
            (404, None, Some("nginx"), "", Reply::Other("404 Not Found from nginx".into())),
            (
                301,
                Some("https://a.net/x"),
                Some("cloudflare"),
                "",
                Reply::Other("301 Moved Permanently to https://a.net/x from cloudflare".into()),
            ),
        ];
        for (status, location, server, body, expected) in table {
            let mut response = Response::builder().status(status);
            for (name, value) in [(LOCATION, location), (SERVER, server)] {
                if let Some(value) = value {
                    response = response.header(name, value);
                }
            }
            let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
            assert_eq!(found(&response), expected);
        }
    }

    #[test]
    fn a_failure_names_the_address_and_the_mend() {
        let address = "192.0.2.7:80".parse().unwrap();
        let told = elsewhere(address, &Reply::Other("404\x1b".into())).to_string();
        assert!(
            told.starts_with("it leads to 192.0.2.7, which answers 404\\u{1b} where"),
            "{told}"
        );
        let told = unreachable(address, "refused").to_string();
        assert!(told.starts_with("it leads to 192.0.2.7, where port 80 cannot be"), "{told}");
    }
}
