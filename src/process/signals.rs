//! Signals, as the orders that they are.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use futures_core::Stream;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_tokio::Signals;

/// An order of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Look at sites and certificates anew. Several that come during one reload are one.
    Reload,
    /// Tell what was counted.
    Report,
    /// Finish what is in flight, then end.
    Stop,
}

/// The orders given to this process.
pub struct Orders {
    signals: Signals,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Orders")
    }
}

impl Orders {
    /// Listens for SIGHUP, SIGUSR1, SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { signals: Signals::new([SIGHUP, SIGUSR1, SIGTERM, SIGINT])? })
    }

    /// Waits for the next order.
    pub async fn next(&mut self) -> Order {
        match poll_fn(|context| Pin::new(&mut self.signals).poll_next(context)).await {
            Some(SIGHUP) => Order::Reload,
            Some(SIGUSR1) => Order::Report,
            _ => Order::Stop,
        }
    }

    /// Waits for the order to stop, whatever else is wanted.
    pub async fn stop(&mut self) {
        while self.next().await != Order::Stop {}
    }
}
