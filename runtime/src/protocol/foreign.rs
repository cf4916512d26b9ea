//! Bodies of other HTTP libraries.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use tonic::Status;

use crate::call::{
    body::{PrefetchedBody, RecvBody},
    deadline::Deadline,
    status::BoxError,
};

/// A body of another HTTP library, as it is received.
pub(crate) struct ForeignStream {
    body: tonic::body::Body,
    /// Turns an error of the body into a status.
    explain: fn(BoxError) -> Status,
    /// Data that was read ahead of the reader.
    ahead: [Option<Bytes>; 2],
    has_ended: bool,
    trailers: Option<HeaderMap>,
    deadline: Deadline,
}

impl ForeignStream {
    pub(crate) fn new(body: tonic::body::Body, explain: fn(BoxError) -> Status) -> Self {
        Self {
            body,
            explain,
            ahead: [None, None],
            has_ended: false,
            trailers: None,
            deadline: Deadline::default(),
        }
    }

    /// Fails the body at `deadline`.
    pub(crate) fn with_deadline(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// Reads up to the end, to a second chunk of data, or as far as the body has arrived.
    /// Registers no waker: whoever reads the rest does.
    pub(crate) fn read_ahead(mut self) -> PrefetchedBody<Self> {
        let cx = &mut Context::from_waker(Waker::noop());
        let first = match self.poll_body(cx) {
            Poll::Pending => return PrefetchedBody::Stream(self),
            Poll::Ready(Some(Err(status))) => return PrefetchedBody::Whole(None, Err(status)),
            Poll::Ready(first) => first.and_then(Result::ok),
        };
        let second = match self.poll_body(cx) {
            Poll::Ready(None) => return PrefetchedBody::Whole(first, Ok(self.trailers)),
            Poll::Ready(Some(Err(status))) => return PrefetchedBody::Whole(first, Err(status)),
            Poll::Ready(Some(Ok(second))) => Some(second),
            Poll::Pending => None,
        };
        self.ahead = [first, second];
        PrefetchedBody::Stream(self)
    }

    /// The next data of the body, never empty.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        while !self.has_ended {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.has_ended = true;
                    }
                },
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err((self.explain)(error.into()))));
                }
                None => self.has_ended = true,
            }
        }
        Poll::Ready(None)
    }
}

impl RecvBody for ForeignStream {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        match self.ahead.iter_mut().find_map(Option::take) {
            Some(data) => Poll::Ready(Some(Ok(data))),
            None => match self.poll_body(cx) {
                Poll::Pending => self.deadline.wait(cx).map(Some),
                ready => ready,
            },
        }
    }

    fn poll_trailers(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        match self.has_ended && self.ahead.iter().all(Option::is_none) {
            true => Poll::Ready(Ok(self.trailers.take())),
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.iter().all(Option::is_none) && (self.has_ended || self.body.is_end_stream())
    }
}
