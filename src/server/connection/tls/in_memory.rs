//! Both ends of a TLS connection without a socket between them, for tests.

use rustls::{ClientConnection, ServerConnection};

/// Hands the server all that the client has to say, and then the client what the server has; gives the
/// number of bytes of that.
pub(in crate::server::connection) fn round(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> usize {
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut &*wire).unwrap();
    server.process_new_packets().unwrap();
    wire.clear();
    while server.wants_write() {
        server.write_tls(&mut wire).unwrap();
    }
    let mut unread = &*wire;
    while !unread.is_empty() {
        client.read_tls(&mut unread).unwrap();
        client.process_new_packets().unwrap();
    }
    wire.len()
}
