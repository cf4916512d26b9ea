//! Links a request stream to its response, which HTTP does not: dropping the response cancels the
//! requests, and a failure of the requests becomes the status of the response.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;
use tonic::Status;

/// The response's end. Dropping it resets a call whose requests are still open.
#[derive(Debug, Default)]
pub(crate) struct CancelLink(Option<oneshot::Receiver<Status>>);

impl CancelLink {
    /// Both ends. The sender, held by the requests, sees when the response is dropped, and passes on the
    /// status that the requests failed with.
    pub(crate) fn new() -> (oneshot::Sender<Status>, Self) {
        let (failure, failed) = oneshot::channel();
        (failure, Self(Some(failed)))
    }

    /// Whether the requests can still fail.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// The status that the requests failed with.
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
