//! What stands in for the runtime's module of this name.

use std::task::Waker;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// With the interface of the crate `atomic-waker`.
#[derive(Debug)]
pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    pub(crate) fn new() -> Self {
        Self(loom::future::AtomicWaker::new())
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub(crate) fn wake(&self) {
        self.0.wake();
    }
}
