//! Notifications to the service manager (`sd_notify(3)`): ready, reloading, stopping, alive.
//!
//! Without `NOTIFY_SOCKET` nothing happens. The socket is connected before the sandbox closes, and
//! stays connected.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

/// The longest time that a message waits for a service manager that does not read. It reads all the
/// time; a server must not hang if it once does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the service manager, if there is one; cloned freely.
#[derive(Clone, Debug, Default)]
pub struct Notifier(Option<Arc<UnixDatagram>>);

impl Notifier {
    /// Connects to the socket that `NOTIFY_SOCKET` names.
    ///
    /// # Errors
    /// When there is no way to it.
    pub fn from_environment() -> io::Result<Self> {
        match std::env::var_os("NOTIFY_SOCKET") {
            Some(name) if !name.is_empty() => Self::connect(name.as_bytes()),
            _ => Ok(Self::default()),
        }
    }

    /// Connects to a socket by its path, or by its abstract name behind an `@`.
    fn connect(name: &[u8]) -> io::Result<Self> {
        let address = match name.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(Some(Arc::new(socket))))
    }

    /// Tells that everything is served.
    pub fn ready(&self, summary: &impl std::fmt::Display) {
        self.send(&[NotifyState::Ready, NotifyState::Status(&summary.to_string())]);
    }

    /// Tells that a reload begins; [`Notifier::ready`] ends it. `Type=notify-reload` wants to know
    /// when, so that it can tell this reload from one before.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "the clock cannot be read"),
        }
    }

    /// Tells that the server is about to end.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping, NotifyState::Status("finishing what is in flight")]);
    }

    /// Tells that the serving threads are alive, for the watchdog of the service manager.
    pub fn alive(&self) {
        self.send(&[NotifyState::Watchdog]);
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        let Some(socket) = &self.0 else { return };
        let lines: Vec<String> = states.iter().map(|state| format!("{state}\n")).collect();
        if let Err(error) = socket.send(lines.concat().as_bytes()) {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(manager: &UnixDatagram, name: &[u8]) {
        let notifier = Notifier::connect(name).unwrap();
        notifier.stopping();
        notifier.alive();
        let mut message = [0; 100];
        for expected in ["STOPPING=1\nSTATUS=finishing what is in flight\n", "WATCHDOG=1\n"] {
            let length = manager.recv(&mut message).unwrap();
            assert_eq!(std::str::from_utf8(&message[..length]).unwrap(), expected);
        }
    }

    #[test]
    fn a_socket_is_found_by_its_path_and_by_its_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        check(&UnixDatagram::bind(&path).unwrap(), path.as_os_str().as_bytes());

        let name = format!("shost-test-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        check(&UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}").as_bytes());
    }

    #[test]
    fn a_service_manager_that_has_gone_is_no_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(path.as_os_str().as_bytes()).unwrap();
        drop(manager);
        notifier.alive();
        Notifier::default().alive();
    }
}
