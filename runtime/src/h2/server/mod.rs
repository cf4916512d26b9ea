//! The server's end of a connection.

pub(crate) mod calls;
pub(crate) mod close;
pub(crate) mod connection;
pub(crate) mod drain;
pub(crate) mod options;
pub(crate) mod phase;
pub(crate) mod ping_strikes;
pub(crate) mod preface;
mod slow_methods;
mod stream;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

/// The output of `future`, or `None` if `end` completes first.
pub(crate) async fn run_until<T>(
    mut end: Pin<&mut impl Future<Output = ()>>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match end.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}
