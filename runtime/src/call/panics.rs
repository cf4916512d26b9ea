//! Contains panics of user code, so that they end one call and nothing else.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

thread_local! {
    /// How deeply calls of [`contain`] are nested on this thread.
    static CONTAINED: Cell<usize> = const { Cell::new(0) };
    /// How deeply calls of [`note`] are nested on this thread.
    static NOTING: Cell<usize> = const { Cell::new(0) };
    /// The message of the last panic that was contained inside [`note`].
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`, which may be user code. The panic hook has reported a panic in it; here it becomes an
/// error.
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

/// Runs `work` and returns the message of the last panic contained in it. `work` itself must not panic.
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

/// Whether [`contain`] would catch a panic here, so that no caller above sees it.
#[allow(dead_code, reason = "only mocks have to be heard")]
pub(crate) fn are_contained() -> bool {
    CONTAINED.get() > 0
}

/// Drops `value`, which may be the user's or contain user values. The panic hook has reported a panic in
/// its destructor; it goes no further.
pub(crate) fn drop_quietly<T>(value: T) {
    let _ = contain(|| drop(value));
}
