//! Received messages, still encoded, until the peer or the deadline ends the stream.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tonic::{Status, metadata::MetadataMap};

use super::length_prefixed::MessageDecoder;
use crate::call::{
    body::{Body, Direction},
    deadline::Deadline,
    streaming::{Source, Streaming},
};

/// The messages of a [`Body`].
#[derive(Debug)]
pub(crate) struct Messages {
    body: Body,
    decoder: MessageDecoder,
    deadline: Deadline,
    direction: Direction,
}

impl Messages {
    pub(crate) fn new(body: Body, decoder: MessageDecoder, direction: Direction) -> Self {
        Self { body, decoder, deadline: Deadline::default(), direction }
    }

    /// Ends the stream with `DeadlineExceeded` once `deadline` has passed.
    pub(crate) fn with_deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Counts what the stream holds as unread. Called when the messages are handed to code that may not
    /// read them.
    pub(crate) fn tracked(mut self) -> Self {
        self.body.track();
        self
    }

    /// The trailers of a stream that has ended cleanly.
    pub(crate) fn take_trailers(&mut self) -> Option<MetadataMap> {
        self.body.take_trailers()
    }

    /// The next message. An error is the status that ended the stream.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            match self.decoder.next() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(status) => return self.fail(status),
            }
            if let Err(late) = self.deadline.check(cx) {
                return self.fail(late);
            }
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => self.decoder.push(data),
                Some(Err(status)) => {
                    return Poll::Ready(Some(Err(self.deadline.explain(status))));
                }
                None if self.decoder.is_empty() => return Poll::Ready(None),
                None => return self.fail(self.cut_short()),
            }
        }
    }

    /// Ends the stream with `status`, which is not the one that its body ends with.
    #[cold]
    fn fail(&mut self, status: Status) -> Poll<Option<Result<Bytes, Status>>> {
        self.note_failure(&status);
        Poll::Ready(Some(Err(status)))
    }

    /// Notes that the stream has ended with `status` for its reader.
    pub(crate) fn note_failure(&mut self, status: &Status) {
        self.body.note_failure(status);
    }

    /// Reads to the end of a stream that must have exactly one message, and decodes that before the end is told: a
    /// stream whose message is malformed has not ended well.
    ///
    /// Any other number is `Unimplemented`, according to [gRPC's list of
    /// codes](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
    pub(crate) async fn single<T>(
        &mut self,
        mut decode: impl FnMut(Bytes) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut first = None;
        poll_fn(|cx| {
            let single = self.poll_single(&mut first, &mut decode, cx);
            match &single {
                Poll::Pending => self.body.note_awaiting(),
                Poll::Ready(Err(status)) => self.body.note_failure(status),
                Poll::Ready(Ok(_)) => {}
            }
            single
        })
        .await
    }

    fn poll_single<T>(
        &mut self,
        first: &mut Option<Result<T, Status>>,
        decode: &mut impl FnMut(Bytes) -> Result<T, Status>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Status>> {
        if first.is_none() {
            *first = ready!(self.poll_next(cx)).transpose()?.map(decode);
        }
        let end = match first {
            None => return Poll::Ready(Err(self.wrong_number("none"))),
            Some(Ok(_)) => ready!(self.poll_end(cx)),
            // If the call has failed with a status, its message does not matter.
            Some(Err(_)) => ready!(self.body.poll_unobserved(cx)).filter(Result::is_err),
        };
        Poll::Ready(match (end.transpose()?, first.take()) {
            (None, Some(message)) => message,
            _ => Err(self.wrong_number("more than one")),
        })
    }

    /// [`poll_next`](Self::poll_next) with a fast path for end of stream.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if self.decoder.is_empty() {
            match self.body.poll_end(cx) {
                Poll::Ready(Some(Ok(data))) => self.decoder.push(data),
                Poll::Ready(Some(Err(status))) => {
                    return Poll::Ready(Some(Err(self.deadline.explain(status))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
        }
        self.poll_next(cx)
    }

    fn wrong_number(&self, number: &str) -> Status {
        let what = match self.direction {
            Direction::Request => "request",
            Direction::Response => "response",
        };
        Status::unimplemented(format!("expected one {what} message, got {number}"))
    }

    fn cut_short(&self) -> Status {
        Status::internal("the stream ended inside a message")
    }
}

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
