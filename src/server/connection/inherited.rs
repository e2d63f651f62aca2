//! Sockets that the service manager holds and passes on (`sd_listen_fds(3)`), so that a restart
//! refuses nobody and the server needs neither privileges nor a network of its own.
//!
//! A socket that is passed on is never told to listen: it does already, and under `SELinux` a
//! container may not.

use std::fmt;
use std::net::TcpListener;

use listenfd::ListenFd;
use socket2::{SockRef, Socket};

use super::listener::Sockets;

/// The variable with the names of the sockets, between colons.
const NAMES: &str = "LISTEN_FDNAMES";

/// The port that `http` URIs mean when they name none (RFC 9110 §4.2.1).
const HTTP_PORT: u16 = 80;

/// Sockets were passed on, and not one of them is of use.
#[derive(Debug)]
pub struct Useless(Vec<String>);

impl fmt::Display for Useless {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "none of the sockets passed on is of use: {}", self.0.join("; "))
    }
}

impl std::error::Error for Useless {}

/// The protocols that the server speaks, which decide about the use of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    /// True if HTTPS is spoken beside HTTP.
    pub tls: bool,
    /// The port of plain HTTP, if one was chosen.
    pub http_port: Option<u16>,
    /// True if HTTP/3 is spoken beside HTTPS.
    pub http3: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Http,
    Https,
    None,
}

/// Takes the sockets that were passed on to this process, and one line for each that is of no
/// use. `None` if there are none, or they are meant for another process.
///
/// # Errors
/// When none can be used: to bind others in their place would serve nobody.
pub fn take(spoken: Spoken) -> Result<Option<(Sockets, Vec<String>)>, Useless> {
    let names = std::env::var(NAMES).unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    if passed.len() == 0 {
        return Ok(None);
    }
    let mut sockets = Sockets { inherited: true, ..Sockets::default() };
    let mut skipped = Vec::new();
    for index in 0..passed.len() {
        let name = names.next().unwrap_or_default();
        if let Ok(Some(socket)) = passed.take_udp_socket(index) {
            if spoken.tls && spoken.http3 {
                sockets.quic.push(Socket::from(socket));
            } else {
                skipped.push(format!("socket {name:?}: no HTTP/3 is spoken"));
            }
            continue;
        }
        match passed.take_tcp_listener(index) {
            Ok(Some(socket)) if listens(&socket) => {
                let port = socket.local_addr().map_or(0, |address| address.port());
                match use_of(name, port, spoken) {
                    Use::Http => sockets.http.push(Socket::from(socket)),
                    Use::Https => sockets.https.push(Socket::from(socket)),
                    Use::None => skipped.push(format!("socket {name:?}: nothing here speaks that")),
                }
            }
            Ok(_) => skipped.push(format!("socket {name:?}: does not listen")),
            Err(error) => skipped.push(format!("socket {name:?}: {error}")),
        }
    }
    if sockets.http.is_empty() && sockets.https.is_empty() && sockets.quic.is_empty() {
        return Err(Useless(skipped));
    }
    Ok(Some((sockets, skipped)))
}

fn listens(socket: &TcpListener) -> bool {
    SockRef::from(socket).is_listener().unwrap_or(false)
}

/// The use of a socket of TCP, by its name first. A name is what `FileDescriptorName=` says, or the
/// socket unit's own, so `shost-https.socket` is `https`; whatever says nothing goes by its port.
fn use_of(name: &str, port: u16, spoken: Spoken) -> Use {
    let unit = name.strip_suffix(".socket");
    let word = unit.unwrap_or(name).rsplit('-').next().unwrap_or_default();
    let is_http_port = port == HTTP_PORT || Some(port) == spoken.http_port;
    match word {
        "http" => Use::Http,
        "https" if spoken.tls => Use::Https,
        "" | "unknown" | "shost" if is_http_port || !spoken.tls => Use::Http,
        "" | "unknown" | "shost" => Use::Https,
        _ => Use::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_goes_by_its_name_then_by_its_port() {
        let tls = Spoken { tls: true, http_port: Some(8080), http3: true };
        let plain = Spoken { tls: false, http_port: None, http3: true };
        let table = [
            ("http", 443, tls, Use::Http),
            ("https", 80, tls, Use::Https),
            ("http", 443, plain, Use::Http),
            ("https", 443, plain, Use::None),
            ("quic", 443, tls, Use::None),
            ("ssh", 80, plain, Use::None),
            ("shost-http.socket", 1, tls, Use::Http),
            ("shost-https.socket", 1, tls, Use::Https),
            ("shost-quic.socket", 443, tls, Use::None),
            ("shost.socket", 443, tls, Use::Https),
            ("shost.socket", 80, tls, Use::Http),
            ("", 80, tls, Use::Http),
            ("", 8080, tls, Use::Http),
            ("", 443, tls, Use::Https),
            ("unknown", 8443, tls, Use::Https),
            ("unknown", 8443, plain, Use::Http),
        ];
        for (name, port, spoken, expected) in table {
            assert_eq!(use_of(name, port, spoken), expected, "{name:?} on {port}, {spoken:?}");
        }
    }

    #[test]
    fn a_socket_that_only_is_bound_does_not_listen() {
        use socket2::{Domain, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&address.into()).unwrap();
        let socket = TcpListener::from(socket);
        assert!(!listens(&socket));
        SockRef::from(&socket).listen(1).unwrap();
        assert!(listens(&socket));
    }
}
