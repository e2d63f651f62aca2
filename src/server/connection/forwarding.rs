//! Ports that a firewall of this machine forwards to ours.

use rustix::net::sockopt;

use super::client_socket::ClientSocket;

/// True if a firewall of this machine sent the connection here, which the client made to another
/// port.
pub(super) fn is_forwarded(socket: &ClientSocket, port: u16) -> bool {
    let Some(socket) = socket.descriptor() else { return false };
    let four = || sockopt::ip_original_dst(socket).ok().map(|asked| asked.port());
    let six = || sockopt::ipv6_original_dst(socket).ok().map(|asked| asked.port());
    four().or_else(six).is_some_and(|asked| asked != port)
}
