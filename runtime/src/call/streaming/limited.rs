//! A stream that its call's deadline limits.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::Instant;
use tonic::{Status, metadata::MetadataMap};

use super::{Source, Streaming, panicked};
use crate::call::{
    deadline::Deadline,
    panics::{contain, drop_quietly},
};

impl<T> Streaming<T> {
    /// The same messages until `deadline` passes. A panic in their source becomes `Internal`.
    pub(crate) fn limited(self, deadline: Option<Instant>) -> Self
    where
        T: Send + 'static,
    {
        Self::from_source(LimitedSource { messages: self, deadline: Deadline::at(deadline) })
    }
}

struct LimitedSource<T> {
    messages: Streaming<T>,
    deadline: Deadline,
}

impl<T: Send> Source<T> for LimitedSource<T> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Status>>> {
        if let Err(late) = self.deadline.check(cx) {
            return Poll::Ready(Some(Err(late)));
        }
        let poll = || self.messages.poll_message(cx);
        contain(poll).unwrap_or_else(|_| Poll::Ready(Some(Err(panicked()))))
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
        drop_quietly(std::mem::take(&mut self.messages));
    }
}
