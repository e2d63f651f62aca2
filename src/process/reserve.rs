//! Descriptors that are kept for what has to work when there are no others left: orders and
//! reloads, which are how an operator gets out of trouble. Logs hold theirs from the start.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Descriptors that are kept for orders and reloads when there are no others: an order and its
/// socket, a few folders deep, a certificate.
const SPARE_DESCRIPTORS: usize = 16;

/// The descriptors that are kept; clones share them.
#[derive(Clone, Debug)]
pub struct Reserve {
    shared: Arc<Mutex<ReservedDescriptors>>,
}

#[derive(Debug)]
struct ReservedDescriptors {
    /// Any descriptor at all: copies of it are what is kept.
    model: OwnedFd,
    kept: Vec<OwnedFd>,
    wanted: usize,
    loans: usize,
}

impl Reserve {
    /// Keeps copies of `model`, as many as orders and reloads need beside what sites take.
    #[must_use]
    pub fn new(model: OwnedFd) -> Self {
        let shared =
            ReservedDescriptors { model, kept: Vec::new(), wanted: SPARE_DESCRIPTORS, loans: 0 };
        let reserve = Self { shared: Arc::new(Mutex::new(shared)) };
        reserve.lock().fill();
        reserve
    }

    /// Keeps enough for a reload of this many sites, each of which is opened anew.
    pub fn keep_for(&self, sites: usize) {
        let mut shared = self.lock();
        shared.wanted = SPARE_DESCRIPTORS + sites;
        shared.fill();
    }

    /// Lets go of what is kept until the loan is dropped.
    #[must_use]
    pub fn lend(&self) -> Loan {
        let mut shared = self.lock();
        shared.loans += 1;
        shared.kept = Vec::new();
        Loan(self.clone())
    }

    /// True if somebody is using what was kept, and those who can wait should.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        self.lock().loans > 0
    }

    /// Keeps again what could not be had before.
    pub fn refill(&self) {
        self.lock().fill();
    }

    fn lock(&self) -> MutexGuard<'_, ReservedDescriptors> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReservedDescriptors {
    /// Keeps as many as are wanted, or as the system still has.
    fn fill(&mut self) {
        while self.loans == 0 && self.kept.len() < self.wanted {
            let Ok(copy) = self.model.try_clone() else { return };
            self.kept.push(copy);
        }
    }
}

/// The time in which the kept descriptors may be used.
#[derive(Debug)]
pub struct Loan(Reserve);

impl Drop for Loan {
    fn drop(&mut self) {
        let mut shared = self.0.lock();
        shared.loans -= 1;
        shared.fill();
    }
}

/// True if `error` says that there is no descriptor left, for this process or for all.
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE];
    exhausted.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_comes_back_with_the_last_loan() {
        let (model, _other) = io::pipe().unwrap();
        let reserve = Reserve::new(model.into());
        let kept = || reserve.lock().kept.len();
        assert_eq!(kept(), SPARE_DESCRIPTORS);
        let loan = reserve.lend();
        assert_eq!((kept(), reserve.is_lent()), (0, true));
        let other = reserve.lend();
        drop(loan);
        reserve.refill();
        assert_eq!((kept(), reserve.is_lent()), (0, true));
        drop(other);
        assert_eq!((kept(), reserve.is_lent()), (SPARE_DESCRIPTORS, false));
        reserve.keep_for(3);
        assert_eq!(kept(), SPARE_DESCRIPTORS + 3);
    }
}
