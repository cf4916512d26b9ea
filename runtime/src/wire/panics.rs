//! Panics of the user's code, where they must not end anything else.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops `value`, which may be the user's, or hold what is. A panic in its destructor was reported by
/// the panic hook, and goes no further.
pub(crate) fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}
