//! Streams of messages whose types are erased, and back.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tonic::{Status, metadata::MetadataMap};

use crate::call::streaming::{Source, Streaming};

impl<T: 'static> Streaming<T> {
    /// The same stream with converted messages.
    pub(super) fn convert<U: 'static>(self, convert: fn(T) -> Result<U, Status>) -> Streaming<U> {
        Streaming::from_source(Converted { messages: self, convert })
    }
}

struct Converted<T, U> {
    messages: Streaming<T>,
    convert: fn(T) -> Result<U, Status>,
}

impl<T, U> Source<U> for Converted<T, U> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<U, Status>>> {
        let next = ready!(self.messages.poll_message(cx));
        Poll::Ready(next.map(|message| (self.convert)(message?)))
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        self.messages.take_received_trailers()
    }

    fn is_counted(&self) -> bool {
        self.messages.is_counted()
    }
}
