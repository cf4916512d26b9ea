//! Panics of the user's code, where they must not end anything else.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` gives, if it does not panic: that was reported by the panic hook, and goes no further.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Drops `value`, which may be the user's, or hold what is. A panic in its destructor was reported by
/// the panic hook, and goes no further.
pub(crate) fn drop_quietly<T>(value: T) {
    let _ = caught(|| drop(value));
}
