//! An executor for properties of connections: nobody is polled who was not woken, so that a wake-up
//! that is lost is a connection that stands still, and that is seen at once.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// Times that somebody is polled, at the most, for a byte that moves.
const POLLS: usize = 2_000_000;

/// An executor that polls only who was woken.
#[derive(Clone, Default)]
pub(crate) struct Executor {
    spawned: Rc<RefCell<Vec<Task>>>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.spawned.borrow_mut().push(Task { future: Box::pin(future), woken });
    }

    /// Polls until all have come to their end.
    pub(crate) fn run(&self) {
        let mut tasks: Vec<Task> = Vec::new();
        for _ in 0..POLLS {
            tasks.append(&mut self.spawned.borrow_mut());
            if tasks.is_empty() {
                return;
            }
            let mut polled = false;
            tasks.retain_mut(|task| {
                if !task.woken.0.swap(false, Ordering::Relaxed) {
                    return true;
                }
                polled = true;
                let waker = Waker::from(Arc::clone(&task.woken));
                task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            });
            assert!(polled, "{} wait for each other", tasks.len());
        }
        panic!("no end comes");
    }
}
