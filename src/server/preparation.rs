//! Preparation: all that has to be done while the process is one thread that may still do
//! everything.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};

use super::connection::inherited;
use super::connection::inherited::Spoken;
use super::connection::listener::Sockets;
use super::connection::quic;
use super::{Http3, Setup, StartError};
use crate::ledger::{Bounds, Ledger, Means};
use crate::process::companion::Companion;
use crate::process::memory;
use crate::process::notify::Notifier;
use crate::process::reserve::Reserve;
use crate::process::sandbox;
use crate::process::sandbox::Sandbox;
use crate::process::secret::Secret;

/// A process that is ready to start threads.
#[derive(Debug)]
pub struct Preparation {
    /// The sockets to accept on.
    pub(super) sockets: Sockets,
    /// The way to the service manager.
    pub(super) notifier: Notifier,
    /// The sandbox that the process is in.
    pub(super) sandbox: Sandbox,
    /// The books of what clients hold, bounded by the descriptors and the memory there are.
    pub(super) ledger: Arc<Ledger>,
    /// Descriptors set aside for orders and reloads.
    pub(super) reserve: Reserve,
    /// The process that looks after certificates, if one is wanted.
    pub(super) companion: Option<Companion>,
    /// The secret that keys are derived from which outlive a connection.
    pub(super) secret: Arc<Secret>,
    /// Warnings, a line each, for a log that is not there yet.
    pub(super) warnings: Vec<String>,
}

impl Preparation {
    /// Takes or binds the sockets, connects to the service manager, then enters the sandbox.
    ///
    /// No other thread may run yet: what is given up here is given up for this thread and those
    /// that it starts.
    ///
    /// # Errors
    /// The first thing that fails.
    pub fn make(setup: &Setup) -> Result<Self, StartError> {
        let mut warnings = Vec::new();
        let notifier = Notifier::from_environment().unwrap_or_else(|error| {
            warnings.push(format!("the service manager cannot be told anything: {error}"));
            Notifier::default()
        });
        let (tls, http3) = (setup.sources.tls.is_some(), setup.http3 != Http3::Off);
        let spoken = Spoken { tls, http_port: setup.http_port, http3 };
        let sockets = match inherited::take(spoken).map_err(StartError::Inherited)? {
            Some((sockets, skipped)) => {
                warnings.extend(skipped);
                sockets
            }
            None => Sockets::bind(setup, &mut warnings).map_err(StartError::Bind)?,
        };
        let descriptors = getrlimit(Resource::Nofile).current;
        let ledger = Ledger::new(Bounds::of(Means { descriptors, memory: memory::available() }));
        let reserve = Reserve::new(io::stderr().as_fd().try_clone_to_owned()?);
        let secret = match &setup.sources.state {
            Some(folder) => Secret::kept_in(folder).map_err(StartError::Secret)?,
            None => Secret::fresh()?,
        };
        if !sockets.quic.is_empty() {
            quic::seed_random_numbers();
        }
        // What is started from inside the sandbox could not connect.
        let companion = setup.companion.as_deref().map(Companion::start).transpose()?;
        sandbox::give_up_privileges()?;
        let sandbox = if setup.sandbox {
            sandbox::hide_memory()?;
            Sandbox::enter(&setup.sources.readable()).map_err(StartError::Sandbox)?
        } else {
            Sandbox::Off
        };
        let secret = Arc::new(secret);
        Ok(Self { sockets, notifier, sandbox, ledger, reserve, companion, secret, warnings })
    }
}
