//! Panics of the user's code, where they must not end anything else.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

thread_local! {
    /// How many calls of [`contain`] the thread is in.
    static CONTAINED: Cell<usize> = const { Cell::new(0) };
    /// How many calls of [`note`] it is in.
    static NOTING: Cell<usize> = const { Cell::new(0) };
    /// What the last panic said that was contained in one of them.
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`, which may be the user's: a panic in it was reported by the panic hook, ends what it works
/// for, and goes no further.
pub(crate) fn contain<R>(work: impl FnOnce() -> R) -> thread::Result<R> {
    let depth = CONTAINED.get();
    CONTAINED.set(depth + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(depth);
    if let Err(panic) = &result
        && NOTING.get() > 0
    {
        NOTED.replace(Some(text(&**panic)));
    }
    result
}

/// Runs `work`, and says what the last panic said that was contained meanwhile. None may leave `work`.
#[allow(dead_code, reason = "only mocks have to be heard")]
pub(crate) fn note<R>(work: impl FnOnce() -> R) -> (R, Option<String>) {
    let (depth, former) = (NOTING.get(), NOTED.take());
    NOTING.set(depth + 1);
    let result = work();
    NOTING.set(depth);
    let noted = NOTED.take();
    // Whoever notes outside of this has to hear of it, too.
    NOTED.replace(noted.clone().or(former).filter(|_| depth > 0));
    (result, noted)
}

/// What `panic` says.
pub(crate) fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "something that is no text".to_owned())
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
