//! A stream that its call's deadline limits, and that observers see pass.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;
use tonic::{Status, metadata::MetadataMap};

use super::{Source, Streaming};
use crate::call::{
    body::DirectResponses,
    cause,
    context::{self, Context as CallContext},
    deadline::Deadline,
    method::MethodDescriptor,
    observer::BoxObserver,
    panics::{catch_panic, drop_catching_panics},
    status,
};

impl<T> Streaming<T> {
    /// The same messages, as the responses to a call without a codec, which ends at the server's deadline at the
    /// latest. A panic in their source becomes `Internal`.
    pub(crate) fn direct(self, responses: DirectResponses, deadline: Deadline) -> Self
    where
        T: Send + 'static,
    {
        let DirectResponses { stream: context, observers, server_observers, method } = responses;
        let deadline = deadline.moved_to(context.as_ref().and_then(CallContext::deadline));
        let messages = self;
        Self::from_source(LimitedSource {
            messages,
            deadline,
            context,
            observers,
            server_observers,
            method,
        })
    }

    /// The [`InstrumentFn`](crate::call::direct_slot::InstrumentFn) of a stream.
    pub(crate) fn instrument(&mut self, deadline: Option<Instant>, observer: Option<BoxObserver>)
    where
        T: Send + 'static,
    {
        *self = Self::from_source(LimitedSource {
            messages: std::mem::take(self),
            deadline: Deadline::at(deadline),
            context: None,
            observers: observer.into_iter().collect(),
            server_observers: 0,
            method: None,
        });
    }
}

struct LimitedSource<T> {
    messages: Streaming<T>,
    deadline: Deadline,
    /// In which the messages make calls. None if that does not matter, or once they have ended.
    context: Option<CallContext>,
    observers: Vec<BoxObserver>,
    /// How many of them see the cause of a failure.
    server_observers: usize,
    /// The method of a served call, if these are its responses.
    method: Option<&'static MethodDescriptor>,
}

impl<T> LimitedSource<T> {
    fn poll_limited(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        if let Err(late) = self.deadline.check(cx) {
            return Poll::Ready(Some(Err(late)));
        }
        let (polled, context) = context::run(self.context.take(), || {
            let poll = || self.messages.poll_message(cx);
            catch_panic(poll).unwrap_or_else(|_| Poll::Ready(Some(Err(status::panicked()))))
        });
        self.context =
            context.filter(|_| matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))));
        polled
    }
}

impl<T: Send> Source<T> for LimitedSource<T> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Status>>> {
        let mut next = ready!(self.poll_limited(cx));
        let Self { observers, messages, server_observers, method, .. } = &mut *self;
        let (of_server, others) = observers.split_at_mut(*server_observers);
        show(of_server, &next, messages);
        if let (Some(Err(status)), Some(method)) = (&mut next, method) {
            cause::withhold(method.path, status);
        }
        show(others, &next, messages);
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        self.messages.take_received_trailers()
    }

    fn is_counted(&self) -> bool {
        self.messages.is_counted()
    }
}

/// Shows `observers` the `next` of these messages.
fn show<T>(
    observers: &mut [BoxObserver],
    next: &Option<Result<T, Status>>,
    messages: &Streaming<T>,
) {
    for observer in observers {
        match next {
            Some(Ok(_)) => observer.on_message(),
            Some(Err(status)) => observer.on_end(Err(status)),
            None => observer.on_end(Ok(&messages.trailers)),
        }
    }
}

impl<T> Drop for LimitedSource<T> {
    /// The messages come from the user's code on the other side of an in-process call, and may panic when
    /// dropped.
    fn drop(&mut self) {
        drop_catching_panics(std::mem::take(&mut self.messages));
    }
}
