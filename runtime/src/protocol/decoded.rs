//! A received stream of messages, decoded as they arrive.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tonic::{Status, metadata::MetadataMap};

use super::messages::Messages;
use crate::call::streaming::{Source, Streaming};

impl<T: 'static> Streaming<T> {
    /// Decodes `messages` with `decode` as they arrive.
    pub(crate) fn decoding(messages: Messages, decode: fn(Bytes) -> Result<T, Status>) -> Self {
        Self::from_source(DecodedSource { messages, decode })
    }
}

struct DecodedSource<T> {
    messages: Messages,
    decode: fn(Bytes) -> Result<T, Status>,
}

impl<T> Source<T> for DecodedSource<T> {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, Status>>> {
        let Some(message) = ready!(self.messages.poll_next(cx)) else { return Poll::Ready(None) };
        let decoded = (self.decode)(message?);
        if let Err(status) = &decoded {
            self.messages.note_failure(status);
        }
        Poll::Ready(Some(decoded))
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        self.messages.take_trailers().unwrap_or_default()
    }
}
