//! Ports that a firewall of this machine forwards to ours.

use rustix::net::sockopt;
use tokio::net::TcpStream;

/// True if a firewall of this machine sent the connection here, which the client made to another
/// port.
pub(super) fn is_forwarded(stream: &TcpStream, port: u16) -> bool {
    let four = || sockopt::ip_original_dst(stream).ok().map(|asked| asked.port());
    let six = || sockopt::ipv6_original_dst(stream).ok().map(|asked| asked.port());
    four().or_else(six).is_some_and(|asked| asked != port)
}
