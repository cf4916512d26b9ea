//! Ties a stream of requests to its response, which HTTP does not: when nobody wants the response
//! any more, the requests end, and when the requests fail, the response says why.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;
use tonic::Status;

/// The response's end: dropping it resets a call whose requests could go on.
#[derive(Debug, Default)]
pub(crate) struct CancelLink(Option<oneshot::Receiver<Status>>);

impl CancelLink {
    /// The response's end, and that of the requests: it knows when the response is not wanted any
    /// more, and is told what the requests fail with.
    pub(crate) fn new() -> (oneshot::Sender<Status>, Self) {
        let (failure, failed) = oneshot::channel();
        (failure, Self(Some(failed)))
    }

    /// Whether the requests can still fail.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// What the requests have failed with.
    #[inline]
    pub(crate) fn poll_failure(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        match Pin::new(self.0.as_mut()?).poll(cx) {
            Poll::Pending => None,
            Poll::Ready(outcome) => {
                self.0 = None;
                outcome.ok()
            }
        }
    }
}
