//! The reply to a call, and the future of it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Extensions;
use tonic::{Status, codec::CompressionEncoding, metadata::MetadataMap};

use super::{
    body::Body,
    deadline::{self, Deadline},
    panics::{catch_panic, drop_catching_panics},
    status,
    trailers::Trailers,
};

/// The head of a response, and its body.
#[derive(Debug)]
pub struct Reply {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) body: Body,
}

impl Reply {
    /// Moves the trailers in the extensions to the end of the body.
    pub(crate) fn with_trailers(mut self) -> Self {
        if let Some(Trailers(trailers)) = self.extensions.remove() {
            self.body = self.body.with_trailers(trailers);
        }
        self
    }
}

/// A running handler or a call under way, type-erased.
pub(crate) type CallFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Status>> + Send + 'a>>;

/// A future of the reply to a call: runs the handler, and drops it when it has answered, when the deadline
/// passes, or when this future is dropped. A panic fails this call only.
pub struct ReplyFuture<'a> {
    inner: Option<CallFuture<'a, Reply>>,
    has_begun: bool,
    deadline: Deadline,
}

impl<'a> ReplyFuture<'a> {
    /// A future of the reply that `inner` makes.
    pub(crate) fn new(deadline: Deadline, inner: CallFuture<'a, Reply>) -> Self {
        Self { inner: Some(inner), has_begun: false, deadline }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        let Some(inner) = &mut self.inner else { return Poll::Pending };
        // A call that has expired before it starts is not run.
        if !std::mem::replace(&mut self.has_begun, true) && self.deadline.has_passed() {
            return Poll::Ready(Err(deadline::exceeded()));
        }
        match inner.as_mut().poll(cx) {
            Poll::Pending => self.deadline.wait(cx),
            answered => answered,
        }
    }
}

impl Future for ReplyFuture<'_> {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = catch_panic(|| {
            let result = ready!(this.poll_inner(cx));
            // The handler's state is dropped before the response is seen. That may panic, too.
            this.inner = None;
            Poll::Ready(result)
        });
        polled.unwrap_or_else(|_| {
            drop_catching_panics(this.inner.take());
            Poll::Ready(Err(status::panicked()))
        })
    }
}

impl Drop for ReplyFuture<'_> {
    fn drop(&mut self) {
        drop_catching_panics(self.inner.take());
    }
}

impl fmt::Debug for ReplyFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.inner.is_none();
        f.debug_struct("ReplyFuture").field("answered", &answered).finish_non_exhaustive()
    }
}
