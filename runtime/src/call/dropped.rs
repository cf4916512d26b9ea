//! Why a call is dropped, for what observes it from within: the drop itself does not say.

use std::cell::RefCell;

use tonic::Status;

use super::panics::drop_catching_panics;

thread_local! {
    /// The status that the client gets of what is being dropped on this thread.
    static ENDED_WITH: RefCell<Option<Status>> = const { RefCell::new(None) };
}

/// Drops `call`, or a part of it, whose client gets `status`. What observes the call in it learns that from
/// [`ended_with`]; so do calls of servers in this process that it waits for, which end for the same reason.
pub(crate) fn drop_ended<T>(call: T, status: &Status) {
    let outer = ENDED_WITH.replace(Some(status.clone()));
    drop_catching_panics(call);
    ENDED_WITH.set(outer);
}

/// The status that the client gets of the call that is being dropped here. None if nobody but the client has ended
/// it.
pub(crate) fn ended_with() -> Option<Status> {
    // A thread that ends may drop calls after this.
    ENDED_WITH.try_with(|status| status.borrow().clone()).ok().flatten()
}
