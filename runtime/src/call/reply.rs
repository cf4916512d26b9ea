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
    direct_slot::mismatch,
    panics::{contain, drop_quietly},
    status,
};

/// The head of a response, and its body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) body: Body,
}

/// A running handler or a call under way, type-erased.
pub(crate) type CallFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Status>> + Send + 'a>>;

/// A future of the reply to a call.
pub struct ReplyFuture<'a>(ReplySource<'a>);

/// Where the response is put.
enum ReplySource<'a> {
    /// It is returned as a reply.
    Reply(HandlerFuture<'a, Reply>),
    /// It is put into the call's slot.
    Slot(HandlerFuture<'a, ()>),
}

impl<'a> ReplyFuture<'a> {
    /// A future of the reply that `handler` makes.
    pub(crate) fn new(deadline: Deadline, handler: CallFuture<'a, Reply>) -> Self {
        Self(ReplySource::Reply(HandlerFuture::new(deadline, handler)))
    }

    /// A future that completes once `handler` has put its response into the call's slot.
    pub(crate) fn in_slot(deadline: Deadline, handler: CallFuture<'a, ()>) -> Self {
        Self(ReplySource::Slot(HandlerFuture::new(deadline, handler)))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        match &mut self.0 {
            ReplySource::Reply(handling) => Pin::new(handling).poll(cx),
            ReplySource::Slot(_) => Poll::Ready(Err(mismatch())),
        }
    }

    /// Waits until the call's slot holds the response.
    pub(crate) async fn until_filled(self) -> Result<(), Status> {
        match self.0 {
            ReplySource::Reply(handling) => handling.await.map(drop),
            ReplySource::Slot(handling) => handling.await,
        }
    }
}

/// Runs a handler, and drops it when it has answered, when the deadline passes, or when this future is
/// dropped. A panic fails this call only.
struct HandlerFuture<'a, T> {
    handler: Option<CallFuture<'a, T>>,
    has_begun: bool,
    deadline: Deadline,
}

impl<'a, T> HandlerFuture<'a, T> {
    fn new(deadline: Deadline, handler: CallFuture<'a, T>) -> Self {
        Self { handler: Some(handler), has_begun: false, deadline }
    }

    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Status>> {
        let Some(handler) = &mut self.handler else { return Poll::Pending };
        // A call that has expired before it starts is not run.
        if !std::mem::replace(&mut self.has_begun, true) && self.deadline.has_passed() {
            return Poll::Ready(Err(deadline::exceeded()));
        }
        match handler.as_mut().poll(cx) {
            Poll::Pending => self.deadline.wait(cx),
            answered => answered,
        }
    }
}

impl<T> Future for HandlerFuture<'_, T> {
    type Output = Result<T, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = contain(|| {
            let result = ready!(this.poll_handler(cx));
            // The handler's state is dropped before the response is seen. That may panic, too.
            this.handler = None;
            Poll::Ready(result)
        });
        polled.unwrap_or_else(|_| {
            drop_quietly(this.handler.take());
            Poll::Ready(Err(status::panicked()))
        })
    }
}

impl<T> Drop for HandlerFuture<'_, T> {
    fn drop(&mut self) {
        drop_quietly(self.handler.take());
    }
}

impl fmt::Debug for ReplyFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = match &self.0 {
            ReplySource::Reply(handling) => handling.handler.is_none(),
            ReplySource::Slot(handling) => handling.handler.is_none(),
        };
        f.debug_struct("ReplyFuture").field("answered", &answered).finish_non_exhaustive()
    }
}
