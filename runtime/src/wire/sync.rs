//! What threads share is made of. `tests/loom` has the same by another implementation, which tries
//! every order of steps.

pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

pub(crate) use atomic_waker::AtomicWaker;
pub(crate) use h2::{FlowControl, RecvStream};
