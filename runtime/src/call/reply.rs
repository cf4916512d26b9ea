//! The reply to a call, and the future of it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Extensions;
use tokio::time::Instant;
use tonic::{Status, codec::CompressionEncoding, metadata::MetadataMap};

use super::{
    body::Body,
    cause,
    context::{InheritedHeaders, ServedContext},
    deadline::{self, Deadline},
    method::MethodDescriptor,
    panics::{catch_panic, drop_catching_panics},
    parent::GuardedResponses,
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

    /// Keeps the call for which it was `served` going until the last response: that may be a stream.
    fn guard(&mut self, served: ServedContext) {
        if let Some(guard) = served.into_guard() {
            let body = std::mem::replace(&mut self.body, Body::empty());
            self.body = body.observed(Box::new(GuardedResponses(Some(guard))));
        }
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
    /// What is inherited by calls that `inner` makes, if it serves one itself.
    served: Option<ServedContext>,
    /// The method, if this is the outermost future of a served call.
    method: Option<&'static MethodDescriptor>,
}

impl<'a> ReplyFuture<'a> {
    /// A future of the reply that `inner` makes.
    pub(crate) fn new(deadline: Deadline, inner: CallFuture<'a, Reply>) -> Self {
        Self { inner: Some(inner), has_begun: false, deadline, served: None, method: None }
    }

    /// A future of the reply of `inner`, which serves a call until `deadline`. Calls that it makes inherit the
    /// deadline and the `headers`.
    pub(crate) fn serving(
        deadline: Option<Instant>,
        headers: InheritedHeaders,
        inner: CallFuture<'a, Reply>,
    ) -> Self {
        let mut reply = Self::new(Deadline::at(deadline), inner);
        reply.served = Some(ServedContext::new(headers));
        reply
    }

    /// The same future as the outermost one of a served call of `method`: causes of failures go no further.
    pub(crate) fn of_method(mut self, method: &'static MethodDescriptor) -> Self {
        self.method = Some(method);
        self
    }

    /// Polls `inner`, and drops it when it has answered: before the response is seen.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        let Some(inner) = &mut self.inner else { return Poll::Pending };
        let begins = !std::mem::replace(&mut self.has_begun, true);
        let result = ready!(if begins && self.deadline.has_passed() {
            // A call that has expired before it starts is not run.
            Poll::Ready(Err(deadline::exceeded()))
        } else {
            match inner.as_mut().poll(cx) {
                Poll::Pending => self.deadline.wait(cx),
                answered => answered,
            }
        });
        self.inner = None;
        Poll::Ready(result)
    }

    fn poll_contained(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        catch_panic(|| self.poll_inner(cx)).unwrap_or_else(|_| {
            drop_catching_panics(self.inner.take());
            Poll::Ready(Err(status::panicked()))
        })
    }

    fn poll_served(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        let Some(served) = self.served.take() else { return self.poll_contained(cx) };
        let (mut polled, served) = served.run(self.deadline.instant(), || self.poll_contained(cx));
        match &mut polled {
            Poll::Pending => self.served = Some(served),
            // Changed in place: moving it costs.
            Poll::Ready(Ok(reply)) => reply.guard(served),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

impl Future for ReplyFuture<'_> {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = self.poll_served(cx);
        match (&mut polled, self.method) {
            (Poll::Ready(Err(status)), Some(method)) => cause::withhold(method.path, status),
            (Poll::Ready(Ok(reply)), Some(method)) if method.kind.streams_responses() => {
                reply.body.withhold_cause(method);
            }
            _ => {}
        }
        polled
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
