//! Panics of the user's code, where they must not end anything else.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

thread_local! {
    /// How many calls of [`contain`] the thread is in.
    static CONTAINED: Cell<usize> = const { Cell::new(0) };
}

/// Runs `work`, which may be the user's: a panic in it was reported by the panic hook, ends what it works
/// for, and goes no further.
pub(crate) fn contain<R>(work: impl FnOnce() -> R) -> thread::Result<R> {
    let depth = CONTAINED.get();
    CONTAINED.set(depth + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(depth);
    result
}

/// Whether a panic would be caught by [`contain`], so that nobody above sees it.
#[allow(dead_code, reason = "only mocks have to be heard")]
pub(crate) fn are_contained() -> bool {
    CONTAINED.get() > 0
}

/// Drops `value`, which may be the user's, or hold what is. A panic in its destructor was reported by
/// the panic hook, and goes no further.
pub(crate) fn drop_quietly<T>(value: T) {
    let _ = contain(|| drop(value));
}
