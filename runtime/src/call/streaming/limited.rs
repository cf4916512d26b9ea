//! A stream that its call's deadline limits, and that observers see pass.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;
use tonic::{Status, metadata::MetadataMap};

use super::{Source, Streaming, panicked};
use crate::call::{
    deadline::Deadline,
    observer::BoxObserver,
    panics::{catch_panic, drop_catching_panics},
};

impl<T> Streaming<T> {
    /// The same messages until `deadline` passes, shown to `observers`. A panic in their source becomes
    /// `Internal`.
    pub(crate) fn limited(self, deadline: Option<Instant>, observers: Vec<BoxObserver>) -> Self
    where
        T: Send + 'static,
    {
        let deadline = Deadline::at(deadline);
        Self::from_source(LimitedSource { messages: self, deadline, observers })
    }

    /// The [`InstrumentFn`](crate::call::direct_slot::InstrumentFn) of a stream.
    pub(crate) fn instrument(&mut self, deadline: Option<Instant>, observer: Option<BoxObserver>)
    where
        T: Send + 'static,
    {
        *self = std::mem::take(self).limited(deadline, observer.into_iter().collect());
    }
}

struct LimitedSource<T> {
    messages: Streaming<T>,
    deadline: Deadline,
    observers: Vec<BoxObserver>,
}

impl<T> LimitedSource<T> {
    fn poll_limited(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        if let Err(late) = self.deadline.check(cx) {
            return Poll::Ready(Some(Err(late)));
        }
        let poll = || self.messages.poll_message(cx);
        catch_panic(poll).unwrap_or_else(|_| Poll::Ready(Some(Err(panicked()))))
    }
}

impl<T: Send> Source<T> for LimitedSource<T> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Status>>> {
        let next = ready!(self.poll_limited(cx));
        let Self { observers, messages, .. } = &mut *self;
        for observer in observers {
            match &next {
                Some(Ok(_)) => observer.on_message(),
                Some(Err(status)) => observer.on_end(Err(status)),
                None => observer.on_end(Ok(&messages.trailers)),
            }
        }
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        self.messages.take_received_trailers()
    }

    fn is_counted(&self) -> bool {
        self.messages.is_counted()
    }
}

impl<T> Drop for LimitedSource<T> {
    /// The messages come from the user's code on the other side of an in-process call, and may panic when
    /// dropped.
    fn drop(&mut self) {
        drop_catching_panics(std::mem::take(&mut self.messages));
    }
}
