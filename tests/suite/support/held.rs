//! Sockets that a service manager would hold.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;
use socket2::SockRef;

use super::server::Setup;

/// The sockets, in the order in which they are passed on.
pub(crate) struct Held(pub(crate) Vec<OwnedFd>);

impl Held {
    /// So many of TCP.
    pub(crate) fn new(count: usize) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0").expect("a port is free").into();
        Self((0..count).map(|_| bind()).collect())
    }

    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        let address = SockRef::from(&self.0[index]).local_addr().expect("it is bound");
        address.as_socket().expect("it has a port")
    }

    /// Passes them on as descriptors from 3, with `variables` set.
    pub(crate) fn pass_to(&self, setup: Setup, variables: &str) -> Setup {
        /// Out of the way of the numbers from 3.
        const AWAY: i32 = 200;
        let copy = |socket| fcntl_dupfd_cloexec(socket, AWAY).expect("there is a number left");
        let copies: Vec<_> = self.0.iter().map(copy).collect();
        let moves = copies.iter().zip(3..).map(|(copy, to)| {
            let from = copy.as_raw_fd();
            format!("{to}<&{from} {from}<&- ")
        });
        let moves = moves.collect::<String>();
        let count = copies.len();
        let script = format!(
            "exec {moves}; export LISTEN_FDS={count} LISTEN_PID=$$ {variables}; exec \"$@\""
        );
        setup.launched_by(script).inheriting(copies)
    }
}
