//! The HTTP client for authorities: bounded in time and size, whatever the other side does.
//!
//! Root certificates are Mozilla's, compiled in: the image is made from scratch and holds no file
//! of them. `--acme-ca` adds an authority of the operator's own.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tokio::time::timeout;

use super::failure::chain;
use super::plan::MAX_RETRY_AFTER;

/// One request and its answer. Authorities answer within a second or two, rarely ten.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Reaching an authority, or giving up on it.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Bytes of an answer. A chain of four certificates with RSA-4096 keys is 10 KiB.
const ANSWER_BYTES: usize = 256 * 1024;

/// Bytes of an answer that is no JSON which are shown to the operator.
const SHOWN_BYTES: usize = 100;

/// Who asks, as authorities want to know (RFC 8555 §6.1).
const AGENT: &str = concat!("shost/", env!("CARGO_PKG_VERSION"), " (instant-acme)");

type Connector = HttpsConnector<HttpConnector>;

/// A client of authorities; cloned freely.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client<Connector, BodyWrapper<Bytes>>,
    retry_after: Arc<Mutex<Option<Duration>>>,
}

impl Http {
    /// A client that trusts the public authorities and `extra`.
    ///
    /// # Errors
    /// When `extra` holds what cannot be a root certificate.
    pub(super) fn new(extra: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in extra {
            roots.add(certificate)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, retry_after: Arc::default() })
    }

    /// Takes the time for which the authority wanted to be left alone when it last refused
    /// something.
    pub(super) fn take_retry_after(&self) -> Option<Duration> {
        self.retry_after.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Fetches a resource that needs no account.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, Error> {
        let request = Request::get(url).body(BodyWrapper::default())?;
        let mut answer = self.clone().send(request).await?;
        answer.body.into_bytes().await.map_err(Error::Other)
    }

    async fn send(self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        match timeout(REQUEST_TIME, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response.into()),
            Ok(Err(error)) => Err(other(error)),
            Err(_) => {
                let seconds = REQUEST_TIME.as_secs();
                Err(other(format!("no whole answer within {seconds} seconds")))
            }
        }
    }

    /// Sends a request and takes the whole answer.
    async fn exchange(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<Response<RequestBody>, String> {
        let response = self.client.request(request).await.map_err(|error| reason(&error))?;
        let (mut parts, body) = response.into_parts();
        let body = match Limited::new(body, ANSWER_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(format!("the answer is longer than {} KiB", ANSWER_BYTES / 1024));
            }
            Err(error) => return Err(chain(&*error)),
        };
        let wait = parts.headers.remove(RETRY_AFTER).and_then(|value| wait(&value));
        if let Some(wait) = wait {
            // What is beyond all reason would overflow the clock of who reads it.
            parts.headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        if parts.status.is_client_error() || parts.status.is_server_error() {
            // Which of several requests was refused does not matter: all are of this run.
            *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = wait;
            problem(parts.status, &body)?;
        }
        Ok(Response::from_parts(parts, RequestBody::new(body)))
    }
}

type RequestBody = http_body_util::Full<Bytes>;

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}

/// An error says why in JSON (RFC 8555 §6.7); a proxy in between does not, and is quoted.
fn problem(status: StatusCode, body: &[u8]) -> Result<(), String> {
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok() {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]);
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(format!("it answers {status} and not in the words of ACME: {shown}"))
}

/// The time that a Retry-After field asks for, at most [`MAX_RETRY_AFTER`] (RFC 9110 §10.2.3).
fn wait(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
            Duration::MAX
        }
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(Duration::from_secs(MAX_RETRY_AFTER)))
}

/// Why a request failed, in one line; a certificate that is out of time is rarely the authority's
/// fault.
fn reason(error: &(dyn StdError + 'static)) -> String {
    // The client's own word for it says nothing that its cause does not.
    let line = chain(error.source().unwrap_or(error));
    if line.contains("expired") || line.contains("not valid yet") {
        let now = httpdate::fmt_http_date(SystemTime::now());
        return format!("{line} (is this machine's clock right? It says {now})");
    }
    line
}

fn other(reason: String) -> Error {
    Error::Other(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_wait_is_bounded() {
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let table = [
            ("0", Some(0..=0)),
            (" 120 ", Some(120..=120)),
            (&*later, Some(90..=100)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(0..=0)),
            ("18446744073709551615", Some(MAX_RETRY_AFTER..=MAX_RETRY_AFTER)),
            ("99999999999999999999999", Some(MAX_RETRY_AFTER..=MAX_RETRY_AFTER)),
            ("", None),
            ("-1", None),
            ("soon", None),
        ];
        for (text, expected) in table {
            let told = wait(&HeaderValue::from_str(text).unwrap()).map(|wait| wait.as_secs());
            match expected {
                Some(range) => assert!(range.contains(&told.unwrap()), "{text:?}: {told:?}"),
                None => assert_eq!(told, None, "{text:?}"),
            }
        }
    }

    #[test]
    fn an_error_in_other_words_is_quoted() {
        let status = StatusCode::BAD_GATEWAY;
        assert_eq!(problem(status, b"{\"type\": \"x\"}"), Ok(()));
        let told = problem(status, b"<html>\n  <b>Bad</b>").unwrap_err();
        assert_eq!(
            told,
            "it answers 502 Bad Gateway and not in the words of ACME: <html> <b>Bad</b>"
        );
        assert!(problem(status, &[b'x'; 1000]).unwrap_err().len() < 200);
        assert!(problem(status, b"").is_err());
        assert!(problem(status, b"[]").is_err());
    }
}
