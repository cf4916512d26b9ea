//! A [`Tie`] between bodies that go through tower.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::{Status, body::Body};

use crate::wire::{http_body::HttpBody, tie::Tie};

/// Ties `requests` to what is returned beside them.
pub(super) fn tie(requests: HttpBody) -> (Body, Tie) {
    let (failure, tie) = Tie::new();
    (Body::new(Requests { body: requests, failure: Some(failure) }), tie)
}

/// `response`, which now holds the tie.
pub(super) fn hold(response: Body, tie: Tie) -> Body {
    match tie.is_open() {
        true => Body::new(Response { body: response, tie }),
        false => response,
    }
}

struct Requests {
    body: HttpBody,
    /// The requests' end; none once they have failed or are not wanted any more.
    failure: Option<oneshot::Sender<Status>>,
}

impl Requests {
    fn fail(&mut self, status: Status) {
        if let Some(failure) = self.failure.take() {
            // Nobody wants to know when the response is not wanted any more.
            let _ = failure.send(status);
        }
    }
}

impl http_body::Body for Requests {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let this = &mut *self;
        let Some(failure) = &mut this.failure else { return Poll::Ready(None) };
        if failure.poll_closed(cx).is_pending() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Err(status)) => this.fail(status),
                Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                None => return Poll::Ready(None),
            }
        }
        this.failure = None;
        // The reason that hyper gives when it resets the stream.
        Poll::Ready(Some(Err(h2::Reason::CANCEL.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

struct Response {
    body: Body,
    tie: Tie,
}

impl http_body::Body for Response {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // Asked last: what the peer makes of the requests' end is not what they ended with.
        match self.tie.poll_failure(cx) {
            Some(status) => Poll::Ready(Some(Err(status))),
            None => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
