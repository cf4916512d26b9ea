//! Catches panics of user code, so that they end one call and nothing else.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

thread_local! {
    /// How deeply calls of [`catch_panic`] are nested on this thread.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
    /// How deeply calls of [`note`] are nested on this thread.
    static NOTING: Cell<usize> = const { Cell::new(0) };
    /// The message of the last panic that was caught inside [`note`].
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`, which may be user code. The panic hook has reported a panic in it; here it becomes an
/// error.
pub(crate) fn catch_panic<R>(work: impl FnOnce() -> R) -> thread::Result<R> {
    let depth = CATCHING.get();
    CATCHING.set(depth + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(depth);
    if let Err(panic) = &result
        && NOTING.get() > 0
    {
        NOTED.replace(Some(text(&**panic)));
    }
    result
}

/// Runs `work` and returns the message of the last panic caught in it. `work` itself must not panic.
#[allow(dead_code, reason = "only mocks have to be heard")]
pub(crate) fn note<R>(work: impl FnOnce() -> R) -> (R, Option<String>) {
    let (depth, former) = (NOTING.get(), NOTED.take());
    NOTING.set(depth + 1);
    let result = work();
    NOTING.set(depth);
    let noted = NOTED.take();
    // An enclosing `note` must see the panic as well.
    NOTED.replace(noted.clone().or(former).filter(|_| depth > 0));
    (result, noted)
}

/// Like [`note`], but hides the panic from enclosing calls of `note`.
#[allow(dead_code, reason = "only mocks have to be heard")]
pub(crate) fn note_apart<R>(work: impl FnOnce() -> R) -> (R, Option<String>) {
    let former = NOTED.take();
    let result = note(work);
    NOTED.replace(former);
    result
}

/// The message of `panic`.
pub(crate) fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a payload that is not a string".to_owned())
}

/// Whether [`catch_panic`] would catch a panic here, so that no caller above sees it.
#[allow(dead_code, reason = "only mocks have to be heard")]
pub(crate) fn are_caught() -> bool {
    CATCHING.get() > 0
}

/// Drops `value`, which may be user-defined or contain user-defined values. The panic hook has reported a panic in
/// its destructor; it goes no further.
pub(crate) fn drop_catching_panics<T>(value: T) {
    let _ = catch_panic(|| drop(value));
}
