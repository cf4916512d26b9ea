//! Catches panics of user code, so that they end one call and nothing else.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};
#[cfg(feature = "_observed")]
use std::{panic, sync::Once};

thread_local! {
    /// How deeply calls of [`catch_panic`] are nested on this thread.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
    /// How deeply calls of [`note`] are nested on this thread.
    static NOTING: Cell<usize> = const { Cell::new(0) };
    /// The message of the last panic that was caught inside [`note`].
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The message of the last panic of this thread that will be caught, and where it began, once `record_places` was
    /// called.
    static PLACE: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
    /// The last panic that was caught on this thread, until a status says that there was one.
    static CAUGHT: RefCell<Option<CaughtPanic>> = const { RefCell::new(None) };
}

/// A panic of user code. It is the source of the status that the call gets, and is not sent to the peer.
#[cfg_attr(not(feature = "log"), allow(dead_code, reason = "nobody reads it"))]
#[derive(Clone)]
pub(crate) struct CaughtPanic {
    pub(crate) message: String,
    /// The file, the line and the column, if `record_places` was called.
    pub(crate) place: Option<String>,
}

/// Says no more than the status: it is in the statuses of clients in the same process.
impl fmt::Display for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a panic")
    }
}

impl fmt::Debug for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CaughtPanic")
    }
}

impl Error for CaughtPanic {}

/// Has panics that [`catch_panic`] catches say where they began, from now on, in the whole process.
///
/// Only the panic hook knows that. The one that is set stays, and hears of every panic as before.
#[cfg(feature = "_observed")]
pub(crate) fn record_places() {
    static RECORDING: Once = Once::new();
    // In a thread that panics, the hook cannot be changed.
    if thread::panicking() {
        return;
    }
    RECORDING.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if are_caught() {
                let place =
                    panic.location().map(|place| (text(panic.payload()), place.to_string()));
                // The thread may be ending; then nobody asks any more.
                let _ = PLACE.try_with(|last| last.replace(place));
            }
            former(panic);
        }));
    });
}

/// Takes the panic that was caught on this thread just before.
#[allow(dead_code, reason = "called by what makes calls")]
pub(crate) fn take_caught() -> Option<CaughtPanic> {
    CAUGHT.take()
}

/// Runs `work`, which may be user code. The panic hook has reported a panic in it; here it becomes an
/// error.
pub(crate) fn catch_panic<R>(work: impl FnOnce() -> R) -> thread::Result<R> {
    let result = catch(work);
    if let Err(panic) = &result {
        let caught = report(&**panic);
        // The thread may be ending; then nobody asks any more.
        let _ = CAUGHT.try_with(|last| last.replace(Some(caught)));
    }
    result
}

fn catch<R>(work: impl FnOnce() -> R) -> thread::Result<R> {
    let depth = CATCHING.get();
    CATCHING.set(depth + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(depth);
    result
}

/// Apart, so that the code around work that goes well stays small.
#[cold]
#[inline(never)]
fn report(panic: &(dyn Any + Send)) -> CaughtPanic {
    let message = text(panic);
    if NOTING.get() > 0 {
        let _ = NOTED.try_with(|noted| noted.replace(Some(message.clone())));
    }
    let place = PLACE.try_with(RefCell::take).ok().flatten();
    // One that was resumed has not called the hook: then, this may be the place of another.
    let place = place.filter(|(of, _)| *of == message).map(|(_, place)| place);
    tracing::error!(panic = %message, place = place.as_deref(), "user code has panicked");
    CaughtPanic { message, place }
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
    // It is reported, but gives no call its status.
    let _ = catch(|| drop(value)).map_err(|panic| report(&*panic));
}
