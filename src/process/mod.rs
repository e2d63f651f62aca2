//! The process and what it shares with the system: rights, signals, the service manager,
//! descriptors, memory, clocks and random numbers.

pub mod clock;
pub mod companion;
pub mod descriptors;
pub mod heap;
pub mod memory;
pub mod notify;
pub mod random;
pub mod reserve;
pub mod sandbox;
pub mod secret;
pub mod signals;
pub mod stamp;
pub mod watchdog;
