//! The synchronisation primitives of shared state. `tests/loom` replaces them with loom's, which explores
//! every interleaving.

pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

pub(crate) use atomic_waker::AtomicWaker;
pub(crate) use h2::{FlowControl, RecvStream};
