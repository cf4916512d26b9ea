//! What a call comes back with, and the wait for it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Extensions;
use tonic::{Status, codec::CompressionEncoding, metadata::MetadataMap};

use super::mismatch;
use crate::wire::{
    body::Body,
    deadline::{self, Deadline},
    panics::{contain, drop_quietly},
    status,
};

/// The beginning of a response, with its messages still to come.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) body: Body,
}

/// A handler at work, whatever it is.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Status>> + Send + 'a>>;

/// Waits for the reply to a call.
pub struct ReplyFuture<'a>(ReplySource<'a>);

/// How a call is answered.
enum ReplySource<'a> {
    /// By a reply.
    Reply(HandlerFuture<'a, Reply>),
    /// By a response in the exchange of the call.
    Slot(HandlerFuture<'a, ()>),
}

impl<'a> ReplyFuture<'a> {
    /// Waits for the reply that `handler` makes.
    pub(crate) fn new(deadline: Deadline, handler: BoxFuture<'a, Reply>) -> Self {
        Self(ReplySource::Reply(HandlerFuture::new(deadline, handler)))
    }

    /// Waits until `handler` has put its response into the exchange of the call.
    pub(crate) fn in_slot(deadline: Deadline, handler: BoxFuture<'a, ()>) -> Self {
        Self(ReplySource::Slot(HandlerFuture::new(deadline, handler)))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        match &mut self.0 {
            ReplySource::Reply(handling) => Pin::new(handling).poll(cx),
            ReplySource::Slot(_) => Poll::Ready(Err(mismatch())),
        }
    }

    /// Waits until the response lies in the exchange of the call.
    pub(crate) async fn until_filled(self) -> Result<(), Status> {
        match self.0 {
            ReplySource::Reply(handling) => handling.await.map(drop),
            ReplySource::Slot(handling) => handling.await,
        }
    }
}

/// Waits for a handler. It is dropped when it has answered, when the deadline passes, or when this is
/// dropped; if it panics, the call fails and nothing else does.
struct HandlerFuture<'a, T> {
    handler: Option<BoxFuture<'a, T>>,
    has_begun: bool,
    deadline: Deadline,
}

impl<'a, T> HandlerFuture<'a, T> {
    fn new(deadline: Deadline, handler: BoxFuture<'a, T>) -> Self {
        Self { handler: Some(handler), has_begun: false, deadline }
    }

    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Status>> {
        let Some(handler) = &mut self.handler else { return Poll::Pending };
        // What nobody waits for any more is not begun with.
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
            // What it holds is dropped before its answer is seen, and may panic, too.
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
